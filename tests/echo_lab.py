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


class Played:
    """An answer that the loudspeaker plays, rendered once: ``piece`` is what it makes of it."""

    def __init__(self, room: Room, response: Sound, voice: Pcm16, voice_hz: int, began: int, echo: Sound) -> None:
        self.voice, self.began, self.written = voice, began, 0
        self.flush_at: int | None = None
        self.sound = room.loudspeaker(voice, voice_hz)
        self._heard_at = began + int(room.delay_ms * RATE_HZ / 1000)
        self._response, self._echo = response, echo
        self._add(self.sound, 1.0)

    def cut(self, heard: int) -> None:
        """Nothing behind its sample ``heard`` was played: takes that out of the echo again."""
        self._add(self.sound[heard:], -1.0, heard)

    def _add(self, sound: Sound, sign: float, at: int = 0) -> None:
        if sound.size:
            echo = self._echo[self._heard_at + at :]
            rendered = convolved(sound, self._response)[: echo.size]
            echo[: rendered.size] += sign * rendered


class Scene:
    """The real listener, far end and canceller in a simulated room, as fast as they go.

    ``answers`` are ``(sample, pcm at voice_hz)``: each is played from there, and ended where speech is heard over it.
    ``person`` is added to the microphone, and ``background`` in the place of a quiet room's noise. The loudspeaker is
    a device with a buffer, the microphone delivers 10 ms at a time.
    """

    def __init__(self, listener: Listener, path: EchoPath, far_end: FarEnd, past: _Past) -> None:
        self.listener, self.path, self.far_end, self.past = listener, path, far_end, past
        self.is_playing = False
        self.hear = path.hear
        self._random = np.random.default_rng(11)
        self._late_s = 0.0
        self._played: Played | None = None
        self._speaking = 0

    def run(
        self,
        room: Room,
        answers: list[tuple[int, Pcm16]],
        voice_hz: int,
        person: Sound,
        *,
        interrupts: bool = True,
        background: Sound | None = None,
    ) -> Simulated:
        near_all, events, ended = [], [], []
        count = person.size // BLOCK
        quiet = noise(count * BLOCK) if background is None else np.resize(background, count * BLOCK)
        echo = np.zeros(count * BLOCK + RATE_HZ)
        response, waiting = room.response(), list(answers)
        base = self.listener.ring.written
        self._speaking = 0
        clean_all: list[Pcm16] = []
        self._tap(clean_all)
        for block in range(count):
            at = block * BLOCK
            if self._played is None and waiting and at >= waiting[0][0]:
                began, voice = waiting.pop(0)
                self._played = Played(room, response, voice, voice_hz, began // BLOCK * BLOCK, echo)
                self._late_s = self._random.uniform(0, TOLD_WRONG_S)
            if self._played is not None:
                self._play(self._played, voice_hz, at)
            self.is_playing = self._played is not None
            near = pcm(person[at : at + BLOCK] + echo[at : at + BLOCK] + quiet[at : at + BLOCK])
            self.past.at_ns = (base + at + BLOCK) * 1_000_000_000 // RATE_HZ
            self.listener.ring.write(near)
            near_all.append(near)
            for event in self.listener.decide():
                events.append(event)
                played = self._played
                if event.kind is Kind.SPEECH and played is not None and interrupts and played.flush_at is None:
                    ended.append(event.at - base)
                    played.flush_at = at + BLOCK + PERIOD * RATE_HZ // voice_hz
        near, clean = np.concatenate(near_all), np.concatenate(clean_all or near_all)
        return Simulated(events, ended, near, clean, self.path, self._speaking / RATE_HZ)

    def _play(self, played: Played, voice_hz: int, at: int) -> None:
        """What of the answer sounds at ``at``; it is over behind its end, and where it was flushed."""
        heard = at - played.began
        if played.flush_at is not None and at >= played.flush_at:
            self.far_end.dropped()
            played.cut(heard)
            self._played = None
        elif heard >= played.sound.size:
            self._played = None
        else:
            self._speaking += BLOCK
            self._write(played, voice_hz, heard)

    def _tap(self, kept: list[Pcm16]) -> None:
        """Keeps what is listened to."""
        echo, hear = self.listener.echo, self.hear

        def heard(frame: Pcm16, end: int, *, in_speech: bool) -> Pcm16:
            clean = hear(frame, end, in_speech=in_speech)
            kept.append(clean.copy())
            return clean

        if echo is not None:
            echo.hear = heard  # type: ignore[method-assign]

    def _write(self, played: Played, voice_hz: int, heard: int) -> None:
        """Has the device take what it has room for: it has played ``heard`` samples at 16 kHz by now."""
        voice = played.voice
        gone = heard * voice.size / played.sound.size
        while played.flush_at is None and played.written < voice.size and played.written + PERIOD - gone <= BUFFER:
            piece = voice[played.written : played.written + PERIOD]
            played.written += piece.size
            self.far_end.wrote(piece, voice_hz, (played.written - gone) / voice_hz + self._late_s)
            if played.written == voice.size:
                self.far_end.paused()


def scene(vad: Vad, settings: ListenSettings | None = None, trust: EchoTrust | None = None) -> Scene:
    past = _Past()
    far_end = FarEnd(Clock(past.now_ns, lambda seconds: None))
    listener = Listener(Ring(1 << 19), vad, settings or ListenSettings(), lambda position: past.at_ns)
    listener.echo = path = EchoPath(Stages(KalmanEcho(), WebRtcEcho()), far_end, past, trust)
    return Scene(listener, path, far_end, past)
