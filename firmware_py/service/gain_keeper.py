"""Keeps the capture gain where speech is neither clipped nor faint (``audio.input.auto_gain``), and remembers it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from firmware_py.audio.auto_gain import GainLoop
from firmware_py.audio.mixer import CaptureGain
from firmware_py.config import Config
from firmware_py.events import Pcm16, TurnTrace
from firmware_py.state.database import Database

REMEMBERED = "capture_gain"
MOST_WAITING = 4
STUCK_S = 5.0
"""A call of the mixer that takes longer is said to have not returned."""

_log = logging.getLogger("rtva")


class GainKeeper:
    """``add`` and ``renew`` return at once, for any thread. The mixer, which a driver may block for ever, is called in
    a thread of its own from ``start`` on, or by who calls :meth:`work`.

    The control is looked for at the start, behind each loss of the card (``renew``: it is another handle and has its
    own gain then), and again where it could not be turned. Where it is off, or there is no control, nothing is ever
    turned, and :meth:`report` says which.
    """

    def __init__(self, config: Config, database: Database, open_gain: Callable[[str], Any] = CaptureGain) -> None:
        self.why = "off"
        self.changes = 0
        self._is_wanted = config.audio.input.auto_gain
        self._device, self._open_gain, self._database = config.audio.input.device, open_gain, database
        self._gain: Any = None
        self._control = ""
        self._heard: deque[Pcm16] = deque(maxlen=MOST_WAITING)
        self._loop = GainLoop(0)
        self._must_look = self._is_wanted
        self._called_s: float | None = None
        self._bell, self._is_closing = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="gain", daemon=True)
        if self._is_wanted:
            self.why = "not looked for yet"

    def start(self) -> None:
        """Nothing where it is off."""
        if self._is_wanted:
            self._thread.start()

    def close(self) -> None:
        """Waits for a call of the mixer, but not for one that never returns."""
        self._is_closing = True
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def add(self, sound: Pcm16, trace: TurnTrace | None) -> None:
        """The sound of an utterance. It counts where somebody surely spoke to rtva: it was understood, or followed a
        wake word; and not over an answer, which takes the loudspeaker's sound for a voice."""
        if self._is_wanted and trace is not None and _is_for_rtva(trace):
            self._heard.append(sound)
            self._bell.set()

    def renew(self) -> None:
        """The card was away and is back."""
        if self._is_wanted:
            self._must_look = True
            self._bell.set()

    def work(self) -> None:
        """Does what waits to be done; as long as the mixer takes."""
        self._called_s = time.monotonic()
        try:
            if self._must_look:
                self._look()
            while self._heard and self._gain is not None:
                before = self._loop.percent
                percent = self._loop.hear(self._heard.popleft())
                if percent is not None and not self._set(percent):
                    self._loop.percent = before
        finally:
            self._called_s = None

    def report(self) -> dict[str, Any]:
        """Plain values for ``status``; ``why`` is "" while it works."""
        called_s, why = self._called_s, self.why
        if called_s is not None and time.monotonic() - called_s > STUCK_S:
            why = f"the mixer has not returned for {time.monotonic() - called_s:.0f} s"
        if not self._control:
            return {"is_on": False, "why": why}
        return {
            "is_on": True,
            "why": why,
            "control": self._control,
            "percent": self._loop.percent,
            "changes": self.changes,
        }

    def _run(self) -> None:
        while not self._is_closing:
            self.work()
            self._bell.wait()
            self._bell.clear()

    def _look(self) -> None:
        self._must_look = False
        try:
            self._begin(self._open_gain(self._device))
        except Exception as error:  # whatever a driver raises: rtva hears with the gain that there is
            self._gain, self.why = None, str(error)
            _log.warning("the capture gain is left as it is: %s", error)

    def _begin(self, gain: Any) -> None:
        """The gain as it was left, if that is a gain."""
        self._loop, self._gain, self.why = GainLoop(int(gain.percent)), gain, ""
        self._control = str(gain.control)
        kept = self._database.get(REMEMBERED)
        if isinstance(kept, int) and not isinstance(kept, bool) and 0 <= kept <= 100 and kept != self._loop.percent:
            gain.set(kept)
            self._loop.percent = kept

    def _set(self, percent: int) -> bool:
        try:
            self._gain.set(percent)
        except Exception as error:  # a card that is away: its handle never works again
            self.why, self._must_look = str(error), True
            _log.error("the capture gain cannot be set: %s", error)
            return False
        self.why = ""
        self.changes += 1
        self._database.change({REMEMBERED: percent})
        _log.info("capture gain set", extra={"facts": {"percent": percent, "control": self._control}})
        return True


def _is_for_rtva(trace: TurnTrace) -> bool:
    is_understood = trace.intent is not None and not trace.guards
    return bool(trace.transcript) and not trace.interrupts and bool(is_understood or trace.wake)
