"""The respond station: an intent to a reply, prepared without side effects and committed once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from firmware_py.agenda.entries import RINGING
from firmware_py.events import Action, Reply, Understood
from firmware_py.respond import announce, phrases, talk
from firmware_py.respond.cache import ResponseCache
from firmware_py.respond.dialogue import NOT_TAKEN_BACK, PHRASES, TAKEN_BACK, Dialogue, Done, Settled, is_taking_back
from firmware_py.respond.foreseen import Foreseen, touch_the_same
from firmware_py.respond.prepared import Command, Prepared, held_back, key, prepared, together
from firmware_py.respond.pronouns import is_about_changed
from firmware_py.respond.request import Answer, Handler, Request, within_room
from firmware_py.respond.skills import discover
from firmware_py.respond.talk import Chat
from firmware_py.respond.undo import Before, first_back, inverse
from firmware_py.respond.world import Actuator, DryActuator, LocalWorld, World

_log = logging.getLogger("rtva.respond")


class History(Protocol):
    """The conversation so far (``nlu.context.ContextManager``), and its clock in monotonic seconds."""

    clock: Callable[[], float]

    def turns(self) -> Sequence[Any]: ...
    def last_reply(self) -> str: ...
    def last_understood(self) -> Understood | None: ...
    def remember(self, understood: Understood, reply: str) -> None: ...


class _LastReply:
    """The least history: what was said last."""

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self._reply = ""
        self._understood: Understood | None = None

    def turns(self) -> Sequence[Any]:
        return ()

    def last_reply(self) -> str:
        return self._reply

    def last_understood(self) -> Understood | None:
        return self._understood

    def remember(self, understood: Understood, reply: str) -> None:
        self._reply = reply
        self._understood = self._understood if understood.intent is None else understood


class Responder:
    """Answers intents with the skills in ``respond/skills``; the user's own with their response or their slots.

    Without ``world`` it reads this board, without ``actuator`` it does nothing but log, without ``history`` it
    remembers only its last reply, without ``cache`` it caches nothing. ``skills`` replaces the discovered ones,
    ``exact`` understands a text to the letter: without it no sentence is completed from the one before. ``chat``
    answers what no template knows.
    """

    def __init__(
        self,
        world: World | None = None,
        actuator: Actuator | None = None,
        history: History | None = None,
        cache: ResponseCache | None = None,
        skills: Mapping[str, Handler] | None = None,
        exact: Callable[[str], Understood] | None = None,
        chat: Chat | None = None,
    ) -> None:
        self.cache = cache or ResponseCache(enabled=False)
        self._world = world or LocalWorld()
        self._actuator = actuator or DryActuator()
        self._chat = chat
        self._history = history or _LastReply()
        self._dialogue = Dialogue(self._history, exact, self._history.clock)
        self._skills = discover().handlers if skills is None else skills

    def prepare(self, understood: Understood, *, draft: bool = False) -> Reply:
        """The reply to a sentence. Has no side effect but on the cache; never raises.

        Silence ("" and no intent) gets an empty reply, an unknown sentence a short honest one.
        """
        if understood.intent is None and not understood.text.strip():
            return Prepared("", understood=understood)
        meant = self._dialogue.resolve(understood)
        if isinstance(meant, Settled):
            return Prepared(
                meant.answer.text, understood.intent, meant.answer.actions, understood=meant.understood(understood),
                commands=tuple(Command.of(part, meant.answer.actions) for part in meant.about),
            )  # fmt: skip
        ringing = self._world.agenda.entries(phase=RINGING)
        if not ringing and self._dialogue.is_too_late(understood.text):
            return Prepared(NOT_TAKEN_BACK, understood.intent, understood=understood)
        if not ringing or meant.intent is None:  # "cancel it" stops what rings
            about = Understood("", f"{ringing[0].kind}_ringing") if ringing else None
            meant = self._dialogue.naming_it(meant, about)
        if meant.intent is None and self._chat is not None and self._chat.is_worth_asking(meant):
            return Prepared(
                "", understood=meant, is_unknown=True, talk=partial(self._chat.talk, meant, self._history, self._world)
            )
        reply = together(meant, self._each(meant, draft)) if meant.parts else self._prepare(meant, draft, self._world)
        return self._with_news(reply)

    def _each(self, meant: Understood, draft: bool) -> list[Prepared]:
        """The replies to several commands, each in the world as those before it leave it. One that depends on what a
        question was asked about waits for the yes as well."""
        now, then = Foreseen(self._world), Foreseen(self._world)
        held: list[Action] = []
        replies: list[Prepared] = []
        before: Understood | None = None
        back: tuple[Action, ...] = ()
        for said in meant.parts:
            part = self._dialogue.naming_it(said, before) if before is not None else said
            is_back = is_taking_back(said.text, is_behind=True)
            is_back = is_back and (before is None or not is_about_changed(said.text, before))
            if back and is_back:
                reply = prepared(part, Answer(TAKEN_BACK, back))
            elif before is not None and before.actions and is_back:
                reply = prepared(part, Answer(NOT_TAKEN_BACK))
            else:
                reply = self._prepare(part, draft, now)
            before = part
            if held:
                later = self._prepare(part, draft, then)
                if later.text != reply.text or touch_the_same(held, later.actions):
                    reply = held_back(later, later.text if later.question else "")
            replies.append(reply)
            waiting = reply.question.held.actions if reply.question and reply.question.held else ()
            back = now.undoing(reply.actions)
            then.after((*reply.actions, *waiting))
            held += waiting
        return replies

    def expects(self, text: str) -> float | None:
        """The least confidence with which ``text`` answers the question just asked; None: it does not."""
        return self._dialogue.expects(text)

    def _prepare(self, understood: Understood, draft: bool, world: World) -> Prepared:
        if understood.intent is None:
            return Prepared(phrases.UNKNOWN, understood=understood, is_unknown=True)
        asked = key(understood)
        kept = self.cache.get(asked, counted=False) if asked is not None else None
        if kept is not None:
            return Prepared(
                kept.text, kept.intent, kept.actions, is_cached=True, understood=understood, was_looked_up=True,
                commands=(Command(understood, kept.actions),),
            )  # fmt: skip
        answer = self._answer(understood, draft, world)
        if understood.undoes and answer.actions:
            answer = replace(answer, actions=(*first_back(understood.undoes, answer.actions), *answer.actions))
        reply = prepared(understood, answer, was_looked_up=asked is not None)
        if answer.cacheable and asked is not None and not reply.asks:
            self.cache.put(asked, Reply(answer.text, understood.intent, answer.actions))
        return reply

    def fixed_phrases(self, responses: Iterable[str] = ()) -> tuple[str, ...]:
        """What is said word for word again and again: by skills, and in the user's own ``responses``."""
        parts = (part for response in responses for part in phrases.fixed_parts(response))
        return tuple(
            dict.fromkeys(
                [phrases.UNKNOWN, phrases.FAILED, *PHRASES, *self._chat_phrases(), *discover().phrases, *parts]
            )
        )

    def _chat_phrases(self) -> tuple[str, ...]:
        return talk.PHRASES if self._chat is not None else ()

    def cache_counts(self) -> dict[str, int]:
        """Hits, misses, evictions and size of the cache of replies."""
        return vars(self.cache.counts)

    def chat_counts(self) -> dict[str, int]:
        """How often a language model was asked and what came of it; {} where there is none."""
        return dict(vars(self._chat.counts)) if self._chat is not None else {}

    def clear_cache(self) -> None:
        """Forgets the cached replies."""
        self.cache.clear()

    def commit(self, reply: Reply) -> None:
        """Does the reply's actions and remembers the turn; an action that fails is logged, the others are done."""
        undo = {id(action): self._perform(action) for action in reply.actions}
        if not isinstance(reply, Prepared):
            reply = Prepared(reply.text, reply.intent, reply.actions, asks=reply.asks)
        if reply.was_looked_up:
            self.cache.count(reply.is_cached)
        if self._chat is not None and reply.talk is None and reply.text == phrases.UNKNOWN:
            self._chat.counts.distrusted += 1
        done = [Done(c.understood, _taken_back(c, undo)) for c in reply.commands]
        self._dialogue.committed(done, reply.question)
        if reply.text or reply.actions:
            self._history.remember(reply.understood or Understood(text="", intent=reply.intent), reply.text)

    def close_question(self) -> None:
        """Nobody waits for an answer any more."""
        self._dialogue.close_question()

    def _perform(self, action: Action) -> Action | None:
        """Does one action; returns what would take it back."""
        before = Before.of(action, self._world)
        try:
            self._actuator.perform(action)
        except Exception:
            _log.exception("action %s failed", action.name)
            return None
        return inverse(action, before, self._world)

    def _with_news(self, reply: Prepared) -> Prepared:
        """What was missed is said once, behind the next thing that is answered."""
        agenda = self._world.agenda
        missed = agenda.entries(phase="missed")
        if not missed or not reply.text or reply.intent is None:
            return reply
        told = Action("forget", {"ids": [entry.id for entry in missed]})
        text = f"{reply.text} {announce.missed(missed, agenda.clock)}"
        return replace(reply, text=text, actions=(told, *reply.actions))

    def _answer(self, understood: Understood, draft: bool, world: World) -> Answer:
        answer = self._meant(understood, draft, world)
        if understood.unsure:
            return replace(answer, confirm=phrases.UNSURE.format(*understood.unsure), cacheable=False)
        return answer

    def _meant(self, understood: Understood, draft: bool, world: World) -> Answer:
        assert understood.intent is not None
        if understood.confirm:
            text = phrases.fill(understood.response or phrases.DONE, understood.slots)
            return Answer(text, understood.actions, confirm=phrases.SURE.format(_order(understood)))
        if understood.response:
            return Answer(phrases.fill(understood.response, understood.slots), understood.actions, cacheable=True)
        handler = self._skills.get(understood.intent)
        if handler is None and understood.actions:
            return Answer(phrases.DONE, understood.actions, cacheable=True)
        if handler is None:
            return Answer(phrases.read_back(understood.intent, understood.slots), cacheable=True)
        request = Request(
            understood.intent,
            understood.slots,
            understood.text,
            world,
            self._history.last_reply(),
            draft,
            understood.heard_score,
            understood.margin,
            understood.undoes,
        )
        try:
            return within_room(request, handler(request))
        except Exception:
            _log.exception("skill for %s failed", understood.intent)
            return Answer(phrases.FAILED)


def _order(understood: Understood) -> str:
    """The sentence that a yes carries out: what was matched, where that is not what was heard."""
    return (understood.sentence or understood.text).strip(" .!?")


def _taken_back(command: Command, undo: Mapping[int, Action | None]) -> tuple[Action, ...]:
    """What takes one command back, the last action first."""
    return tuple(back for action in reversed(command.actions) if (back := undo.get(id(action))) is not None)
