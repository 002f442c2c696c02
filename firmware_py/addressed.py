"""Whether speech that fits no sentence is told that it was not understood, or was never meant for the assistant.

Somebody who says a wake word, presses the button or answers a question gets an honest "I didn't understand that".
Without one rtva hears everybody, a television too, and to answer that would be to join in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from firmware_py.events import Reply, Transcript, TurnEvent
from firmware_py.near import ASKED_BELOW_DB, SILENCE_DB, Near, level_db

LEAST_CONFIDENCE = 0.6
"""Of a transcript. 62 recorded orders, near and from 1 and 2.5 m in a room, clean or at 15 dB in a kitchen: 0.52 and
more, 4 of them below 0.6. 37 transcripts of a television: 23 below."""
LEAST_BELIEVED = 0.3
"""Below it nothing is done without a wake word, a command neither. 48 orders in a kitchen at 6 dB have 0.36 and
more; a kitchen at work that was written as a command has 0.28 at most ("Are you OK?" at -20 dB: 0.26)."""
LEAST_WORD, SURE_SCORE = 0.2, 0.9
"""An order of one word is believed from there where recognition is so sure of the sentence: one word shares its
probability with itself in capitals, and more words make up for that. "Louder." has 0.26 to 0.36 in twenty takes of a
voice, "cancel." 0.24 to 0.44, at scores of 0.93 and more. Kitchen noise that the detector ``webrtc`` lets through at
-20 dB has as much, at a score as high, but as three words and more ("are you ok")."""
ENDS_RINGING = {"stop_ringing", "snooze"}
ENDS = {"stop_speaking", *ENDS_RINGING}
"""Actions of orders that are believed where there is something to end, however unclear: "cancel." alone has 0.21 to
0.26 in twenty takes of a voice, and over what rings less."""
MOST_IN_A_ROW, AS_LOUD_DB = 2, 8.0
FORGET_NS = 60_000_000_000
"""So many such sentences in a row are told; then none until one is understood, or none came for so long. Sentences that
were far count, but for who is clearly louder: the television is on, and somebody asks."""
ANSWER_NS = 30_000_000_000
"""A question is open so long."""
FAR, DOUBTFUL, CHATTER, NOT_SPOKEN_TO = "far", "doubtful", "chatter", "not_spoken_to"
WITHHELD = {
    FAR: "nobody near said it",
    DOUBTFUL: "heard too badly",
    CHATTER: "too much was said that fits no sentence",
    NOT_SPOKEN_TO: "response_generation.unknown is spoken_to",
}
"""Why a reply was not given, in words."""
Unknown = Literal["always", "addressed", "spoken_to"]


@dataclass
class Addressed:
    """Knows the turns so far, by the time at which each was over; the turn thread's alone.

    ``least_level_db``: what stays below it (dB below full scale) was said across the room, by whomever; nothing of it
    is answered or done without a wake word, a button or an open question. "usual": :class:`Near` knows how loud that
    is. None: all is near.
    """

    unknown: Unknown = "addressed"
    least_level_db: float | Literal["usual"] | None = "usual"
    near: Near = field(default_factory=Near)
    _in_a_row: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    _last_ns: int = -FORGET_NS
    _asked_ns: int = -ANSWER_NS
    _asked_db: float = SILENCE_DB

    def withheld(self, event: TurnEvent, heard: Transcript, reply: Reply) -> str:
        """Why the reply is not given, "" when it is. Changes nothing."""
        return "" if event.wake else self._why(event, heard, reply, level_db(event.audio))

    def _why(self, event: TurnEvent, heard: Transcript, reply: Reply, loud_db: float) -> str:
        is_asked = event.decided_ns - self._asked_ns < ANSWER_NS
        if 0.0 < heard.confidence < _least_believed(heard) and not (event.interrupts or reply.is_unknown):
            return "" if _ends_something(reply, is_asked=is_asked) else DOUBTFUL
        if is_asked:
            return FAR if self._is_beside(event, heard, reply, loud_db) else ""
        if self._is_far(event, heard, reply, loud_db):
            return FAR
        if not reply.is_unknown or self.unknown == "always":
            return ""
        if self.unknown == "spoken_to":
            return NOT_SPOKEN_TO
        if heard.confidence < LEAST_CONFIDENCE:
            return DOUBTFUL
        if event.decided_ns - self._last_ns >= FORGET_NS:
            return ""
        return CHATTER if sum(db > loud_db - AS_LOUD_DB for db in self._in_a_row) >= MOST_IN_A_ROW else ""

    def committed(self, event: TurnEvent, heard: Transcript, reply: Reply) -> None:
        """A turn is over; ``reply`` is as it was prepared, perhaps withheld since."""
        if not heard.text:
            return
        now_ns, loud_db = event.decided_ns, level_db(event.audio)
        why = "" if event.wake else self._why(event, heard, reply, loud_db)
        if why == FAR:
            self.near.heard_far(_meant(heard, reply), now_ns)
        if reply.is_unknown:
            if now_ns - self._last_ns >= FORGET_NS:
                self._in_a_row.clear()
            self._in_a_row.append(loud_db)
            self._last_ns = now_ns
        elif why not in (FAR, DOUBTFUL):
            self._in_a_row.clear()
            if self._tells_level(event, reply):
                self.near.done(loud_db, now_ns)
        if why != FAR and (not why or reply.is_unknown):
            self._asked_ns = now_ns if reply.asks else -ANSWER_NS
            self._asked_db = loud_db

    def report(self) -> dict[str, float | None]:
        """Plain values: how loud the household's orders usually are, and from where on something is heard."""
        least_db = self.near.least_db if self.least_level_db == "usual" else self.least_level_db
        return {"usual_db": _rounded(self.near.usual_db), "least_db": _rounded(least_db)}

    def _is_beside(self, event: TurnEvent, heard: Transcript, reply: Reply, loud_db: float) -> bool:
        """Whether somebody else, far behind the one who was asked, said it: it answers no question."""
        if self.least_level_db != "usual" or event.interrupts or not event.audio.size:
            return False
        is_softer = loud_db < self._asked_db - ASKED_BELOW_DB
        return is_softer and not self.near.is_said_again(_meant(heard, reply), event.decided_ns)

    def _tells_level(self, event: TurnEvent, reply: Reply) -> bool:
        """Whether the household's level is learnt from it; not from what is heard at any level."""
        is_exempt = event.wake or event.interrupts or _ends_something(reply, is_asked=False)
        return bool(event.audio.size) and not is_exempt

    def _is_far(self, event: TurnEvent, heard: Transcript, reply: Reply, loud_db: float) -> bool:
        """Never over an answer, of which the canceller takes a part, nor what ends a ring from the bed."""
        if self.least_level_db is None or event.interrupts or not event.audio.size:
            return False
        if _ends_something(reply, is_asked=False):
            return False
        if self.least_level_db != "usual":
            return loud_db < self.least_level_db
        if reply.is_unknown and self.unknown != "addressed":
            return False
        return self.near.is_far(loud_db, _meant(heard, reply), event.decided_ns, is_unknown=reply.is_unknown)


def _meant(heard: Transcript, reply: Reply) -> frozenset[str]:
    """What two takes of a sentence have in common: the words, or what the order does."""
    words = "".join(c for c in heard.text.casefold() if c.isalnum())
    return frozenset({words} if reply.intent is None else {words, f"{reply.intent} {reply.actions}"})


def _rounded(level: float | None) -> float | None:
    return None if level is None else round(level, 1)


def _least_believed(heard: Transcript) -> float:
    """The confidence below which nothing is done that was heard so."""
    is_word = heard.is_guided and heard.score >= SURE_SCORE and len(heard.text.split()) == 1
    return LEAST_WORD if is_word else LEAST_BELIEVED


def _ends_something(reply: Reply, *, is_asked: bool) -> bool:
    """Whether an order does nothing but end what rings or, where one is open, a question."""
    names = {action.name for action in reply.actions}
    return names <= ENDS and bool(names & (ENDS if is_asked else ENDS_RINGING))
