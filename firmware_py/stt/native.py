"""whisper.cpp through our own binding: open decoding and what guided decoding builds on.

The library is the one that ``pywhispercpp`` brings, or another that was asked for (:mod:`.library`); a version that
the binding does not know raises Unavailable, and :mod:`.whisper_cpp` then uses ``pywhispercpp`` itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import Cancelled, Unavailable
from firmware_py.stt import library

SILENT = frozenset({b",", b".", b"?", b"!", b"..."})
"""Tokens that may stand anywhere between words and read as nothing."""

_NON_SPEECH = frozenset('" # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』 << >> <<< >>> -- ---'.split())  # noqa: SIM905
_NON_SPEECH |= frozenset("-( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪ ♩ ♪ ♫ ♬ ♭ ♮ ♯".split())  # noqa: SIM905
_NON_SPEECH_SPACED = frozenset({" -", " '"})
"""Tokens that are never speech (openai/whisper, ``tokenizer.non_speech_tokens``), with or without a space."""


@dataclass(frozen=True)
class Decoded:
    """One decoding: its text, its tokens with their log probabilities, and the end's.

    ``is_loop``: it was stopped where it began to repeat itself.
    """

    text: str
    tokens: tuple[int, ...]
    logps: tuple[float, ...]
    end_logp: float
    no_speech: float
    is_loop: bool = False

    @property
    def confidence(self) -> float:
        """Geometric mean of the tokens' probabilities, 0.0 for no token."""
        return float(np.exp(np.mean(self.logps))) if self.logps else 0.0

    def confidence_until(self, characters: int) -> float:
        """The confidence of the first ``characters``: the copies in a loop are ever surer of themselves."""
        share = characters / max(len(self.text), 1)
        first = self.logps[: max(1, round(share * len(self.logps)))]
        return float(np.exp(np.mean(first))) if first else 0.0

    @property
    def total(self) -> float:
        """Log probability of the whole, its end included."""
        return sum(self.logps) + self.end_logp


class Native:
    """One model and one state over it; one call at a time.

    ``language`` None lets a multilingual model detect it at every :meth:`listen`. Raises Unavailable when the
    library is not there or not known, or the file does not load.
    """

    def __init__(self, model: Path, *, threads: int, language: str | None, use_gpu: bool = False) -> None:
        try:
            library.bring()
            from firmware_py import _whisper
        except ImportError as error:
            raise Unavailable(f"no compiled recogniser ({error}); run 'make setup'") from error
        self._stopped = _whisper.Stopped
        try:
            self.model = _whisper.Model(str(model), use_gpu=use_gpu)
        except (ImportError, OSError) as error:
            raise Unavailable(str(error)) from error
        self.state = _whisper.State(self.model, threads)
        self.texts = self.model.texts()
        self.tables = _whisper.Tables([b""] * len(self.texts), np.zeros(len(self.texts), np.uint8), self.suppressed())
        self._asked = language
        self.language = language or "en"
        self.prompt: list[int] = []
        self._set_prompt()

    def suppressed(self) -> NDArray[np.uint8]:
        """Per token: 1 never, 2 not at the beginning (a space alone); 4 it begins a word."""
        shown = [text.decode(errors="replace") for text in self.texts]
        never = [text.strip() in _NON_SPEECH or text in _NON_SPEECH_SPACED for text in shown]
        marks = [1 if n else 2 * (not text.strip()) for n, text in zip(never, shown, strict=True)]
        marks = [m + 4 * (text[:1] == " " and text.strip().isalnum()) for m, text in zip(marks, shown, strict=True)]
        return np.array(marks, np.uint8)

    def listen(
        self, samples: NDArray[np.float32], context: int, is_cancelled: Callable[[], bool] | None = None
    ) -> None:
        """Encodes one utterance (at least 100 ms) with ``context`` encoder frames of 20 ms. Raises Cancelled."""
        if is_cancelled is not None and is_cancelled():
            raise Cancelled("draft abandoned")
        self.state.poll(is_cancelled)
        self.state.listen(np.ascontiguousarray(samples, np.float32), context)
        if self._asked is None and self.model.is_multilingual:
            self._detect()

    def open(self, most_tokens: int, patience: int = 0) -> Decoded:
        """The likeliest text, greedily, of what was last listened to, until it repeats itself. Raises Cancelled.

        A phrase may be said ``patience`` times more than what counts as a loop.
        """
        try:
            tokens, logps, end, no_speech, loops = self.state.decode(self.tables, self.prompt, most_tokens, patience)
        except self._stopped:
            raise Cancelled("draft abandoned") from None
        return Decoded(self.text(tokens), tuple(tokens), tuple(map(float, logps)), end, no_speech, loops)

    def text(self, tokens: list[int]) -> str:
        """What tokens spell."""
        return b"".join(self.texts[t] for t in tokens if t < len(self.texts)).decode(errors="replace").strip()

    def _set_prompt(self) -> None:
        model = self.model
        self.prompt = [model.sot]
        if model.is_multilingual:
            try:
                self.prompt += [model.language_token(self.language), model.transcribe]
            except ValueError as error:
                raise Unavailable(str(error)) from None
        self.prompt.append(model.not_timestamps)

    def _detect(self) -> None:
        try:
            logits = self.state.logits([self.model.sot])
        except self._stopped:
            raise Cancelled("draft abandoned") from None
        codes = self.model.language_tokens()
        self.language = max(codes, key=lambda code: float(logits[codes[code]]))
        self._set_prompt()
