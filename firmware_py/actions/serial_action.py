"""A text to a serial line; the line stays open, for opening one resets many a microcontroller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from firmware_py.actions.kinds import ActionFailed

BAUD = 115200

_lines: dict[str, Any] = {}


def perform(arguments: Mapping[str, Any], timeout_s: float) -> None:
    import serial

    device, text = str(arguments["device"]), str(arguments["text"])
    try:
        line = _lines.get(device)
        if line is None:
            line = _lines[device] = serial.Serial(device, int(arguments.get("baud", BAUD)), exclusive=True)
        line.write_timeout = timeout_s
        line.write(text.encode())
    except (OSError, ValueError) as error:
        broken = _lines.pop(device, None)
        if broken is not None:
            broken.close()
        raise ActionFailed(f"serial {device}: {error}") from error
