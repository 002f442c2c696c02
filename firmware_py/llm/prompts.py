"""What a model is given to go on with: a conversation in its own template, or in a few examples where it has none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Message = Mapping[str, Any]

CALL_MARK = "<tool_call>"
"""A template that has it makes its model write calls as Hermes and Qwen do: JSON between this and its end."""

EXAMPLES = (
    ("What is the capital of Italy?", "The capital of Italy is Rome."),
    ("How many legs does a spider have?", "A spider has eight legs."),
    ("Why is grass green?", "Grass is green because of the chlorophyll in its leaves."),
    ("Who wrote Romeo and Juliet?", "Romeo and Juliet was written by William Shakespeare."),
)
HEAD = "A person asks, and a helpful assistant answers in one short sentence.\n"
MOST_TURNS = 2
"""Turns before that a model without a template is shown: more, and it goes on with them."""


@dataclass(frozen=True)
class Prompt:
    """``text`` to go on with; ``stops`` end the answer; ``has_begin``: the token that begins a text is in it."""

    text: str
    stops: tuple[str, ...] = ()
    has_begin: bool = False


class FewShot:
    """A base model's prompt: examples of questions and answers, the last turns, the question. It knows neither what
    the system says nor tools."""

    knows_tools = False

    def __call__(self, messages: Sequence[Message], tools: Sequence[Message] = ()) -> Prompt:
        said = [(m["role"], _line(m.get("content"))) for m in messages if m["role"] in ("user", "assistant")]
        said = [(role, text) for role, text in said if text]
        lines = [HEAD]
        for question, answer in EXAMPLES:
            lines.append(f"Person: {question}\nAssistant: {answer}\n")
        for role, text in said[-(2 * MOST_TURNS + 1) :]:
            lines.append(f"Person: {text}" if role == "user" else f"Assistant: {text}\n")
        return Prompt("\n".join(lines) + "\nAssistant:", ("\n",))


class Templated:
    """An instruct model's prompt: ``render(messages, tools)`` is its own chat template, which may refuse with any
    exception."""

    def __init__(self, template: str, render: Callable[[list[Any], list[Any] | None], Any]) -> None:
        self.knows_tools = CALL_MARK in template
        self._render = render

    def __call__(self, messages: Sequence[Message], tools: Sequence[Message] = ()) -> Prompt:
        offered = list(tools) if tools and self.knows_tools else None
        plain = [_with_objects(m) for m in messages]
        try:
            made = self._render(plain, offered)
        except Exception:  # a template without a part for the system raises what it likes
            made = self._render(_without_system(plain), offered)
        stop = made.stop if isinstance(made.stop, list) else [made.stop]
        return Prompt(made.prompt, tuple(s for s in stop if s), bool(made.added_special))


def _line(text: Any) -> str:
    return " ".join(str(text or "").split())


def _with_objects(message: Message) -> dict[str, Any]:
    """Templates write a call's arguments as JSON themselves, so they get the object, not its text."""
    calls = message.get("tool_calls")
    if not calls:
        return dict(message)
    return {**message, "tool_calls": [{**c, "function": _with_object(c["function"])} for c in calls]}


def _with_object(function: Message) -> dict[str, Any]:
    try:
        arguments = json.loads(function["arguments"])
    except (ValueError, RecursionError):
        arguments = {}
    return {**function, "arguments": arguments if isinstance(arguments, dict) else {}}


def _without_system(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the system says stands before the first question."""
    told = [m["content"] for m in messages if m["role"] == "system"]
    rest = [dict(m) for m in messages if m["role"] != "system"]
    for message in rest:
        if message["role"] == "user":
            message["content"] = "\n\n".join([*told, message["content"]])
            break
    return rest
