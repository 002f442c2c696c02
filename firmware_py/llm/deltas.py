"""What a chat completion is made of: pieces of text, and calls of tools that come in pieces too.

The shape is OpenAI's ``/chat/completions`` (streamed: ``choices[0].delta``), as llama.cpp's server and Ollama speak it.
Nothing in it is trusted: what has another type is left out, or refused where nothing sensible is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_py.errors import ModelFailed
from firmware_py.events import ToolCall

MOST_CALLS = 4
MOST_ARGUMENTS = 2000
ARGUMENTS = 2
"""The last of a call's three texts, which alone comes in pieces of its own."""


@dataclass
class Deltas:
    """Collects. ``is_over``: the model said that it is done; ``calls`` are the tools that it wants to be called."""

    is_over: bool = False
    _calls: dict[int, list[str]] = field(default_factory=dict)

    def push(self, data: str) -> str:
        """The text in one event. Raises ModelFailed for an error of the server, and for what is no JSON object."""
        if data.strip() == "[DONE]":
            self.is_over = True
            return ""
        return self.take(parsed(data), "delta")

    def take(self, body: Mapping[str, Any], part: str) -> str:
        """The text in an object whose choice has ``part``: ``delta``, or ``message`` of an answer in one piece."""
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return ""
        self.is_over |= choice.get("finish_reason") is not None
        delta = choice.get(part)
        if not isinstance(delta, dict):
            return ""
        for call in delta.get("tool_calls") or ():
            self._add(call)
        text = delta.get("content")
        return text if isinstance(text, str) else ""

    @property
    def calls(self) -> list[ToolCall]:
        """In order; one without a name is left out."""
        found: list[ToolCall] = []
        for at in sorted(self._calls):
            given, name, arguments = self._calls[at]
            if name:
                found.append(ToolCall(name, arguments or "{}", given or f"call_{at}"))
        return found

    def _add(self, call: Any) -> None:
        if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
            return
        given = call.get("id")
        at = self._place(call.get("index"), given)
        if at not in self._calls and len(self._calls) >= MOST_CALLS:
            return
        known = self._calls.setdefault(at, ["", "", ""])
        pieces = (given, call["function"].get("name"), call["function"].get("arguments"))
        for place, piece in enumerate(pieces):
            is_told_again = place != ARGUMENTS and piece == known[place]
            if isinstance(piece, str) and len(known[place]) + len(piece) <= MOST_ARGUMENTS and not is_told_again:
                known[place] += piece

    def _place(self, index: Any, given: Any) -> int:
        """Which call a piece belongs to. llama-cpp-python tells a call's name and id with each piece; some servers give
        every call the index 0, and an id of its own."""
        if not isinstance(index, int):
            return len(self._calls)
        if not given or index not in self._calls or self._calls[index][0] in ("", given):
            return index
        same = (at for at, (known, _, _) in self._calls.items() if known == given)
        return next(same, max(self._calls) + 1)


def parsed(data: str) -> dict[str, Any]:
    """A JSON object. Raises ModelFailed for anything else, and with the server's words for its error."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise ModelFailed(f"no JSON: {data[:80]!r}") from None
    if not isinstance(body, dict):
        raise ModelFailed(f"no JSON object: {data[:80]!r}")
    if body.get("error"):
        raise ModelFailed(error_words(body))
    return body


def error_words(body: Mapping[str, Any]) -> str:
    """What a server says went wrong, in one line."""
    error = body.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    return " ".join(str(said).split())[:200]


def whole(body: str) -> Iterator[str | ToolCall]:
    """An answer that came in one piece."""
    deltas = Deltas()
    text = deltas.take(parsed(body), "message")
    if text:
        yield text
    yield from deltas.calls
