"""What a turn works with, renewed after a change: between two turns, and again and again while it cannot be made."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from firmware_py.app import Appliance
from firmware_py.turn import TurnSettings
from firmware_py.worker.backoff import BackOff

ALERT = "recognition"

_log = logging.getLogger("rtva")


class Renewal:
    """``take`` and ``change`` are the turn thread's; ``each_second`` is called by the watch.

    A change closes engines before new ones are made. While those cannot be made the stations are stale: the turns
    fail, ``set_alert(name, value)`` is told, and the turn thread tries again after 0.25, 0.5 ... 30 s.
    """

    def __init__(
        self,
        appliance: Appliance,
        set_alert: Callable[[str, float | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._appliance, self._set_alert, self._clock = appliance, set_alert, clock
        self._back_off = BackOff(clock)
        self._is_stale = self._is_asked = False

    def take(self, *, warms: bool = True) -> None:
        """Gives the turn what the pipeline makes now; ``warms``: recognition pays for its first use here. Raises what
        loading raises: then the caller goes back by another :meth:`take`, or by :meth:`change`."""
        appliance, pipeline = self._appliance, self._appliance.pipeline
        appliance.taker.stations = pipeline.stations
        appliance.taker.settings = TurnSettings(drafts=pipeline.drafts)
        if warms:
            pipeline.warm_recognition()
        if appliance.partials is not None:
            appliance.partials.use(pipeline.partial_stt if pipeline.wants_partials else None)
        if self._is_stale:
            _log.warning("recognition works again")
        self._is_stale, self._back_off = False, BackOff(self._clock)
        self._set_alert(ALERT, None)

    def change(self, how: Callable[[], None], *, warms: bool = True) -> None:
        """Does ``how`` to the pipeline and takes what it makes then. Raises what that raised; it is tried again."""
        try:
            how()
            self.take(warms=warms)
        except Exception:  # whatever an engine raises: what was closed must be made again
            self._has_failed()
            raise

    def each_second(self) -> None:
        """Has the turn thread try again when that is due."""
        if self._is_stale and not self._is_asked and self._back_off.wait_s() == 0.0:
            self._is_asked = True
            self._appliance.between_turns(self._again)

    def _again(self) -> None:
        """In the turn thread; something else may have succeeded meanwhile."""
        self._is_asked = False
        if not self._is_stale:
            return
        try:
            self.take()
        except Exception as error:  # no failed turn: it was told when it began, and the alert is on
            wait_s = self._has_failed()
            _log.error("recognition cannot be made again, next try in %.2g s: %s", wait_s, error)

    def _has_failed(self) -> float:
        wait_s = self._back_off.failed(0.0, 0.0)
        self._is_stale = True
        self._set_alert(ALERT, 1.0)
        return wait_s
