"""A GPIO line is switched, through libgpiod 2; it stays requested, for a line that is given back may fall back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from firmware_py.actions.kinds import ActionFailed, how_to_install

ON = frozenset({"on", "true", "1", "high", "open", "yes"})
OFF = frozenset({"off", "false", "0", "low", "close", "closed", "no"})

_requests: dict[tuple[str, int], Any] = {}


def perform(arguments: Mapping[str, Any], timeout_s: float) -> None:
    try:
        import gpiod
    except ImportError as error:
        raise ActionFailed(f"gpio needs the gpiod library ({error}); {how_to_install('gpiod')}") from error
    chip, line = str(arguments["chip"]), int(arguments["line"])
    is_on = _is_on(arguments["value"])
    value = gpiod.line.Value.ACTIVE if is_on else gpiod.line.Value.INACTIVE
    key = (chip, line)
    try:
        if key in _requests:
            _requests[key].set_value(line, value)
            return
        settings = gpiod.LineSettings(
            direction=gpiod.line.Direction.OUTPUT, active_low=bool(arguments.get("active_low")), output_value=value
        )
        _requests[key] = gpiod.request_lines(chip, consumer="rtva", config={line: settings})
    except (OSError, ValueError) as error:
        _requests.pop(key, None)
        raise ActionFailed(f"gpio {chip} line {line}: {error}") from error


def _is_on(value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in ON | OFF:
        raise ActionFailed(f"gpio value {word!r}: allowed: {', '.join(sorted(ON | OFF))}")
    return word in ON
