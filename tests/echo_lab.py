"""A room with a loudspeaker in it: what the microphone hears of an answer, and of a person who speaks over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from firmware_py._ring import Ring
from firmware_py.audio.clock import Clock
from firmware_py.audio.far_end import FarEnd
from firmware_py.echo.kalman import KalmanEcho
from firmware_py.echo.webrtc import WebRtcEcho
from firmware_py.echo_path import EchoPath, Stages
from firmware_py.echo_trust import EchoTrust
from firmware_py.events import RATE_HZ, Kind, Pcm16, TurnEvent
from firmware_py.listen import Listener, ListenSettings
from firmware_py.ports import Vad

Sound = NDArray[np.float64]
"""Samples at 16 kHz in the scale of int16."""

NOISE = 8.0
"""Of a quiet room: -72 dB below full scale."""


@dataclass(frozen=True)
class Room:
    """The way from what was written to what is heard.

    ``delay_ms`` and ``gain_db`` are those of the direct sound, ``drift_ppm`` by how much the speaker's clock is faster
    than the microphone's. The reverberation is noise that decays by 60 dB in ``rt60_s`` (Polack's model), with as much
    energy as the direct sound. ``drive`` bends the loudspeaker's cone: of a full-scale sine 0.5 leaves 3 % of
    distortion (third harmonic), 0 is a perfect one.
    """

    delay_ms: float = 60.0
    gain_db: float = -10.0
    drift_ppm: float = 0.0
    rt60_s: float = 0.3
    drive: float = 0.0
    seed: int = 1

    def response(self) -> Sound:
        """The impulse response, its first tap the direct sound."""
        random = np.random.default_rng(self.seed)
        count = max(1, int(self.rt60_s * RATE_HZ))
        tail = random.normal(0, 1, count) * 10 ** (-3 * np.arange(count) / count)
        tail[: RATE_HZ // 500] = 0.0
        energy = float(np.sum(tail**2))
        if energy:
            tail /= np.sqrt(energy)
        tail[0] = 1.0
        return tail / np.sqrt(np.sum(tail**2)) * 10 ** (self.gain_db / 20)

    def loudspeaker(self, voice: Pcm16, voice_hz: int) -> Sound:
        """What the loudspeaker makes of an answer, at 16 kHz of the microphone's clock."""
        sound = soxr.resample(voice.astype(np.float64), voice_hz * (1 + self.drift_ppm * 1e-6), RATE_HZ, "VHQ")
        if self.drive:
            sound = np.tanh(self.drive * sound / 32768) / self.drive * 32768
        return sound


def convolved(sound: Sound, response: Sound) -> Sound:
    """As long as ``sound`` and ``response`` together, by FFT."""
    count = 1 << int(np.ceil(np.log2(sound.size + response.size)))
    return np.fft.irfft(np.fft.rfft(sound, count) * np.fft.rfft(response, count), count)[: sound.size + response.size]


def noise(samples: int, seed: int = 5) -> Sound:
    return np.random.default_rng(seed).normal(0, NOISE, samples)


def pcm(sound: Sound) -> Pcm16:
    """To int16, clipped as a converter clips."""
    out: Pcm16 = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    return out


def level_db(sound: NDArray[np.float64] | Pcm16) -> float:
    """Power in dB below full scale."""
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) / 32768**2 + 1e-12))


BLOCK = 160
TOLD_WRONG_S = 0.002
"""A device's delay is told this wrongly at most, another time with each answer."""
PERIOD, BUFFER = 512, 2048
"""Of the loudspeaker, in samples at the voice's rate."""


class _Past:
    """The microphone's stream, from which nothing was lost, at the pace of a clock that the simulation sets."""

    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        return self.at_ns

    def lost_at(self, position: int) -> int:
        return 0

    def device_position(self, at_ns: int) -> int:
        return at_ns * RATE_HZ // 1_000_000_000


@dataclass
class Simulated:
    """What came of it, positions in samples at 16 kHz: ``events`` of the listener, where the answers were ended and by
    how many samples, what the microphone had (``near``) and what was listened to (``clean``), what was played
    (``far``)."""

    events: list[TurnEvent]
    ended_at: list[int]
    near: Pcm16
    clean: Pcm16
    path: EchoPath
    speaking_s: float

    def erle_db(self, start: int, stop: int) -> float:
        return level_db(self.near[start:stop]) - level_db(self.clean[start:stop])


class Scene:
    """The real listener, far end and canceller in a simulated room, as fast as they go.

    ``answers`` are ``(sample, pcm at voice_hz)``: each is played from there, and ended where speech is heard over it.
    ``person`` is added to the microphone. The loudspeaker is a device with a buffer, the microphone delivers 10 ms at
    a time.
    """

    def __init__(self, listener: Listener, path: EchoPath, far_end: FarEnd, past: _Past) -> None:
        self.listener, self.path, self.far_end, self.past = listener, path, far_end, past
        self.is_playing = False
        self.hear = path.hear
        self._random = np.random.default_rng(11)
        self._late_s = 0.0

    def run(
        self, room: Room, answers: list[tuple[int, Pcm16]], voice_hz: int, person: Sound, *, interrupts: bool = True
    ) -> Simulated:
        near_all, events, ended = [], [], []
        count = person.size // BLOCK
        quiet = noise(count * BLOCK)
        response = room.response()
        echo = np.zeros(count * BLOCK + response.size + RATE_HZ)
        delay = int(room.delay_ms * RATE_HZ / 1000)
        waiting = [(at, pcm_, room.loudspeaker(pcm_, voice_hz)) for at, pcm_ in answers]
        current: tuple[int, Pcm16, Sound] | None = None
        written, flush_at, speaking = 0, None, 0
        base = self.listener.ring.written
        clean_all: list[Pcm16] = []
        self._tap(clean_all)
        for block in range(count):
            at = block * BLOCK
            if current is None and waiting and at >= waiting[0][0]:
                current, written, flush_at = waiting.pop(0), 0, None
                self._late_s = self._random.uniform(0, TOLD_WRONG_S)
                self.is_playing = True
            if current is not None:
                began, voice, sound = current[0] // BLOCK * BLOCK, current[1], current[2]
                heard = at - began
                if (flush_at is not None and at >= flush_at) or heard >= sound.size:
                    if flush_at is not None:
                        self.far_end.dropped()
                    current, self.is_playing = None, False
                else:
                    speaking += BLOCK
                    piece = sound[heard : heard + BLOCK]
                    if piece.any():
                        echo[at + delay : at + delay + piece.size + response.size] += convolved(piece, response)[
                            : min(piece.size + response.size, echo.size - at - delay)
                        ]
                    written = self._write(voice, voice_hz, written, heard, sound.size, flush_at)
            near = pcm(person[at : at + BLOCK] + echo[at : at + BLOCK] + quiet[at : at + BLOCK])
            self.past.at_ns = (base + at + BLOCK) * 1_000_000_000 // RATE_HZ
            self.listener.ring.write(near)
            near_all.append(near)
            for event in self.listener.decide():
                events.append(event)
                if event.kind is Kind.SPEECH and self.is_playing and interrupts and flush_at is None:
                    ended.append(event.at - base)
                    flush_at = at + BLOCK + PERIOD * RATE_HZ // voice_hz
        near, clean = np.concatenate(near_all), np.concatenate(clean_all or near_all)
        return Simulated(events, ended, near, clean, self.path, speaking / RATE_HZ)

    def _tap(self, kept: list[Pcm16]) -> None:
        """Keeps what is listened to."""
        echo, hear = self.listener.echo, self.hear

        def heard(frame: Pcm16, end: int, *, in_speech: bool) -> Pcm16:
            clean = hear(frame, end, in_speech=in_speech)
            kept.append(clean.copy())
            return clean

        if echo is not None:
            echo.hear = heard  # type: ignore[method-assign]

    def _write(self, voice: Pcm16, voice_hz: int, written: int, heard: int, length: int, flush_at: int | None) -> int:
        """Has the device take what it has room for: it has played ``heard`` of ``length`` samples by now."""
        played = heard * voice.size / length
        while flush_at is None and written < voice.size and written + PERIOD - played <= BUFFER:
            piece = voice[written : written + PERIOD]
            written += piece.size
            self.far_end.wrote(piece, voice_hz, (written - played) / voice_hz + self._late_s)
            if written == voice.size:
                self.far_end.paused()
        return written


def scene(vad: Vad, settings: ListenSettings | None = None, trust: EchoTrust | None = None) -> Scene:
    past = _Past()
    far_end = FarEnd(Clock(past.now_ns, lambda seconds: None))
    listener = Listener(Ring(1 << 19), vad, settings or ListenSettings(), lambda position: past.at_ns)
    listener.echo = path = EchoPath(Stages(KalmanEcho(), WebRtcEcho()), far_end, past, trust)
    return Scene(listener, path, far_end, past)
