"""Guided recognition: the likeliest sentence of the templates, and how sure it is.

The grammar comes as plain arrays (``firmware_py.nlu.grammar``), so that this works in another process. One encode
serves the guided and the open decoding; whether the guided one is believed is :mod:`.guided_door`'s decision.
"""

from __future__ import annotations

import base64
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py import _whisper
from firmware_py._grammar import Automaton, Vocabulary, fold
from firmware_py.errors import Cancelled
from firmware_py.stt.native import SILENT, Decoded, Native

BONUS_PER_BYTE = 0.4
"""Nats a byte of text: what a longer reading is worth. 0.0 prefers short sentences (0.875 of 24 orders right at
6 dB, 69 decodes), 0.4 was best of 0 to 0.8 (0.958 of 144, 21 decodes), 0.6 and more run ahead."""
OPEN_BONUS_PER_BYTE = 0.03
"""In a wildcard, where 0.1 and more pays for saying everything twice."""
SLACK, WIDTH, MOST_EVALS, MOST_CHILDREN = 3.0, 12.0, 40, 12
"""Of 424 orders found right (a third each clean, at 12 and at 6 dB) 3 needed more than 40 decodes."""
CLEAR_SLACK, CLEAR_MEAN, CLEAR_WORST = 1.0, -0.5, -1.5
"""Where the open text is a sentence itself, and this sure on the mean and at worst, only near rivals are looked for."""
MOST_BEHIND = 16.0
LOSS, LOSS_A_TOKEN, MOST_LOSS = 8.0, 0.4, 13.0
"""Nats below the open text, and below the likeliest token in each place: of the 424, 4 lie beyond, and none of
these was believed. Speech of other kinds takes 16 decodes for its search, and 59 without these limits."""
CACHE_BYTES = 16 << 20
OPEN, CLOSE = -2, -3
_PLAIN = re.compile(rb" ?[A-Za-z0-9]+")
_STOP = re.compile(r"[.!?;:](?=\s)")
_STRAY_POINT = re.compile(rb"(?<!\d)\.|\.(?!\d)")
SURE_MARGIN = 12.0
"""Margin in nats of a sentence without a rival within the search."""


@dataclass(frozen=True)
class Sentence:
    """One sentence of the grammar: ``text`` in normal words, log probabilities of its tokens, end included.

    ``best`` are those of the likeliest tokens in their places; ``score`` orders sentences.
    """

    text: str
    score: float
    logps: tuple[float, ...]
    best: tuple[float, ...]


@dataclass(frozen=True)
class Found:
    """What a search found, likeliest first; ``evals`` are the decodes it took."""

    sentences: tuple[Sentence, ...]
    evals: int

    @property
    def margin(self) -> float:
        """Nats between the first sentence and the next."""
        if len(self.sentences) < 2:
            return SURE_MARGIN if self.sentences else 0.0
        return min(SURE_MARGIN, self.sentences[0].score - self.sentences[1].score)


class Guide:
    """A grammar bound to a model. ``grammar`` is ``Grammar.data()``: arrays, words and language."""

    def __init__(self, native: Native, grammar: Mapping[str, Any]) -> None:
        self._native = native
        self._say, self._words = unpack(grammar["say"], np.int32), grammar["words"]
        first, target = unpack(grammar["first"], np.int32), unpack(grammar["target"], np.int32)
        self._automaton = Automaton(first, unpack(grammar["symbol"], np.uint16), target, grammar["final"])
        self._folded = [_folded(text, grammar["language"]) for text in native.texts]
        point = b"." if grammar["language"].startswith("en") else b","
        silent = np.array([(text in SILENT) + (text == point) for text in native.texts], np.uint8)
        self._vocabulary = Vocabulary(self._folded)
        self._tables = _whisper.Tables(self._folded, silent, native.suppressed())
        self._automaton.mask(self._vocabulary, self._automaton.start)

    def search(self, most_tokens: int, heard: Decoded | None = None) -> Found:
        """The sentences that fit best what was last listened to. Raises Cancelled.

        With ``heard``, the open decoding of the same encode, those that fit much worse are given up early, and the
        way that both go is decoded once.
        """
        self._automaton.trim(CACHE_BYTES)
        limits = {
            "bonus": BONUS_PER_BYTE,
            "open_bonus": OPEN_BONUS_PER_BYTE,
            "slack": CLEAR_SLACK if heard and self._is_clear(heard) else SLACK,
            "width": WIDTH,
            "least_total": heard.total - MOST_BEHIND if heard and not heard.is_loop else -math.inf,
            "loss": LOSS,
            "loss_a_token": LOSS_A_TOKEN,
            "most_loss": MOST_LOSS,
            "evals": MOST_EVALS,
            "tokens": most_tokens,
            "children": MOST_CHILDREN,
        }
        native = self._native
        try:
            found, evals = native.state.search(self._tables, self._automaton, self._vocabulary, native.prompt, limits)
        except _whisper.Stopped:
            raise Cancelled("draft abandoned") from None
        sentences: dict[str, Sentence] = {}
        for score, tokens, logps, best in found:
            text = self._said(tokens)
            if text is not None and text not in sentences:
                sentences[text] = Sentence(text, score, tuple(logps), tuple(best))
        return Found(tuple(sentences.values()), evals)

    def _is_clear(self, heard: Decoded) -> bool:
        """Whether the open text is sure of itself and a sentence of the grammar."""
        logps = (*heard.logps, heard.end_logp)
        if heard.is_loop or sum(logps) / len(logps) < CLEAR_MEAN or min(logps) < CLEAR_WORST:
            return False
        return self._said(heard.tokens) is not None

    def _said(self, tokens: Sequence[int]) -> str | None:
        known = [t for t in tokens if t < len(self._folded)]
        return self.read(b"".join(self._folded[t] for t in known), known)

    def read(self, folded: bytes, tokens: Sequence[int] = ()) -> str | None:
        """A folded text as the templates' own words, None when it is no sentence of theirs.

        What a wildcard took is given as the ``tokens`` of the text write it, with its capitals and commas.
        """
        text = _spaced(folded)
        path = self._automaton.parse(text)
        if path is None:
            return None
        said: list[str] = []
        opened = 0
        for state, at in path:
            says = int(self._say[state])
            if says >= 0:
                said.append(self._words[says])
            elif says == OPEN:
                opened = at
            elif says == CLOSE:
                said.append(self._written(tokens, opened, at) or text[opened:at].decode(errors="replace").strip())
        return " ".join(said)

    def _written(self, tokens: Sequence[int], start: int, end: int) -> str:
        """``start..end`` of the spaced text as the tokens write it; "" where it does not begin and end with tokens."""
        folded, ends = b"", [0]
        for token in tokens:
            folded += self._folded[token]
            ends.append(len(_spaced(folded)))
        begins = [i for i in range(len(tokens)) if ends[i] in (start, start - 1) and ends[i + 1] > start]
        stops = [i for i in range(1, len(tokens) + 1) if ends[i] in (end, end - 1) and ends[i] > ends[i - 1]]
        if not begins or not stops or begins[0] >= stops[-1]:
            return ""
        written = b"".join(self._native.texts[t] for t in tokens[begins[0] : stops[-1]])
        return _STOP.sub(",", written.decode(errors="replace").strip())  # all of it is one sentence


def _spaced(folded: bytes) -> bytes:
    """A folded text without stray points, one space between words."""
    return b" ".join(_STRAY_POINT.sub(b"", folded).split())


def unpack(text: str, dtype: type[np.generic]) -> NDArray[Any]:
    """An array that ``firmware_py.nlu.grammar.pack`` wrote."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype)


def _folded(text: bytes, language: str) -> bytes:
    """A token's text as the automaton reads it; b"" for punctuation, b"." for a decimal point or comma."""
    if _PLAIN.fullmatch(text):
        return text.lower()  # what all below comes to for most tokens
    point = "." if language.startswith("en") else ","
    if text == point.encode():
        return b"."
    if text in SILENT:
        return b""
    try:
        parts = re.split(rf"(?<=\d)[{point}]|[{point}](?=\d)", text.decode())
    except UnicodeDecodeError:
        return text  # part of a character: read byte by byte
    folded = re.sub(rb" +", b" ", ".".join(fold(part, language) for part in parts).encode())
    if text == b"-" or not folded.strip():
        return folded if text == b"-" else b""
    return folded if text.endswith(b" ") else folded.rstrip()  # "%" reads " percent ": behind it a sentence may end
