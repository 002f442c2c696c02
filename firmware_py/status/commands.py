"""What a person, a button or a microcontroller may ask of the running appliance; every face speaks through this."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from firmware_py.errors import BadInput

SAY_MOST = 1000
"""Characters of one ``say``."""
CAPTURE_MINUTES = range(1, 1441)
"""How long a debug capture may be on."""
CAPTURE_DEFAULT_MIN = 10
"""Of a debug capture and of a conversation that is kept."""

RECORD_MINUTES = range(1, 31)
"""How long a conversation that is kept may last."""
TRACES = range(1, 33)
"""How many of the last turns can be asked for."""
TIME_ALONE = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
CHANGES = frozenset({"mute", "unmute", "stop"})
CHANGES_WITH_ARGUMENT = frozenset({"volume", "clock"})
"""What these change outlives a restart; they are answered once the disk has it."""


class Controls(Protocol):
    """The appliance as its faces see it; every method but ``unkept`` returns at once. ``muted_by`` is who asked
    ("user", "switch"). ``unkept`` waits for the disk, for seconds at most: why it lacks a change made before, or ""."""

    def status(self) -> dict[str, Any]: ...
    def version(self) -> str: ...
    def say(self, text: str) -> None: ...
    def mute(self, muted_by: str = "user") -> None: ...
    def unmute(self, muted_by: str = "user") -> None: ...
    def volume(self, percent: int | None = None, by: int | None = None) -> int: ...
    def stop(self) -> None: ...
    def talk(self) -> None: ...
    def reload(self) -> dict[str, Any]: ...
    def capture(self, wanted: str, minutes: int) -> dict[str, Any]: ...
    def record(self, wanted: str, minutes: int) -> dict[str, Any]: ...
    def trace(self, count: int) -> list[dict[str, Any]]: ...
    def cache(self, wanted: str) -> dict[str, Any]: ...
    def clock(self, at: datetime | int | None = None) -> dict[str, Any]: ...
    def unkept(self) -> str: ...


Handler = Callable[[Controls, str], Mapping[str, Any]]


def perform(controls: Controls, name: str, argument: str = "") -> dict[str, Any]:
    """Does one command and returns its answer. Raises BadInput for an unknown or malformed one, and what it raises.

    A change that outlives a restart is on the disk by then; ``kept`` is False in the answer where the disk refused it
    or is late: it is in force all the same.
    """
    handler = COMMANDS.get(name)
    if handler is None:
        raise BadInput(f"no command {name[:32]!r}; there are: {', '.join(COMMANDS)}")
    argument = argument.strip()
    answer = dict(handler(controls, argument))
    is_change = name in CHANGES or (name in CHANGES_WITH_ARGUMENT and argument != "")
    return answer | {"kept": False} if is_change and controls.unkept() else answer


def _nothing(argument: str) -> None:
    if argument:
        raise BadInput("this command takes no argument")


def _status(controls: Controls, argument: str) -> Mapping[str, Any]:
    _nothing(argument)
    return controls.status()


def _version(controls: Controls, argument: str) -> Mapping[str, Any]:
    _nothing(argument)
    return {"version": controls.version()}


def _say(controls: Controls, argument: str) -> Mapping[str, Any]:
    if not argument:
        raise BadInput("say what?")
    if len(argument) > SAY_MOST:
        raise BadInput(f"more than {SAY_MOST} characters")
    controls.say(argument)
    return {}


def _mute(controls: Controls, argument: str) -> Mapping[str, Any]:
    _nothing(argument)
    controls.mute()
    return {}


def _unmute(controls: Controls, argument: str) -> Mapping[str, Any]:
    _nothing(argument)
    controls.unmute()
    return {}


def _volume(controls: Controls, argument: str) -> Mapping[str, Any]:
    """``""`` asks, ``40`` sets, ``+10`` and ``-10`` change; percent."""
    if not argument:
        return {"percent": controls.volume()}
    digits = argument[1:] if argument[0] in "+-" else argument
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 3 and int(digits) <= 100):
        raise BadInput(f"volume {argument[:16]!r}: allowed: 0 to 100, or +N or -N")
    if argument[0] in "+-":
        return {"percent": controls.volume(by=int(argument))}
    return {"percent": controls.volume(int(argument))}


def _stop(controls: Controls, argument: str) -> Mapping[str, Any]:
    _nothing(argument)
    controls.stop()
    return {}


def _talk(controls: Controls, argument: str) -> Mapping[str, Any]:
    _nothing(argument)
    controls.talk()
    return {}


def _reload(controls: Controls, argument: str) -> Mapping[str, Any]:
    _nothing(argument)
    return controls.reload()


def _capture(controls: Controls, argument: str) -> Mapping[str, Any]:
    return controls.capture(*_switched("capture", argument, CAPTURE_MINUTES))


def _record(controls: Controls, argument: str) -> Mapping[str, Any]:
    return controls.record(*_switched("record", argument, RECORD_MINUTES))


def _switched(name: str, argument: str, minutes: range) -> tuple[str, int]:
    """``on``, ``on 30`` (minutes), ``off``, ``status``; ``""`` is ``status``."""
    wanted, *rest = argument.split() or ["status"]
    if wanted not in ("on", "off", "status") or len(rest) > (wanted == "on"):
        raise BadInput(f"{name} {argument[:16]!r}: allowed: on, on MINUTES, off, status")
    digits = rest[0] if rest else str(CAPTURE_DEFAULT_MIN)
    if not (digits.isascii() and digits.isdigit() and int(digits[:5]) in minutes):
        raise BadInput(f"{name} for {digits[:16]!r} minutes: allowed: {minutes[0]} to {minutes[-1]}")
    return wanted, int(digits[:5])


def _trace(controls: Controls, argument: str) -> Mapping[str, Any]:
    """``""`` and ``last`` are the last turn, ``5`` the last five, the newest last."""
    digits = "1" if argument in ("", "last") else argument
    if not (digits.isascii() and digits.isdigit() and int(digits[:4]) in TRACES):
        raise BadInput(f"trace {argument[:16]!r}: allowed: last, or {TRACES[0]} to {TRACES[-1]} turns")
    return {"traces": controls.trace(int(digits[:4]))}


def _cache(controls: Controls, argument: str) -> Mapping[str, Any]:
    """``stats`` (also ``""``), ``clear``."""
    wanted = argument or "stats"
    if wanted not in ("stats", "clear"):
        raise BadInput(f"cache {argument[:16]!r}: allowed: stats, clear")
    return controls.cache(wanted)


def _clock(controls: Controls, argument: str) -> Mapping[str, Any]:
    """``""`` asks, ``2027-05-02T07:30`` sets; local time unless a zone stands behind it. ``07:30`` alone is the first
    one that can be."""
    if not argument:
        return controls.clock()
    alone = TIME_ALONE.fullmatch(argument)
    if alone:
        return controls.clock(int(alone[1]) * 60 + int(alone[2]))
    try:
        at = datetime.fromisoformat(argument)
    except ValueError:
        raise BadInput(f"clock {argument[:32]!r}: allowed: a time like 2027-05-02T07:30 or 07:30") from None
    return controls.clock(at)


COMMANDS: dict[str, Handler] = {
    "status": _status,
    "say": _say,
    "mute": _mute,
    "unmute": _unmute,
    "volume": _volume,
    "stop": _stop,
    "talk": _talk,
    "reload": _reload,
    "version": _version,
    "capture": _capture,
    "record": _record,
    "trace": _trace,
    "cache": _cache,
    "clock": _clock,
}
