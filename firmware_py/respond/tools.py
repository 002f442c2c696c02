"""What a language model may ask of the board: readings, each with typed arguments, none of which changes anything.

A tool is a pydantic model of its arguments and the sentence of a skill that answers it. Only those on the allow-list
(``llm.tools``) are offered, and only those are done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firmware_py.events import ToolCall
from firmware_py.respond.request import Request
from firmware_py.respond.skills import appointments, board_status, clock, lists, timers
from firmware_py.respond.world import World


class Arguments(BaseModel):
    """Without arguments; others add theirs. Another name or type is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class BoardArguments(Arguments):
    aspect: Literal["temperature", "uptime", "disk", "all"] = Field("all", description="what of the board")


class TimerArguments(Arguments):
    kind: Literal["timer", "alarm", "reminder"] = Field("timer", description="which of them")


class ListArguments(Arguments):
    name: str = Field("shopping", max_length=40, description="the list's name")


@dataclass(frozen=True)
class Tool:
    """``answer`` makes a sentence of a request whose slots are the arguments; it reads only."""

    text: str
    arguments: type[Arguments]
    answer: Callable[[Request], str]

    def schema(self, name: str) -> dict[str, Any]:
        """As a chat completion wants to have it."""
        parameters = self.arguments.model_json_schema()
        for of_ours in ("title", "description"):
            parameters.pop(of_ours, None)
        return {"type": "function", "function": {"name": name, "description": self.text, "parameters": parameters}}


def _time(request: Request) -> str:
    return f"{clock.time(request).text} {clock.date(request).text}"


def _timers(request: Request) -> str:
    kinds = {"timer": timers.left, "alarm": appointments.list_alarms, "reminder": appointments.list_reminders}
    return kinds[request.slots["kind"]](request).text


def _list(request: Request) -> str:
    return lists.tell(_with(request, {"list": request.slots["name"]})).text


def _with(request: Request, slots: Mapping[str, Any]) -> Request:
    return Request(request.intent, slots, request.text, request.world)


TOOLS: Mapping[str, Tool] = {
    "time": Tool("The time and the date now.", Arguments, _time),
    "board": Tool("How this device is doing.", BoardArguments, lambda r: board_status.board_status(r).text),
    "timers": Tool("The timers, alarms or reminders that are set.", TimerArguments, _timers),
    "lists": Tool("What is on a list, for example the shopping list.", ListArguments, _list),
}


class Toolbox:
    """The tools on the allow-list, and what they say about this board."""

    def __init__(self, allowed: Sequence[str], world: World) -> None:
        self._tools = {name: TOOLS[name] for name in TOOLS if name in allowed}
        self._world = world

    def schemas(self) -> list[dict[str, Any]]:
        return [tool.schema(name) for name, tool in self._tools.items()]

    def call(self, call: ToolCall) -> str:
        """What the tool says, or why it was not called; never raises."""
        tool = self._tools.get(call.name)
        if tool is None:
            return f"error: there is no tool {call.name[:40]!r}"
        try:
            given = tool.arguments.model_validate_json(call.arguments)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            return f"error: {'.'.join(map(str, first['loc'])) or 'arguments'}: {first['msg']}"
        try:
            return tool.answer(Request(call.name, given.model_dump(), "", self._world))
        except Exception as error:
            return f"error: {type(error).__name__}"
