"""Speech to text by whisper.cpp, and, with templates, speech to one of their sentences.

One utterance is one encode with a shortened audio context. Every guard that keeps that from looping is in
:mod:`.guards`: of a loop the first copy is kept when it is sound, else it is decoded again at the full context. With
``grammar`` the same encode is decoded along the templates first (:mod:`.guided`), and the open text stays behind the
door (:mod:`.guided_door`).
The library works with the interpreter released.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import Unavailable
from firmware_py.events import RATE_HZ, Transcript
from firmware_py.stt import guards, guided_door, library, trim
from firmware_py.stt.device import uses_gpu
from firmware_py.stt.native import Decoded, Native
from firmware_py.stt.pywhisper import PyWhisper

if TYPE_CHECKING:
    from firmware_py.stt.guided import Found, Guide

IsCancelled = Callable[[], bool] | None

MIN_CONFIDENCE = 0.42
"""Geometric mean of the token probabilities. A minute of kitchen noise in windows of 2 to 6 s at three gains
gave sentences of up to 0.39; 142 of 144 recorded orders lie above 0.44."""
MIN_CONFIDENCE_INVENTED = 0.85
MIN_CONFIDENCE_GUIDED = 0.2
"""Below it a sentence of the templates was forced upon the sound; white noise reaches 0.14."""
PATIENCE = 2
"""At the full context a phrase may be said this often more than what counts as a loop."""
HASTY_WORDS_PER_S = 5.0
"""What is spoken faster was written twice: of 630 recordings 3 were, at 6.0 and more, and none other above 4.75."""
MOST_WORDS_PER_S = 4.0
"""A phrase said twice at full context counts as a loop only when it is spoken faster than this."""
MIN_CONFIDENCE_COPY = 0.6
"""The first copy of a loop is kept at this confidence; those that were right had 0.65 and more."""
SHORTEST_S = 1.0
"""whisper.cpp returns nothing for less than 100 ms and invents words under a second: padded with silence."""


class WhisperCpp:
    """One model and one decoder state; one call at a time.

    ``model`` is a ggml file that has been verified (a broken one ends in a C++ exception, so its hash is
    checked before it comes here). ``threads`` 0 means all cores, and more than there are is cut to them;
    ``language`` None lets a multilingual model detect it. ``guidance`` holds ``grammar`` (``Grammar.data()``) and
    perhaps ``operating_point``, the least ``score`` (0..1) at which a sentence of the templates is believed; it is
    dropped, and ``note`` says so, when the library is one that our binding does not know. ``device`` is cpu,
    cuda or auto (:mod:`.device`). Raises Unavailable when the library, the file, or the GPU asked for is missing.
    """

    def __init__(
        self,
        model: Path,
        *,
        threads: int = 0,
        language: str | None = "en",
        device: str = "cpu",
        full_context: bool = False,
        guidance: Mapping[str, Any] | None = None,
    ) -> None:
        if not model.is_file():
            raise Unavailable(f"no weights at {model}; 'rtva models fetch' brings them")
        self._full_context = full_context
        self.note: str | None = None
        self._guide: Guide | None = None
        self._point = float((guidance or {}).get("operating_point", guided_door.OPERATING_POINT))
        self._engine: Native | PyWhisper | None = self._load(
            model, min(threads or _cores(), _cores()), language, uses_gpu(device)
        )
        if guidance is not None and isinstance(self._engine, Native):
            from firmware_py.stt.guided import Guide

            self._guide = Guide(self._engine, guidance["grammar"])

    def _load(self, model: Path, threads: int, language: str | None, use_gpu: bool) -> Native | PyWhisper:
        try:
            return Native(model, threads=threads, language=language, use_gpu=use_gpu)
        except Unavailable as problem:
            if library.named():
                raise  # pywhispercpp is another library
            self.note = f"open recognition only: {problem}"
            return PyWhisper(model, threads=threads, language=language, use_gpu=use_gpu)

    @property
    def is_guided(self) -> bool:
        """Whether sentences of templates are tried first."""
        return self._guide is not None

    def warm(self) -> None:
        """One decode of noise-free nothing, so that the first utterance does not pay for first use."""
        engine = self._listen(np.zeros(RATE_HZ // 2, np.float32), self._context(SHORTEST_S), None)
        engine.open(guards.token_cap(SHORTEST_S))

    def transcribe(
        self, audio: NDArray[np.int16] | NDArray[np.float32], *, is_cancelled: Callable[[], bool] | None = None
    ) -> Transcript:
        """See :class:`firmware_py.ports.SpeechToText`. Trims, decodes, guards; windowed past 30 s."""
        samples = as_float32(audio)
        bounds = trim.speech_bounds(samples)
        if bounds is None:
            return Transcript("", guards=("silence",))
        speech = samples[bounds[0] : bounds[1]]
        windows = trim.windows(speech)
        if self._guide is not None and len(windows) == 1:
            return self._guided(speech, self._guide, is_cancelled)
        parts = [self._utterance(speech[a:b], is_cancelled) for a, b in windows]
        said = [p for p in parts if p.text]
        return Transcript(
            text=" ".join(p.text for p in said),
            confidence=min((p.confidence for p in said), default=0.0),
            language=self._engine.language if self._engine else "en",
            guards=tuple(dict.fromkeys(g for p in parts for g in p.guards)),
        )

    def close(self) -> None:
        """Frees the model; safe to call twice."""
        self._guide = None
        self._engine = None

    def _guided(self, speech: NDArray[np.float32], guide: Guide, is_cancelled: IsCancelled) -> Transcript:
        """The sentence of the templates if it is believed, else the open text of the same encode.

        The open text comes first: it is nearly free on the way of a sentence that is in the templates, and it bounds
        what is spent on one that is not. Where the decision is doubtful both are asked again at the full context.
        """
        seconds = max(SHORTEST_S, speech.size / RATE_HZ)
        cap, context = guards.token_cap(seconds), self._context(seconds)
        heard, found, verdict = self._hear(speech, context, cap, guide, is_cancelled)
        language = self._engine.language if self._engine else "en"
        tripped: tuple[str, ...] = ()
        is_loop = heard.is_loop or len(guards.words(heard.text)) > HASTY_WORDS_PER_S * seconds
        is_doubtful = verdict.is_thin(self._point) or (is_loop and verdict.score < self._point)
        if context < guards.FULL_CONTEXT and is_doubtful:
            tripped, context = ("retry",), guards.FULL_CONTEXT
            heard, found, verdict = self._hear(speech, context, cap, guide, is_cancelled)
        if verdict.score < self._point or guards.cut_loop(found.sentences[0].text)[1]:
            if self._is_nobody(heard, verdict.confidence):
                doubted = guards.strip_annotations(heard.text)
                return Transcript(
                    "", language=language, guards=(*tripped, "no_speech"), score=verdict.score,
                    doubted=doubted, doubted_confidence=heard.confidence if doubted else 0.0,
                )  # fmt: skip
            part = self._utterance(speech, is_cancelled, heard, context)
            tripped = tuple(dict.fromkeys((*tripped, *part.guards)))
            return replace(part, language=language, guards=tripped, score=verdict.score)
        return Transcript(
            found.sentences[0].text,
            verdict.confidence,
            language,
            tripped,
            is_guided=True,
            score=verdict.score,
            margin=verdict.margin,
        )

    def _hear(
        self, speech: NDArray[np.float32], context: int, cap: int, guide: Guide, is_cancelled: IsCancelled
    ) -> tuple[Decoded, Found, guided_door.Verdict]:
        heard = self._listen(speech, context, is_cancelled).open(cap, PATIENCE * (context == guards.FULL_CONTEXT))
        found = guide.search(cap, heard)
        return heard, found, guided_door.judge(found, heard)

    @staticmethod
    def _is_nobody(heard: Decoded, guided_confidence: float) -> bool:
        """Whether the open text of a doubtful sound says that nobody spoke: noise fits some sentence or other."""
        if guided_confidence >= MIN_CONFIDENCE:
            return False
        clean = guards.strip_annotations(heard.text)
        if not clean or (guided_confidence < MIN_CONFIDENCE_GUIDED and heard.confidence < MIN_CONFIDENCE):
            return True
        return guards.is_invented(clean) and heard.confidence < MIN_CONFIDENCE_INVENTED

    def _context(self, seconds: float) -> int:
        if self._full_context:
            return guards.FULL_CONTEXT
        return guards.audio_context(seconds, is_open=self._guide is None)

    def _utterance(
        self, speech: NDArray[np.float32], is_cancelled: IsCancelled, heard: Decoded | None = None, context: int = 0
    ) -> Transcript:
        """The open text of one window; ``heard`` is what was decoded of it already, with ``context``."""
        seconds = max(SHORTEST_S, speech.size / RATE_HZ)
        cap, context = guards.token_cap(seconds), context or self._context(seconds)
        tripped: list[str] = []
        decoded = heard or self._listen(speech, context, is_cancelled).open(cap)
        text, looped = guards.cut_loop(decoded.text)
        sound = None if context == guards.FULL_CONTEXT else self._sound_copy(decoded, seconds)
        if sound is not None:
            text, looped = sound, True
        elif (looped or decoded.is_loop or len(decoded.tokens) >= cap) and context < guards.FULL_CONTEXT:
            tripped += ["loop", "retry"]
            decoded = self._listen(speech, guards.FULL_CONTEXT, is_cancelled).open(cap, PATIENCE)
            text, looped = guards.cut_loop(decoded.text)
            looped = looped and len(guards.words(decoded.text)) > MOST_WORDS_PER_S * seconds
            text = text if looped else decoded.text
        confidence = decoded.confidence
        if looped:
            tripped.append("loop")
            confidence = decoded.confidence_until(len(text))
        clean = guards.strip_annotations(text)
        if clean != " ".join(text.split()):
            tripped.append("annotation")
        if clean and self._is_unspoken(clean, confidence):
            tripped.append("no_speech")
            return Transcript("", guards=tuple(dict.fromkeys(tripped)), doubted=clean, doubted_confidence=confidence)
        return Transcript(clean, confidence if clean else 0.0, guards=tuple(dict.fromkeys(tripped)))

    @staticmethod
    def _sound_copy(decoded: Decoded, seconds: float) -> str | None:
        """The first copy of a loop, where nobody can have said it twice in ``seconds`` and it is trusted; else None."""
        copy = guards.first_copy(decoded.text)
        if copy is None or len(guards.words(decoded.text)) <= MOST_WORDS_PER_S * seconds:
            return None
        return copy if decoded.confidence_until(len(copy)) >= MIN_CONFIDENCE_COPY else None

    def _is_unspoken(self, text: str, confidence: float) -> bool:
        least = MIN_CONFIDENCE_INVENTED if guards.is_invented(text) else MIN_CONFIDENCE
        return confidence < least

    def _listen(self, speech: NDArray[np.float32], context: int, is_cancelled: IsCancelled) -> Native | PyWhisper:
        if self._engine is None:
            raise Unavailable("speech recognition is closed")
        shortest = int(SHORTEST_S * RATE_HZ)
        if speech.size < shortest:
            speech = np.pad(speech, (0, shortest - speech.size))
        self._engine.listen(speech, context, is_cancelled)
        return self._engine


def as_float32(audio: NDArray[Any]) -> NDArray[np.float32]:
    """Mono float32 in -1..1 from int16 or float samples of any range (clipped; NaN becomes 0).

    Anything that numpy takes for one line of numbers will do; raises ValueError for another shape.
    """
    audio = np.asarray(audio)
    if audio.ndim != 1 or audio.dtype.kind not in "iuf":
        raise ValueError(f"mono samples of shape (n,) are needed, not {audio.dtype} of shape {audio.shape}")
    if audio.dtype == np.int16:
        return audio.astype(np.float32) / 32768.0
    return np.clip(np.nan_to_num(audio.astype(np.float32), copy=True), -1.0, 1.0)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
