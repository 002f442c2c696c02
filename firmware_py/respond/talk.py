"""What no template knows, answered by a language model: sentence by sentence, bounded in time, never an action.

A reply that is prepared has asked nobody yet: the model is asked when the reply is spoken, for a turn that is over.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from firmware_py.errors import RtvaError
from firmware_py.events import ToolCall, Understood
from firmware_py.respond import phrases
from firmware_py.respond.sentences import SentenceBuffer
from firmware_py.respond.tools import Toolbox
from firmware_py.respond.world import World

FILLER = "One moment."
NO_ANSWER = "Sorry, I can't answer that right now."
BROKE_OFF = "Sorry, the rest did not come."
PHRASES = (FILLER, NO_ANSWER, BROKE_OFF)

SYSTEM = (
    "You are a voice assistant on a small device without a screen. Answer in one to three short spoken sentences, "
    "without lists, markdown or links. You can switch nothing and set nothing. Say so when you do not know."
)
MOST_ROUNDS = 2
"""Times that tools are called for one answer; then it has to do without."""
MOST_SAID = 1500
"""Letters that are spoken of one answer."""
MOST_HISTORY = 4000
"""Letters of the turns before that go with a question, the latest first."""
MOST_SAME = 2
"""Times that one sentence follows itself; a small model that loops would go on until it is cut."""
LEAST_WORDS, MOST_WORDS = 2, 80
DISTRUSTED = frozenset({"loop", "annotation", "no_speech", "too_fast"})
"""Guards of the recogniser behind which a text may be an invention."""

_log = logging.getLogger("rtva.talk")


class Model(Protocol):
    """The :class:`~firmware_py.ports.LanguageModel` role, which a room does not import."""

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> Any: ...


class Turns(Protocol):
    """The turns that still count, and where a new one is kept."""

    def turns(self) -> Sequence[Any]: ...
    def remember(self, understood: Understood, reply: str) -> None: ...


@dataclass(frozen=True)
class Limits:
    """Seconds to the first word, to the whole, and to the filler; ``confidence`` of the recogniser at least (0..1)."""

    first_s: float = 10.0
    total_s: float = 30.0
    filler_s: float = 1.2
    confidence: float = 0.5


@dataclass
class Counts:
    """Since the start: questions, and what became of them."""

    asked: int = 0
    answered: int = 0
    failed: int = 0
    timed_out: int = 0
    cancelled: int = 0
    fillers: int = 0
    tool_calls: int = 0
    distrusted: int = 0
    """Sentences without an intent that were not worth asking."""


@dataclass
class Chat:
    """The conversation with a model. ``tools`` are names on the allow-list; ``on_outcome`` is told why there was no
    answer, and None when there was one."""

    model: Model
    limits: Limits = field(default_factory=Limits)
    system: str = SYSTEM
    tools: Sequence[str] = ()
    clock: Callable[[], float] = time.monotonic
    counts: Counts = field(default_factory=Counts)
    on_outcome: Callable[[str | None], None] = field(default=lambda failure: None)

    def close(self) -> None:
        """Ends what is still being answered."""
        close = getattr(self.model, "close", None)
        if close is not None:
            close()

    def is_worth_asking(self, understood: Understood) -> bool:
        """Whether a sentence that no template knows was surely said by somebody, and said to be answered."""
        is_heard = understood.confidence is None or understood.confidence >= self.limits.confidence
        words = len(understood.text.split())
        return is_heard and DISTRUSTED.isdisjoint(understood.guards) and LEAST_WORDS <= words <= MOST_WORDS

    def talk(self, understood: Understood, history: Turns, world: World) -> Talk:
        """Begins an answer: the question goes out when the first sentence is asked for."""
        return Talk(self, understood, history, world)

    def messages(self, understood: Understood, history: Turns, world: World) -> list[dict[str, Any]]:
        """The system's words with the time, the turns before within :data:`MOST_HISTORY`, and the question."""
        kept: list[dict[str, Any]] = []
        left = MOST_HISTORY
        for turn in reversed(history.turns()):
            said, replied = turn.understood.text, turn.reply
            left -= len(said) + len(replied)
            if left < 0:
                break
            if said and replied and replied != phrases.UNKNOWN:
                kept[:0] = [{"role": "user", "content": said}, {"role": "assistant", "content": replied}]
        now = world.now().strftime("%A, %d %B %Y, %H:%M") if world.agenda.clock.is_set() else "not known"
        system = {"role": "system", "content": f"{self.system} The time here is {now}."}
        return [system, *kept, {"role": "user", "content": understood.text}]


class Talk(Iterator[str]):
    """One answer, sentence by sentence; fills the Sentences port. What fails is said, not raised."""

    def __init__(self, chat: Chat, understood: Understood, history: Turns, world: World) -> None:
        self.said = ""
        self._chat, self._understood, self._history, self._world = chat, understood, history, world
        self._stream: Any = None
        self._is_cancelled = self._is_filled = False
        self._started_s = 0.0
        self._has_begun = self._has_come = False
        self._sentences = self._run()

    def __next__(self) -> str:
        return next(self._sentences)

    def close(self) -> None:
        """What was said is remembered, if it was not read to its end."""
        close = getattr(self._sentences, "close", None)
        if close is not None:
            close()

    def cancel(self) -> None:
        """Ends it: the connection is closed, the next sentence does not come."""
        self._is_cancelled = True
        stream = self._stream
        if stream is not None:
            stream.cancel()

    def _run(self) -> Iterator[str]:
        counts = self._chat.counts
        counts.asked += 1
        self._started_s = self._chat.clock()
        try:
            for sentence in self._answer():
                if self._is_cancelled:
                    break
                yield self._say(sentence)
            if self._is_cancelled:
                self._was_ended()
            elif not self._has_begun:
                yield self._fail("an empty answer")
            else:
                counts.answered += 1
                self._chat.on_outcome(None)
        except TimeoutError:
            counts.timed_out += 1
            yield self._fail("too slow")
        except RtvaError as error:
            yield self._fail(str(error))
        except Exception as error:
            _log.exception("the language model's adapter failed")
            yield self._fail(f"{type(error).__name__}: {error}")
        except GeneratorExit:
            self._was_ended()
            raise
        finally:
            self.cancel()
            if self.said:
                self._history.remember(self._understood, self.said)

    def _say(self, sentence: str) -> str:
        if sentence is not FILLER:
            self._has_begun = True
            self.said = f"{self.said} {sentence}".strip()
        return sentence

    def _was_ended(self) -> None:
        """Somebody had heard enough; what had begun by then was an answer."""
        self._chat.counts.cancelled += 1
        if self._has_begun:
            self._chat.on_outcome(None)

    def _fail(self, why: str) -> str:
        if self._is_cancelled:
            self._was_ended()
            return ""
        self._chat.counts.failed += 1
        _log.error("the language model: %s", why)
        self._chat.on_outcome(why)
        return self._say(BROKE_OFF if self._has_begun else NO_ANSWER)

    def _answer(self) -> Iterator[str]:
        toolbox = Toolbox(self._chat.tools, self._world)
        messages = self._chat.messages(self._understood, self._history, self._world)
        for round_ in range(MOST_ROUNDS + 1):
            calls: list[ToolCall] = []
            yield from self._round(messages, toolbox.schemas() if round_ < MOST_ROUNDS else [], calls)
            if not calls or self._is_cancelled:
                return
            messages += self._called(calls, toolbox)

    def _called(self, calls: Sequence[ToolCall], toolbox: Toolbox) -> list[dict[str, Any]]:
        """What the conversation gains by calls of tools: themselves and their results."""
        self._chat.counts.tool_calls += len(calls)
        asked = [
            {"id": c.call_id, "type": "function", "function": {"name": c.name, "arguments": told_again(c)}}
            for c in calls
        ]
        results = [{"role": "tool", "tool_call_id": c.call_id, "content": toolbox.call(c)} for c in calls]
        return [{"role": "assistant", "content": "", "tool_calls": asked}, *results]

    def _round(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], calls: list[ToolCall]
    ) -> Iterator[str]:
        """One answer of the model in sentences; tools that it wants to be called are put into ``calls``."""
        buffer, left = SentenceBuffer(), MOST_SAID - len(self.said)
        last, times = "", 0
        stream = self._stream = self._chat.model.chat(messages, tools)
        while not self._is_cancelled:
            patience_s = self._patience_s()
            try:
                piece = stream.take(patience_s)
            except TimeoutError:
                if self._is_filler_due():
                    yield self._filler()
                continue
            if piece is None:
                break
            self._has_come = True
            if isinstance(piece, ToolCall):
                calls.append(piece)
                continue
            for sentence in buffer.push(piece):
                last, times = sentence, times + 1 if sentence == last else 1
                if times > MOST_SAME:
                    return
                yield sentence
                left -= len(sentence)
                if left <= 0:
                    return
        yield from buffer.end()

    def _patience_s(self) -> float:
        """How long the next piece may take; the first is waited for as long as for the filler at first.

        Raises TimeoutError when it is too late for one.
        """
        limits, now_s = self._chat.limits, self._chat.clock() - self._started_s
        until = [limits.total_s] if self._has_come else [limits.total_s, limits.first_s]
        if min(until) <= now_s:
            raise TimeoutError
        if now_s < limits.first_s and not (self._is_filled or self._has_begun):
            until.append(max(limits.filler_s, now_s))
        return min(until) - now_s

    def _is_filler_due(self) -> bool:
        limits, now_s = self._chat.limits, self._chat.clock() - self._started_s
        is_time = limits.filler_s <= now_s < limits.first_s
        return is_time and not (self._is_filled or self._has_begun)

    def _filler(self) -> str:
        self._is_filled = True
        self._chat.counts.fillers += 1
        return FILLER


def told_again(call: ToolCall) -> str:
    """A call's arguments for the conversation that goes back: servers parse them, and refuse all of it for a call whose
    arguments are no JSON object."""
    try:
        return call.arguments if isinstance(json.loads(call.arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"


def chat(
    model: Model,
    *,
    system: str = "",
    tools: Sequence[str] = (),
    on_outcome: Callable[[str | None], None] = lambda failure: None,
    **limits: float,
) -> Chat:
    """:class:`Chat` from plain arguments; ``limits`` are those of :class:`Limits`."""
    return Chat(model, Limits(**limits), system or SYSTEM, tools, on_outcome=on_outcome)
