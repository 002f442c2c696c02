"""How well the loudspeaker is taken out of the microphone, and what may be believed of what is left."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from firmware_py.events import FRAME_SAMPLES, Pcm16

FULL_SCALE = 32768.0**2 * FRAME_SAMPLES
QUIETEST_DB = -120.0
LINEAR_ERLE_DB = 12.0
LEAST_ERLE_DB = -2.0
"""Where the canceller adds more than it takes, the loudspeaker is not heard when it is thought to be."""
NOTHING_DB = -55.0
"""What is left below this says nothing of the kind: the microphone hardly hears the loudspeaker, or closes by itself
while nobody speaks, and the canceller's own noise is more than that."""
ECHO_DB = 1.0
"""The linear canceller takes out the loudspeaker alone: where it takes less, there is no echo to speak of."""
WORSE = 4.0
AUDIBLE = FULL_SCALE * 1e-6
"""Power behind the canceller beyond that before it: 6 dB, and what is at -60 dB anyhow."""
PLAYS_DB = -55.0
"""Far end below this makes no echo worth judging by."""
RINGS_FRAMES = 20
"""Frames behind the last loud one of the far end in which a room still carries it."""
WINDOW_FRAMES = 200
FIRST_FRAMES = 40
"""Frames with the loudspeaker in them that it takes to believe anything."""
RENEW_FRAMES = 10
DOUBT_FRAMES = 50
"""A frame counts only once nobody turned out to have begun to speak in it."""
BACK_DB = 3.0
"""So much below the limit what is left must lie before it is believed again."""
ROOM_FRAMES = 1000
ROOM_DB = 3.0
"""What is left may be so much louder than the room is by itself: noise comes and goes."""
ROOM_MOST_DB = 15.0
"""So far above the limit the room may lift it. Noise that is louder leaves nothing of a voice to believe."""


@dataclass(frozen=True)
class TrustSettings:
    """``most_residual_db``: what is left of the loudspeaker, in dB below full scale, above which no speech is believed
    over it. ``margin_db``: how far speech must stand out of what is left."""

    most_residual_db: float = -45.0
    margin_db: float = 6.0


class EchoTrust:
    """Judges frames in which the loudspeaker is heard and nobody is known to speak.

    ``residual_db`` is the level of what is left that nine of ten frames stay below, ``erle_db`` by how much the
    canceller lowered the microphone's power (echo return loss enhancement) over the last two seconds of such frames.
    ``room_db`` is the level that nine of ten frames stay below while nothing plays and nobody speaks: what is left is
    held against it where that is louder than the limit.
    """

    def __init__(self, settings: TrustSettings | None = None) -> None:
        self.settings = settings or TrustSettings()
        self.is_trusted = False
        self.residual_db = self.room_db = QUIETEST_DB
        self.erle_db = self.linear_erle_db = 0.0
        self._doubted: deque[tuple[float, float, float]] = deque()
        self._believed: deque[tuple[float, float, float]] = deque(maxlen=WINDOW_FRAMES)
        self._resting: deque[float] = deque()
        self._rested: deque[float] = deque(maxlen=ROOM_FRAMES)
        self._rings = 0
        self._count = 0
        self._level_db = QUIETEST_DB

    @property
    def is_known(self) -> bool:
        """Whether enough was heard to judge by."""
        return len(self._believed) >= FIRST_FRAMES

    @property
    def is_room_known(self) -> bool:
        """Whether enough was heard of the room by itself."""
        return len(self._rested) >= FIRST_FRAMES

    @property
    def hears_echo(self) -> bool:
        """Whether the loudspeaker was found in the microphone. Elsewhere the canceller can only take from voices."""
        return self.is_known and self.linear_erle_db >= ECHO_DB

    @property
    def is_linear(self) -> bool:
        """Whether the linear canceller is good enough for recognition."""
        return self.linear_erle_db >= LINEAR_ERLE_DB

    def saw(self, near: Pcm16, linear: Pcm16, clean: Pcm16, far: Pcm16, *, in_speech: bool) -> bool:
        """A frame before the canceller and behind each of its stages, and the loudspeaker's; False where it was
        better before.

        A canceller takes out what was never there when the loudspeaker begins later than it has found before.
        """
        near_power, linear_power, clean_power = power(near), power(linear), power(clean)
        is_better = clean_power < WORSE * near_power + AUDIBLE
        clean_power = clean_power if is_better else near_power
        self._level_db = decibels(clean_power)
        self._rings = RINGS_FRAMES if decibels(power(far)) > PLAYS_DB else self._rings - 1
        if in_speech:
            self._doubted.clear()
        elif self._rings > 0:
            self._doubted.append((near_power, linear_power, clean_power))
        if len(self._doubted) > DOUBT_FRAMES:
            self._believed.append(self._doubted.popleft())
            self._count += 1
            if self._count % RENEW_FRAMES == 0 and self.is_known:
                self._judge()
        return is_better

    def rests(self, level_db: float, *, in_speech: bool) -> None:
        """The level of a frame, in dB below full scale, that the loudspeaker is not in."""
        if in_speech:
            self._resting.clear()
            return
        self._resting.append(level_db)
        if len(self._resting) > DOUBT_FRAMES:
            self._rested.append(self._resting.popleft())

    @property
    def limit_db(self) -> float:
        """The most that may be left of the loudspeaker: as configured, or as loud as the room is without it."""
        most_db = self.settings.most_residual_db
        return max(most_db, min(self.room_db + ROOM_DB, most_db + ROOM_MOST_DB))

    def believes(self) -> bool:
        """Whether the frame that was seen last may be somebody's voice."""
        return self.is_trusted and self._level_db > self.residual_db + self.settings.margin_db

    def _judge(self) -> None:
        near, linear, clean = zip(*self._believed, strict=True)
        self.residual_db = decibels(sorted(clean)[len(clean) * 9 // 10])
        self.erle_db = 10 * math.log10((sum(near) + 1.0) / (sum(clean) + 1.0))
        self.linear_erle_db = 10 * math.log10((sum(near) + 1.0) / (sum(linear) + 1.0))
        if self.is_room_known:
            self.room_db = sorted(self._rested)[len(self._rested) * 9 // 10]
        limit_db = self.limit_db - (0.0 if self.is_trusted else BACK_DB)
        is_taken_out = self.erle_db > LEAST_ERLE_DB or self.residual_db < NOTHING_DB
        self.is_trusted = self.residual_db <= limit_db and is_taken_out


def power(frame: Pcm16) -> float:
    """The sum of squares."""
    samples = frame.astype("f4")
    return float(samples @ samples)


def decibels(energy: float) -> float:
    """The level of a frame with this sum of squares, dB below full scale."""
    return 10 * math.log10(energy / FULL_SCALE) if energy > 0 else QUIETEST_DB
