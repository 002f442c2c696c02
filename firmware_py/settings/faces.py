"""The sections about being seen: serial, GPIO, the control socket, metrics and alerts."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator
from typing_extensions import Self

from firmware_py.settings.base import SOCKET_PATH_BYTES, FilePath, Section, SocketPath, knob

SOCKET = f"a path of at most {SOCKET_PATH_BYTES} bytes, or null"


def line(text: str) -> Any:
    """A GPIO line by its offset on the chip."""
    return knob(None, text, ge=0, le=511)


class SerialFace(Section):
    device: FilePath | None = knob(
        None, "Serial device of the status line (docs/serial-protocol.md).", allowed="a path, or null"
    )
    baud: int = knob(115200, "Its speed; 8 data bits, no parity, one stop bit.", ge=300, le=4_000_000)
    heartbeat_s: float = knob(10, "Seconds between two `beat` lines; 0 sends none.", ge=0, le=3600)
    levels_ms: int = knob(0, "Milliseconds between two `level` lines; 0 sends none until asked.", ge=0, le=60000)


class GpioFace(Section):
    chip: FilePath | None = knob(
        None, "GPIO chip of the lines below, as `gpiodetect` lists it.", allowed="a path, or null"
    )
    led: int | None = line("Output: one LED that shows the state by its rhythm.")
    red: int | None = line("Output: the red part of a three-colour LED.")
    green: int | None = line("Output: its green part.")
    blue: int | None = line("Output: its blue part.")
    mute_led: int | None = line("Output: on exactly while no sound reaches rtva.")
    ready: int | None = line("Output: on while rtva works: started, microphone not lost, no error.")
    amplifier: int | None = line("Output: on while something is spoken.")
    talk: int | None = line("Input: a push-to-talk button; with one, rtva listens only while it is held.")
    mute: int | None = line("Input: a switch that closes the microphone while it is on.")
    leds_active_low: bool = knob(False, "The outputs are on when low, the amplifier's too.")
    inputs_active_low: bool = knob(True, "Buttons and switches pull their line to ground.")


class Status(Section):
    socket: SocketPath | None = knob(
        None, "Control socket of `rtva status` and the like; null is control.sock in the runtime directory.",
        allowed=SOCKET,
    )  # fmt: skip
    serial: SerialFace = SerialFace()
    gpio: GpioFace = GpioFace()


class Metrics(Section):
    socket: SocketPath | None = knob(
        None, "Unix socket that serves the metrics to Prometheus over HTTP.", allowed=SOCKET
    )
    port: int | None = knob(
        None, "Loopback port that serves them; as a service this needs the drop-in network.conf.", ge=1, le=65535
    )
    textfile: FilePath | None = knob(
        None, "File that node_exporter's textfile collector reads; it must end in .prom.", allowed="a path, or null"
    )
    textfile_interval_s: float = knob(15, "Seconds between two writings of that file.", ge=1, le=3600)


class Alerts(Section):
    """The guide's alerting thresholds."""

    latency_ms: float = knob(500, "95 of 100 answers must begin within this time.", gt=0, le=600_000)
    error_percent: float = knob(5, "More turns than this must not fail.", ge=0, le=100)
    cpu_percent: float = knob(80, "The processors must not be busier than this for a minute.", ge=0, le=100)
    memory_percent: float = knob(90, "More of the memory than this must not be in use.", ge=0, le=100)
    microphone_s: float = knob(
        3,
        "A microphone must not deliver one and the same value, or sound at its limits, for so long; 0 never minds.",
        ge=0,
        le=3600,
    )
    queue_waiting: int = knob(2, "So many utterances must not wait for 5 seconds.", ge=1, le=16)


class Governor(Section):
    """When to work lighter, and when to go back."""

    enabled: bool = knob(True, "Under heat, want of memory or slow recognition rtva works lighter until that is over.")
    temperature_c: float = knob(80, "From this temperature on.", ge=30, le=120)
    temperature_back_c: float = knob(72, "Below this one it is over.", ge=20, le=119)
    available_mb: float = knob(64, "With less memory than this available, in megabytes.", ge=0, le=1_000_000)
    pressure_percent: float = knob(
        20, "When something waits for memory for more than this share of the last 10 s (PSI).", gt=0, le=100
    )
    stt_ms: float = knob(3000, "When recognition takes longer, in the middle of the latest turns.", ge=50, le=600_000)
    after_s: float = knob(10, "Strain lasts so long before a step is taken, and before the next.", ge=1, le=3600)
    back_s: float = knob(
        300, "It is over for so long before a step is given back; longer after each relapse.", ge=1, le=86400
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.temperature_back_c >= self.temperature_c:
            raise ValueError(
                f"temperature_back_c ({self.temperature_back_c:g}) is not below temperature_c "
                f"({self.temperature_c:g}); allowed: temperature_back_c < temperature_c"
            )
        return self
