"""Replies that know what they answer, so that committing them can remember the turn and what would take it back."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from firmware_py.events import Action, Reply, Understood
from firmware_py.respond.dialogue import Question
from firmware_py.respond.request import Answer


@dataclass(frozen=True)
class Command:
    """One command of a turn and the actions that it alone has, without those that take another one back."""

    understood: Understood
    actions: tuple[Action, ...] = ()

    @classmethod
    def of(cls, understood: Understood, actions: Sequence[Action]) -> Command:
        undoes = {id(action) for action in understood.undoes}
        return cls(understood, tuple(action for action in actions if id(action) not in undoes))


@dataclass(frozen=True)
class Prepared(Reply):
    """``understood`` is the sentence that is answered, ``commands`` what is in it, ``question`` what a yes would do;
    ``was_looked_up``: the cache was asked for it."""

    understood: Understood | None = None
    was_looked_up: bool = False
    question: Question | None = None
    commands: tuple[Command, ...] = ()


def prepared(understood: Understood, answer: Answer, *, was_looked_up: bool = False) -> Prepared:
    """The reply to one command; with ``answer.confirm`` the question, which has no actions."""
    intent = understood.intent
    if answer.confirm:
        question = Question(understood, answer, (understood,))
        return Prepared(
            answer.confirm, intent, (), asks=True, understood=understood, was_looked_up=was_looked_up,
            question=question, commands=(Command(understood),),
        )  # fmt: skip
    asks = answer.text.endswith("?") and not answer.actions
    return Prepared(
        answer.text, intent, answer.actions, asks=asks, understood=understood, was_looked_up=was_looked_up,
        question=Question(understood, choices=answer.choices) if asks else None,
        commands=(Command.of(understood, answer.actions),),
    )  # fmt: skip


def held_back(reply: Prepared, question: str) -> Prepared:
    """A reply that waits for the yes to the question of a command before it; ``question`` is its own, "" for none."""
    assert reply.understood is not None
    held = reply.question.held if reply.question and reply.question.held else Answer(reply.text, reply.actions)
    about = Question(reply.understood, held, (reply.understood,))
    commands = (Command(reply.understood),)
    return Prepared(question, reply.intent, asks=True, understood=reply.understood, question=about, commands=commands)


def together(understood: Understood, replies: Sequence[Prepared]) -> Prepared:
    """One reply to several commands: what is done is done in their order, what is asked is asked."""
    questions = [r.question for r in replies if r.question]
    held = [q.held for q in questions if q.held]
    later = Answer(" ".join(h.text for h in held), tuple(a for h in held for a in h.actions)) if held else None
    about = tuple(part for q in questions for part in q.about)
    return Prepared(
        " ".join(r.text for r in replies if r.text),
        understood.intent,
        tuple(a for r in replies for a in r.actions),
        asks=any(r.asks for r in replies),
        understood=understood,
        question=Question(understood, later, about) if questions else None,
        commands=tuple(c for r in replies for c in r.commands),
    )


def key(understood: Understood) -> Hashable | None:
    """What a cacheable answer depends on; None when the slots hold something that cannot be compared, or the sentence
    is unknown, corrects another or is to be asked about."""
    if understood.intent is None or understood.undoes or understood.unsure:
        return None
    slots: tuple[tuple[str, Any], ...] = tuple(sorted((k, _frozen(v)) for k, v in understood.slots.items()))
    actions = tuple((a.name, tuple((k, _frozen(v)) for k, v in a.arguments.items())) for a in understood.actions)
    found = (understood.intent, slots, understood.response, actions)
    try:
        hash(found)
    except TypeError:
        return None
    return found


def _frozen(value: Any) -> Any:
    """Lists become tuples; the type stays part of the key, for 1, 1.0 and True are equal in Python."""
    if isinstance(value, list):
        return (list, tuple(_frozen(v) for v in value))
    return (type(value), value)
