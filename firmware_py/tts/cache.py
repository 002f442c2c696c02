"""Speech that was rendered before, played at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from firmware_py.events import Pcm16
from firmware_py.tts.sentences import DEFAULT_LIMITS, Limits, Piece, split, whole
from firmware_py.tts.spoken import spoken
from firmware_py.tts.store import Bounds, SpeechStore, StoreStats, key_of

CHUNK_MS = 250
"""A hit is handed out in chunks of this length, so that a stop takes effect between two."""


class Engine(Protocol):
    """What is behind the cache: the :class:`~firmware_py.ports.TextToSpeech` role, which a room does not import."""

    rate_hz: int

    def synthesize(self, text: str) -> Iterator[Pcm16]: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class CacheSettings:
    """``persist_all``: everything that is said goes to the folder; else only what :meth:`CachedSpeech.warm` rendered.

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
    sound. ``folder`` None keeps everything in memory.
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
        self.hits = 0
        self.misses = 0

    def synthesize(self, text: str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Pcm16]:
        """As the engine's. A piece whose synthesis was stopped or failed is not kept."""
        left = int(limits.max_audio_s * self.rate_hz)
        for piece in self._split(spoken(text[: limits.max_chars]), limits):
            for chunk in self._say(piece):
                yield chunk[:left]
                left -= chunk.size
                if left <= 0:
                    return

    def warm(self, texts: Iterable[str] = ()) -> None:
        """Warm the engine, and render and persist those of ``texts`` that are not kept yet."""
        engine_warm = getattr(self._tts, "warm", None)
        if engine_warm is not None:
            engine_warm()
        for text in texts:
            for piece in self._split(spoken(text), DEFAULT_LIMITS):
                if self._store.get(self._key_of(piece)) is None:
                    for _ in self._render(piece, persist=True):
                        pass

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
        if kept is None:
            self.misses += 1
            yield from self._render(piece, persist=self._settings.persist_all)
        else:
            self.hits += 1
            step = self.rate_hz * CHUNK_MS // 1000
            yield from (kept[i : i + step] for i in range(0, kept.size, step))
        if piece.pause_ms:
            yield np.zeros(self.rate_hz * piece.pause_ms // 1000, np.int16)

    def _render(self, piece: Piece, *, persist: bool) -> Iterator[Pcm16]:
        chunks: list[Pcm16] = []
        for chunk in self._tts.synthesize(piece.text):
            chunks.append(chunk)
            yield chunk
        sound = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
        if 0 < sound.size <= self._settings.max_entry_s * self.rate_hz:
            self._store.put(self._key_of(piece), sound, persist=persist)

    def _key_of(self, piece: Piece) -> str:
        return key_of("speech-1", self._key, str(self.rate_hz), piece.text)
