"""The loudspeaker as a service needs it: one that is lost, busy or not there yet is opened again, and said to be."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from firmware_py.audio.play import PERIOD_SAMPLES
from firmware_py.errors import DeviceLost, RtvaError, Unavailable
from firmware_py.events import Pcm16
from firmware_py.ports import Speaker
from firmware_py.service.opening import BLOCKED, Opening

ALERT = "speaker"
BEGIN_S = 10.0
WAIT_S = 0.5
"""An answer waits this long for a speaker that is being opened; beyond it, it is lost and said to be."""

_log = logging.getLogger("rtva")


class SpeakerGate:
    """Fills the Speaker port for the player.

    ``write`` of a lost device opens it again and goes on; it raises only when that does not help within
    :data:`WAIT_S`. ``set_alert(name, value)`` is told of a loss, with None that it is over. ``look`` is to be called
    about once a second: it brings back a device that nobody writes to.
    """

    needs_waking = True

    def __init__(
        self,
        open_device: Callable[[], Speaker],
        rate_hz: int,
        set_alert: Callable[[str, float | None], None] = lambda name, value: None,
    ) -> None:
        self.rate_hz = rate_hz
        self.period_samples = PERIOD_SAMPLES
        self.lost = 0
        self.why_lost = ""
        self._set_alert = set_alert
        self._opening: Opening[Speaker] = Opening(open_device)
        self._device: Speaker | None = None
        self._lock = threading.Lock()  # of the player's thread and the one that looks
        self._is_closed = False

    def begin(self, *, must: bool) -> None:
        """Opens it for the first time; raises what that failed with where there ``must`` be one."""
        with self._lock:
            device = self._opening.poll(BEGIN_S)
            if device is None and must:  # what is raised is said once, by who catches it
                raise self._opening.why or Unavailable(f"the speaker: {self._opening.is_blocked}")
            self._found(device)

    def look(self) -> None:
        """Tries to bring a lost device back; returns at once."""
        if self._device is None and self._lock.acquire(blocking=False):
            try:
                self._find(0.05)
            finally:
                self._lock.release()

    def write(self, pcm: Pcm16) -> None:
        with self._lock:
            try:
                self._ready().write(pcm)
            except DeviceLost as error:
                self._lose(error)
                self._ready().write(pcm)

    def delay_s(self) -> float:
        device = self._device
        return device.delay_s() if device is not None else 0.0

    def flush(self) -> None:
        self._on_device(lambda device: device.flush())

    def drain(self) -> None:
        self._on_device(lambda device: device.drain())

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            late = self._opening.give_up()
            for device in (self._device, late):
                if device is not None:
                    device.close()
            self._device = None

    def _on_device(self, do: Callable[[Speaker], None]) -> None:
        with self._lock:
            if self._device is not None:
                try:
                    do(self._device)
                except DeviceLost as error:
                    self._lose(error)
                    raise

    def _ready(self) -> Speaker:
        if self._device is None and not self._is_closed:
            self._find(WAIT_S)
        if self._device is None:
            raise Unavailable(self.why_lost or "the speaker is not open")
        return self._device

    def _find(self, wait_s: float) -> None:
        self._found(self._opening.poll(wait_s))

    def _found(self, device: Speaker | None) -> None:
        if device is not None:
            self._use(device)
            return
        why = BLOCKED if self._opening.is_blocked else str(self._opening.why or "")
        if why and why != self.why_lost:
            self._say(why)

    def _use(self, device: Speaker) -> None:
        self._device = device
        self.period_samples = int(getattr(device, "period_samples", PERIOD_SAMPLES))
        if self.why_lost:
            _log.warning("the speaker is back")
        self.why_lost = ""
        self._set_alert(ALERT, None)

    def _lose(self, error: RtvaError) -> None:
        device, self._device = self._device, None
        self.lost += 1
        if device is not None:
            with suppress(RtvaError, OSError):
                device.close()
        self._opening.at_once()
        self._say(str(error))

    def _say(self, why: str) -> None:
        self.why_lost = why
        _log.error("the speaker: %s", why)
        self._set_alert(ALERT, 1.0)
