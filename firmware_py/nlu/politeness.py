"""What people put around a command without meaning anything by it: "hey jarvis, could you ... please"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_BEFORE: dict[str, tuple[str, ...]] = {
    "en": (
        "hey", "hi", "hello", "ok", "oh", "um", "uh", "er", "so", "well", "now", "and", "please", "just", "kindly",
        "yes", "yeah", "yep", "sure", "also", "then", "right", "alright", "all right", "actually", "wait", "listen",
        "computer", "jarvis", "mycroft", "alexa", "nabu", "assistant", "excuse me", "thanks", "thank you",
        "can you", "could you", "would you", "will you", "can you please", "could you please", "would you please",
        "would you mind", "do you mind", "i want you to", "i would like you to", "i need you to", "go ahead and",
    ),
    "de": ("hallo", "hey", "ok", "bitte", "kannst du", "könntest du", "würdest du", "computer"),
}  # fmt: skip
_AFTER: dict[str, tuple[str, ...]] = {
    "en": (
        "please", "thanks", "thank you", "for me", "now", "right now", "will you", "would you", "could you", "ok",
        "jarvis", "computer", "alexa", "mycroft", "then", "again please", "if you can", "if you would", "buddy",
        "actually", "too", "as well", "also", "for us", "for now", "already", "finally", "immediately", "at once",
        "quickly", "when you can", "maybe", "i think", "you know", "or so", "exactly", "sharp", "on the dot", "alright",
        "yes", "yeah", "dear", "darling", "love", "honey", "mate", "man", "mum", "folks", "everyone", "before i forget",
    ),
    "de": ("bitte", "danke", "mal", "für mich", "jetzt"),
}  # fmt: skip
_CALLS = {"en": ("hey", "ok", "hi", "hello"), "de": ("hey", "ok", "hallo")}
_MAX_STRIPPED = 6
POLITE = frozenset(w for table in (_BEFORE, _AFTER) for phrases in table.values() for p in phrases for w in p.split())
"""Every word of these."""


def _split(table: dict[str, tuple[str, ...]], language: str) -> list[tuple[str, ...]]:
    return [tuple(p.split()) for p in table.get(language.split("-")[0].split("_")[0], ())]


def _by(place: int, phrases: Sequence[tuple[str, ...]]) -> dict[str, list[tuple[str, ...]]]:
    """Phrases by their first or last word."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase in phrases:
        found.setdefault(phrase[place], []).append(phrase)
    return found


class Politeness:
    """Removes polite words around a sentence, one after the other."""

    def __init__(self, language: str, skip_words: Sequence[Sequence[str]] = ()) -> None:
        self._before = _by(0, _split(_BEFORE, language))
        self._after = _by(-1, _split(_AFTER, language))
        self._calls = {c[0] for c in _split(_CALLS, language)}
        self._skip = _by(0, sorted((tuple(s) for s in skip_words if s), key=len, reverse=True))

    def bounds(self, words: Sequence[str]) -> Iterator[tuple[int, int]]:
        """``(start, end)`` of what may be the sentence itself, the whole first, ever less around it."""
        if not words:
            return
        starts = [0]
        if len(words) > 2 and words[0] in self._calls:
            starts.append(2)  # hey and a name
        for start in starts:
            starts += [
                start + len(p)
                for p in self._before.get(words[start], ())
                if tuple(words[start : start + len(p)]) == p
                and start + len(p) < len(words)
                and start + len(p) not in starts
            ]
            if len(starts) > _MAX_STRIPPED:
                break
        ends = [len(words)]
        for end in ends:
            ends += [
                end - len(p)
                for p in self._after.get(words[end - 1], ())
                if tuple(words[end - len(p) : end]) == p and end - len(p) > 0 and end - len(p) not in ends
            ]
            if len(ends) > _MAX_STRIPPED:
                break
        for start in starts:
            for end in ends:
                if start < end:
                    yield start, end

    def without_skip_words(self, words: Sequence[str]) -> list[int]:
        """The positions of the words that are not a grammar's own ``skip_words``."""
        if self._skip.keys().isdisjoint(words):
            return list(range(len(words)))
        kept: list[int] = []
        at = 0
        while at < len(words):
            skipped = next((s for s in self._skip.get(words[at], ()) if tuple(words[at : at + len(s)]) == s), None)
            if skipped is None:
                kept.append(at)
            at += len(skipped) if skipped else 1
        return kept
