"""ALSA devices as the walk's microphone and speaker: any rate, any channel count, any common format."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from firmware_py.audio.alsa_device import AlsaDevice, Wanted
from firmware_py.audio.clock import MONOTONIC, SECOND_NS, Clock, SampleClock
from firmware_py.audio.convert import Float32, Resampler, to_float32, to_int16
from firmware_py.audio.rate_watch import RateWatch
from firmware_py.audio.sample_formats import decode, encode
from firmware_py.errors import Unavailable
from firmware_py.events import RATE_HZ, Pcm16

CAPTURE_PERIODS = 8
"""Half a second of buffer at the usual period: it costs no latency, and a busy machine is forgiven."""

PLAYBACK_PERIODS = 4
PRIME_MS = 120
"""Silence in front of the first word after a pause: codecs and amplifiers mute themselves while they wake."""

IDLE_S = 0.5


class AlsaMicrophone:
    """16 kHz mono int16 from any capture device.

    ``rate_hz`` and ``chunk_size`` (samples at ``rate_hz``) are wishes; what the device does instead is resampled.
    ``channel`` picks one channel, None takes their mean. ``lost`` counts samples (16 kHz) dropped in ``xruns``
    overruns, from the time that passed: ``frames in + lost = rate * time`` within one period. A device that delivers
    at another rate than it said is resampled from that one (``rate_changes`` counts); until that is found, too few
    samples are ``lost`` too, and too many are ``surplus``: ``frames in + lost - surplus = rate * time``. Raises
    Unavailable, and DeviceLost from ``read`` when the device has gone, was suspended or has stalled.
    """

    def __init__(
        self,
        device: str = "default",
        *,
        rate_hz: int = RATE_HZ,
        channel: int | None = None,
        chunk_size: int = 1024,
        clock: Clock = MONOTONIC,
    ) -> None:
        wanted = Wanted(rate_hz, 1 if channel is None else channel + 1, chunk_size, CAPTURE_PERIODS)
        self.device = AlsaDevice("capture", device, wanted, clock)
        if channel is not None and channel >= self.device.channels:
            self.device.close()
            raise Unavailable(
                f"ALSA capture device {device!r} has no channel {channel}, only 0 to {self.device.channels - 1}"
            )
        self.lost = self.surplus = 0
        self._channel = channel
        self._clock = clock
        self.rate_changes = 0
        self._lost_before = 0
        self._run_at(self.device.rate_hz)
        self._starts = True
        self._is_closed = threading.Event()

    @property
    def xruns(self) -> int:
        return self.device.xruns

    def _run_at(self, rate_hz: int) -> None:
        """From now on the device's frames are taken to come at this rate."""
        self._rate_hz = rate_hz
        self._resampler = Resampler(rate_hz, RATE_HZ)
        self._samples = SampleClock(rate_hz)
        self._watch = RateWatch(rate_hz)
        self._frames_in = self._frames_lost = 0

    def read(self) -> Pcm16 | None:
        """The next block, shape ``(n,)``; None after ``close``."""
        last_ns = self._clock.now_ns()
        while not self._is_closed.is_set():
            # Never before the first read: that is what starts the stream.
            is_ready = self.device.is_running() and self.device.wait(last_ns)
            data = self._read_device()
            if data and (block := self._convert(data)).size:
                return block
            if self._starts:
                last_ns = self._clock.now_ns()  # an overrun: it was this program that stood still
            elif not data:
                self.device.check_stall(last_ns)
                if is_ready:
                    self.device.pause()
        return None

    def close(self) -> None:
        """From the thread that reads, or once it has ended."""
        if not self._is_closed.is_set():
            self._is_closed.set()
            self.device.close()

    def _read_device(self) -> bytes:
        if self._starts:
            self._starts = False
            self._begin(self._clock.now_ns())
        overruns = self.device.xruns
        data = self.device.read()
        self._starts = self.device.xruns != overruns
        return data

    def _begin(self, now_ns: int) -> None:
        """The stream starts with the read that follows: what the device made until now and we never got is lost."""
        position = self._frames_in + self._frames_lost
        made = self._samples.position_at(now_ns)
        if made is not None and made > position:
            self._frames_lost += made - position
            self.lost = self._lost_before + round(self._frames_lost * RATE_HZ / self._rate_hz)
        self._watch.begin(self._frames_in + self._frames_lost, now_ns)

    def _convert(self, data: bytes) -> Pcm16:
        device = self.device
        now_ns, count = self._clock.now_ns(), len(data) // device.frame_bytes
        end = self._frames_in + count + self._frames_lost
        if (other_hz := self._watch.observe(count, now_ns, end)) is not None:
            self.rate_changes += 1
            self._settle(other_hz, count, now_ns)
        self._frames_in += count
        self._samples.observe(self._frames_in + self._frames_lost, now_ns)
        if (self._rate_hz, device.channels, device.sample_format) == (RATE_HZ, 1, "S16_LE"):
            return np.frombuffer(data, "<i2").astype(np.int16, copy=False)
        frames = decode(device.sample_format, data, device.channels)
        return to_int16(self._resampler.push(self._mix(frames)))

    def _settle(self, other_hz: int, count: int, now_ns: int) -> None:
        """The device runs at another rate: all before this block of ``count`` frames was taken wrongly."""
        passed = self._watch.passed(other_hz)
        self._lost_before = self.lost
        if passed is not None:
            frames, seconds = passed
            taken = (frames - count) * RATE_HZ / self._rate_hz + count * RATE_HZ / other_hz
            missing = round(seconds * RATE_HZ - taken)
            self._lost_before += max(0, missing)
            self.surplus += max(0, -missing)
        self.lost = self._lost_before
        self._run_at(other_hz)
        self._watch.begin(0, now_ns - count * SECOND_NS // other_hz)

    def _mix(self, frames: Float32) -> Float32:
        if self._channel is not None:
            return frames[:, self._channel]
        return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1)


@dataclass(frozen=True)
class Waking:
    """How a device that has been idle for ``idle_s`` is woken: with ``prime_ms`` of silence; 0 ms leaves it asleep."""

    prime_ms: int = PRIME_MS
    idle_s: float = IDLE_S


class AlsaSpeaker:
    """Takes mono int16 at ``rate_hz`` for any playback device: resampled to its rate, the same on all its channels.

    ``buffer_size`` (samples at ``rate_hz``) is a wish. ``underruns`` counts the times the device ran dry within an
    answer. Silence goes in front of the first word after a pause, so that a waking device swallows that. Raises
    Unavailable, and DeviceLost from ``write`` and ``drain``. One thread writes, drains and flushes.
    """

    needs_waking = True

    def __init__(
        self,
        device: str = "default",
        *,
        rate_hz: int,
        buffer_size: int = 2048,
        device_rate_hz: int | None = None,
        waking: Waking | None = None,
    ) -> None:
        asked_hz = device_rate_hz or rate_hz
        period = max(1, buffer_size * asked_hz // rate_hz // PLAYBACK_PERIODS)
        self.device = AlsaDevice("playback", device, Wanted(asked_hz, 1, period, PLAYBACK_PERIODS))
        self.rate_hz = rate_hz
        self.period_samples = max(1, self.device.period_frames * rate_hz // self.device.rate_hz)
        self._waking = waking or Waking()
        self._resampler = Resampler(rate_hz, self.device.rate_hz)
        self._last_ns: int | None = None
        self._is_closed = False

    @property
    def underruns(self) -> int:
        return self.device.xruns

    def write(self, pcm: Pcm16) -> None:
        """Blocks until the device has accepted all of it."""
        self._wake()
        self._put(self._resampler.push(to_float32(pcm)))
        self._last_ns = MONOTONIC.now_ns()

    def delay_s(self) -> float:
        return self.device.queued_frames() / self.device.rate_hz + self._resampler.delay_s()

    def flush(self) -> None:
        """Silence within one period."""
        self.device.drop()
        self._resampler.clear()

    def drain(self) -> None:
        self._put(self._resampler.finish())
        self.device.drain()
        self._last_ns = MONOTONIC.now_ns()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self.device.close()

    def _wake(self) -> None:
        idle_ns = None if self._last_ns is None else MONOTONIC.now_ns() - self._last_ns
        if self.device.is_running() or (idle_ns is not None and idle_ns < self._waking.idle_s * SECOND_NS):
            return
        self.device.drop()  # what was left to run dry while idle is no underrun
        silence = np.zeros(self._waking.prime_ms * self.device.rate_hz // 1000, np.float32)
        self._put(silence)

    def _put(self, samples: Float32) -> None:
        if samples.size:
            self.device.write(encode(self.device.sample_format, samples, self.device.channels))
