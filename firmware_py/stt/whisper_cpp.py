"""Speech to text by whisper.cpp through ``pywhispercpp``.

One utterance is one decode with a shortened audio context; every guard that keeps that from looping is in
:mod:`firmware_py.stt.guards`, and a decode that trips one is done again at the full context. The library
works with the interpreter released.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import Cancelled, Unavailable
from firmware_py.events import RATE_HZ, Transcript
from firmware_py.stt import guards, trim

MIN_CONFIDENCE = 0.42
"""Geometric mean of the token probabilities. A minute of kitchen noise in windows of 2 to 6 s at three gains
gave sentences of up to 0.39; 142 of 144 recorded orders lie above 0.44."""
MIN_CONFIDENCE_INVENTED = 0.85
"""For a sentence that Whisper is known to invent."""
MOST_WORDS_PER_S = 4.0
"""A phrase said twice at full context counts as a loop only when it is spoken faster than this."""
SHORTEST_S = 1.0
"""whisper.cpp returns nothing for less than 100 ms and invents words under a second: padded with silence."""


@dataclass(frozen=True)
class _Decode:
    """Text, the natural logarithm of each text token's probability, and their geometric mean."""

    text: str
    logprobs: tuple[float, ...]
    confidence: float

    @property
    def tokens(self) -> int:
        return len(self.logprobs)

    def confidence_until(self, characters: int) -> float:
        """The confidence of the first ``characters``: the copies of a loop are ever surer of themselves."""
        share = characters / max(len(self.text), 1)
        return _geometric_mean(self.logprobs[: max(1, round(share * self.tokens))])


class WhisperCpp:
    """One model and one decoder state; one call at a time.

    ``model`` is a ggml file that has been verified (a broken one ends in a C++ exception, so its hash is
    checked before it comes here). ``threads`` 0 means all cores, and more than there are is cut to them;
    ``language`` None lets a multilingual model detect it. Raises Unavailable when the library or the file is
    missing.
    """

    def __init__(
        self,
        model: Path,
        *,
        threads: int = 0,
        language: str | None = "en",
        use_gpu: bool = False,
        full_context: bool = False,
    ) -> None:
        if not model.is_file():
            raise Unavailable(f"no weights at {model}; 'rtva models fetch' brings them")
        self._language = language
        self._full_context = full_context
        self._api, self._model = _load(model, min(threads or _cores(), _cores()), language, use_gpu)
        self._eot = self._api.whisper_token_eot(self._model._ctx)
        self._is_multilingual = bool(self._api.whisper_is_multilingual(self._model._ctx))

    def warm(self) -> None:
        """One decode of noise-free nothing, so that the first utterance does not pay for first use."""
        self._decode(np.zeros(RATE_HZ // 2, np.float32), guards.CONTEXT_FLOOR, None)

    def transcribe(
        self, audio: NDArray[np.int16] | NDArray[np.float32], *, is_cancelled: Callable[[], bool] | None = None
    ) -> Transcript:
        """See :class:`firmware_py.ports.SpeechToText`. Trims, decodes, guards; windowed past 30 s."""
        samples = as_float32(audio)
        bounds = trim.speech_bounds(samples)
        if bounds is None:
            return Transcript("", guards=("silence",), language=self._language or "en")
        speech = samples[bounds[0] : bounds[1]]
        parts = [self._utterance(speech[a:b], is_cancelled) for a, b in trim.windows(speech)]
        said = [p for p in parts if p.text]
        return Transcript(
            text=" ".join(p.text for p in said),
            confidence=min((p.confidence for p in said), default=0.0),
            language=self._language_of_last(),
            guards=tuple(dict.fromkeys(g for p in parts for g in p.guards)),
        )

    def close(self) -> None:
        """Frees the model; safe to call twice."""
        self._model = None

    def _utterance(self, speech: NDArray[np.float32], is_cancelled: Callable[[], bool] | None) -> Transcript:
        seconds = speech.size / RATE_HZ
        context = guards.FULL_CONTEXT if self._full_context else guards.audio_context(seconds)
        tripped: list[str] = []
        decode = self._decode(speech, context, is_cancelled)
        text, looped = guards.cut_loop(decode.text)
        if (looped or decode.tokens >= guards.token_cap(seconds)) and context < guards.FULL_CONTEXT:
            tripped += ["loop", "retry"]
            decode = self._decode(speech, guards.FULL_CONTEXT, is_cancelled)
            text, looped = guards.cut_loop(decode.text)
            looped = looped and len(guards.words(decode.text)) > MOST_WORDS_PER_S * seconds
            text = text if looped else decode.text
        if looped:
            tripped.append("loop")
            decode = replace(decode, confidence=decode.confidence_until(len(text)))
        clean = guards.strip_annotations(text)
        if clean != " ".join(text.split()):
            tripped.append("annotation")
        if clean and self._is_unspoken(clean, decode.confidence):
            clean = ""
            tripped.append("no_speech")
        return Transcript(clean, decode.confidence if clean else 0.0, guards=tuple(dict.fromkeys(tripped)))

    def _is_unspoken(self, text: str, confidence: float) -> bool:
        least = MIN_CONFIDENCE_INVENTED if guards.is_invented(text) else MIN_CONFIDENCE
        return confidence < least

    def _decode(self, speech: NDArray[np.float32], context: int, is_cancelled: Callable[[], bool] | None) -> _Decode:
        if self._model is None:
            raise Unavailable("speech recognition is closed")
        shortest = int(SHORTEST_S * RATE_HZ)
        if speech.size < shortest:
            speech = np.pad(speech, (0, shortest - speech.size))
        params = {"audio_ctx": context, "max_tokens": guards.token_cap(speech.size / RATE_HZ)}
        segments = self._model.transcribe(np.ascontiguousarray(speech), abort_callback=is_cancelled, **params)
        if is_cancelled is not None and is_cancelled():
            raise Cancelled("draft abandoned")
        logprobs = self._logprobs(len(segments))
        return _Decode(" ".join(s.text for s in segments), logprobs, _geometric_mean(logprobs))

    def _logprobs(self, segments: int) -> tuple[float, ...]:
        """Of the text tokens alone; markers of the format are always certain."""
        api, ctx = self._api, self._model._ctx
        return tuple(
            math.log(max(api.whisper_full_get_token_p(ctx, i, j), 1e-9))
            for i in range(segments)
            for j in range(api.whisper_full_n_tokens(ctx, i))
            if api.whisper_full_get_token_id(ctx, i, j) < self._eot
        )

    def _language_of_last(self) -> str:
        if not self._is_multilingual:
            return "en"
        if self._language is not None:
            return self._language
        return str(self._api.whisper_lang_str(self._api.whisper_full_lang_id(self._model._ctx)))


def _geometric_mean(logprobs: tuple[float, ...]) -> float:
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else 0.0


def as_float32(audio: NDArray[Any]) -> NDArray[np.float32]:
    """Mono float32 in -1..1 from int16 or float samples of any range (clipped; NaN becomes 0)."""
    if audio.dtype == np.int16:
        return audio.astype(np.float32) / 32768.0
    return np.clip(np.nan_to_num(audio.astype(np.float32), copy=True), -1.0, 1.0)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load(model: Path, threads: int, language: str | None, use_gpu: bool) -> tuple[Any, Any]:
    # Read when libgomp is loaded: spinning OpenMP threads starve capture, and on a machine with as many busy
    # threads as cores a decode takes ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import _pywhispercpp
        from pywhispercpp.model import Model
    except ImportError as error:
        raise Unavailable(f"pywhispercpp is not installed ({error}); run 'make setup'") from error
    with silenced():
        loaded = Model(
            str(model),
            redirect_whispercpp_logs_to=False,
            context_params={"flash_attn": use_gpu, "use_gpu": use_gpu},
            n_threads=threads,
            language=language or "auto",
            no_context=True,
            single_segment=True,
            no_timestamps=True,
            print_progress=False,
            print_realtime=False,
            suppress_blank=True,
            suppress_nst=True,
            temperature=0.0,
            temperature_inc=0.0,
        )
    return _pywhispercpp, loaded


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Sends what native code prints on the process's stdout and stderr to /dev/null.

    It swaps the file descriptors, so nothing else may write to them meanwhile: only for loading.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    saved = [os.dup(1), os.dup(2)]
    try:
        os.dup2(null, 1)
        os.dup2(null, 2)
        yield
    finally:
        for fd, kept in zip((1, 2), saved, strict=True):
            os.dup2(kept, fd)
            os.close(kept)
        os.close(null)
