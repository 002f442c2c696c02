"""The far end: what the loudspeaker was really given, and when it sounds. Echo cancellation takes it for its reference.

The play thread logs each block that the device accepted; the listen thread reads the log by time. No lock between them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from firmware_py._ring import Lapped, NotWritten, Ring
from firmware_py.audio.clock import MONOTONIC, SECOND_NS, Clock
from firmware_py.audio.convert import Float32, Resampler, to_float32, to_int16
from firmware_py.events import RATE_HZ, Pcm16

LOG_SAMPLES = 1 << 17
"""8.2 s: the listener reads what sounds now, and may be a few seconds late."""
RUNS_KEPT = 64
JUMP_NS = SECOND_NS * 30 // 1000
"""A device that plays this much later or earlier than counted has run dry, or had told its delay wrongly."""
SETTLING = 4
"""Blocks at the begin of a run in which a device may still correct the delay that it told."""


@dataclass
class Run:
    """Sound without a gap: samples ``first .. end`` of the log, at 16 kHz, the first one heard at ``start_ns``.

    ``end`` grows while it is written, until it ``is_over``. ``cut_ns``: what would have been heard later was dropped.
    """

    first: int
    start_ns: int
    end: int
    cut_ns: int | None = None
    is_over: bool = False

    @property
    def until_ns(self) -> int:
        """When its last sample so far is heard."""
        until_ns = self.start_ns + (self.end - self.first) * SECOND_NS // RATE_HZ
        return until_ns if self.cut_ns is None else min(until_ns, self.cut_ns)


class FarEnd:
    """``wrote``, ``paused`` and ``dropped`` are the play thread's, the rest is anyone's.

    Within a run samples are counted, so that what is read of it never jumps; the device's delay is asked for with each
    block. A run begins anew where a device has run dry, which is at once later than counted, or twice earlier than
    counted; ``realigned`` counts those.
    """

    def __init__(self, clock: Clock = MONOTONIC) -> None:
        self.runs: deque[Run] = deque(maxlen=RUNS_KEPT)
        self.realigned = 0
        self._log = Ring(LOG_SAMPLES)
        self._clock = clock
        self._resampler = Resampler(RATE_HZ, RATE_HZ)
        self._run: Run | None = None
        self._given = 0
        self._blocks = 0
        self._was_early = False

    def wrote(self, pcm: Pcm16, rate_hz: int, delay_s: float) -> None:
        """The device accepted ``pcm``; ``delay_s`` of sound is in front of its end now."""
        end_ns = self._clock.now_ns() + int(delay_s * SECOND_NS)
        if rate_hz != self._resampler.from_hz:
            self.paused()
            self._resampler = Resampler(rate_hz, RATE_HZ, "LQ")
        run = self._run
        begins_ns = end_ns - pcm.size * SECOND_NS // rate_hz
        if run is None:
            run = self._begin(begins_ns)
        else:
            run = self._check(run, begins_ns - run.start_ns - self._given * SECOND_NS // rate_hz, begins_ns)
        self._given += pcm.size
        self._blocks += 1
        self._append(run, self._resampler.push(to_float32(pcm)))

    def paused(self) -> None:
        """Nothing follows what was written."""
        run, self._run = self._run, None
        if run is not None:
            self._append(run, self._resampler.finish())
            run.is_over = True

    def dropped(self) -> None:
        """What was written and not heard yet never will be."""
        self._resampler.clear()
        self._run = None
        if self.runs:
            run = self.runs[-1]
            run.cut_ns = min(run.until_ns, self._clock.now_ns())
            run.is_over = True

    def read(self, start: int, stop: int) -> Pcm16 | None:
        """Samples ``start .. stop`` of the log; None where they are not there (any more)."""
        try:
            samples: Pcm16 = self._log.copy(start, stop)
        except (Lapped, NotWritten):
            return None
        return samples

    def _begin(self, start_ns: int) -> Run:
        self._run = run = Run(self._log.written, start_ns, self._log.written)
        self._given = self._blocks = 0
        self._was_early = False
        self.runs.append(run)
        return run

    def _check(self, run: Run, late_ns: int, begins_ns: int) -> Run:
        """The run that goes on with a block which is heard ``late_ns`` later than by the count."""
        if self._blocks < SETTLING and late_ns < 0:
            run.start_ns += late_ns
            return run
        is_early, self._was_early = late_ns <= -JUMP_NS, late_ns <= -JUMP_NS and not self._was_early
        if late_ns < JUMP_NS and not (is_early and not self._was_early):
            return run
        self.realigned += 1
        self.paused()
        return self._begin(begins_ns)

    def _append(self, run: Run, samples: Float32) -> None:
        block = to_int16(samples)
        if block.size:
            self._log.write(block)
            run.end = int(self._log.written)
