"""Sentences out of text that comes in pieces of any size, as soon as each is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

LEAST, MOST = 2, 300
"""Letters of a sentence: a shorter one waits for the next, a longer one is cut behind a comma or a word."""
_ABBREVIATIONS = "mr mrs ms dr st prof vs etc no approx e.g i.e a.m p.m u.s u.k"
ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())

_END = re.compile(r"[.!?…]+[\"')\]]*(?=\s)|\n+")
_LAST_WORD = re.compile(r"([\w.]+)\W*$")
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)


class SentenceBuffer:
    """``push`` text and get the sentences that it completes; ``end`` gives the rest.

    What stands between ``<think>`` and ``</think>`` is not said.
    """

    def __init__(self) -> None:
        self._text = ""

    def push(self, text: str) -> Iterator[str]:
        """The sentences that are whole now."""
        self._text += text
        if "<" in self._text:
            self._text = _without_thoughts(self._text)
        while (cut := self._cut()) is not None:
            sentence, self._text = self._text[:cut].strip(), self._text[cut:]
            if is_said(sentence):
                yield sentence

    def end(self) -> Iterator[str]:
        """What was not whole yet."""
        rest, self._text = _THOUGHT.sub("", self._text).strip(), ""
        if is_said(rest):
            yield rest

    def _cut(self) -> int | None:
        text, open_at = self._text, self._text.find("<think")
        text = text if open_at < 0 else text[:open_at]
        for end in _END.finditer(text):
            head = text[: end.end()].strip()
            if len(head) > LEAST and not _is_abbreviation(text[: end.start()], end.group()) and not _is_number(head):
                return end.end() if end.end() <= MOST else _cut_within(text)
        return _cut_within(text) if len(text) > MOST else None


def is_said(text: str) -> bool:
    """Whether there is a letter or a digit in it."""
    return any(char.isalnum() for char in text)


def _is_abbreviation(before: str, end: str) -> bool:
    word = _LAST_WORD.search(before)
    name = word[1].lower().rstrip(".") if word else ""
    return end.startswith(".") and (name in ABBREVIATIONS or (len(name) == 1 and name.isalpha() and name != "i"))


def _is_number(head: str) -> bool:
    """A list's number ("1.") belongs to what follows."""
    return head.rstrip(".").isdigit()


def _cut_within(text: str) -> int:
    head = text[:MOST]
    comma = max(head.rfind(mark) for mark in (", ", "; ", ": "))
    at = comma + 1 if comma > MOST // 3 else head.rfind(" ")
    return at if at > 0 else MOST


def _without_thoughts(text: str) -> str:
    """Without what is between the marks, and with an open one kept until it ends; an end alone ends all before it."""
    end = text.find("</think>")
    if end >= 0 and "<think>" not in text[:end]:
        text = text[end + len("</think>") :]
    return re.sub(r"<think>.*?</think>", "", text, flags=re.DOTALL)
