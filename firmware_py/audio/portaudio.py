"""PortAudio devices (WASAPI, CoreAudio, ALSA, PulseAudio) as microphone and speaker: for development on a laptop.

The appliance uses :mod:`.alsa`; ``audio.backend: sounddevice`` chooses these.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from firmware_py.audio.clock import MONOTONIC, SECOND_NS, Clock, SampleClock
from firmware_py.audio.convert import Float32, Resampler, to_float32, to_int16
from firmware_py.audio.portaudio_device import library, open_stream
from firmware_py.errors import DeviceLost
from firmware_py.events import RATE_HZ, Pcm16

STALL_S = 3.0
"""A device that moves nothing for this long is lost: PortAudio waits for ever for one that was pulled out."""

PERIODS = 4


class PortAudioMicrophone:
    """16 kHz mono int16 from an input device; the rate is resampled where the device has only another.

    ``channel`` picks one, None takes what the system makes of all of them. ``lost`` counts samples (16 kHz) that were
    dropped in ``xruns`` overruns, from the time that passed. Raises Unavailable, and DeviceLost from ``read``.
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
        self.lost = self.xruns = 0
        self._name, self._clock = device, clock
        self._channels = 1 if channel is None else channel + 1
        self._error = library().PortAudioError
        self._stream, self._rate_hz = open_stream("input", device, rate_hz, self._channels, chunk_size)
        self._period = max(1, chunk_size * self._rate_hz // rate_hz)
        self._resampler = Resampler(self._rate_hz, RATE_HZ)
        self._samples = SampleClock(self._rate_hz)
        self._frames_in = self._frames_lost = 0
        self._is_closed = threading.Event()

    def read(self) -> Pcm16 | None:
        """The next block, shape ``(n,)``; None after ``close``."""
        since_ns = self._clock.now_ns()
        try:
            if not self._is_closed.is_set() and self._stream.stopped:
                self._stream.start()
            while not self._is_closed.is_set():
                if self._stream.read_available < self._period:
                    self._wait(since_ns)
                elif (block := self._convert(*self._stream.read(self._period))).size:
                    return block
        except self._error as error:
            if not self._is_closed.is_set():
                raise DeviceLost(f"input device {self._name!r} is lost: {error}") from error
        return None

    def close(self) -> None:
        """From any thread; safe to call twice."""
        if not self._is_closed.is_set():
            self._is_closed.set()
            self._stream.close(ignore_errors=True)

    def _wait(self, since_ns: int) -> None:
        if (silent_s := (self._clock.now_ns() - since_ns) / SECOND_NS) > STALL_S:
            raise DeviceLost(f"input device {self._name!r} has stalled: nothing for {silent_s:.1f} s")
        self._clock.sleep(self._period / self._rate_hz / 4)

    def _convert(self, data: Any, has_overflowed: bool) -> Pcm16:
        frames = np.frombuffer(data, np.int16).reshape(-1, self._channels)
        now_ns = self._clock.now_ns()
        if has_overflowed:
            self._count_lost(now_ns)
        self._frames_in += len(frames)
        self._samples.observe(self._frames_in + self._frames_lost, now_ns)
        mono = frames[:, -1]
        if self._rate_hz == RATE_HZ:
            return np.ascontiguousarray(mono)
        return to_int16(self._resampler.push(to_float32(mono)))

    def _count_lost(self, now_ns: int) -> None:
        """PortAudio says that samples were dropped, not how many: what the device made by now and we never got."""
        self.xruns += 1
        waiting = self._stream.read_available + self._period
        made = self._samples.position_at(now_ns)
        gone = 0 if made is None else made - waiting - self._frames_in - self._frames_lost
        self._frames_lost += max(1, gone)
        self.lost = max(1, round(self._frames_lost * RATE_HZ / self._rate_hz))


class PortAudioSpeaker:
    """Takes mono int16 at ``rate_hz`` for an output device, resampled where it has only another rate.

    ``buffer_size`` (samples at ``rate_hz``) is a wish. ``underruns`` counts the times the device ran dry within an
    answer. Raises Unavailable, and DeviceLost from ``write`` and ``drain``. One thread writes, drains and flushes.
    """

    def __init__(
        self, device: str = "default", *, rate_hz: int, buffer_size: int = 2048, device_rate_hz: int | None = None
    ) -> None:
        asked_hz = device_rate_hz or rate_hz
        period = max(1, buffer_size * asked_hz // rate_hz // PERIODS)
        self.rate_hz = rate_hz
        self.underruns = 0
        self._name = device
        self._error = library().PortAudioError
        self._stream, self._rate_hz = open_stream("output", device, asked_hz, 1, period)
        self.period_samples = max(1, period * rate_hz // asked_hz)
        self._resampler = Resampler(rate_hz, self._rate_hz)
        self._capacity = 0
        self._is_closed = False

    def write(self, pcm: Pcm16) -> None:
        """Blocks until the device has accepted all of it."""
        self._put(self._resampler.push(to_float32(pcm)))

    def delay_s(self) -> float:
        if self._is_closed or self._stream.stopped:
            return 0.0
        queued = max(0, self._capacity - int(self._stream.write_available))
        return queued / self._rate_hz + self._resampler.delay_s()

    def flush(self) -> None:
        """Silence within one period."""
        self._resampler.clear()
        if not self._stream.stopped:
            self._stream.abort(ignore_errors=True)

    def drain(self) -> None:
        self._put(self._resampler.finish())
        if not self._stream.stopped:
            try:
                self._stream.stop(ignore_errors=False)
            except self._error as error:
                raise DeviceLost(f"output device {self._name!r} is lost: {error}") from error

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._stream.close(ignore_errors=True)

    def _put(self, samples: Float32) -> None:
        if not samples.size:
            return
        try:
            is_first = bool(self._stream.stopped)
            if is_first:
                self._stream.start()
                self._capacity = int(self._stream.write_available)
            has_run_dry = self._stream.write(to_int16(samples).tobytes())
        except self._error as error:
            raise DeviceLost(f"output device {self._name!r} is lost: {error}") from error
        self.underruns += bool(has_run_dry) and not is_first
