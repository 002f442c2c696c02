"""One open ALSA device, in non-blocking mode, with a deadline on every wait.

pyalsaaudio's ways, found by reading it: ``read`` and ``write`` return -EPIPE after an overrun or underrun, having
prepared the stream again, and raise nothing; 0 means "not yet"; ``close`` drains, so a stalled speaker hangs it;
``drain`` in non-blocking mode raises EAGAIN while it drains; the constructor takes what the device has when it does
not have what was asked; ``getchannels`` counts up to 2**32 on a plugin. A capture stream starts with the first
``read``, never with a poll.
"""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from firmware_py.audio.alsa_probe import probe
from firmware_py.audio.clock import MONOTONIC, SECOND_NS, Clock
from firmware_py.audio.sample_formats import BYTES, PREFERRED
from firmware_py.errors import DeviceBusy, DeviceLost, Unavailable

Direction = Literal["capture", "playback"]
KEY = {"capture": "audio.input.device", "playback": "audio.output.device"}
STALL_S = {"capture": 0.35, "playback": 3.0}
"""A device that moves nothing for this long, or for three of its periods, is lost. A microphone always delivers; sound
servers take what is played in gulps (2 s, PulseAudio's null sink)."""

START_S = 3.0
"""The same before the first frame: a sound server took 0.8 s to start capturing, a USB device resets itself."""

KINDS = {"No such device": "unplugged", "File descriptor in bad state": "unplugged", "Streams pipe error": "suspended"}
"""alsa-lib's words for what became of an open device."""

LISTED_S = 10

CONVERTERS = {"lavrate", "samplerate", "speexrate", "jack", "oss", "speex", "upmix", "vdownmix", "usbstream"}
"""Plugins that every machine lists and that are no device."""


@dataclass(frozen=True)
class Wanted:
    """What a device is asked for; it may answer with something else."""

    rate_hz: int
    channels: int
    period_frames: int
    periods: int


class AlsaDevice:
    """A PCM as the device agreed to it: ``rate_hz``, ``channels``, ``sample_format``, ``period_frames``,
    ``buffer_frames``. ``xruns`` counts overruns or underruns.

    Raises Unavailable when it is not there, busy or speaks no format of ours; everything after that raises DeviceLost.
    """

    def __init__(self, direction: Direction, name: str, wanted: Wanted, clock: Clock = MONOTONIC) -> None:
        self.direction, self.name = direction, name
        self.xruns = 0
        self._alsa = library()
        self._clock = clock
        with self._losing():
            self._pcm, info = self._negotiate(wanted)
        self.rate_hz, self.channels = int(info["rate"]), int(info["channels"])
        self.sample_format = str(info["format_name"])
        self.period_frames, self.buffer_frames = int(info["period_size"]), int(info["buffer_size"])
        self.frame_bytes = BYTES[self.sample_format] * self.channels
        self.stall_s = START_S
        with self._losing():
            self._poll = self._make_poll()

    def read(self) -> bytes:
        """Whatever frames are there, at most a period; b"" when there are none yet; None is never returned.

        After an overrun ``xruns`` has grown and the stream begins anew with the next read.
        """
        with self._losing():
            count, data = self._pcm.read()
        if count < 0:
            self.xruns += 1
            return b""
        if count:
            self._has_moved()
        return bytes(data)

    def write(self, data: bytes) -> None:
        """Blocks until every frame is accepted; after an underrun it goes on with the same frame."""
        view, last_ns, was_ready = memoryview(data), self._clock.now_ns(), False
        while view:
            with self._losing():
                count = self._pcm.write(view)
            if count > 0:
                self._has_moved()
                view, last_ns = view[count * self.frame_bytes :], self._clock.now_ns()
                continue
            self.xruns += count < 0
            self.check_stall(last_ns)
            if count == 0 and was_ready:
                self.pause()
            was_ready = self.wait()

    def wait(self, since_ns: int | None = None) -> bool:
        """Whether the device called itself ready for a period within the time of two, and not beyond the moment at
        which it has stalled, where it last moved at ``since_ns``."""
        most_ms = 2000 * self.period_frames // self.rate_hz
        if since_ns is not None:
            left_s = self.stall_s - (self._clock.now_ns() - since_ns) / SECOND_NS
            most_ms = min(most_ms, int(left_s * 1000) + 1)
        events = self._poll.poll(max(1, most_ms))
        # The plugin must be asked: it consumes its wake-up there.
        with self._losing():
            return bool(events) and bool(self._pcm.polldescriptors_revents(events))

    def pause(self) -> None:
        """For a plugin that calls itself ready and is not: without a pause that is a busy loop."""
        self._clock.sleep(self.period_frames / self.rate_hz / 4)

    def check_stall(self, since_ns: int) -> None:
        """Raises DeviceLost when nothing has moved since ``since_ns`` for too long."""
        if (silent_s := (self._clock.now_ns() - since_ns) / SECOND_NS) > self.stall_s:
            raise DeviceLost(
                f"ALSA {self.direction} device {self.name!r} has stalled: nothing for {silent_s:.1f} s", "stalled"
            )

    def queued_frames(self) -> int:
        """Frames that were written and not yet played; 0 when it does not run."""
        if self._pcm.state() not in (self._alsa.PCM_STATE_RUNNING, self._alsa.PCM_STATE_DRAINING):
            return 0
        available = self._pcm.avail()
        return max(0, self.buffer_frames - available) if available >= 0 else 0

    def is_running(self) -> bool:
        return bool(self._pcm.state() == self._alsa.PCM_STATE_RUNNING)

    def drop(self) -> None:
        """Forgets what is queued; the next write or read begins anew."""
        with self._losing():
            self._pcm.drop()

    def drain(self) -> None:
        """Waits until everything is played."""
        left_s = self.queued_frames() / self.rate_hz
        deadline_ns = self._clock.now_ns() + int((left_s + self.stall_s) * SECOND_NS)
        with self._losing(), self._draining():
            self._pcm.drain()
        while self._pcm.state() in (self._alsa.PCM_STATE_DRAINING, self._alsa.PCM_STATE_RUNNING):
            if self._clock.now_ns() > deadline_ns:
                self.drop()
                raise DeviceLost(f"ALSA {self.direction} device {self.name!r} has stalled while draining", "stalled")
            self._clock.sleep(max(0.001, min(self.queued_frames(), self.period_frames) / self.rate_hz))

    def close(self) -> None:
        try:
            self._pcm.drop()
        except self._alsa.ALSAAudioError:
            pass
        self._pcm.close()

    def _negotiate(self, wanted: Wanted) -> tuple[Any, dict[str, Any]]:
        pcm = self._open(wanted, PREFERRED[0])
        info = pcm.info()
        rate_hz, sample_format = better_rate(wanted.rate_hz, int(info["rate"]), pcm.getrates()), info["format_name"]
        if sample_format not in PREFERRED:
            formats = [name for name in PREFERRED if name in pcm.getformats()]
            if not formats:
                pcm.close()
                raise Unavailable(f"ALSA {self.direction} device {self.name!r} speaks none of {', '.join(PREFERRED)}")
            sample_format = formats[0]
        if (rate_hz, sample_format) != (wanted.rate_hz, info["format_name"]):
            pcm.close()
            period = wanted.period_frames * rate_hz // wanted.rate_hz
            pcm = self._open(Wanted(rate_hz, int(info["channels"]), period, wanted.periods), sample_format)
            info = pcm.info()
        return pcm, info

    def _open(self, wanted: Wanted, sample_format: str) -> Any:
        alsa = self._alsa
        try:
            probe(self.direction, self.name)
            return alsa.PCM(
                alsa.PCM_CAPTURE if self.direction == "capture" else alsa.PCM_PLAYBACK,
                alsa.PCM_NONBLOCK,
                device=self.name,
                rate=wanted.rate_hz,
                channels=wanted.channels,
                format=getattr(alsa, f"PCM_FORMAT_{sample_format}"),
                periodsize=wanted.period_frames,
                periods=wanted.periods,
            )
        except (alsa.ALSAAudioError, ValueError, OSError) as error:
            raise unavailable(self.direction, self.name, error) from error

    def _make_poll(self) -> select.poll:
        poll = select.poll()
        for handle, events in self._pcm.polldescriptors():
            poll.register(handle, events)
        return poll

    def _has_moved(self) -> None:
        self.stall_s = max(STALL_S[self.direction], 3 * self.period_frames / self.rate_hz)

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """An error of alsa-lib on an open device: it has gone, was suspended, or its driver gave up."""
        try:
            yield
        except self._alsa.ALSAAudioError as error:
            why = _reason(error)
            message = f"ALSA {self.direction} device {self.name!r} is lost: {why}"
            raise DeviceLost(message, KINDS.get(why, "failed")) from error

    @contextmanager
    def _draining(self) -> Iterator[None]:
        try:
            yield
        except self._alsa.ALSAAudioError as error:
            if "temporarily unavailable" not in str(error):
                raise


def library() -> Any:
    """The ``alsaaudio`` module, with alsa-lib's own messages switched off. Raises Unavailable."""
    try:
        import alsaaudio
    except ImportError as error:
        raise Unavailable(f"pyalsaaudio is not installed ({error}); run 'make setup'") from error
    _silence()
    return alsaaudio


def _silence() -> None:
    """Stops alsa-lib from writing to stderr.

    Its handler is variadic C; a function without arguments may stand in for it under the System V and AAPCS64 calling
    conventions, and unlike a Python callback it needs no GIL and outlives the interpreter.
    """
    try:
        alsa = ctypes.CDLL("libasound.so.2")
        alsa.snd_lib_error_set_handler(ctypes.cast(ctypes.CDLL(None).getppid, ctypes.c_void_p))
    except (OSError, AttributeError):
        pass


def better_rate(wanted_hz: int, offered_hz: int, rates: int | tuple[int, int] | list[int]) -> int:
    """The rate to open with, given the one ALSA calls nearest and all there are (a list, a range or one).

    Nearest may be below: a device of 8 and 44.1 kHz offers 8 for 16, and half of speech is gone. So the lowest
    that is not below, a whole multiple before others up to three times; the highest when all are below.
    """
    if offered_hz == wanted_hz or not isinstance(rates, list):
        return offered_hz
    above = [r for r in sorted(rates) if r >= wanted_hz]
    if not above:
        return max(rates, default=offered_hz)
    whole = [r for r in above if r % wanted_hz == 0 and r <= 3 * wanted_hz]
    return (whole or above)[0]


def devices(direction: Direction) -> list[str]:
    """Names that can be opened on this machine, one a card's device and the named ones; what ``arecord -L`` lists."""
    alsa = library()
    names = alsa.pcms(alsa.PCM_CAPTURE if direction == "capture" else alsa.PCM_PLAYBACK)
    cards = [name for name in names if name.startswith("plughw:")]
    named = [name for name in names if ":" not in name and name not in CONVERTERS]
    return sorted(set(cards)) + sorted(set(named) - {"null"}) + sorted(set(named) & {"null"})


_listed: dict[Direction, tuple[int, list[str]]] = {}


def _known_devices(direction: Direction) -> list[str]:
    """What :func:`devices` said within the last 10 s: making that list is most of what a vain attempt costs, and a
    device that is away is looked for again and again."""
    at_ns, names = _listed.get(direction, (0, []))
    if not names or MONOTONIC.now_ns() - at_ns > LISTED_S * SECOND_NS:
        names = devices(direction)
        _listed[direction] = (MONOTONIC.now_ns(), names)
    return names


def unavailable(direction: Direction, name: str, error: Exception) -> Unavailable:
    """The error for a device that could not be opened: why, and what there is instead."""
    reason = _reason(error)
    if "busy" in reason.lower():
        return DeviceBusy(f"ALSA {direction} device {name!r} is in use by another program; close that one first")
    if "permission" in reason.lower():
        return Unavailable(f"ALSA {direction} device {name!r} may not be opened; add this user to the group 'audio'")
    others = [other for other in _known_devices(direction) if other != name]
    there = "there are" if any(":" in other for other in others) else "this machine shows no sound card, only"
    there = f"{there}: {', '.join(others)}; choose one as {KEY[direction]}" if others else "and there is no other"
    return Unavailable(f"no ALSA {direction} device {name!r} ({reason}); {there}")


def _reason(error: Exception) -> str:
    """pyalsaaudio appends the device in brackets, which the message already names."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error).rsplit(" [", 1)[0]
