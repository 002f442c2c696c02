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

from firmware_py.audio.beside import Beside, Ducking
from firmware_py.audio.clock import SECOND_NS
from firmware_py.audio.playback import Playback
from firmware_py.events import Pcm16

QUEUE_S = 30.0
"""Sound that may wait between the voice and the speaker; the voice waits beyond it, nothing is dropped."""

MOST_S = 150.0
"""Sound of one playback: a voice that never ends is cut here, before the watchdog takes the turn for stuck."""

WAITING = 2
"""Playbacks that may wait behind the one that plays; the oldest is dropped beyond it."""

PERIOD_SAMPLES = 512
LATE_S = 1.0
"""Beyond what is in the device's buffer, before it is no longer waited for."""
RAMP_S = 0.01
"""A change of volume within this does not click."""

AWAKE_S = 5.0
AWAKE_PERIODS = 2
"""Silence kept in a device that is held awake: what the first word then waits behind."""


class _Speaker(Protocol):
    rate_hz: int

    def write(self, pcm: Pcm16) -> None: ...
    def delay_s(self) -> float: ...
    def flush(self) -> None: ...
    def drain(self) -> None: ...


class _FarEnd(Protocol):
    def wrote(self, pcm: Pcm16, rate_hz: int, delay_s: float) -> None: ...
    def paused(self) -> None: ...
    def dropped(self) -> None: ...


class NoFarEnd:
    """Stands where nobody needs to know what was played."""

    def wrote(self, pcm: Pcm16, rate_hz: int, delay_s: float) -> None:
        """Not kept."""

    def paused(self) -> None:
        """Nor that."""

    def dropped(self) -> None:
        """Nor that."""


class Player:
    """Plays one answer at a time.

    ``volume`` 0..1 and ``is_muted`` take effect within a period, ramped. ``far_end`` is told what
    the device accepted, gain and what sounds beside included, and what of it was dropped, in the play thread.
    ``on_error(error)`` is told of a speaker or a voice that failed. ``dropped`` counts playbacks that never began.
    ``ducking`` says what steps back.
    """

    def __init__(
        self,
        speaker: _Speaker,
        *,
        far_end: _FarEnd | None = None,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self.volume = 1.0
        self.is_muted = False
        self.dropped = 0
        self._speaker = speaker
        self._period = int(getattr(speaker, "period_samples", PERIOD_SAMPLES))
        self._far_end: _FarEnd = far_end or NoFarEnd()
        self._on_error = on_error
        self._gain = self._answer_gain = 1.0
        self._awake_until_ns: int | None = None
        self._beside = Beside(speaker.rate_hz)
        self.ducking = Ducking()
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
                self._drop(playback)
                return playback
            if replace:
                self._drop_all()
            elif len(self._waiting) >= WAITING:
                self._drop(self._waiting.popleft())
            self._waiting.append(playback)
            self._change.notify_all()
        return playback

    def chime(self, sound: Pcm16) -> None:
        """Plays a short sound at the speaker's rate at once, over an answer or alone; no answer waits for it."""
        with self._change:
            if not self._is_closing:
                self._beside.chime(sound)
                self._change.notify_all()

    def under(self, chunks: Iterator[Pcm16], on_end: Callable[[], None] = lambda: None) -> None:
        """Plays a long sound under everything else, in place of one that is on; nothing waits for it.

        ``chunks`` is pulled in the play thread and must answer at once, ``on_end`` is called there behind its end,
        also where the speaker fails in it.
        """
        with self._change:
            if not self._is_closing:
                self._beside.begin(chunks, on_end)
                self._change.notify_all()

    def wake(self, hold_s: float = AWAKE_S) -> None:
        """An answer is coming: wakes the device now and holds it awake with silence, so that the answer need not.

        Returns at once. Without it the device is woken by the answer itself, which costs that answer the time.
        """
        if getattr(self._speaker, "needs_waking", False):
            with self._change:
                self._awake_until_ns = time.monotonic_ns() + int(hold_s * SECOND_NS)
                self._change.notify_all()

    def silence(self) -> None:
        """Stops what is playing and what waits."""
        with self._change:
            self._drop_all()

    def stop(self) -> None:
        """Stops everything and ends the thread. May be called twice."""
        with self._change:
            self._is_closing = True
            self._drop_all()
            self._beside.clear()
            self._change.notify_all()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    @property
    def answer(self) -> Playback | None:
        """The answer that is played; another answer is another object."""
        return self._current

    @property
    def is_playing(self) -> bool:
        """Whether an answer is played."""
        return self._current is not None

    @property
    def is_sounding(self) -> bool:
        """Whether an answer or a long sound is played."""
        return self.is_playing or self._beside.has_long

    def _drop_all(self) -> None:
        if self._current is not None:
            self._current.stop()
        while self._waiting:
            self._drop(self._waiting.popleft())

    def _drop(self, playback: Playback) -> None:
        self.dropped += 1
        playback.stop()
        playback.finish(time.monotonic_ns())
        playback.close()

    def _run(self) -> None:
        while not self._is_closing:
            playback = self._next(self._keep_awake())
            if playback is not None:
                self._play(playback)
            elif self._beside.has_sound:
                self._play_beside()

    def _next(self, timeout_s: float | None) -> Playback | None:
        with self._change:
            self._change.wait_for(
                lambda: (
                    self._waiting
                    or self._is_closing
                    or self._beside.has_sound
                    or (timeout_s is None and self._awake_until_ns)
                ),
                timeout_s,
            )
            if self._is_closing or not self._waiting:
                return None
            self._current = self._waiting.popleft()
            return self._current

    def _keep_awake(self) -> float | None:
        """Feeds silence to a device that is to be awake; how long to wait until the next look, None for ever."""
        until_ns = self._awake_until_ns
        if until_ns is None:
            return None
        period_s = self._period / self._speaker.rate_hz
        try:
            if time.monotonic_ns() < until_ns:
                if self._speaker.delay_s() < AWAKE_PERIODS * period_s:
                    self._speaker.write(np.zeros(self._period, np.int16))
                return period_s / 2
            self._speaker.drain()
        except Exception as error:
            self._report(error)
        self._awake_until_ns = None
        return None

    def _play(self, playback: Playback) -> None:
        limits = (int(QUEUE_S * self._speaker.rate_hz), int(MOST_S * self._speaker.rate_hz))
        feed = threading.Thread(target=playback.feed, args=limits, name="play-feed", daemon=True)
        try:
            feed.start()
        except RuntimeError as error:  # out of threads or memory: the next answer may be luckier
            playback.error = error
            playback.stop()
            playback.close()
        try:
            self._perform(playback)
        except Exception as error:
            playback.error = error
            playback.stop()
            self._far_end.dropped()
        with self._change:
            self._current = None
            self._awake_until_ns = None
        playback.finish(time.monotonic_ns())
        if playback.error is not None:
            self._report(playback.error)

    def _play_beside(self) -> None:
        """What sounds beside an answer, without one; returns as soon as one comes, which then has the rest in it."""
        period_s = self._period / self._speaker.rate_hz
        try:
            while self._beside.has_sound and not self._is_wanted():
                self._write(self._mixed(np.zeros(self._period, np.int16)))
            self._far_end.paused()
            late_s = self._late_s()
            while self._speaker.delay_s() > period_s and not self._is_wanted() and time.monotonic() < late_s:
                time.sleep(period_s / 2)
            if not self._is_wanted() and self._awake_until_ns is None:
                self._speaker.drain()
        except Exception as error:
            on_end = self._beside.clear()
            self._far_end.dropped()
            self._report(error)
            on_end()

    def _mixed(self, piece: Pcm16) -> Pcm16:
        """A piece of an answer, or of silence, as it is heard: each sound as soft as it is to be now."""
        ducking = self.ducking
        wanted = ducking.gain if ducking.gives_way() else 1.0
        if not wanted == self._answer_gain == 1.0:
            ramp = np.linspace(self._answer_gain, wanted, piece.size, dtype=np.float32)
            piece = np.rint(piece * ramp).astype(np.int16)
            self._answer_gain = wanted
        return self._beside.mix(piece, ducking.gain if self.is_playing or ducking.is_attended() else 1.0)

    def _is_wanted(self) -> bool:
        return bool(self._waiting or self._is_closing)

    def _write(self, piece: Pcm16) -> None:
        """Hands a piece to the device, gain applied."""
        piece = self._with_gain(piece)
        self._speaker.write(piece)
        self._far_end.wrote(piece, self._speaker.rate_hz, self._speaker.delay_s())

    def _perform(self, playback: Playback) -> None:
        period_s = self._period / self._speaker.rate_hz
        while (piece := playback.take(self._period, period_s / 2 if self._beside.has_long else None)) is not None:
            said = piece.size
            self._write(self._mixed(piece if said else np.zeros(self._period, np.int16)))
            if said and playback.first_ns is None:
                playback.began(time.monotonic_ns(), self._speaker.delay_s())
            playback.played += said
        if self._beside.has_long and not playback.is_stopped:
            return  # the device is kept going
        self._far_end.paused()
        # The last buffer is waited for here, not in drain: that could not be stopped.
        late_s = self._late_s()
        while self._speaker.delay_s() > period_s and not playback.is_stopped_within(period_s / 2):
            if time.monotonic() > late_s:
                break
        if playback.is_stopped:
            self._speaker.flush()
            self._far_end.dropped()
        else:
            self._speaker.drain()

    def _late_s(self) -> float:
        """When a device that plays has played what is in it; one that stands still by then is ``drain``'s to find."""
        return time.monotonic() + self._speaker.delay_s() + LATE_S

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

    def _report(self, error: Exception) -> None:
        if self._on_error is not None:
            self._on_error(error)


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
                if getattr(chunks, "is_written", False):  # only now was it begun
                    end_ns = time.monotonic_ns() + offset_ns
                playback.began(end_ns, self.buffer_size / self.rate_hz)
            end_ns = max(end_ns, time.monotonic_ns() + offset_ns) + chunk.size * SECOND_NS // self.rate_hz
            playback.played += chunk.size
            self._on_samples(chunk)
        playback.finish(end_ns + int(playback.delay_s * SECOND_NS) if playback.played else end_ns)
        playback.close()
        return playback
