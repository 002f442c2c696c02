"""A handful of sentences that the voice made while it was well, as WAV files: for the day on which it is not.

They need no engine, no cache and, once loaded, no disk.
"""

from __future__ import annotations

import hashlib
import logging
import wave
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from firmware_py.audio.wav import write_wav
from firmware_py.errors import RtvaError, Unavailable
from firmware_py.events import Pcm16

MOST_S = 15.0
"""No sentence is longer; a file that says so is not one of ours."""
VOICE_FAILED = "My voice has failed. I still hear you, and do what you ask."

_log = logging.getLogger("rtva")


class Voice(Protocol):
    """What of a voice is needed here."""

    rate_hz: int

    def synthesize(self, text: str) -> Iterator[Pcm16]: ...


class SpareSentences:
    """``texts`` is name -> text. Files are ``NAME-KEY.wav`` in ``folder``; KEY stands for the voice and the text."""

    def __init__(self, folder: Path, texts: Mapping[str, str]) -> None:
        self.rate_hz = 0
        self._folder, self._texts = folder, dict(texts)
        self._sounds: dict[str, Pcm16] = {}
        self._missing: dict[str, Path] = {}

    def sound(self, text: str) -> Pcm16 | None:
        """The sentence at ``rate_hz``, None when it is not one of them or was never made."""
        return self._sounds.get(text)

    def take(self, rate_hz: int, key: str) -> int:
        """Loads what the voice known as ``key`` made before; returns how many :meth:`make` has to make."""
        self.rate_hz, self._sounds, self._missing = rate_hz, {}, {}
        for name, text in self._texts.items():
            file = self._folder / f"{name}-{hashlib.sha256(f'{key} {text}'.encode()).hexdigest()[:12]}.wav"
            sound = _read(file, rate_hz)
            if sound is None:
                self._missing[text] = file
            else:
                self._sounds[text] = sound
        return len(self._missing)

    def make(self, tts: Voice, may_go_on: Callable[[], bool] = lambda: True) -> bool:
        """Has ``tts`` say what :meth:`take` did not find; whether all are there now.

        Gives up within a chunk when ``may_go_on`` turned false: ask again later. Without a disk to write to they last
        as long as the process. Raises what the voice raises, and Unavailable where it makes no sound.
        """
        for text, file in list(self._missing.items()):
            chunks = [np.zeros(0, np.int16)]
            for chunk in tts.synthesize(text):
                chunks.append(chunk)
                if not may_go_on():
                    return False
            sound = np.concatenate(chunks)
            if not sound.any():
                raise Unavailable(f"the voice makes no sound of {text!r}")
            self._sounds[text] = sound
            del self._missing[text]
            self._write(file, sound, self._folder.glob(f"{file.name.split('-')[0]}-*.wav"))
        return True

    def load(self) -> bool:
        """Without a voice: takes the newest file of each sentence; whether there is any."""
        for name, text in self._texts.items():
            for file in sorted(self._folder.glob(f"{name}-*.wav"), key=_age):
                sound = _read(file, self.rate_hz)
                if sound is not None:
                    self.rate_hz = self.rate_hz or _rate(file)
                    self._sounds[text] = sound
                    break
        return bool(self._sounds)

    def _write(self, file: Path, sound: Pcm16, old: Iterable[Path]) -> None:
        try:
            self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_wav(file, self.rate_hz, [sound])
            for each in old:
                if each != file:
                    each.unlink(missing_ok=True)
        except (OSError, RtvaError) as error:
            _log.warning("a spare sentence is not kept: %s", error)


def _age(file: Path) -> float:
    try:
        return -file.stat().st_mtime
    except OSError:
        return 0.0


def _rate(file: Path) -> int:
    with wave.open(str(file), "rb") as sound:
        return sound.getframerate()


def _read(file: Path, rate_hz: int) -> Pcm16 | None:
    """The samples, None when there is no such file, when it is damaged or has another rate (0: any)."""
    try:
        with wave.open(str(file), "rb") as sound:
            shape = sound.getnchannels(), sound.getsampwidth()
            if shape != (1, 2) or rate_hz not in (0, sound.getframerate()) or not 8000 <= sound.getframerate() <= 48000:
                return None
            samples = np.frombuffer(sound.readframes(int(MOST_S * sound.getframerate())), "<i2")
    except (OSError, EOFError, ValueError, wave.Error):
        return None
    return samples.astype(np.int16) if samples.any() else None
