"""A language model of the board's own: the conversation as a stream, over an engine that may run in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from firmware_py.errors import ModelFailed
from firmware_py.llm.stream import Ending, Piece, Stream

MOST_WAITING = 3
"""Answers that may wait for the engine, those that were given up among them; then others are refused."""


class Engine(Protocol):
    """The :class:`~firmware_py.ports.TextEngine` role, which a room does not import."""

    def pieces(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[Any]: ...
    def close(self) -> None: ...


class Embedded:
    """Fills the LanguageModel port with an ``engine`` that answers one question at a time; it owns the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._left: list[Stream] = []

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> Stream:
        """Begins one answer. Raises ModelFailed when too many wait already."""
        self._left = [stream for stream in self._left if stream.is_alive]
        if len(self._left) >= MOST_WAITING:
            raise ModelFailed(f"the embedded language model: {MOST_WAITING} answers hang already")
        ending = Ending()

        def pieces() -> Iterator[Piece]:
            return self._engine.pieces(list(messages), list(tools), is_cancelled=lambda: ending.is_cancelled)

        stream = Stream(pieces, ending)
        self._left.append(stream)
        return stream

    def close(self) -> None:
        """Ends what is still being answered, and the engine."""
        for stream in self._left:
            stream.cancel()
        self._engine.close()
