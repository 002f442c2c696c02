"""What a failed turn comes to: counted, told and apologised for; the walk goes on, unless it keeps failing."""

from __future__ import annotations

import logging
from collections.abc import Callable

from firmware_py.errors import RtvaError

APOLOGY = "Sorry, something went wrong."
MISSED = "Sorry, I missed something."
APOLOGIES = (APOLOGY, MISSED)
"""Said often enough to be rendered ahead."""

MOST_UNEXPECTED = 5
"""Errors in a row that nobody raised on purpose: the process is broken, and systemd makes a better one."""

_log = logging.getLogger("rtva")


class FailedTurns:
    """Counts; the turn thread's alone. ``apologise(text)`` may raise anything: that is logged, not raised, and
    ``on_voiceless`` may say without words that nothing can be said."""

    def __init__(self, apologise: Callable[[str], None], on_voiceless: Callable[[], None] = lambda: None) -> None:
        self.count = 0
        self.apologies = 0
        self.unexpected_in_a_row = 0
        self._apologise, self._on_voiceless = apologise, on_voiceless

    def went_well(self) -> None:
        self.unexpected_in_a_row = 0

    def judge(self, error: Exception) -> RtvaError:
        """Counts and logs; returns it as one of ours. Raises it when it is one too many of its kind in a row."""
        self.count += 1
        if isinstance(error, RtvaError):
            _log.error("a turn failed: %s", error)
            return error
        self.unexpected_in_a_row += 1
        _log.error("a turn failed, and nobody expected how: %s", error, exc_info=error)
        if self.unexpected_in_a_row >= MOST_UNEXPECTED:
            raise error
        known = RtvaError(f"{type(error).__name__}: {error}")
        known.__cause__ = error
        return known

    def apologise(self, text: str = APOLOGY) -> None:
        """Says so aloud; with a voice that fails too, the lights, the log and the faces must do."""
        try:
            self._apologise(text)
            self.apologies += 1
        except Exception as error:
            _log.error("the apology could not be spoken: %s", error)
            self._on_voiceless()
