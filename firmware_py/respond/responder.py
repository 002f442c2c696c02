"""The respond station: an intent to a reply, prepared without side effects and committed once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from firmware_py.events import Action, Reply, Understood
from firmware_py.respond import announce, phrases
from firmware_py.respond.cache import ResponseCache
from firmware_py.respond.dialogue import Dialogue
from firmware_py.respond.request import Answer, Handler, Request
from firmware_py.respond.skills import discover
from firmware_py.respond.world import Actuator, DryActuator, LocalWorld, World

_log = logging.getLogger("rtva.respond")


class History(Protocol):
    """The conversation so far (``nlu.context.ContextManager``), and its clock in monotonic seconds."""

    clock: Callable[[], float]

    def last_reply(self) -> str: ...
    def last_understood(self) -> Understood | None: ...
    def remember(self, understood: Understood, reply: str) -> None: ...


class _LastReply:
    """The least history: what was said last."""

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self._reply = ""
        self._understood: Understood | None = None

    def last_reply(self) -> str:
        return self._reply

    def last_understood(self) -> Understood | None:
        return self._understood

    def remember(self, understood: Understood, reply: str) -> None:
        self._reply, self._understood = reply, understood


@dataclass(frozen=True)
class Prepared(Reply):
    """A reply that knows which sentence it answers, so that committing it can remember the turn."""

    understood: Understood | None = None
    was_looked_up: bool = False
    """Whether the cache was asked for it."""
    held: Answer | None = None
    """What a yes would say and do."""


class Responder:
    """Answers intents with the skills in ``respond/skills``; the user's own with their response or their slots.

    Without ``world`` it reads this board, without ``actuator`` it does nothing but log, without ``history`` it
    remembers only its last reply, without ``cache`` it caches nothing. ``skills`` replaces the discovered ones,
    ``exact`` understands a text to the letter: without it no sentence is completed from the one before.
    """

    def __init__(
        self,
        world: World | None = None,
        actuator: Actuator | None = None,
        history: History | None = None,
        cache: ResponseCache | None = None,
        skills: Mapping[str, Handler] | None = None,
        exact: Callable[[str], Understood] | None = None,
    ) -> None:
        self.cache = cache or ResponseCache(enabled=False)
        self._world = world or LocalWorld()
        self._actuator = actuator or DryActuator()
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
        if isinstance(meant, Answer):
            return Prepared(meant.text, understood.intent, meant.actions, understood=understood)
        replies = [self._prepare(part, draft) for part in meant.parts or (meant,)]
        reply = replies[0] if len(replies) == 1 else _together(meant, replies)
        return self._with_news(reply)

    def _prepare(self, understood: Understood, draft: bool) -> Prepared:
        key = _key(understood)
        kept = self.cache.get(key, counted=False) if key is not None else None
        if kept is not None:
            return Prepared(
                kept.text, kept.intent, kept.actions, is_cached=True, understood=understood, was_looked_up=True
            )
        answer = self._answer(understood, draft)
        looked_up = key is not None
        if answer.confirm:
            return Prepared(
                answer.confirm, understood.intent, (), asks=True, understood=understood, was_looked_up=looked_up,
                held=answer,
            )  # fmt: skip
        asks = answer.text.endswith("?") and not answer.actions
        reply = Prepared(
            answer.text, understood.intent, answer.actions, asks=asks, understood=understood, was_looked_up=looked_up
        )
        if answer.cacheable and key is not None and not asks:
            self.cache.put(key, Reply(answer.text, understood.intent, answer.actions))
        return reply

    def fixed_phrases(self, responses: Iterable[str] = ()) -> tuple[str, ...]:
        """What is said word for word again and again: by skills, and in the user's own ``responses``."""
        parts = (part for response in responses for part in phrases.fixed_parts(response))
        return tuple(dict.fromkeys([phrases.UNKNOWN, phrases.FAILED, *discover().phrases, *parts]))

    def cache_counts(self) -> dict[str, int]:
        """Hits, misses, evictions and size of the cache of replies."""
        return vars(self.cache.counts)

    def clear_cache(self) -> None:
        """Forgets the cached replies."""
        self.cache.clear()

    def commit(self, reply: Reply) -> None:
        """Does the reply's actions and remembers the turn; an action that fails is logged, the others are done."""
        for action in reply.actions:
            try:
                self._actuator.perform(action)
            except Exception:
                _log.exception("action %s failed", action.name)
        understood = reply.understood if isinstance(reply, Prepared) else None
        if isinstance(reply, Prepared) and reply.was_looked_up:
            self.cache.count(reply.is_cached)
        held = reply.held if isinstance(reply, Prepared) else None
        self._dialogue.committed(understood, reply.asks, held)
        if reply.text or reply.actions:
            self._history.remember(understood or Understood(text="", intent=reply.intent), reply.text)

    def _with_news(self, reply: Prepared) -> Prepared:
        """What was missed is said once, behind the next thing that is answered."""
        agenda = self._world.agenda
        missed = agenda.entries(phase="missed")
        if not missed or not reply.text or reply.intent is None:
            return reply
        told = Action("forget", {"ids": [entry.id for entry in missed]})
        text = f"{reply.text} {announce.missed(missed, agenda.clock)}"
        return replace(reply, text=text, actions=(*reply.actions, told))

    def _answer(self, understood: Understood, draft: bool) -> Answer:
        if understood.intent is None:
            return Answer(phrases.UNKNOWN)
        if understood.confirm:
            text = phrases.fill(understood.response or phrases.DONE, understood.slots)
            return Answer(text, understood.actions, confirm=phrases.SURE.format(understood.text.strip(" .!?")))
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
            self._world,
            self._history.last_reply(),
            draft,
            understood.heard_score,
            understood.margin,
        )
        try:
            return handler(request)
        except Exception:
            _log.exception("skill for %s failed", understood.intent)
            return Answer(phrases.FAILED)


def _together(understood: Understood, replies: Sequence[Prepared]) -> Prepared:
    """One reply to several commands: what is done is done in their order, what is asked is asked."""
    held = [r.held for r in replies if r.held]
    later = Answer(" ".join(h.text for h in held), tuple(a for h in held for a in h.actions)) if held else None
    return Prepared(
        " ".join(r.text for r in replies),
        understood.intent,
        tuple(a for r in replies for a in r.actions),
        asks=any(r.asks for r in replies),
        understood=understood,
        held=later,
    )


def _key(understood: Understood) -> Hashable | None:
    """What a cacheable answer depends on, None when the slots hold something that cannot be compared."""
    if understood.intent is None:
        return None
    slots: tuple[tuple[str, Any], ...] = tuple(sorted((k, _frozen(v)) for k, v in understood.slots.items()))
    actions = tuple((a.name, tuple((k, _frozen(v)) for k, v in a.arguments.items())) for a in understood.actions)
    key = (understood.intent, slots, understood.response, actions)
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _frozen(value: Any) -> Any:
    """Lists become tuples; the type stays part of the key, for 1, 1.0 and True are equal in Python."""
    if isinstance(value, list):
        return (list, tuple(_frozen(v) for v in value))
    return (type(value), value)
