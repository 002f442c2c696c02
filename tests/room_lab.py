"""A room in which the microphone hears the loudspeaker: what was played comes back later and softer."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import soxr

from firmware_py.audio.recording import RecordingMicrophone
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.events import RATE_HZ, Pcm16


class Room:
    """``microphone`` plays a recording at the pace of time, with what ``speaker`` plays ``delay_s`` later at ``gain``.

    ``played`` collects what the speaker played. ``file`` is a recording at 16 kHz.
    """

    def __init__(self, file: Path, rate_hz: int, *, gain: float = 0.3, delay_s: float = 0.03) -> None:
        self.played: list[Pcm16] = []
        self.speaker = VirtualSpeaker(rate_hz, on_samples=self._sound)
        self.microphone = _HearingMicrophone(file, self)
        self._gain, self._lock = gain, threading.Lock()
        self._stream = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="int16", quality="LQ")
        self._delay = int(delay_s * RATE_HZ)
        self._echo = np.zeros(0, np.int16)

    @property
    def sound(self) -> Pcm16:
        """All that was played, without the silence between."""
        return np.concatenate([np.zeros(0, np.int16), *self.played])

    def echo(self, samples: int) -> Pcm16:
        """The next ``samples`` of what comes back."""
        with self._lock:
            part, self._echo = self._echo[:samples], self._echo[samples:]
        return np.pad(part, (0, samples - part.size))

    def _sound(self, pcm: Pcm16) -> None:
        self.played.append(pcm.copy())
        with self._lock:
            heard = self._stream.resample_chunk(np.rint(pcm * self._gain).astype(np.int16))
            if not self._echo.size:
                self._echo = np.zeros(self._delay, np.int16)
            self._echo = np.concatenate([self._echo, heard])


class _HearingMicrophone(RecordingMicrophone):
    def __init__(self, file: Path, room: Room) -> None:
        super().__init__(file, pace="real", silence_after=True)
        self._room = room

    def read(self) -> Pcm16 | None:
        block = super().read()
        if block is None:
            return None
        mixed: Pcm16 = np.clip(block.astype(np.int32) + self._room.echo(block.size), -32768, 32767).astype(np.int16)
        return mixed
