"""A loudspeaker and a microphone in one simulated room, at the pace of time, with the ways of real devices."""

from __future__ import annotations

import threading
import time

import numpy as np
import soxr
from echo_lab import NOISE, Room, Sound, convolved, pcm

from firmware_py.events import RATE_HZ, Pcm16

SECOND_NS = 1_000_000_000
CHUNK = 512
LOUD = 100.0
"""Of a sample: with it an answer begins to be heard."""


class RoomSpeaker:
    """A device with a buffer that says its delay honestly. ``accepted`` counts the samples that were written,
    ``flushed`` those of them that nobody heard."""

    def __init__(self, rate_hz: int, buffer_size: int = 2048) -> None:
        self.rate_hz, self.buffer_size = rate_hz, buffer_size
        self.period_samples = buffer_size // 4
        self.accepted = self.flushed = 0
        self._queue = np.zeros(0, np.int16)
        self._lock = threading.Lock()
        self._since_ns = time.monotonic_ns()
        self._sounded: list[Pcm16] = []

    def write(self, sound: Pcm16) -> None:
        while True:
            with self._lock:
                self._advance()
                if self._queue.size + sound.size <= self.buffer_size or not self._queue.size:
                    self._queue = np.concatenate([self._queue, sound])
                    self.accepted += sound.size
                    return
            time.sleep(0.002)

    def delay_s(self) -> float:
        with self._lock:
            self._advance()
            return self._queue.size / self.rate_hz

    def flush(self) -> None:
        with self._lock:
            self._advance()
            self.flushed += self._queue.size
            self._queue = self._queue[:0]

    def drain(self) -> None:
        while self.delay_s():
            time.sleep(0.005)

    def close(self) -> None:
        self.flush()

    def sounded(self) -> Pcm16:
        """What was heard since the last call, rests as silence: one sample for each that the clock has ticked."""
        with self._lock:
            self._advance()
            heard, self._sounded = self._sounded, []
        return np.concatenate([*heard, np.zeros(0, np.int16)])

    def _advance(self) -> None:
        count = (time.monotonic_ns() - self._since_ns) * self.rate_hz // SECOND_NS
        self._since_ns += count * SECOND_NS // self.rate_hz
        heard, self._queue = self._queue[:count], self._queue[count:]
        self._sounded += [heard, np.zeros(count - heard.size, np.int16)]


class RoomMicrophone:
    """Hears the loudspeaker along the room's response, a person when ``speak`` says so, and a quiet room's noise.

    The echo comes ``room.delay_ms`` (50 at least) after the sound. ``drop`` has the device lose the next samples.
    """

    def __init__(self, speaker: RoomSpeaker, room: Room) -> None:
        self.lost = 0
        self._speaker, self._room = speaker, room
        self._response = room.response()
        self._to_16k = soxr.ResampleStream(speaker.rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
        self._heard = 0
        self._echo: Sound = np.zeros(RATE_HZ * 300)
        self._person: Sound = np.zeros(RATE_HZ * 300)
        self._random = np.random.default_rng(3)
        self._at = 0
        self._dropping = 0
        self._t0_ns = 0
        self._over: tuple[Pcm16, int] | None = None
        self._is_closed = threading.Event()

    def speak(self, sound: Pcm16, in_s: float = 0.1) -> None:
        """A person begins in a moment."""
        at = self._at + int(in_s * RATE_HZ) + CHUNK
        self._person[at : at + sound.size] += sound

    def speak_over(self, sound: Pcm16, behind_s: float) -> None:
        """A person begins so long behind the first sound of what is said next: over the same words each time."""
        self._over = (sound, int(behind_s * RATE_HZ))

    def drop(self, samples: int) -> None:
        self._dropping = samples

    def read(self) -> Pcm16 | None:
        if not self._t0_ns:
            self._speaker.sounded()
            self._t0_ns = time.monotonic_ns()
        dropped, self._dropping = self._dropping, 0
        self.lost += dropped
        self._at += dropped
        until = self._at + CHUNK
        while (left_ns := self._t0_ns + until * SECOND_NS // RATE_HZ - time.monotonic_ns()) > 0:
            if self._is_closed.wait(left_ns / SECOND_NS):
                return None
        self._take_echo()
        here = slice(self._at, until)
        self._at = until
        return pcm(self._echo[here] + self._person[here] + self._random.normal(0, NOISE, CHUNK))

    def close(self) -> None:
        self._is_closed.set()

    def _take_echo(self) -> None:
        sounded = self._speaker.sounded().astype(np.float32)
        sound = self._to_16k.resample_chunk(sounded).astype(np.float64)
        at = self._heard + int(self._room.delay_ms * RATE_HZ / 1000)
        self._heard += sound.size
        if sound.any():
            heard = convolved(sound, self._response)
            self._echo[at : at + heard.size] += heard
        if self._over is not None and np.abs(sound).max(initial=0.0) > LOUD:
            person, behind = self._over
            begins = at + int(np.argmax(np.abs(sound) > LOUD)) + behind
            self._person[begins : begins + person.size] += person
            self._over = None
