"""GPIO lines through libgpiod 2, the same on Raspberry and Jetson boards."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from firmware_py.errors import Unavailable

DEBOUNCE_MS = 20


@dataclass(frozen=True)
class Wiring:
    """Offsets of the lines of one chip. ``active_low``: a line that is on is at ground."""

    outputs: tuple[int, ...] = ()
    inputs: tuple[int, ...] = ()
    outputs_active_low: bool = False
    inputs_active_low: bool = True


class Lines(Protocol):
    """Requested lines, on and off as the wiring means it.

    Must: all outputs are off once opened; ``set`` holds until the next; ``fileno`` becomes readable when an input
    changed and ``inputs`` reads them all and makes it unreadable again; after ``close`` everything raises OSError or
    ValueError and ``close`` does nothing. May: raise OSError when the chip has gone.
    """

    def fileno(self) -> int: ...
    def set(self, line: int, is_on: bool) -> None: ...
    def inputs(self) -> dict[int, bool]: ...
    def close(self) -> None: ...


class GpiodLines:
    """Fills :class:`Lines`. Raises Unavailable without the library, OSError for a chip or line that cannot be had."""

    def __init__(self, chip: Path, wiring: Wiring) -> None:
        try:
            import gpiod
        except ImportError as error:
            raise Unavailable(f"GPIO needs the gpiod library ({error}); pip install 'rtva[gpio]'") from error
        self._gpiod: Any = gpiod
        self._wiring = wiring
        self._request: Any = None
        config: Any = {line: self._output() for line in wiring.outputs} | {
            line: self._input() for line in wiring.inputs
        }
        try:
            self._request = gpiod.request_lines(str(chip), consumer="rtva", config=config)
        except ValueError as error:
            raise OSError(f"{chip}: {error}") from error

    def fileno(self) -> int:
        return int(self._open().fd)

    def set(self, line: int, is_on: bool) -> None:
        value = self._gpiod.line.Value
        self._open().set_value(line, value.ACTIVE if is_on else value.INACTIVE)

    def inputs(self) -> dict[int, bool]:
        """What the inputs are now; the events that announced it are consumed, not believed: some may be missing."""
        request = self._open()
        while request.wait_edge_events(datetime.timedelta(0)):
            request.read_edge_events()
        active = self._gpiod.line.Value.ACTIVE
        return {line: request.get_value(line) is active for line in self._wiring.inputs}

    def close(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.release()

    def _open(self) -> Any:
        if self._request is None:
            raise ValueError("these lines are closed")
        return self._request

    def _output(self) -> Any:
        line = self._gpiod.line
        return self._gpiod.LineSettings(
            direction=line.Direction.OUTPUT,
            output_value=line.Value.INACTIVE,
            active_low=self._wiring.outputs_active_low,
        )

    def _input(self) -> Any:
        line = self._gpiod.line
        return self._gpiod.LineSettings(
            direction=line.Direction.INPUT,
            edge_detection=line.Edge.BOTH,
            bias=line.Bias.PULL_UP if self._wiring.inputs_active_low else line.Bias.PULL_DOWN,
            active_low=self._wiring.inputs_active_low,
            debounce_period=datetime.timedelta(milliseconds=DEBOUNCE_MS),
        )
