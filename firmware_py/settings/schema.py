"""The schema: every key, its type, range, default, meaning, and where the guide speaks of it.

The keys are the performance guide's own; ours stand beside them in the same style. Validation is strict (a
quoted number is not a number), models are frozen, unknown keys are refused. A field built with
``planned=True`` is accepted already but nothing reads it yet; ``config explain`` and ``doctor`` say so.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator
from typing_extensions import Self

from firmware_py.settings.audio import Audio
from firmware_py.settings.base import Section, anchored, file_paths, knob
from firmware_py.settings.faces import Alerts, Governor, Metrics, Status
from firmware_py.settings.languages import WHISPER_LANGUAGES
from firmware_py.settings.llm import Llm

WHISPER_SIZES = ("tiny", "base", "small", "medium")
MODEL_NAMES = tuple(name for size in WHISPER_SIZES for name in (f"{size}.en", size))
"""Every model name of the guide, with the English-only and the multilingual form."""
MODEL_ALLOWED = f"{', '.join(MODEL_NAMES)}, custom:NAME, or a path with a '/'"

WAKE_WORDS = ("okay_nabu", "hey_jarvis", "hey_mycroft", "alexa")

SYSTEM_INTENTS = Path("/etc/rtva/intents")


def _model(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str) and "\0" not in value:
        if value in MODEL_NAMES or (value.startswith("custom:") and len(value) > len("custom:")):
            return value
        if "/" in value:
            return anchored(value, info)
    raise ValueError("not a model")


def _language(value: Any) -> Any:
    if value is False:
        return "no"  # Norwegian: YAML 1.1 reads it as false
    if value == "auto" or value in WHISPER_LANGUAGES:
        return value
    raise ValueError("not a language")


def _voice(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("not a voice")
    return anchored(value, info) if "/" in value and "://" not in value else value


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _wake_word(word: Any, info: ValidationInfo) -> str:
    if not isinstance(word, str) or "\0" in word or not ("/" in word or word in WAKE_WORDS):
        raise ValueError("not a wake word")
    return anchored(word, info) if "/" in word else word


class SttOptimization(Section):
    device: Literal["cpu", "cuda", "auto"] = knob(
        "auto", "Where recognition runs; auto takes CUDA where the build has it.", guide="2. Hardware Acceleration"
    )
    compute_type: Literal["float32", "float16", "int8", "int4"] = knob(
        "int8", "Precision of the model's weights.", guide="2. CPU Optimization; 6. Model Quantization"
    )
    num_workers: int | None = knob(
        None,
        "Threads of one recognition, never more than there are cores; null takes all of them, 8 at most. "
        "The service and ask leave one core free where there are more than two.",
        guide="2. CPU Optimization",
        ge=1,
        le=64,
    )


class Stt(Section):
    model: Annotated[str, BeforeValidator(_model, json_schema_input_type=str)] = knob(
        "tiny.en", "Whisper model.", guide="1. Model Selection, STT Models", allowed=MODEL_ALLOWED
    )
    language: Annotated[str, BeforeValidator(_language, json_schema_input_type=str)] = knob(
        "en",
        "Language code for a multilingual model, or auto; a .en model hears English only.",
        allowed=f"auto, {', '.join(sorted(WHISPER_LANGUAGES))}",
    )
    streaming: bool = knob(
        True, "Recognition starts at the first pause instead of at the end of the turn.", guide="4. Streaming Mode"
    )
    partial_results: bool = knob(
        False,
        "Text so far is reported while a person speaks, every half second; each report is one more recognition, by an "
        "engine of its own at low priority. Only with streaming.",
        guide="4. Streaming Mode",
    )
    guided: bool = knob(True, "Recognition tries the sentences of the intent templates first.")
    guided_threshold: float = knob(
        0.5,
        "Least score at which such a sentence is believed; higher keeps more other speech out, lower hears more.",
        ge=0,
        le=1,
    )
    optimization: SttOptimization = SttOptimization()


class SpeechCache(Section):
    enabled: bool = knob(True, "Rendered speech is kept, and heard at once when it is said again.")
    memory_mb: float = knob(16, "Memory for rendered speech, in megabytes; one is 24 s of sound.", ge=0, le=4096)
    disk_mb: float = knob(64, "Disk for rendered speech, in megabytes; 0 keeps none there.", ge=0, le=65536)
    warm: bool = knob(True, "The fixed phrases are rendered while nobody speaks, and kept on the disk.")
    persist_all: bool = knob(False, "Everything that is said is kept on the disk, not only fixed phrases.")


class Tts(Section):
    engine: Literal["pyttsx3", "piper", "coqui"] = knob(
        "piper",
        "Speech engine; pyttsx3 is espeak-ng. One that is not there is replaced by piper, and said.",
        guide="1. TTS Engines",
    )
    voice: Annotated[str, BeforeValidator(_voice, json_schema_input_type=str)] = knob(
        "en_US-joe-medium",
        "Name of a fetched voice, the URL it came from, or the path of an .onnx voice; for pyttsx3 a language or "
        "voice of espeak-ng, for coqui the path of a model's folder.",
        allowed="a name, a URL, or a path with a '/'",
    )
    streaming: bool = knob(True, "The first chunk is played while the rest is made.", guide="4. Streaming Mode")
    sentence_splitting: bool = knob(
        True, "Long answers are made sentence by sentence.", guide="4. Streaming Mode"
    )  # fmt: skip
    cache: SpeechCache = SpeechCache()


class Vad(Section):
    engine: Literal["silero", "webrtc"] = knob(
        "silero", "Voice activity detector: a small network, or the classic one that noise sets off."
    )
    aggressiveness: int = knob(
        2,
        "How strictly the detector takes sound for noise: 2 for a quiet room, 3 for a noisy one.",
        guide="5. Aggressiveness Level",
        ge=0,
        le=3,
    )
    padding_duration_ms: int = knob(
        300, "Sound before the first voiced frame that belongs to the utterance.", guide="5. Padding", ge=0, le=2000
    )
    min_speech_duration_ms: int = knob(
        250, "Voiced sound that it takes before anything counts as speech.", guide="5. Padding", ge=10, le=5000
    )
    pause_ms: int = knob(100, "Silence after which an answer is drafted.", ge=10, le=5000)
    hangover_complete_ms: int = knob(200, "Silence that ends a turn whose draft is a complete request.", ge=10, le=5000)
    hangover_extendable_ms: int = knob(
        470,
        "Silence that ends a turn whose draft is a request that could go on; kept between the one before and the next.",
        ge=10,
        le=5000,
    )
    hangover_ms: int = knob(500, "Silence that ends any other turn, and one without a draft.", ge=10, le=5000)
    draft_wait_ms: int = knob(
        500,
        "Silence beyond hangover_ms for which a turn waits for its draft: it could not be answered sooner.",
        ge=0,
        le=5000,
    )
    hangover_incomplete_ms: int = knob(
        700, "Silence that ends a turn whose draft breaks off in the middle.", ge=10, le=10000
    )
    max_utterance_s: float = knob(15.0, "A turn is ended after this long.", ge=1, le=60)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        names = ("pause_ms", "hangover_complete_ms", "hangover_ms", "hangover_incomplete_ms")
        for shorter, longer in itertools.pairwise(names):
            if getattr(self, shorter) > getattr(self, longer):
                raise ValueError(
                    f"{shorter} ({getattr(self, shorter)}) is longer than {longer} ({getattr(self, longer)}); "
                    f"allowed: {' <= '.join(names)}"
                )
        return self


class Wake(Section):
    enabled: bool = knob(False, "Speech is answered only after a wake word, the talk button or `rtva talk`.")
    engine: Literal["micro"] = knob("micro", "What hears wake words: microWakeWord's small networks.")
    words: Annotated[
        tuple[Annotated[str, BeforeValidator(_wake_word, json_schema_input_type=str)], ...],
        BeforeValidator(_listed, json_schema_input_type=list[str]),
    ] = knob(
        ("okay_nabu",),
        "The wake words that are listened for, all at once; a path is your own network's JSON file.",
        allowed=f"a list of {', '.join(WAKE_WORDS)}, or paths with a '/'",
        min_length=1,
        max_length=8,
    )
    threshold: float | None = knob(
        None,
        "Least probability at which a wake word is heard; higher hears fewer by mistake. null is the network's own.",
        gt=0,
        lt=1,
    )
    threshold_speaking: float | None = knob(
        None, "The same while rtva itself speaks; null is as at other times.", gt=0, lt=1
    )
    near_miss: float = knob(
        0.5, "Probability from which a word that was not heard is counted as a near miss.", gt=0, lt=1
    )
    window_s: float = knob(5, "Seconds that speech is waited for behind a wake word or a press.", ge=1, le=60)
    follow_up_s: float = knob(
        5, "Seconds in which a question back is answered without a wake word; 0 always wants the word.", ge=0, le=60
    )


class Sounds(Section):
    """Short sounds that say what happened; `rtva say --earcon NAME --play` plays one."""

    wake: bool = knob(True, "A sound once a wake word or the talk button was followed by silence: it listens.")
    done: bool = knob(False, "A sound when a sentence behind a wake word is over and its answer has yet to be made.")
    error: bool = knob(True, "Falling notes when a turn failed and not even that can be said.")
    mute: bool = knob(True, "A sound when a command or the switch closes the microphone, and when it opens again.")
    volume: int = knob(60, "Their loudness in percent of the ringing of a timer.", ge=0, le=100)
    duck_db: float = knob(
        18, "Decibels by which what rings is softer while somebody speaks or is answered; 0 leaves it.", ge=0, le=60
    )


class Interruption(Section):
    by: Literal["any_speech", "wake_word", "nothing"] | None = knob(
        None,
        "What ends an answer, so that the sentence over it is listened to. null is any speech, or with wake.enabled "
        "the wake word alone. Where the loudspeaker is too loud, any_speech falls back to the wake word.",
        allowed="any_speech, wake_word, nothing, or null",
    )
    echo_limit_db: float = knob(
        -45,
        "Most that may be left of rtva's own voice, in dB below full scale, for speech over it to be believed; in a "
        "room that is louder than that, as much as the room has by itself.",
        ge=-90,
        le=0,
    )


class Processing(Section):
    mode: Literal["sync", "async"] = knob(
        "async", "async drafts an answer during a pause; sync waits for the end of the turn.",
        guide="4. Parallel Processing",
    )  # fmt: skip
    max_workers: int | None = knob(
        None,
        "Threads that recognition and voice may take at most, whatever else says more; with 1 there is no text so far "
        "(stt.partial_results) either, which is recognised beside the rest. null sets no such bound.",
        guide="4. Parallel Processing",
        ge=1,
        le=32,
    )


class Pipeline(Section):
    processing: Processing = Processing()


class ContextManager(Section):
    max_history: int = knob(
        10, "Turns of a conversation that are remembered.", guide="6. Context Management", ge=0, le=1000
    )
    context_timeout: float = knob(
        300,
        "Seconds of silence after which a conversation is forgotten.",
        guide="6. Context Management",
        ge=0,
        le=86400,
    )


class Nlp(Section):
    intents: Annotated[tuple[Path, ...] | None, BeforeValidator(file_paths, json_schema_input_type=list[str])] = knob(
        None,
        f"Files and folders of sentence templates beside the built-in ones; null is {SYSTEM_INTENTS} if it exists.",
        allowed="a list of paths, or null",
    )
    programs: Annotated[tuple[Path, ...], BeforeValidator(file_paths, json_schema_input_type=list[str])] = knob(
        (), "Programs that actions of your own commands may run (docs/your-own-commands.md).", allowed="a list of paths"
    )
    repair_threshold: float = knob(
        0.78, "How like a template a misheard sentence must be to be taken for it; 1 turns repair off.", ge=0, le=1
    )
    context_manager: ContextManager = ContextManager()

    def intent_paths(self) -> tuple[Path, ...]:
        """The template files and folders in force."""
        if self.intents is not None:
            return self.intents
        return (SYSTEM_INTENTS,) if SYSTEM_INTENTS.is_dir() else ()


class Cache(Section):
    enabled: bool = knob(True, "Answers that cannot go stale are kept.", guide="4. Caching")
    size: int = knob(1000, "Answers that are kept.", guide="4. Caching", ge=1, le=1_000_000)
    ttl: float = knob(3600, "Seconds that an answer is kept.", guide="4. Caching", ge=0, le=31_536_000)


class ResponseGeneration(Section):
    unknown: Literal["always", "addressed", "spoken_to"] = knob(
        "addressed",
        "Who is told that a sentence was not understood. spoken_to: who said a wake word, pressed the button or was "
        "asked; addressed: others too, if they are near, heard well and do not go on and on, as a television does.",
    )
    least_level_db: Literal["usual"] | Annotated[float, Field(ge=-90, le=0)] | None = knob(
        "usual",
        "What is said without a wake word, a button or an open question and stays below this level, in dB below full "
        "scale, is neither answered nor done: a television across the room. usual: 14 dB below the softest of the "
        "household's last orders, once there were three; who says it again is heard. null takes everything.",
        allowed="usual, a number from -90 to 0, or null",
    )
    cache: Cache = Cache()


class Workers(Section):
    mode: Literal["process", "in_process"] = knob(
        "process", "The service's engines in supervised processes of their own, or inside the service."
    )
    standby: Literal["none", "cold", "warm"] = knob(
        "cold",
        "What stands by for a failed engine: nothing, libraries imported (cold), or weights loaded too (warm).",
    )
    deadline_scale: float = knob(1.0, "Stretches the deadlines of the engines on a slow machine.", gt=0, le=1000)


class Settings(Section):
    """All of it."""

    audio: Audio = Audio()
    wake: Wake = Wake()
    sounds: Sounds = Sounds()
    interruption: Interruption = Interruption()
    vad: Vad = Vad()
    stt: Stt = Stt()
    nlp: Nlp = Nlp()
    response_generation: ResponseGeneration = ResponseGeneration()
    llm: Llm = Llm()
    tts: Tts = Tts()
    pipeline: Pipeline = Pipeline()
    workers: Workers = Workers()
    status: Status = Status()
    metrics: Metrics = Metrics()
    alerts: Alerts = Alerts()
    governor: Governor = Governor()
