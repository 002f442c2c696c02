"""The walk as a library: engines made from the configuration, by name, when they are first needed.

``VoicePipeline`` knows the configuration, the weights and the backends' names; it never sees an adapter.
Whether an engine runs in this process or in a worker is the caller's choice (``make_engine``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from firmware_py import backends, cores, models
from firmware_py.addressed import Addressed
from firmware_py.beside import warm
from firmware_py.config import Config
from firmware_py.detectors import make_detector
from firmware_py.draft import Stations, Work
from firmware_py.errors import ConfigError, Unavailable
from firmware_py.events import Ending, Patience, TurnEvent
from firmware_py.failed_turns import APOLOGIES
from firmware_py.language_model import make_chat
from firmware_py.listen import ListenSettings
from firmware_py.partials import Stream
from firmware_py.ports import Completeness, Responder, SpeechToText, TextToSpeech, Understanding, Vad

MakeEngine = Callable[[str, str, dict[str, Any]], Any]

SUBSTITUTE = "piper"
"""The voice that speaks when the configured engine is not there."""


def in_process(kind: str, name: str, arguments: dict[str, Any]) -> Any:
    """An engine in this process: the library's and the tests' way."""
    return backends.load(kind, name)(**arguments)


class VoicePipeline:
    """The stations of the walk for one configuration.

    ``notes`` collects one line for each substitution ("base.en is not here: ..."). Raises Unavailable when
    weights or an engine are missing and BadWeights when a file is not what the manifest says. ``actuator`` does
    what committed replies say (None: nothing, dry) and ``world`` is what skills read; set both before the
    first reply. ``tts_engine`` is the voice that was made, perhaps a substitute. ``leaves_core``: this process
    listens and speaks while it recognises, and recognition leaves it a core. ``close`` ends the engines; a pipeline
    is also a context manager.
    """

    def __init__(
        self, config: Config | None = None, *, make_engine: MakeEngine = in_process, leaves_core: bool = False
    ) -> None:
        self.config = self._own_config = config or Config.default()
        self._eased: dict[str, Any] = {}
        self.notes: list[str] = []
        self.load_ms: dict[str, float] = {}
        self._make_engine = make_engine
        self._leaves_core = leaves_core
        self._parts: dict[str, Any] = {}
        self._stt_model = self.config.stt.model
        self.tts_engine: str | None = None
        self.stand_in: TextToSpeech | None = None
        self.speech_key = ""  # what rendered speech depends on beside its text
        self.actuator: Any = None
        self.world: Any = None
        self.agenda: Any = None
        self.lists: Any = None
        self.runner: Any = None
        self.on_chat: Callable[[str | None], None] = lambda failure: None  # told how each answer of a model went

    def load_components(self) -> None:
        """Loads all but the voice now; the first use, for which nothing is paid ahead, follows at once."""
        if self.wants_partials:
            warm(self.partial_stt)
        _ = self.stt, self.understanding, self.responder, self.completeness

    def initialize_components(self, *, stt_model: str | None = None) -> None:
        """Loads and warms recognition, voice, understanding and replies now instead of at first use. ``stt_model``
        replaces the configured model; calling it again changes that and reloads nothing else."""
        if stt_model is not None and stt_model != self._stt_model:
            self._stt_model = stt_model
            for part in ("stt", "open", "partial"):
                self._close_part(part)
        self.warm_recognition()
        if self.wants_partials:
            warm(self.partial_stt)
        warm(self.speech)
        warm(self.understanding)
        _ = self.stations, self.completeness

    def warm_recognition(self) -> None:
        """Loads and warms the recogniser alone."""
        warm(self.stt)

    @property
    def stt(self) -> SpeechToText:
        """Speech to text: ``stt.transcribe(samples).text``."""
        return cast(SpeechToText, self._part("stt", self._make_stt))

    @property
    def wants_partials(self) -> bool:
        """Whether text is reported while a person speaks."""
        has_thread = self.config.pipeline.processing.max_workers != 1
        return bool(self.config.stt.streaming and self.config.stt.partial_results and has_thread)

    @property
    def partial_stt(self) -> SpeechToText:
        """A second recogniser of low priority, for text while a person speaks."""
        return cast(SpeechToText, self._part("partial", lambda: self._make_stt("partial")))

    def stream(self) -> Stream:
        """Speech to text in pieces: ``push(samples)`` gives partial transcripts, ``finish()`` the final one."""
        if not self.is_guided:
            return Stream(self.stt, self.stt)
        return Stream(self._part("open", lambda: self._make_stt("open")), self.stt)

    @property
    def tts(self) -> TextToSpeech:
        """Text to speech: ``tts.synthesize(text)`` yields int16 chunks. With ``tts.cache`` it remembers."""
        return cast(TextToSpeech, self._part("speech", self._make_speech))

    @property
    def speech(self) -> TextToSpeech:
        """What a turn speaks with: ``stand_in`` where one is set (it has :attr:`tts` behind it), else :attr:`tts`."""
        return self.stand_in or self.tts

    @property
    def voice(self) -> TextToSpeech:
        """The engine behind :attr:`tts`, without the cache of rendered speech."""
        return cast(TextToSpeech, self._part("tts", self._make_tts))

    @property
    def understanding(self) -> Understanding:
        """Text to intent: ``understanding.understand(text)``."""
        return cast(Understanding, self._part("understanding", self._make_understanding))

    @property
    def is_guided(self) -> bool:
        """Whether recognition tries the sentences of the templates first; False with a library that cannot."""
        return bool(getattr(self.stt, "is_guided", False))

    def understand_with(self, understanding: Understanding) -> None:
        """Takes another understanding; recognition is loaded anew to be guided by it."""
        self._close_part("stt")
        self._close_part("completeness")
        self._parts["understanding"] = understanding

    @property
    def completeness(self) -> Completeness:
        """How a sentence ends, by the templates of :attr:`understanding`."""
        return cast(Completeness, self._part("completeness", self._make_completeness))

    def patience(self, draft: Work) -> Patience:
        """How long the pause that was drafted may last, by what was heard in it."""
        vad = self.config.vad
        ending = self.completeness.judge(draft.transcript, draft.understood)
        hangovers_ms = {
            Ending.COMPLETE: vad.hangover_complete_ms,
            Ending.EXTENDABLE: max(vad.hangover_complete_ms, min(vad.hangover_extendable_ms, vad.hangover_ms)),
            Ending.INCOMPLETE: vad.hangover_incomplete_ms,
        }
        return Patience(draft.speech_end, hangovers_ms.get(ending, vad.hangover_ms), ending.value, draft.done_ns)

    def no_patience(self, pause: TurnEvent) -> Patience:
        """How long a pause may last whose draft failed: as if it had not been drafted, without waiting for a draft."""
        return Patience(pause.speech_end, self.config.vad.hangover_ms, "undrafted")

    @property
    def responder(self) -> Responder:
        """Intent to reply."""
        return cast(Responder, self._part("responder", self._make_responder))

    @property
    def stations(self) -> Stations:
        """All four, as a turn needs them."""
        return Stations(self.stt, self.understanding, self.responder, self.speech)

    def fixed_phrases(self) -> tuple[str, ...]:
        """What is said word for word again and again: the user's own responses and the apologies included."""
        responses: tuple[str, ...] = getattr(self.understanding, "responses", ())
        responder: Any = self.responder
        return (*responder.fixed_phrases(responses), *APOLOGIES)

    def caches(self) -> dict[str, dict[str, Any]]:
        """What the caches of replies and of rendered speech hold, and how often they helped. Loads nothing."""
        found: dict[str, Any] = {"responses": self._parts.get("responder"), "speech": self._parts.get("speech")}
        return {name: part.cache_counts() for name, part in found.items() if hasattr(part, "cache_counts")}

    def clear_caches(self) -> int:
        """Empties both, in memory and on the disk; returns how many files were removed."""
        responder, speech = (cast(Any, self._parts.get(name)) for name in ("responder", "speech"))
        if hasattr(responder, "clear_cache"):
            responder.clear_cache()
        return int(speech.clear()) if hasattr(speech, "clear") else 0

    def new_conversation(self) -> None:
        """Forgets history and cached replies."""
        self._close_part("responder")

    def renew(self, config: Config, *, templates: bool = True) -> None:
        """Takes another configuration for understanding and replies. A recogniser guided by ``templates`` that may
        have changed is loaded anew when needed; other engines stay."""
        self._own_config = config
        self.config = config.with_values(self._eased)
        if templates and self.config.stt.guided:
            self._close_part("stt")
        for part in ("understanding", "completeness", "responder", "chat"):
            self._close_part(part)

    def ease(self, values: Mapping[str, Any]) -> None:
        """Puts ``values`` over the configuration's own for a while, ``{}`` takes all back. Recognition is made anew
        when it is next needed, if they touch it. Raises ConfigError."""
        before, config = self.config, self._own_config.with_values(values)
        self._eased, self.config = dict(values), config
        if before.stt != config.stt:
            self._close_part("partial")
        if before.stt.model_copy(update={"partial_results": config.stt.partial_results}) != config.stt:
            self._close_part("stt")
            self._close_part("open")

    def make_addressed(self) -> Addressed:
        """Who is answered; each stream needs its own."""
        settings = self.config.response_generation
        return Addressed(settings.unknown, settings.least_level_db)

    @property
    def drafts(self) -> bool:
        """Whether answers are drafted in pauses: ``mode: async`` with streaming recognition."""
        return self.config.pipeline.processing.mode == "async" and self.config.stt.streaming

    def make_vad(self) -> Vad:
        """A fresh detector; each stream needs its own."""
        return make_detector(self.config, self._note)

    def listen_settings(self) -> ListenSettings:
        """The endpointer's knobs."""
        vad = self.config.vad
        return ListenSettings(
            padding_duration_ms=vad.padding_duration_ms,
            min_speech_duration_ms=vad.min_speech_duration_ms,
            pause_ms=vad.pause_ms,
            hangover_ms=vad.hangover_ms,
            draft_wait_ms=vad.draft_wait_ms if self.drafts else 0,
            max_utterance_s=vad.max_utterance_s,
        )

    def close(self) -> None:
        """Ends the engines; safe to call twice."""
        for name in list(self._parts):
            self._close_part(name)

    def __enter__(self) -> VoicePipeline:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _part(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._parts:
            started = time.perf_counter_ns()
            self._parts[name] = make()
            self.load_ms[name] = round((time.perf_counter_ns() - started) / 1e6, 3)
        return self._parts[name]

    def _close_part(self, name: str) -> None:
        close = getattr(self._parts.pop(name, None), "close", None)
        if close is not None:
            close()

    def _note(self, note: str | None) -> None:
        if note and note not in self.notes:
            self.notes.append(note)

    def _make_stt(self, role: str = "stt") -> Any:
        """``role``: ``stt`` answers; ``open`` is not guided by templates; ``partial`` neither, and gives way."""
        stt = self.config.stt
        model = self._eased.get("stt.model", self._stt_model)
        weights = models.resolve_stt(model, stt.optimization.compute_type)
        self._note(weights.note)
        language = weights.language or self.language_for(weights.model)
        arguments = {
            "model": weights.path,
            "threads": 1 if role == "partial" else self._threads(),
            "language": None if language == "auto" else language,
            "device": stt.optimization.device,
            "guidance": self.guidance(language) if stt.guided and role == "stt" else None,
        }
        engine = self._make_engine("partial" if role == "partial" else "stt", "whisper_cpp", arguments)
        self._note(getattr(engine, "note", None))
        return engine

    def _threads(self) -> int:
        wanted, most = self.config.stt.optimization.num_workers, self.config.pipeline.processing.max_workers
        if most is not None:
            wanted = min(wanted or cores.MOST_THREADS, most)
        return cores.recognition_threads(wanted, cores.available(), leaves_one=self._leaves_core)

    def language_for(self, model: str) -> str:
        """The configured language; of a model that hears English only, English."""
        language = self.config.stt.language
        if model.endswith(".en") and language != "en":
            if language != "auto":
                self._note(f"{model} hears English only: stt.language {language} is not used")
            return "en"
        return language

    def guided_language(self, language: str) -> str | None:
        """The language of the sentences that guide recognition in ``language``, None when there are none in it."""
        codes = getattr(self.understanding, "languages", ())
        code = language if language in codes or language != "auto" else next(iter(codes), language)
        return code if code in codes else None

    def guidance(self, language: str, folders: tuple[Path, ...] = ()) -> dict[str, Any] | None:
        """The sentences that recognition is guided by, None when there are none in its language; kept in ``folders``,
        or else where a start finds them."""
        code = self.guided_language(language)
        if code is None:
            return None
        places = folders or models.grammar_folders()
        arguments = {"understanding": self.understanding, "language": code, "folders": places}
        grammar = in_process("grammar", "hassil", arguments)
        return {"grammar": grammar, "operating_point": self.config.stt.guided_threshold}

    def _make_tts(self) -> Any:
        engine = self.config.tts.engine
        if engine != SUBSTITUTE:
            try:
                return self._made_tts(engine)
            except Unavailable as missing:
                self._note(f"tts.engine {engine}: {missing}; using {SUBSTITUTE}")
        return self._made_tts(SUBSTITUTE)

    def _made_tts(self, engine: str) -> Any:
        arguments = self._tts_arguments(engine)
        made = self._make_engine("tts", engine, arguments)
        self._note(getattr(made, "note", None))
        self.tts_engine, self.speech_key = engine, models.speech_key(engine, arguments)
        return made

    def _tts_arguments(self, engine: str) -> dict[str, Any]:
        tts = self.config.tts
        common: dict[str, Any] = {"streaming": tts.streaming, "sentence_splitting": tts.sentence_splitting}
        if engine == "pyttsx3":
            return {"voice": tts.voice, **common}
        if engine == "coqui":
            files = models.resolve_coqui(tts.voice)
            return {"checkpoint": files.checkpoint, "config": files.config, "vocoder": files.vocoder, **common}
        is_chosen = tts.engine == SUBSTITUTE
        voice = models.resolve_voice(tts.voice) if is_chosen else models.resolve_substitute(tts.voice)
        self._note(voice.note)
        if (most := self.config.pipeline.processing.max_workers) is not None:
            common["num_threads"] = min(most, cores.voice_threads(cores.available()))
        return {"onnx": voice.onnx, "config": voice.config, **common}

    def _make_speech(self) -> Any:
        """The voice, behind its cache if there is one: in this process, so that a hit asks no worker."""
        voice, cache = self.voice, self.config.tts.cache
        if not cache.enabled:
            return voice
        arguments = {
            "engine": voice,
            "folder": models.speech_folder() if cache.disk_mb else None,
            "key": self.speech_key,
            "memory_mb": cache.memory_mb,
            "disk_mb": cache.disk_mb,
            "persist_all": cache.persist_all,
            "sentence_splitting": self.config.tts.sentence_splitting,
        }
        return in_process("speech_cache", "pieces", arguments)

    def _make_understanding(self) -> Any:
        nlp = self.config.nlp
        for path in nlp.intent_paths():
            if not path.exists():
                raise ConfigError(f"nlp.intents: {path}: no such file or folder")
        arguments = {"templates": nlp.intent_paths(), "repair_threshold": nlp.repair_threshold}
        understanding = in_process("understanding", "hassil", arguments)
        understanding.check_programs([str(path) for path in nlp.programs])
        return understanding

    def _make_completeness(self) -> Any:
        return in_process("completeness", "templates", {"understanding": self.understanding})

    def _make_responder(self) -> Any:
        cache, context = self.config.response_generation.cache, self.config.nlp.context_manager
        arguments = {
            "cache": in_process("cache", "memory", {"enabled": cache.enabled, "size": cache.size, "ttl_s": cache.ttl}),
            "history": in_process(
                "history", "turns", {"max_history": context.max_history, "context_timeout_s": context.context_timeout}
            ),
            "actuator": self.actuator,
            "world": self.world,
            "exact": getattr(self.understanding, "exact", None),
            "chat": self._part("chat", lambda: make_chat(self.config, self.on_chat, self._make_engine, self._note)),
        }
        return in_process("responder", "skills", arguments)
