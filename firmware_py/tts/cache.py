"""Speech that was rendered before, played at once.

The cache stands before the engine, in the process that plays: with an engine in a worker a hit costs no message.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from firmware_py.events import Pcm16
from firmware_py.tts.sentences import DEFAULT_LIMITS, Limits, Piece, split, whole
from firmware_py.tts.spoken import spoken
from firmware_py.tts.store import Bounds, SpeechStore, StoreStats, key_of

CHUNK_MS = 250
"""A hit is handed out in chunks of this length, so that a stop takes effect between two."""


_spoken = lru_cache(maxsize=256)(spoken)
"""What is said again is not read again: on a small board the rules take longer than all else of a hit."""


class Engine(Protocol):
    """What is behind the cache: the :class:`~firmware_py.ports.TextToSpeech` role, which a room does not import."""

    rate_hz: int

    def synthesize(self, text: str) -> Iterator[Pcm16]: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class CacheSettings:
    """``persist_all``: everything that is said goes to the folder; else only what :meth:`CachedSpeech.keep` rendered.

    A piece longer than ``max_entry_s`` is not kept. ``sentence_splitting`` as the engine's.
    """

    bounds: Bounds = field(default_factory=Bounds)
    persist_all: bool = True
    max_entry_s: float = 20.0
    sentence_splitting: bool = True


class CachedSpeech:
    """A :class:`~firmware_py.ports.TextToSpeech` before another one, that keeps what the other rendered.

    The unit is a piece (a sentence or clause) in its spoken form: "Okay. It is 3 PM." plays a kept "Okay."
    while the rest is made. ``key`` names the voice and its settings: another key never meets this one's
    sound. ``folder`` None keeps everything in memory. A call may be made while :meth:`keep` renders in another
    thread: it comes first.
    """

    def __init__(
        self, tts: Engine, folder: Path | None = None, *, key: str = "", settings: CacheSettings | None = None
    ) -> None:
        self._tts = tts
        self.rate_hz = tts.rate_hz
        self._key = key
        self._settings = settings or CacheSettings()
        self._split = split if self._settings.sentence_splitting else whole
        self._store = SpeechStore(folder, self._settings.bounds)
        self._yielding = _Yielding()
        self.hits = 0
        self.misses = 0

    def synthesize(self, text: str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Pcm16]:
        """As the engine's. A piece whose synthesis was stopped or failed is not kept.

        A piece counts as a hit or a miss once more than its first chunk was asked for: a draft asks for that alone
        (docs/decisions/0016-speech-cache.md).
        """
        left = int(limits.max_audio_s * self.rate_hz)
        for piece in self._split(_spoken(text[: limits.max_chars]), limits):
            for chunk in self._say(piece):
                yield chunk[:left]
                left -= chunk.size
                if left <= 0:
                    return

    def warm(self, texts: Iterable[str] = ()) -> None:
        """Warm the engine, and :meth:`keep` each of ``texts``."""
        engine_warm = getattr(self._tts, "warm", None)
        if engine_warm is not None:
            engine_warm()
        for text in texts:
            self.keep(text)

    def keep(self, text: str, may_go_on: Callable[[], bool] = lambda: True) -> bool:
        """Render and persist the pieces of ``text`` that are not kept yet, and have all of them in memory.

        Gives up within a chunk, and returns False, when ``may_go_on`` turned false or somebody wants to speak:
        ask again later.
        """
        for piece in self._split(_spoken(text), DEFAULT_LIMITS):
            if self._store.get(self._key_of(piece)) is None and not self._keep(piece, may_go_on):
                return False
        return True

    def cache_counts(self) -> dict[str, Any]:
        """``hits``, ``misses`` and what is in memory; the folder is not read for it."""
        return {"hits": self.hits, "misses": self.misses, **self._store.memory_counts()}

    def stats(self) -> dict[str, Any]:
        """``hits``, ``misses`` and what the store holds."""
        kept: StoreStats = self._store.stats()
        return {"hits": self.hits, "misses": self.misses, **vars(kept)}

    def clear(self) -> int:
        """Forget everything; returns how many files were removed."""
        return self._store.clear()

    def close(self) -> None:
        """Close the engine."""
        self._tts.close()

    def _say(self, piece: Piece) -> Iterator[Pcm16]:
        kept = self._store.get(self._key_of(piece))
        chunks = self._render(piece) if kept is None else _in_chunks(kept, self.rate_hz * CHUNK_MS // 1000)
        with _closed(chunks):
            first = next(chunks, None)
            if first is None:
                return
            yield first
            self.hits += kept is not None
            self.misses += kept is None
            yield from chunks
        if piece.pause_ms:
            yield np.zeros(self.rate_hz * piece.pause_ms // 1000, np.int16)

    def _render(self, piece: Piece) -> Iterator[Pcm16]:
        chunks: list[Pcm16] = []
        with self._yielding.speaking(), _closed(self._tts.synthesize(piece.text)) as sound:
            for chunk in sound:
                chunks.append(chunk)
                yield chunk
        self._put(piece, chunks, persist=self._settings.persist_all)

    def _keep(self, piece: Piece, may_go_on: Callable[[], bool]) -> bool:
        chunks: list[Pcm16] = []
        with self._yielding.rendering() as may_render:
            if not (may_render() and may_go_on()):
                return False
            with _closed(self._tts.synthesize(piece.text)) as sound:
                for chunk in sound:
                    chunks.append(chunk)
                    if not (may_render() and may_go_on()):
                        return False
        self._put(piece, chunks, persist=True)
        return True

    def _put(self, piece: Piece, chunks: list[Pcm16], *, persist: bool) -> None:
        sound = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
        if sound.any() and sound.size <= self._settings.max_entry_s * self.rate_hz:  # kept silence would stay silent
            self._store.put(self._key_of(piece), sound, persist=persist)

    def _key_of(self, piece: Piece) -> str:
        return key_of("speech-1", self._key, str(self.rate_hz), piece.text)


def cached_speech(
    engine: Engine, folder: Path | None, key: str, *, memory_mb: float, disk_mb: float, **settings: bool
) -> CachedSpeech:
    """:class:`CachedSpeech` from plain arguments; ``settings`` are those of :class:`CacheSettings`."""
    bounds = Bounds.of_megabytes(memory_mb, disk_mb)
    return CachedSpeech(engine, folder, key=key, settings=CacheSettings(bounds, **settings))


def _in_chunks(sound: Pcm16, size: int) -> Iterator[Pcm16]:
    for begin in range(0, sound.size, size):
        yield sound[begin : begin + size]


@contextlib.contextmanager
def _closed(chunks: Iterator[Pcm16]) -> Iterator[Iterator[Pcm16]]:
    """``chunks``, closed behind whatever happens, so that the engine stops at once."""
    try:
        yield chunks
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


class _Yielding:
    """Who speaks comes first: what is rendered in the background stops within a chunk, and speech waits for that."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._speakers = 0
        self._is_rendering = False

    @contextlib.contextmanager
    def speaking(self) -> Iterator[None]:
        with self._changed:
            self._speakers += 1
            self._changed.wait_for(lambda: not self._is_rendering)
        try:
            yield
        finally:
            with self._changed:
                self._speakers -= 1

    @contextlib.contextmanager
    def rendering(self) -> Iterator[Callable[[], bool]]:
        """Gives a question: whether to go on. False from the start while somebody speaks or renders."""
        with self._changed:
            is_first = not (self._speakers or self._is_rendering)
            self._is_rendering = self._is_rendering or is_first
        try:
            yield lambda: is_first and not self._speakers
        finally:
            if is_first:
                with self._changed:
                    self._is_rendering = False
                    self._changed.notify_all()
