"""What runs in the virtual machine: rtva's own microphone gate, capture, board and faces, without the engines.

``guest_walk.py DEVICE SERIAL`` (``-`` for none) prints a line a change and one every 20 ms until it is killed:
``ear NS EAR``, ``count NS FRAMES LOST OPENED``; NS is CLOCK_MONOTONIC.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, "/vm-test/lib")

from firmware_py.events import State
from firmware_py.status.board import Board
from firmware_py.status.hub import Hub

PERIOD = 1024
REALTIME = 10
"""Both as the service has them."""


class Controls:
    """Fills the faces' Controls as far as they ask here."""

    def __init__(self) -> None:
        self.muted_by: set[str] = set()

    def status(self) -> dict[str, Any]:
        return {"state": "idle", "microphone": "open", "alerts": {}, "counts": {}}

    def version(self) -> str:
        return "vm-test"

    def mute(self, muted_by: str = "user") -> None:
        self.muted_by.add(muted_by)

    def unmute(self, muted_by: str = "user") -> None:
        self.muted_by.discard(muted_by)

    def say(self, text: str) -> None: ...
    def stop(self) -> None: ...
    def volume(self, percent: int | None = None, by: int | None = None) -> int:
        return 50

    def reload(self) -> dict[str, Any]:
        return {}

    def capture(self, wanted: str, minutes: int) -> dict[str, Any]:
        return {}

    def record(self, wanted: str, minutes: int) -> dict[str, Any]:
        return {}

    def trace(self, count: int) -> list[dict[str, Any]]:
        return []

    def cache(self, wanted: str) -> dict[str, Any]:
        return {}

    def clock(self, at: datetime | None = None) -> dict[str, Any]:
        return {}


def serial_line(device: str, hub: Hub) -> Any:
    """The serial face on ``device``."""
    from firmware_py.status.serial_line import SerialLine, SerialSettings

    return SerialLine(SerialSettings(Path(device), 115200, 0, 0), Controls(), hub)


def main() -> None:
    from firmware_py._ring import Ring
    from firmware_py.audio.alsa import AlsaMicrophone
    from firmware_py.audio.capture import Capture
    from firmware_py.audio.card_names import by_name
    from firmware_py.service.gate import Hearing, MicrophoneGate
    from firmware_py.status.board import Ear

    device, serial = sys.argv[1:3]
    lock = threading.Lock()

    def tell(text: str) -> None:
        with lock:
            os.write(1, f"{text}\n".encode())

    hub = Hub()
    board = Board(hub)
    board.set_phase(State.IDLE)

    def on_change(ear: Ear, reason: str) -> None:
        tell(f"ear {time.monotonic_ns()} {ear.value}")
        board.set_ear(ear, reason)

    def open_microphone() -> AlsaMicrophone:
        nonlocal device
        microphone = AlsaMicrophone(device, rate_hz=16_000, channel=None, chunk_size=PERIOD)
        device = by_name(device)
        return microphone

    gate = MicrophoneGate(open_microphone, hearing=Hearing(on_change=on_change))
    capture = Capture(gate, Ring(1 << 19), realtime=REALTIME)
    line = serial_line(serial, hub) if serial != "-" else None
    capture.start()
    while capture.error is None:
        time.sleep(0.02)
        tell(f"count {time.monotonic_ns()} {capture.frames_in} {gate.lost} {gate.reopened}")
    tell(f"ended {capture.error}")
    if line is not None:
        line.close()


if __name__ == "__main__":
    main()
