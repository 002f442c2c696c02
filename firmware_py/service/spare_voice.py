"""The voice as the service uses it: when speech cannot be made, a spare sentence or a tone says so instead."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from firmware_py.audio.tone import trouble
from firmware_py.errors import Cancelled, RtvaError, Unavailable
from firmware_py.events import Pcm16
from firmware_py.service.spare_sentences import VOICE_FAILED, SpareSentences

CHUNK_MS = 250
RETRY_S = 10.0
"""How long a voice that could not be made is not tried again."""
NO_RATE_HZ = 22_050

_log = logging.getLogger("rtva")


class SpareVoice:
    """Fills the TextToSpeech port; ``synthesize`` never fails.

    ``make`` gives the real voice and may raise; it is asked again while there is none. ``tell(error)`` is called at
    each failure, and with None once the voice works again. ``failure`` is what is wrong, None when nothing is.
    ``rate_hz`` is the voice's; that of the sentences where there is none.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        sentences: SpareSentences,
        tell: Callable[[Exception | None], None] = lambda error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failure: Exception | None = None
        self.failures = 0
        self.rate_hz = NO_RATE_HZ
        self.sentences = sentences
        self._make, self._tell, self._clock = make, tell, clock
        self._tts: Any = None
        self._again_s = 0.0

    def load(self) -> None:
        """Makes the voice. Raises Unavailable or BadWeights only where no sentence of an earlier start could stand in:
        then it is the installation that is wrong."""
        try:
            self._voice()
        except (RtvaError, OSError) as error:
            if not self.take_over(error):
                raise

    def take_over(self, error: Exception) -> bool:
        """The voice does not work; whether there is anything to say in its place."""
        if not self.sentences.load():
            return False
        self.rate_hz = self.sentences.rate_hz
        self._has_failed(error)
        return True

    def synthesize(self, text: str, **options: Any) -> Iterator[Pcm16]:
        """The text; where that fails the spare sentence of the same words, else the one that says so, else tones."""
        try:
            tts = self._voice()
            before = getattr(tts, "misses", None)
            has_sounded = False
            for chunk in tts.synthesize(text, **options):
                has_sounded = has_sounded or bool(chunk.any())
                yield chunk
            if not has_sounded and any(c.isalnum() for c in text):
                raise Unavailable("the voice makes no sound")
        except Cancelled:
            raise
        except Exception as error:  # whatever an engine raises: silence is no answer
            self._has_failed(error)
            yield from self._instead(text)
            return
        if (
            self.failure is not None and has_sounded and (before is None or tts.misses > before)
        ):  # kept speech proves nothing
            self.failure = None
            _log.warning("the voice works again")
            self._tell(None)

    def close(self) -> None:
        """The voice itself is its maker's to close."""

    def _voice(self) -> Any:
        if self._tts is None:
            if self._clock() < self._again_s:
                raise self.failure or Unavailable("there is no voice")
            self._again_s = self._clock() + RETRY_S
            made = self._make()
            if self.sentences.rate_hz not in (0, made.rate_hz):
                raise Unavailable(f"the voice is another one now ({made.rate_hz} Hz): restart the service")
            self._tts, self.rate_hz = made, made.rate_hz
        return self._tts

    def _has_failed(self, error: Exception) -> None:
        if error is not self.failure:
            _log.error("the voice failed: %s", error)
        self.failure = error
        self.failures += 1
        self._tell(error)

    def _instead(self, text: str) -> Iterator[Pcm16]:
        sound = self.sentences.sound(text)
        if sound is None:
            yield from trouble(self.rate_hz)
            sound = self.sentences.sound(VOICE_FAILED)
        if sound is not None:
            step = CHUNK_MS * self.rate_hz // 1000
            yield from (sound[start : start + step] for start in range(0, sound.size, step))
