"""Spoken text to pieces that the voice can say one after the other.

A piece ends at a sentence, a long one at a clause, and a very long one at a word, so that no piece is
longer than a hard cap: the voice's text encoder is quadratic in the length of a piece, and the first sound
of an answer waits for the first piece alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much of a text is said at all, and how long one piece may be.

    ``max_chars`` of the text and ``max_audio_s`` of the sound bound a whole answer; the rest is not said.
    ``clause_words``: a sentence with more words is split at its clauses, ``max_words`` (and ``max_piece_chars``)
    bound a piece in any case.
    """

    max_chars: int = 5_000
    max_audio_s: float = 300.0
    clause_words: int = 16
    max_words: int = 32
    max_piece_chars: int = 240


@dataclass(frozen=True)
class Piece:
    """Text of one synthesis and the silence that follows it, in milliseconds (0 after the last)."""

    text: str
    pause_ms: int = 0


DEFAULT_LIMITS = Limits()
SENTENCE_PAUSE_MS = 200
CLAUSE_PAUSE_MS = 60
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]{0,3}\s+(?=\S)|\n+")
_CLAUSE = re.compile(r"(?<=[,;:])\s+|\s+(?=-\s)")
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:Dr|Mrs?|Ms|St|Prof|Capt|Sgt|Gen|vs|approx|e\.g|i\.e)\.$")


def split(text: str, limits: Limits = DEFAULT_LIMITS) -> Iterator[Piece]:
    """The pieces of ``text`` in order; nothing for a text without a letter or a digit.

    Lazy: a piece costs work when it is asked for. The words of all pieces are the words of the text's first
    ``max_chars`` characters, in order.
    """
    previous: Piece | None = None
    for sentence in _sentences(text[: limits.max_chars]):
        for piece in _fit(sentence, limits):
            if previous is not None:
                yield previous
            previous = piece
    if previous is not None:
        yield Piece(previous.text)


def whole(text: str, limits: Limits = DEFAULT_LIMITS) -> Iterator[Piece]:
    """As :func:`split` without looking for sentences: one piece, or as few as the hard cap allows."""
    words = text[: limits.max_chars].split()
    pieces = [p for p in _by_words(words, limits.max_words * 4, limits.max_piece_chars * 4) if _is_speakable(p)]
    return iter([Piece(p) for p in pieces])


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for match in _SENTENCE.finditer(text):
        end = match.end()
        head = text[start : match.start()]
        if not match.group().startswith("\n") and _ABBREVIATION.search(head[-8:]):
            continue
        if _is_speakable(head):
            yield text[start:end].strip()
            start = end
    if _is_speakable(text[start:]):
        yield text[start:].strip()


def _is_speakable(text: str) -> bool:
    return any(c.isalnum() for c in text)


def _fit(sentence: str, limits: Limits) -> Iterator[Piece]:
    """One sentence as pieces within the limits; the last carries the sentence's pause."""
    if len(sentence.split()) <= limits.clause_words and len(sentence) <= limits.max_piece_chars:
        yield Piece(sentence, SENTENCE_PAUSE_MS)
        return
    pieces = [
        part
        for clauses in _gather(_CLAUSE.split(sentence), limits.clause_words)
        for part in _by_words(clauses.split(), limits.max_words, limits.max_piece_chars)
        if _is_speakable(part)
    ]
    for index, part in enumerate(pieces):
        yield Piece(part, SENTENCE_PAUSE_MS if index == len(pieces) - 1 else CLAUSE_PAUSE_MS)


def _gather(clauses: list[str], max_words: int) -> Iterator[str]:
    """Neighbouring clauses joined again while they stay within ``max_words``."""
    current = ""
    for clause in clauses:
        joined = f"{current} {clause}".strip()
        if current and len(joined.split()) > max_words:
            yield current
            joined = clause
        current = joined
    if current:
        yield current


def _by_words(words: list[str], max_words: int, max_chars: int) -> Iterator[str]:
    """Words packed into strings of at most ``max_words`` and ``max_chars``; a longer word is cut."""
    current: list[str] = []
    length = 0
    for word in words:
        for part in (word[i : i + max_chars] for i in range(0, len(word), max_chars)):
            if current and (len(current) >= max_words or length + len(part) + 1 > max_chars):
                yield " ".join(current)
                current, length = [], 0
            current.append(part)
            length += len(part) + 1
    if current:
        yield " ".join(current)
