"""Text to the phoneme ids of a voice, by espeak-ng through piper-tts.

piper-tts (GPL-3.0) is imported here and nowhere else in the project, late, through two public names.
espeak-ng keeps one global voice, so calls take turns.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import Any

from firmware_py.errors import Unavailable
from firmware_py.tts.voice import Voice

_LOCK = threading.Lock()
_SPELLED = re.compile(r"\b([A-Z])((?: [A-Z])+)(?!\w)")


class Phonemes:
    """Phoneme ids of short texts, with a bounded cache of the last ``cache_size``.

    Raises Unavailable when piper-tts is not installed.
    """

    def __init__(self, voice: Voice, cache_size: int = 512) -> None:
        try:
            from piper.phoneme_ids import phonemes_to_ids
            from piper.phonemize_espeak import EspeakPhonemizer
        except ImportError as error:
            raise Unavailable(f"piper-tts is not installed ({error}); run 'make setup'") from error
        self._voice = voice
        self._to_ids = phonemes_to_ids
        with _LOCK:
            self._espeak: Any = EspeakPhonemizer()
        self._cache: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._cache_size = cache_size

    def ids(self, text: str) -> tuple[int, ...]:
        """The ids of ``text``, of all the sentences that espeak sees in it; () when it has no sound."""
        cached = self._cache.get(text)
        if cached is not None:
            self._cache.move_to_end(text)
            return cached
        result = self._cache[text] = self._to_graph(self._phonemize(text))
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
        return result

    def forget(self) -> None:
        """Empty the cache."""
        self._cache.clear()

    def _phonemize(self, text: str) -> list[list[str]]:
        with _LOCK:
            sentences: list[list[str]] = self._espeak.phonemize(self._voice.espeak_voice, for_espeak(text))
        return sentences

    def _to_graph(self, sentences: list[list[str]]) -> tuple[int, ...]:
        known = [p for sentence in sentences for p in [*sentence, " "] if p in self._voice.phoneme_ids]
        while known and known[-1] == " ":
            known.pop()
        return tuple(self._to_ids(known, self._voice.phoneme_ids)) if any(p.isalpha() for p in known) else ()


def for_espeak(text: str) -> str:
    """Letters spelled one by one joined with dots: espeak reads "A M" as the article and an M, "A.M" right."""
    return _SPELLED.sub(lambda m: m.group(0).replace(" ", "."), text.replace("\0", " "))
