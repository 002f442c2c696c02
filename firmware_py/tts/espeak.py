"""Text to speech by espeak-ng, the voice of ``pyttsx3`` on Linux, without a sound card and streamed.

The library is spoken to directly, in its synchronous mode: ``pyttsx3``'s own loop polls, keeps the whole utterance
and plays it with ``aplay`` (docs/decisions/0022-speech-engines.md).
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from firmware_py.errors import Unavailable
from firmware_py.events import Pcm16
from firmware_py.tts.answer import answer
from firmware_py.tts.espeak_library import EspeakLibrary, library
from firmware_py.tts.sentences import DEFAULT_LIMITS, Limits, split, whole

_PIPER_NAME = re.compile(r"([a-z]{2,3})_([A-Z]{2})-")
SHOWN = 6


class Espeak:
    """A :class:`~firmware_py.ports.TextToSpeech` in the espeak-ng voice ``voice`` (``en-us``, ``de``, ``en-gb+f3``).

    The name of a Piper voice (``en_US-joe-medium``) stands for its language. With ``streaming`` the first 60 ms are
    handed out while the rest is made, without it a piece at once; without ``sentence_splitting`` a text is one piece.
    Raises Unavailable when the library is not installed or has no such voice.
    """

    def __init__(self, voice: str = "en-us", *, sentence_splitting: bool = True, streaming: bool = True) -> None:
        self._library: EspeakLibrary = library()
        self.rate_hz = self._library.rate_hz
        self._voice = self._find(voice)
        self._split = split if sentence_splitting else whole
        self._is_streaming = streaming

    def synthesize(self, text: str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Pcm16]:
        """Mono int16 chunks at :attr:`rate_hz`; none for a text without anything to say."""
        say = self._stream if self._is_streaming else self._at_once
        return answer(text, self._split, say, rate_hz=self.rate_hz, limits=limits)

    def close(self) -> None:
        """Nothing to do: the library stays with the process, it cannot be ended and begun again safely."""

    def _find(self, voice: str) -> str:
        wanted = candidates(voice)
        for name in wanted:
            if self._library.has_voice(name):
                return name
        there = self._library.languages()
        raise Unavailable(
            f"tts.voice {voice!r}: espeak-ng has no voice {wanted[0]!r}; "
            f"there are: {', '.join(there[:SHOWN])} and {len(there) - SHOWN} more"
        )

    def _at_once(self, text: str) -> Iterator[Pcm16]:
        sound = list(self._stream(text))
        if sound:
            yield np.concatenate(sound)

    def _stream(self, text: str) -> Iterator[Pcm16]:
        """Chunks while espeak-ng makes them, in a thread of its own; closing ends it within one buffer."""
        made: queue.SimpleQueue[Pcm16 | Exception | None] = queue.SimpleQueue()
        is_enough = threading.Event()

        def take(samples: Pcm16) -> bool:
            made.put(samples)
            return not is_enough.is_set()

        def run() -> None:
            try:
                self._library.say(text, self._voice, take)
                made.put(None)
            except Exception as error:
                made.put(error)

        thread = threading.Thread(target=run, name="espeak", daemon=True)
        thread.start()
        try:
            while (chunk := made.get()) is not None:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
        finally:
            is_enough.set()
            thread.join()


def candidates(voice: str) -> list[str]:
    """The espeak-ng names that a ``tts.voice`` may mean, the closest first: ``de_DE-eva-low`` is de-de, then de."""
    name = PurePath(voice).name
    piper = _PIPER_NAME.match(name)
    return [f"{piper[1]}-{piper[2].lower()}", piper[1]] if piper else [name]
