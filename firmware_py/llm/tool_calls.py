"""Calls of tools in what a model writes: JSON between ``<tool_call>`` and ``</tool_call>``, in any pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator

from firmware_py.events import ToolCall
from firmware_py.llm.stream import Piece

BEGIN, END = "<tool_call>", "</tool_call>"
MOST_CALLS = 4
MOST_LETTERS = 2000


class CallSplitter:
    """``push`` text and get what is to be said and what is to be called; ``end`` gives the rest. What is between the
    marks is never said, whole or not, right or wrong."""

    def __init__(self) -> None:
        self._text = ""
        self._is_call = False
        self._calls = 0

    def push(self, text: str) -> Iterator[Piece]:
        self._text += text
        while True:
            mark = END if self._is_call else BEGIN
            at = self._text.find(mark)
            if at < 0:
                break
            head, self._text = self._text[:at], self._text[at + len(mark) :]
            yield from self._found(head)
            self._is_call = not self._is_call
        if self._is_call:
            self._text = self._text[: MOST_LETTERS + len(END)] if len(self._text) < 2 * MOST_LETTERS else ""
            return
        kept = _beginning_of(BEGIN, self._text)
        said, self._text = self._text[: len(self._text) - kept], self._text[len(self._text) - kept :]
        if said:
            yield said

    def end(self) -> Iterator[Piece]:
        """A call that the model did not close counts where it is whole."""
        rest, self._text = self._text, ""
        yield from self._found(rest)

    def _found(self, text: str) -> Iterator[Piece]:
        if not self._is_call:
            if text:
                yield text
            return
        call = _call(text, self._calls)
        if call is not None and self._calls < MOST_CALLS:
            self._calls += 1
            yield call


def _beginning_of(mark: str, text: str) -> int:
    """How many letters at the end of a text may begin the mark."""
    return next((n for n in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:n])), 0)


def _call(text: str, number: int) -> ToolCall | None:
    if len(text) > MOST_LETTERS:
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        return None
    arguments = body.get("arguments", body.get("parameters", {}))
    return ToolCall(body["name"], json.dumps(arguments), f"call_{number}")
