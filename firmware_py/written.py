"""A reply that is still being written, on its way to the speaker: sentence by sentence, begun by the first pull."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np

from firmware_py.events import Pcm16
from firmware_py.ports import Sentences, TextToSpeech

PAUSE_MS = 150
"""Silence between two sentences, which are synthesised one by one."""
MOST_SENTENCE = 1000


class WrittenSpeech(Iterator[Pcm16]):
    """Chunks of speech. ``begin`` starts the reply and is called by the first ``next``, so that one that is thrown away
    before has asked nobody. ``cancel`` may be called from any thread while another waits in ``next``, which then ends.
    """

    is_written = True

    def __init__(self, begin: Callable[[], Sentences], tts: TextToSpeech) -> None:
        self._begin, self._tts = begin, tts
        self._sentences: Sentences | None = None
        self._is_cancelled = threading.Event()
        self._chunks = self._run()

    @property
    def said(self) -> str:
        """What was said so far."""
        return self._sentences.said if self._sentences is not None else ""

    def __next__(self) -> Pcm16:
        return next(self._chunks)

    def cancel(self) -> None:
        self._is_cancelled.set()
        if self._sentences is not None:
            self._sentences.cancel()

    def close(self) -> None:
        """Ends it; only where nobody waits in ``next``."""
        self.cancel()
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()

    def _run(self) -> Iterator[Pcm16]:
        if self._is_cancelled.is_set():
            return
        self._sentences = sentences = self._begin()
        try:
            if self._is_cancelled.is_set():  # by who came too early to see the sentences
                return
            for number, sentence in enumerate(sentences):
                if self._is_cancelled.is_set():
                    return
                if number:
                    yield np.zeros(self._tts.rate_hz * PAUSE_MS // 1000, np.int16)
                yield from self._spoken(sentence)
        finally:
            sentences.cancel()
            close = getattr(sentences, "close", None)
            if close is not None:
                close()

    def _spoken(self, sentence: str) -> Iterator[Pcm16]:
        chunks = self._tts.synthesize(sentence[:MOST_SENTENCE])
        try:
            for chunk in chunks:
                if self._is_cancelled.is_set():
                    return
                yield chunk
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
