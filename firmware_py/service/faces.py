"""The configured faces, opened; one that cannot be is said and left out, for no face is worth a silent appliance."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from firmware_py.config import Config
from firmware_py.errors import RtvaError, Unavailable
from firmware_py.service.controls import ServiceControls
from firmware_py.service.restarts import runtime_directory
from firmware_py.status.gpio import GpioFace, GpioPins
from firmware_py.status.gpio_chip import Chip
from firmware_py.status.gpio_lines import GpiodLines
from firmware_py.status.hub import Hub
from firmware_py.status.serial_line import SerialLine, SerialSettings
from firmware_py.status.socket import ControlSocket
from firmware_py.telemetry import journal

SOCKET_NAME = "control.sock"

_log = logging.getLogger("rtva")


class Face(Protocol):
    def close(self) -> None: ...


def socket_path(config: Config) -> Path | None:
    """Where the control socket is: configured, or in the runtime directory; None where there is none."""
    directory = runtime_directory()
    return config.status.socket or (directory / SOCKET_NAME if directory else None)


class Faces:
    """Opens what the configuration names; ``close`` in the opposite order."""

    def __init__(self, config: Config, controls: ServiceControls, hub: Hub) -> None:
        self._open: dict[str, Any] = {}
        self._problems: dict[str, str] = {}
        self._hub = hub
        path, serial, gpio = socket_path(config), config.status.serial, config.status.gpio
        if path is not None:
            self._try("socket", lambda: ControlSocket(path, controls, hub), must=True)
        if serial.device is not None:
            settings = SerialSettings(serial.device, serial.baud, serial.heartbeat_s, serial.levels_ms)
            self._try("serial", lambda: SerialLine(settings, controls, hub, controls.levels))
        if gpio.chip is not None:
            self._try("gpio", lambda: _gpio(config, controls, hub))

    def report(self) -> dict[str, Any]:
        """For ``status``: each face as ``on`` or what is wrong, what each was too slow for (changes and lines; ``log``:
        the lines that nobody took), and ``refused``: clients that were turned away."""
        states = {name: getattr(face, "problem", "") or "on" for name, face in self._open.items()} | self._problems
        dropped = Counter(self._hub.dropped()) + Counter(log=journal.dropped())
        for name, face in self._open.items():
            dropped[name] += getattr(face, "dropped", 0)
        refused = sum(getattr(face, "refused", 0) for face in self._open.values())
        return {
            "state": states,
            "dropped": {name: count for name, count in dropped.items() if count},
            "refused": refused,
        }

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def _try(self, name: str, make: Callable[[], Face], must: bool = False) -> None:
        try:
            self._open[name] = make()
        except RtvaError as error:
            if must:
                self.close()
                raise
            self._problems[name] = str(error)
            _log.error("%s: %s", name, error)


def _gpio(config: Config, controls: ServiceControls, hub: Hub) -> GpioFace:
    gpio = config.status.gpio
    assert gpio.chip is not None
    chip = Chip(gpio.chip)
    rgb = (gpio.red, gpio.green, gpio.blue)
    pins = GpioPins(gpio.led, rgb, gpio.mute_led, gpio.amplifier, gpio.talk, gpio.mute, gpio.ready)
    wiring = pins.wiring(gpio.leds_active_low, gpio.inputs_active_low)
    try:
        import gpiod  # noqa: F401
    except ImportError as error:
        raise Unavailable(f"GPIO needs the gpiod library ({error}); pip install 'rtva[gpio]'") from error
    return GpioFace(lambda: GpiodLines(chip.find(), wiring), pins, controls, hub)
