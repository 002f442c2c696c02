"""The serial face: a line of text a change, and a few commands. It survives unplugging, garbage and floods."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_py.errors import RtvaError, Unavailable
from firmware_py.status import serial_text
from firmware_py.status.commands import Controls, perform
from firmware_py.status.hub import Hub

RETRY_S = 0.25
"""A device that came back is open again within this time and a moment."""
WRITE_S = 0.5
"""A line that the device does not take within this time is dropped and counted."""
REPLIES_PER_S = 10.0
REPLIES_AT_ONCE = 20
LEVELS_MS = 200
TOPICS = frozenset(
    {"state", "wake", "turn", "volume", "alert", "capture", "failure", "governor", "shed", "ear", "fault"}
)

_log = logging.getLogger("rtva.serial")


@dataclass(frozen=True)
class SerialSettings:
    """``heartbeat_s`` and ``levels_ms``: 0 sends none."""

    device: Path
    baud: int = 115200
    heartbeat_s: float = 10.0
    levels_ms: int = 0


class Allowance:
    """How many replies are left: ``at_once``, refilled at ``per_s``."""

    def __init__(self, per_s: float, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._most, self._clock = per_s, float(at_once), clock
        self._left, self._at = float(at_once), clock()

    def take(self) -> bool:
        """False when there is none left at the moment."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class SerialLine:
    """Speaks from a thread of its own until ``close``.

    ``dropped`` counts lines that the device did not take, ``ignored`` lines that came in and were not answered;
    ``problem`` says why the device is not open, "" while it is.
    """

    def __init__(
        self,
        settings: SerialSettings,
        controls: Controls,
        hub: Hub,
        levels: Callable[[], tuple[float, float]] = lambda: (-120.0, -120.0),
    ) -> None:
        self.dropped = 0
        self.ignored = 0
        self.opened = 0
        self.problem = ""
        self._settings, self._controls, self._levels = settings, controls, levels
        self._levels_ms = settings.levels_ms
        self._subscription = hub.subscribe("serial", TOPICS)
        self._reader = serial_text.LineReader()
        self._allowance = Allowance(REPLIES_PER_S, REPLIES_AT_ONCE)
        self._suppressed = 0
        self._is_torn = False
        self._beats = 0
        self._next_beat = self._next_level = 0.0
        self._port: Any = None
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="serial", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Says what is still to be said, then lets go of the device."""
        self._is_closing.set()
        self._subscription.wake()
        if self._thread is not threading.current_thread():
            self._thread.join(3.0)
        self._subscription.close()

    def _run(self) -> None:
        why = ""
        while not self._is_closing.is_set():
            try:
                self._port = open_port(self._settings.device, self._settings.baud)
                _log.info("serial line on %s", self._settings.device)
                self.opened += 1
                self.problem = ""
                self._speak()
            except Exception as error:  # a thread that ended could not come back
                self.problem = str(error) or type(error).__name__
                if self.problem != why:
                    why, is_known = self.problem, isinstance(error, (OSError, Unavailable))
                    _log.warning("serial line: %s", why, exc_info=None if is_known else error)
            finally:
                self._let_go()
            self._is_closing.wait(RETRY_S)

    def _let_go(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except OSError:
                pass
        self._forget_news()

    def _forget_news(self) -> None:
        """What nobody could read is not said later as if it were news."""
        while self._subscription.take() is not None:
            pass

    def _speak(self) -> None:
        self._forget_news()
        self._reader.clear()
        self._is_torn = False
        self._next_beat = time.monotonic() + self._settings.heartbeat_s
        self._greet()
        while not self._is_closing.is_set():
            ready, _, _ = select.select([self._port.fileno(), self._subscription.fileno()], [], [], self._wait_s())
            self._tell()
            if self._port.fileno() in ready:
                self._listen()
            self._on_time()
        self._tell()

    def _greet(self) -> None:
        facts = {"protocol": serial_text.PROTOCOL, "version": self._controls.version()}
        self._write(f"rtva {serial_text.fields(facts)}")
        self._write(f"state {self._controls.status()['state']}")

    def _wait_s(self) -> float:
        due = [
            t
            for t, is_on in ((self._next_beat, self._settings.heartbeat_s), (self._next_level, self._levels_ms))
            if is_on
        ]
        return max(0.0, min([1.0, *(t - time.monotonic() for t in due)]))

    def _on_time(self) -> None:
        now = time.monotonic()
        if self._settings.heartbeat_s and now >= self._next_beat:
            self._next_beat = now + self._settings.heartbeat_s
            self._beats += 1
            self._write(f"beat {self._beats}")
            self._write(serial_text.health(self._controls.status()))
        if self._levels_ms and now >= self._next_level:
            self._next_level = now + self._levels_ms / 1000
            level_db, floor_db = self._levels()
            self._write(f"level {serial_text.fields({'db': level_db, 'floor': floor_db})}")
        if self._suppressed and self._allowance.take():
            suppressed, self._suppressed = self._suppressed, 0
            self._write(f"error {suppressed} more lines were not answered")

    def _tell(self) -> None:
        while (notice := self._subscription.take()) is not None:
            for line in serial_text.lines_for(notice):
                self._write(line)

    def _listen(self) -> None:
        try:
            data = os.read(self._port.fileno(), 4096)
        except BlockingIOError:
            return
        if not data:
            raise OSError(f"{self._settings.device} has hung up")
        for line in self._reader.feed(data):
            if line.split(b" ", 1)[0].decode("latin-1") in serial_text.SAYS:
                self.ignored += 1  # our own words come back: an echo, or a second rtva on the line
            elif self._allowance.take():
                self._write(self._reply(line))
            else:
                self.ignored += 1
                self._suppressed += 1

    def _reply(self, line: bytes) -> str:
        try:
            return self._perform(*serial_text.parse(line))
        except RtvaError as error:
            return f"error {error}"
        except Exception:
            _log.exception("a serial command failed")
            return "error internal"

    def _perform(self, name: str, argument: str) -> str:
        if name == "ping":
            return f"pong {argument}".strip()
        if name == "help":
            return f"commands {' '.join(serial_text.ASKS)}"
        if name == "levels":
            return self._set_levels(argument)
        answer = perform(self._controls, name, argument)
        if name == "status":
            return serial_text.health(answer)
        return f"ok {name} {serial_text.fields(answer)}".strip()

    def _set_levels(self, argument: str) -> str:
        if argument not in ("on", "off"):
            return "error levels: allowed: on, off"
        self._levels_ms = (self._settings.levels_ms or LEVELS_MS) if argument == "on" else 0
        return f"ok levels {argument}"

    def _write(self, text: str) -> None:
        """Writes one line, or drops it when the other end does not read; what was cut off is ended before the next."""
        data = serial_text.encode(text)
        left = serial_text.END + data if self._is_torn else data
        until = time.monotonic() + WRITE_S
        fd = self._port.fileno()
        while left:
            try:
                left = left[os.write(fd, left) :]
            except BlockingIOError:
                select.select([], [fd], [], max(0.0, until - time.monotonic()))
            if left and time.monotonic() >= until:
                self.dropped += 1
                self._is_torn = self._is_torn or len(left) < len(data)
                return
        self._is_torn = False


def open_port(device: Path, baud: int) -> Any:
    """An exclusive, raw, non-blocking port. Raises OSError, or Unavailable without pyserial."""
    try:
        import termios

        import serial
    except ImportError as error:
        raise Unavailable(f"pyserial is not installed ({error}); run 'make setup'") from error
    try:
        port = serial.Serial(str(device), baud, timeout=0, write_timeout=0, exclusive=True)
    except (ValueError, termios.error) as error:  # the latter, no OSError, where it goes while it is being opened
        raise OSError(f"{device}: {error.args[-1]}") from error
    os.set_blocking(port.fileno(), False)
    return port
