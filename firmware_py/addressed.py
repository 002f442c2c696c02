"""Whether speech that fits no sentence is told that it was not understood, or was never meant for the assistant.

Somebody who says a wake word, presses the button or answers a question gets an honest "I didn't understand that".
Without one rtva hears everybody, a television too, and to answer that would be to join in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firmware_py.events import Reply, Transcript, TurnEvent

LEAST_CONFIDENCE = 0.6
"""Of a transcript. 62 recorded orders, near and from 1 and 2.5 m in a room, clean or at 15 dB in a kitchen: 0.52 and
more, 4 of them below 0.6. 37 transcripts of a television: 23 below."""
MOST_IN_A_ROW = 2
FORGET_NS = 60_000_000_000
"""So many such sentences in a row are told; then none until one is understood, or none came for so long."""
ANSWER_NS = 30_000_000_000
"""A question is open so long."""
DOUBTFUL, CHATTER, NOT_SPOKEN_TO = "doubtful", "chatter", "not_spoken_to"
Unknown = Literal["always", "addressed", "spoken_to"]


@dataclass
class Addressed:
    """Knows the turns so far, by the time at which each was over; the turn thread's alone."""

    unknown: Unknown = "addressed"
    _in_a_row: int = 0
    _last_ns: int = -FORGET_NS
    _asked_ns: int = -ANSWER_NS

    def withheld(self, event: TurnEvent, heard: Transcript, reply: Reply) -> str:
        """Why the reply is not given, "" when it is. Changes nothing."""
        if not reply.is_unknown or self.unknown == "always":
            return ""
        if event.wake or event.decided_ns - self._asked_ns < ANSWER_NS:
            return ""
        if self.unknown == "spoken_to":
            return NOT_SPOKEN_TO
        if heard.confidence < LEAST_CONFIDENCE:
            return DOUBTFUL
        is_on = event.decided_ns - self._last_ns < FORGET_NS
        return CHATTER if is_on and self._in_a_row >= MOST_IN_A_ROW else ""

    def committed(self, event: TurnEvent, heard: Transcript, reply: Reply) -> None:
        """A turn is over; ``reply`` is as it was prepared, perhaps withheld since."""
        if not heard.text:
            return
        now_ns = event.decided_ns
        self._asked_ns = now_ns if reply.asks else -ANSWER_NS
        if not reply.is_unknown:
            self._in_a_row = 0
        elif now_ns - self._last_ns < FORGET_NS:
            self._in_a_row += 1
        else:
            self._in_a_row = 1
        if reply.is_unknown:
            self._last_ns = now_ns
