"""The play thread: it owns the speaker.

Chunks come from an iterator that may be slow (a voice at work), so a second thread pulls it into a bounded queue and
the play thread writes whole periods. Errors of the speaker and of the iterator end the playback and are
reported; they never reach the walk.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from firmware_py.audio.clock import SECOND_NS
from firmware_py.events import Pcm16

QUEUE_S = 30.0
"""Sound that may wait between the voice and the speaker; the voice waits beyond it, nothing is dropped."""

WAITING = 2
"""Playbacks that may wait behind the one that plays; the oldest is dropped beyond it."""

PERIODS = 4
RAMP_S = 0.01


class _Speaker(Protocol):
    rate_hz: int

    def write(self, pcm: Pcm16) -> None: ...
    def delay_s(self) -> float: ...
    def flush(self) -> None: ...
    def drain(self) -> None: ...


class Playback:
    """One answer on its way out.

    ``first_ns``: its first period was accepted; ``heard_ns``: that, and the delay of the device's buffer;
    ``done_ns``: its last sample was played, or it was stopped. None until then, on ``time.monotonic_ns``.
    ``played`` and ``dropped`` count samples; ``error`` is what ended it early, if anything did.
    """

    def __init__(self, chunks: Iterator[Pcm16], on_first: Callable[[int], None] | None = None) -> None:
        self.first_ns: int | None = None
        self.heard_ns: int | None = None
        self.done_ns: int | None = None
        self.delay_s = 0.0
        self.played = 0
        self.dropped = 0
        self.error: Exception | None = None
        self._chunks, self._on_first = chunks, on_first
        self._queue: deque[Pcm16] = deque()
        self._queued = 0
        self._change = threading.Condition()
        self._is_fed = False
        self._is_stopped = threading.Event()
        self._is_done = threading.Event()

    @property
    def is_stopped(self) -> bool:
        return self._is_stopped.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """True once it is over."""
        return self._is_done.wait(timeout_s)

    def stop(self) -> None:
        """Silences it within one period; returns at once."""
        self._is_stopped.set()
        with self._change:
            self._change.notify_all()

    def feed(self, limit: int) -> None:
        """Pulls the iterator dry, never more than ``limit`` samples ahead of the speaker."""
        try:
            for chunk in self._chunks:
                if not self._put(chunk, limit):
                    break
        except Exception as error:
            self.error = error
        finally:
            close = getattr(self._chunks, "close", None)
            if close is not None:
                close()
            with self._change:
                self._is_fed = True
                self._change.notify_all()

    def take(self, samples: int) -> Pcm16 | None:
        """The next ``samples`` (fewer at the end); None when there are no more or it was stopped."""
        with self._change:
            self._change.wait_for(lambda: self._queued >= samples or self._is_fed or self.is_stopped)
            if self.is_stopped or not self._queued:
                return None
            return self._pop(min(samples, self._queued))

    def finish(self, at_ns: int) -> None:
        with self._change:
            self.dropped += self._queued
            self._queue.clear()
            self._queued = 0
        self.done_ns = at_ns
        self._is_done.set()

    def began(self, at_ns: int, delay_s: float) -> None:
        self.delay_s = delay_s
        self.first_ns, self.heard_ns = at_ns, at_ns + int(delay_s * SECOND_NS)
        if self._on_first is not None:
            self._on_first(at_ns)

    def _put(self, chunk: Pcm16, limit: int) -> bool:
        with self._change:
            self._change.wait_for(lambda: self._queued < limit or self.is_stopped)
            if self.is_stopped:
                self.dropped += chunk.size
                return False
            self._queue.append(chunk)
            self._queued += chunk.size
            self._change.notify_all()
        return True

    def _pop(self, samples: int) -> Pcm16:
        parts, left = [], samples
        while left:
            first = self._queue.popleft()
            if first.size > left:
                self._queue.appendleft(first[left:])
                first = first[:left]
            parts.append(first)
            left -= first.size
        self._queued -= samples
        self._change.notify_all()
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


class Player:
    """Plays one answer at a time.

    ``volume`` 0..1 and ``is_muted`` take effect within a period, ramped. ``on_played(pcm, rate_hz)`` gets what was
    handed to the device, gain applied, in the play thread. ``on_error(error)`` is told of a speaker or a voice
    that failed.
    """

    def __init__(
        self,
        speaker: _Speaker,
        *,
        period_samples: int = 512,
        on_played: Callable[[Pcm16, int], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self.volume = 1.0
        self.is_muted = False
        self.dropped = 0
        self._speaker = speaker
        self._period = period_samples
        self._on_played = on_played
        self._on_error = on_error
        self._gain = 1.0
        self._waiting: deque[Playback] = deque()
        self._current: Playback | None = None
        self._change = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="play", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def play(
        self,
        chunks: Iterator[Pcm16],
        at_ns: int | None = None,
        *,
        on_first: Callable[[int], None] | None = None,
        replace: bool = False,
    ) -> Playback:
        """Queues int16 chunks at the speaker's rate and returns at once; the iterator is pulled in a thread of its own.

        It waits behind what is playing, or takes its place with ``replace``. ``at_ns`` means nothing to a
        player that has a clock of its own.
        """
        playback = Playback(chunks, on_first)
        with self._change:
            if self._is_closing:
                playback.stop()
                playback.finish(time.monotonic_ns())
                return playback
            if replace:
                self._drop_all()
            elif len(self._waiting) >= WAITING:
                self._drop(self._waiting.popleft())
            self._waiting.append(playback)
            self._change.notify_all()
        return playback

    def silence(self) -> None:
        """Stops what is playing and what waits."""
        with self._change:
            self._drop_all()

    def stop(self) -> None:
        """Stops everything and ends the thread. May be called twice."""
        with self._change:
            self._is_closing = True
            self._drop_all()
            self._change.notify_all()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    @property
    def is_playing(self) -> bool:
        return self._current is not None

    def _drop_all(self) -> None:
        if self._current is not None:
            self._current.stop()
        while self._waiting:
            self._drop(self._waiting.popleft())

    def _drop(self, playback: Playback) -> None:
        self.dropped += 1
        playback.stop()
        playback.finish(time.monotonic_ns())

    def _run(self) -> None:
        while (playback := self._next()) is not None:
            feeder = threading.Thread(
                target=playback.feed, args=(int(QUEUE_S * self._speaker.rate_hz),), name="play-feed", daemon=True
            )
            feeder.start()
            try:
                self._perform(playback)
            except Exception as error:
                playback.error = error
                playback.stop()
            with self._change:
                self._current = None
            playback.finish(time.monotonic_ns())
            if playback.error is not None and self._on_error is not None:
                self._on_error(playback.error)

    def _next(self) -> Playback | None:
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._is_closing)
            if self._is_closing:
                return None
            self._current = self._waiting.popleft()
            return self._current

    def _perform(self, playback: Playback) -> None:
        while (piece := playback.take(self._period)) is not None:
            piece = self._with_gain(piece)
            self._speaker.write(piece)
            if playback.first_ns is None:
                playback.began(time.monotonic_ns(), self._speaker.delay_s())
            playback.played += piece.size
            if self._on_played is not None:
                self._on_played(piece, self._speaker.rate_hz)
        period_s = self._period / self._speaker.rate_hz
        while not playback.is_stopped and self._speaker.delay_s() > period_s:
            playback._is_stopped.wait(period_s / 2)
        if playback.is_stopped:
            self._speaker.flush()
        else:
            self._speaker.drain()

    def _with_gain(self, pcm: Pcm16) -> Pcm16:
        wanted = 0.0 if self.is_muted else min(max(self.volume, 0.0), 1.0)
        if wanted == 1.0 and self._gain == 1.0:
            return pcm
        ramp = np.full(pcm.size, wanted, np.float32)
        count = min(pcm.size, int(RAMP_S * self._speaker.rate_hz))
        ramp[:count] = np.linspace(self._gain, wanted, count, endpoint=False, dtype=np.float32)
        self._gain = wanted
        out: Pcm16 = np.rint(pcm * ramp).astype(np.int16)
        return out


class FastPlayer:
    """Plays at fast pace: ``play`` takes all chunks at once, and the marks say when a device would have played them."""

    def __init__(self, rate_hz: int, buffer_size: int, on_samples: Callable[[Pcm16], object]) -> None:
        self.rate_hz, self.buffer_size = rate_hz, buffer_size
        self._on_samples = on_samples

    def play(self, chunks: Iterator[Pcm16], at_ns: int | None = None) -> Playback:
        """The playback is over when this returns; errors of the iterator are raised.

        ``at_ns`` is the time on the recording's clock at which the first chunk is ready; a later chunk is as
        much later as it took.
        """
        playback = Playback(chunks)
        started_ns = time.monotonic_ns()
        offset_ns = 0 if at_ns is None else at_ns - started_ns
        end_ns = started_ns + offset_ns
        for chunk in chunks:
            if playback.first_ns is None:
                playback.began(end_ns, self.buffer_size / self.rate_hz)
            end_ns = max(end_ns, time.monotonic_ns() + offset_ns) + chunk.size * SECOND_NS // self.rate_hz
            playback.played += chunk.size
            self._on_samples(chunk)
        playback.finish(end_ns + int(playback.delay_s * SECOND_NS) if playback.played else end_ns)
        return playback
