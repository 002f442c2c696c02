"""The engine as the walk sees it: the same methods, carried to a worker and back.

A call whose worker dies or is overdue is made once more on the worker that takes over. Every engine of the
walk is a pure function of its arguments, so making a call twice is safe.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from firmware_py.errors import Cancelled, Unavailable, WorkerFailed
from firmware_py.events import Pcm16, Transcript
from firmware_py.worker import wire
from firmware_py.worker.arena import OUT_BYTES
from firmware_py.worker.process import Worker, WorkerGone
from firmware_py.worker.supervisor import SLICE_S, Supervisor

ATTEMPTS = 2
TEXT_MOST = 50_000
"""Letters: an hour of speech, far past what an engine says at once, and always within one message."""
IsCancelled = Callable[[], bool]


@dataclass(frozen=True)
class Request:
    """One call of an engine's method. ``within_s`` bounds the work, or the time from one chunk to the next."""

    method: str
    within_s: float
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    is_cancelled: IsCancelled | None = None
    repeats: bool = True
    """Whether a second try yields the same; else a stream that broke off stays broken off."""
    drain_s: float | None = None
    """How long it may go on once it was cancelled; ``within_s`` where that is not said."""


class SupervisedEngine:
    """Any engine. What it offers beyond ``close`` is found out from the loaded engine itself.

    The constructor blocks until the engine is loaded and raises what the engine's own constructor raises.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        worker = supervisor.start()
        self._methods = frozenset(worker.methods)
        self._attributes = worker.attributes

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            if name in self._attributes:
                return self._attributes[name]
            if name in self._methods:
                return functools.partial(self._call_by_name, name)
        raise AttributeError(f"{self.supervisor.job} has no {name!r}")

    def close(self) -> None:
        """Ends the workers; safe to call twice."""
        self.supervisor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def call(self, request: Request) -> Any:
        """The method's value. Raises what the method raised, Cancelled, WorkerFailed after two failures."""
        return self._twice(lambda worker: _one_value(self.supervisor, worker, request), request.is_cancelled)

    def stream(self, request: Request) -> Generator[Any, None, None]:
        """What the method yields, while it is being made. Closing the generator cancels the call.

        When a worker fails in the middle, the one that takes over begins anew and the samples that were
        already yielded are skipped.
        """
        yielded = 0
        for attempt in range(1, ATTEMPTS + 1):
            worker = self.supervisor.acquire(request.is_cancelled)
            try:
                with contextlib.closing(_items(self.supervisor, worker, request, skip=yielded)) as items:
                    for item in items:
                        yielded += item.size if isinstance(item, np.ndarray) else 1
                        yield item
                return
            except WorkerGone as gone:
                self._failed(worker, gone, attempt, is_last=bool(yielded) and not request.repeats)

    def _call_by_name(self, method: str, *args: Any, is_cancelled: IsCancelled | None = None, **kwargs: Any) -> Any:
        samples = sum(a.size for a in (*args, *kwargs.values()) if isinstance(a, np.ndarray))
        chars = sum(len(a) for a in (*args, *kwargs.values()) if isinstance(a, str))
        within_s = self.supervisor.rules.deadlines.work(samples, chars)
        return self.call(Request(method, within_s, args, kwargs, is_cancelled))

    def _twice(self, attempt_on: Callable[[Worker], Any], is_cancelled: IsCancelled | None) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            worker = self.supervisor.acquire(is_cancelled)
            try:
                return attempt_on(worker)
            except WorkerGone as gone:
                self._failed(worker, gone, attempt)
        raise AssertionError("the last failure raises")

    def _failed(self, worker: Worker, gone: WorkerGone, attempt: int, *, is_last: bool = False) -> None:
        supervisor = self.supervisor
        supervisor.lost(worker, gone)
        if supervisor.state == "closed":
            raise Unavailable(f"{supervisor.job} was closed during a call") from gone
        if attempt == ATTEMPTS or is_last:
            times = "twice" if attempt == ATTEMPTS else "in the middle of an answer"
            raise WorkerFailed(f"{supervisor.job} failed {times}: {supervisor.epitaph(worker)}") from gone
        supervisor.counts["retries"] += 1


class SupervisedStt(SupervisedEngine):
    """A :class:`~firmware_py.ports.SpeechToText` in a worker."""

    def transcribe(
        self, audio: NDArray[np.int16] | NDArray[np.float32], *, is_cancelled: IsCancelled | None = None
    ) -> Transcript:
        """As the port says. Cancelled is raised within :data:`SLICE_S`, whatever the worker is doing."""
        within_s = self.supervisor.rules.deadlines.work(samples=len(audio))
        request = Request("transcribe", within_s, (np.asarray(audio),), is_cancelled=is_cancelled)
        return cast(Transcript, self.call(request))

    def warm(self) -> None:
        """The first use, ahead of it; nothing for an engine that has none."""
        if "warm" in self._methods:
            self._call_by_name("warm")


class SupervisedTts(SupervisedEngine):
    """A :class:`~firmware_py.ports.TextToSpeech` in a worker. It works ahead of the player by up to 95 s of sound."""

    @property
    def rate_hz(self) -> int:
        """Of the voice."""
        return int(self._attributes["rate_hz"])

    def synthesize(self, text: str, **options: Any) -> Iterator[Pcm16]:
        """As the port says. Of a text longer than :data:`TEXT_MOST` the beginning is said."""
        text = text[:TEXT_MOST]
        within_s = self.supervisor.rules.deadlines.work(chars=len(text))
        return self.stream(Request("synthesize", within_s, (text,), options))

    def warm(self) -> None:
        """The first use, ahead of it; nothing for an engine that has none."""
        if "warm" in self._methods:
            self._call_by_name("warm")


class SupervisedText(SupervisedEngine):
    """A :class:`~firmware_py.ports.TextEngine` in a worker. It is there at once, and loads meanwhile."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self._methods, self._attributes = frozenset(), {}
        supervisor.begin()

    def pieces(
        self, messages: Sequence[Any], tools: Sequence[Any] = (), *, is_cancelled: IsCancelled = lambda: False
    ) -> Iterator[Any]:
        """As the port says. A worker that does not end soon after ``is_cancelled`` is killed, and loaded anew."""
        deadlines = self.supervisor.rules.deadlines
        arguments = (list(messages), list(tools))
        return self.stream(
            Request("pieces", deadlines.text(), arguments, {}, is_cancelled, repeats=False, drain_s=deadlines.begin())
        )


class _Conversation:
    """One request on one worker, from its first message to the last.

    A context manager: left with the answer complete the worker is released, left in any other way (an error in
    the caller, a generator that is closed) the call is cancelled and the worker abandoned to its deadline.
    """

    def __init__(self, supervisor: Supervisor, worker: Worker, request: Request) -> None:
        self._supervisor, self._worker, self._request = supervisor, worker, request
        self._number = worker.next_number()
        self._is_sent = self._is_over = False
        supervisor.counts["requests"] += 1

    def __enter__(self) -> _Conversation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WorkerGone):
            return
        if self._is_over or not self._is_sent:
            self._supervisor.release(self._worker)
        else:
            self._cancel()

    def begin(self) -> None:
        """Sends the request and waits for the worker's word that it works on it."""
        request, arena = self._request, self._worker.arena
        arena.begin()
        message = {
            "is": "call",
            "id": self._number,
            "method": request.method,
            "args": wire.encode(list(request.args), arena.put),
            "kwargs": wire.encode(request.kwargs, arena.put),
            "is_cancellable": request.is_cancelled is not None,
        }
        self._worker.send(message)
        self._is_sent = True
        self.next("begin", self._supervisor.rules.deadlines.begin())

    def next(self, what: str, within_s: float) -> dict[str, Any]:
        """The next message about this request; Cancelled, WorkerGone, or what the engine raised."""
        until = time.monotonic() + within_s
        is_cancelled = self._request.is_cancelled
        while True:
            if is_cancelled is not None and is_cancelled():
                raise Cancelled("draft abandoned")
            left = until - time.monotonic()
            message = self._worker.receive(min(left, SLICE_S) if is_cancelled is not None else left)
            if message is None and left <= 0.0:
                raise WorkerGone(f"it did not {what} within {within_s:.1f} s", is_overdue=True)
            if message is not None and message.get("id") == self._number:
                return self._checked(message)

    def make_room(self, taken: int) -> None:
        """Tells the worker how much of its stream was taken; rarely, since its ring is large."""
        self._worker.send({"is": "room", "bytes": taken})

    def _checked(self, message: dict[str, Any]) -> dict[str, Any]:
        self._is_over = message["is"] in ("result", "error")
        if message["is"] == "error":
            error = wire.decode_error(message)
            if isinstance(error, MemoryError):
                self._is_over = False
                raise WorkerGone("it ran out of memory")
            raise error
        return message

    def _cancel(self) -> None:
        self._supervisor.counts["cancelled"] += 1
        try:
            self._worker.send({"is": "cancel", "id": self._number})
        except WorkerGone as gone:
            self._supervisor.lost(self._worker, gone)
            return
        within_s = self._request.within_s if self._request.drain_s is None else self._request.drain_s
        self._supervisor.abandon(self._worker, time.monotonic() + within_s)


def _one_value(supervisor: Supervisor, worker: Worker, request: Request) -> Any:
    with _Conversation(supervisor, worker, request) as talk:
        talk.begin()
        while True:
            message = talk.next("answer", request.within_s)
            if message["is"] == "result":
                supervisor.engine_ms = float(message.get("ms", 0.0))
                return _decoded(message)


def _items(supervisor: Supervisor, worker: Worker, request: Request, skip: int) -> Generator[Any, None, None]:
    """The items of a stream; of the samples (or items) the first ``skip`` are left out."""
    told = 0
    with _Conversation(supervisor, worker, request) as talk:
        talk.begin()
        while (message := talk.next("go on", request.within_s))["is"] != "result":
            if message["is"] == "item":
                skip, is_new = max(0, skip - 1), skip == 0
                if is_new:
                    yield _decoded(message)
                continue
            samples = _samples(worker, message)
            taken = message["at"] + 2 * samples.size
            if taken - told >= OUT_BYTES // 4:
                talk.make_room(told := taken)
            samples, skip = samples[skip:], max(0, skip - samples.size)
            if samples.size:
                yield samples
        supervisor.engine_ms = float(message.get("ms", 0.0))


def _decoded(message: dict[str, Any]) -> Any:
    """A value; one that cannot be read comes from a broken worker, or from other code than this service runs."""
    try:
        return wire.decode(message["value"])
    except (KeyError, TypeError, ValueError, AttributeError, ImportError) as error:
        raise WorkerGone(f"it sent nonsense ({error})") from error


def _samples(worker: Worker, message: dict[str, Any]) -> Pcm16:
    try:
        return worker.arena.read_out(message["at"], message["samples"])
    except (KeyError, TypeError, ValueError) as error:
        raise WorkerGone(f"it sent nonsense ({error})") from error
