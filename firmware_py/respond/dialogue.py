"""What a sentence means because of the one before it: an answer to a question, another value, a correction.

A fragment ("ten minutes", "make it fifteen", "no, fifty", "and the bedroom", "what about tomorrow") is tried in the
sentence that was said before: put in, or in place of a few of its words. What then fits a template to the letter, with
the same intent, is meant. A correction takes back what the sentence did, as far as that can be taken back. One that is
made while the sentence is said is in :mod:`.corrections`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from firmware_py.events import Action, Understood
from firmware_py.respond.choices import picked, placed, weekend_day
from firmware_py.respond.corrections import in_one_breath
from firmware_py.respond.fragments import MOST_FRAGMENT, fitted, fragments, rest_of, words
from firmware_py.respond.pronouns import going_on, is_about_changed, with_name
from firmware_py.respond.request import Answer

LEFT = "Okay, I leave it."
TAKEN_BACK = "Okay, I took it back."
NOT_TAKEN_BACK = "I can't take that back."
PHRASES = (LEFT, TAKEN_BACK, NOT_TAKEN_BACK)
CONFIRM_S = 30.0
"""A yes or no counts for so long behind its question; later it may be meant for somebody else."""
YES_WORDS = "yes|yeah|yep|yup|sure|ok|okay|yes please|please do|do it|yes do it|go ahead|yes go ahead|of course"
LEAST_ANSWER, LEAST_YES = 0.35, 0.45
"""Short answers in three takes of a voice have 0.37 ("five") and more, "okay" 0.51. Kitchen noise that became a yes or
no has 0.28 at most; a yes sets off what was thought worth a question, and must stand further from it."""
YES = frozenset([*YES_WORDS.split("|"), "right", "correct", "i am sure", "i'm sure", "yes i am", "yes sure"])
NO_WORDS = "no|nope|no thanks|no thank you|don't|do not|no don't|rather not|better not|leave it|not now"
NO = frozenset(NO_WORDS.split("|"))
TAKE_BACK = re.compile(r"(oh )?(no )?(cancel|undo|scratch) (it|that)")
NEVER_MIND = re.compile(r"((oh|no|well|actually) )*(forget (it|that)|never mind( it| that)?)")
"""The same behind an order in one sentence; by itself it may be about anything."""
AGAIN = frozenset(("again", "once more", "one more time", "another one", "another", "one more", "do it again"))
"""What has the same done anew, where the templates say that it can be (the metadata ``again``)."""
_CHANGE_IT = (["change", "it", "to"], ["change", "that", "to"])
MOST_EARLIER = 4
"""Commands before the last turn that a correction is tried in."""
NAMED_S = 60.0
"""For so long "it" is what was spoken of; a television says "turn it off" as well."""
UNDO_S = 30.0
"""For so long "cancel that" means what was done; later it may be meant for anything."""


def is_taking_back(text: str, *, is_behind: bool = False) -> bool:
    """Whether what was done just before is to be taken back; ``is_behind``: in the same sentence."""
    said = " ".join(words(text)).lower()
    return bool(TAKE_BACK.fullmatch(said) or (is_behind and NEVER_MIND.fullmatch(said)))


class Last(Protocol):
    """The turns before, as long as they count."""

    def last_understood(self) -> Understood | None: ...
    def turns(self) -> Sequence[Any]: ...


@dataclass(frozen=True)
class Done:
    """One command of a committed turn; ``undo`` are the actions that would take it back, () where nothing can."""

    understood: Understood
    undo: tuple[Action, ...] = ()


@dataclass(frozen=True)
class Question:
    """One that is open: what a yes says and does, and the commands that it asked about; ``choices``: what the alarms
    or reminders are called of which one is meant, "" for those without a name."""

    of: Understood
    held: Answer | None = None
    about: tuple[Understood, ...] = ()
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settled:
    """An answer that needs no understanding: to a yes, a no, a "cancel that". ``about``: the commands it completes."""

    answer: Answer
    about: tuple[Understood, ...] = ()

    def understood(self, said: Understood) -> Understood:
        """What is remembered as the sentence: what was agreed to, else what was ``said``."""
        if not self.about:
            return said
        return self.about[0] if len(self.about) == 1 else replace(self.about[0], parts=self.about)


def _made(done: Done) -> Iterator[int]:
    """What a command set, by its id."""
    for action in done.undo:
        if action.name == "forget":
            yield from action.arguments["ids"]


class Dialogue:
    """Remembers the question that is open and what was done last. ``understand`` is exact understanding of a text
    (None: nothing follows), ``clock`` monotonic seconds."""

    def __init__(
        self,
        history: Last,
        understand: Callable[[str], Understood] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._history, self._understand, self._clock = history, understand, clock
        self._question: Question | None = None
        self._done: tuple[Done, ...] = ()
        self._earlier: list[Done] = []
        self._at_s = 0.0
        self._done_at_s = 0.0

    def committed(self, done: Sequence[Done], question: Question | None) -> None:
        """A turn is over. One that was not understood leaves what can be corrected as it is, and a question for a
        missing slot open; a yes is not waited for any longer."""
        is_understood = any(d.understood.intent is not None for d in done)
        if question is None and not is_understood and self._question is not None and not self._question.held:
            return
        self._question, self._at_s = question, self._clock()
        if is_understood:
            self._earlier = [*reversed(self._done), *self._earlier][:MOST_EARLIER]
            self._done, self._done_at_s = tuple(done), self._at_s

    def close_question(self) -> None:
        """No sentence is the answer to what was asked before."""
        self._question = None

    def resolve(self, understood: Understood) -> Understood | Settled:
        """The sentence that is meant, or the answer to a yes or no. Changes nothing."""
        corrected = in_one_breath(understood, self._understand) if self._understand is not None else None
        last = self._history.last_understood()
        if last is None or corrected is not None:
            return corrected or understood
        question = self._open_question()
        is_open = question is not None
        said = " ".join(words(understood.text)).lower()
        if question is not None and question.held and self._clock() - self._at_s < CONFIRM_S:
            if said in YES:
                return Settled(replace(question.held, confirm=""), question.about)
            if said in NO:
                return Settled(Answer(LEFT))
        undo = tuple(action for done in self._last_done(last) for action in done.undo)
        is_back = is_taking_back(understood.text) and not is_about_changed(understood.text, last)
        if is_back and undo and self._clock() - self._done_at_s < UNDO_S:
            return Settled(Answer(TAKEN_BACK, undo))
        if self._understand is None:
            return understood
        if said in AGAIN and last.metadata.get("again"):
            return last
        if question is not None and question.choices and (first := self._pointed_at(question, said)) is not None:
            return first
        if question is not None and (on_day := weekend_day(question.of, said, self._understand)) is not None:
            return on_day
        again = self._again(last, understood) if said.split(" ", 1)[0] in NO else None
        if again is not None or (understood.intent is not None and understood.score >= 1):
            return again or understood
        found = self._again(last, understood) or self._moved(last, understood)
        found = found or self._follow(last, understood, is_open=is_open)
        if found is None and question is not None and question.choices:
            found = picked(question.of, question.choices, said, self._understand)
        return found or understood

    def is_too_late(self, text: str) -> bool:
        """Whether what is to be taken back is a command of the user's own, which nothing takes back."""
        is_soon = self._clock() - self._done_at_s < UNDO_S
        return is_soon and is_taking_back(text) and any(done.understood.actions for done in self._done)

    def naming_it(self, said: Understood, before: Understood | None = None) -> Understood:
        """A sentence about "it" as one that names what the command ``before`` was about, else that of the last turn.
        "Cancel that" may as well mean the answer, and behind a turn names nothing."""
        last = before or self._history.last_understood()
        if self._understand is None:
            return said
        may_go_on = before is None and (said.intent is None or bool(said.open_slots))
        if may_go_on and (several := going_on(said.text, self._understand)) is not None:
            return several
        if last is None:
            return said
        is_loose = said.score >= 1 and words(said.text.lower())[-1:] != ["it"]
        if before is None and (is_loose or self._clock() - self._done_at_s >= NAMED_S):
            return said
        return with_name(said, last.parts[-1] if last.parts else last, self._understand) or said

    def expects(self, text: str) -> float | None:
        """The least confidence with which a text that recognition doubts answers the open question (a yes or no, or
        what completes its sentence to the letter); None where it is no answer, and after :data:`CONFIRM_S`."""
        question = self._open_question()
        if question is None or self._clock() - self._at_s >= CONFIRM_S:
            return None
        if question.held is not None:
            said = " ".join(words(text)).lower()
            return LEAST_YES if said in YES else LEAST_ANSWER if said in NO else None
        return LEAST_ANSWER if self._completes(question, text) else None

    def _pointed_at(self, question: Question, said: str) -> Understood | None:
        """The one of several that was pointed at: "one" is no hour there."""
        if said.startswith("the one ") and self._understand is not None:
            return picked(question.of, question.choices, said, self._understand)
        return placed(question.of, said)

    def _completes(self, question: Question, text: str) -> bool:
        """Whether a text is the slot that a question asks for, or one of the things."""
        if self._understand is None:
            return False
        said = " ".join(words(text)).lower()
        if question.choices and picked(question.of, question.choices, said, self._understand) is not None:
            return True
        if weekend_day(question.of, said, self._understand) is not None:
            return True
        return self._follow(question.of, Understood(text), is_open=True) is not None

    def _open_question(self) -> Question | None:
        """The question of the last turn that was understood."""
        question, last = self._question, self._history.last_understood()
        return question if question is not None and question.of is last else None

    def _last_done(self, last: Understood) -> tuple[Done, ...]:
        parts = last.parts or (last,)
        done = tuple(done for done in self._done if any(done.understood is part for part in parts))
        return done or tuple(Done(part) for part in parts)

    def _again(self, last: Understood, understood: Understood) -> Understood | None:
        """A whole sentence behind a "no": the same command with other values, or another command."""
        assert self._understand is not None
        rest = rest_of(understood.text)
        if len(words(rest)) < 2:
            return None
        found = self._understand(rest)
        if found.intent is None:
            return None
        same = next((d for d in reversed(self._last_done(last)) if d.understood.intent == found.intent), None)
        return replace(found, undoes=same.undo) if same else found

    def _moved(self, last: Understood, understood: Understood) -> Understood | None:
        """An appointment on other days, which keeps its time of day: "change it to every Friday"."""
        assert self._understand is not None
        if [word.lower() for word in words(understood.text)][:3] not in _CHANGE_IT:
            return None
        found = with_name(understood, last.parts[-1] if last.parts else last, self._understand)
        is_other_day = found is not None and (found.intent or "").endswith("_move") and "hour" not in found.slots
        return found if is_other_day else None

    def _follow(self, last: Understood, understood: Understood, *, is_open: bool) -> Understood | None:
        """The latest command that one of the readings of a fragment fits into: better one where it takes the place of a
        value than one where it becomes open text, and a correction rather an earlier command than that of a number."""
        assert self._understand is not None
        for fragment in fragments(understood.text):
            if not fragment.words or len(fragment.words) > MOST_FRAGMENT:
                continue
            latest = self._last_done(last)[::-1]
            tries = [(done, False) for done in latest] + [(done, True) for done in latest]
            tries += [(done, False) for done in self._still_known()] if fragment.is_change else []
            for done, may_be_open_text in tries:
                found = fitted(
                    done.understood,
                    fragment,
                    self._understand,
                    is_open=is_open and not fragment.is_change,
                    is_last=may_be_open_text,
                )
                if found is not None:
                    return replace(found, undoes=done.undo) if fragment.is_change else found
        return None

    def _still_known(self) -> list[Done]:
        """The commands of earlier turns that still count, the latest first; none whose alarm was moved or cancelled."""
        known = [part for turn in self._history.turns() for part in (turn.understood.parts or (turn.understood,))]
        later = (done for done in (*self._done, *self._earlier))
        replaced = {
            entry.id for done in later for a in done.undo if a.name == "restore" for entry in a.arguments["entries"]
        }
        return [
            done
            for done in self._earlier
            if any(done.understood is part for part in known) and not replaced.intersection(_made(done))
        ]
