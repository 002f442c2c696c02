"""Keeps the capture gain where speech is neither clipped nor faint (``audio.input.auto_gain``), and remembers it."""

from __future__ import annotations

import logging
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

_log = logging.getLogger("rtva")


class GainKeeper:
    """``add`` returns at once, in the turn thread; ``each_second`` turns the mixer, which may take its time.

    Where it is off, or there is no control, nothing is ever turned, and :meth:`report` says which.
    """

    def __init__(self, config: Config, database: Database, open_gain: Callable[[str], Any] = CaptureGain) -> None:
        self.why = "off"
        self.changes = 0
        self._database = database
        self._gain: Any = None
        self._heard: deque[Pcm16] = deque(maxlen=MOST_WAITING)
        self._loop = GainLoop(0)
        if not config.audio.input.auto_gain:
            return
        try:
            self._begin(open_gain(config.audio.input.device))
        except Exception as error:  # whatever a driver raises: rtva hears with the gain that there is
            self.why = str(error)
            _log.warning("the capture gain is left as it is: %s", error)

    def add(self, sound: Pcm16, trace: TurnTrace | None) -> None:
        """The sound of an utterance. It counts where somebody surely spoke to rtva: it was understood, or followed a
        wake word; and not over an answer, which takes the loudspeaker's sound for a voice."""
        if self._gain is not None and trace is not None and _is_for_rtva(trace):
            self._heard.append(sound)

    def each_second(self) -> None:
        while self._heard:
            before = self._loop.percent
            percent = self._loop.hear(self._heard.popleft())
            if percent is not None and not self._set(percent):
                self._loop.percent = before

    def report(self) -> dict[str, Any]:
        """Plain values for ``status``; ``why`` is "" while it works."""
        gain = self._gain
        if gain is None:
            return {"is_on": False, "why": self.why}
        return {
            "is_on": True,
            "why": self.why,
            "control": gain.control,
            "percent": self._loop.percent,
            "changes": self.changes,
        }

    def _begin(self, gain: Any) -> None:
        """The gain as it was left, if that is a gain."""
        self._loop, self._gain, self.why = GainLoop(int(gain.percent)), gain, ""
        kept = self._database.get(REMEMBERED)
        if isinstance(kept, int) and not isinstance(kept, bool) and 0 <= kept <= 100 and kept != self._loop.percent:
            gain.set(kept)
            self._loop.percent = kept

    def _set(self, percent: int) -> bool:
        try:
            self._gain.set(percent)
        except Exception as error:  # a card that is away
            self.why = str(error)
            _log.error("the capture gain cannot be set: %s", error)
            return False
        self.why = ""
        self.changes += 1
        self._database.change({REMEMBERED: percent})
        _log.info("capture gain set", extra={"facts": {"percent": percent, "control": self._gain.control}})
        return True


def _is_for_rtva(trace: TurnTrace) -> bool:
    is_understood = trace.intent is not None and not trace.guards
    return bool(trace.transcript) and not trace.interrupts and bool(is_understood or trace.wake)
