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
_SPELLED = re.compile(r"\b([A-Z])((?: [A-Z])+)(?![\w'])")


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
        self._cache: OrderedDict[str, tuple[tuple[int, ...], ...]] = OrderedDict()
        self._cache_size = cache_size

    def ids(self, text: str) -> tuple[tuple[int, ...], ...]:
        """The ids of each sentence that espeak sees in ``text``, sentences without any sound left out."""
        cached = self._cache.get(text)
        if cached is not None:
            self._cache.move_to_end(text)
            return cached
        found = tuple(self._sentence_ids(sentence) for sentence in self._phonemize(text))
        result = tuple(ids for ids in found if ids)
        self._cache[text] = result
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

    def _sentence_ids(self, phonemes: list[str]) -> tuple[int, ...]:
        known = [p for p in phonemes if p in self._voice.phoneme_ids]
        if not any(p.isalpha() for p in known):
            return ()
        return tuple(self._to_ids(known, self._voice.phoneme_ids))


def for_espeak(text: str) -> str:
    """Letters spelled one by one joined with dots: espeak reads "A M" as the article and an M, "A.M" right."""
    return _SPELLED.sub(lambda m: m.group(0).replace(" ", "."), text.replace("\0", " "))
