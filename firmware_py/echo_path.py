"""The way from the loudspeaker back into the microphone, and how it is taken out; part of the listen thread.

While something plays, and for a moment behind it, each frame goes through the canceller with what was played at its
time. Both sides are counted in samples: a place in the log of the far end belongs to a place in the microphone's
stream, lost samples included, for as long as that was written without a gap. Nothing is ever reset.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from firmware_py.echo_trust import EchoTrust
from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Pcm16
from firmware_py.ports import EchoCanceller

LEAD_MS = 20
"""The far end is read so much earlier than the device says that it sounds: the canceller finds a delay, never an
advance, and drivers tell their delay in periods."""
LEAD_STEP_MS = 5
TAIL_SAMPLES = RATE_HZ // 2
"""Behind the last sample: the room, and a device that is slower than it says."""
KEPT_SAMPLES = 1 << 19
"""As much as the ring keeps."""
GUARD_SAMPLES = RATE_HZ * 35 // 100
"""Behind an answer: its echo may still be taken for speech. It is too short to be an utterance where the answer was
broken off, so that somebody who called for the ear is believed instead."""
SETTLE_SAMPLES = RATE_HZ * 3 // 10
"""At the begin of an answer the canceller finds out anew where it is, to the sample."""
SPANS_KEPT = 64
PLACES_KEPT = 8
LOOK_FRAMES = 25
MOVE_SAMPLES = RATE_HZ * 15 // 1000
"""A microphone's clock is known within some milliseconds once it runs, not with its first block."""


class _Run(Protocol):
    first: int
    start_ns: int
    end: int
    is_over: bool

    @property
    def until_ns(self) -> int: ...


class FarEnd(Protocol):
    """What was played (``audio.far_end``)."""

    @property
    def runs(self) -> Sequence[Any]: ...
    def read(self, start: int, stop: int) -> Pcm16 | None: ...


class Timeline(Protocol):
    """Where a sample of the ring stands in the microphone's own stream (``audio.capture``)."""

    def lost_at(self, position: int) -> int: ...
    def device_position(self, at_ns: int) -> int: ...


@dataclass(frozen=True)
class Stages:
    """Two ways beside each other. What ``full`` leaves is listened to: nothing of the loudspeaker, not all of a voice.

    ``linear`` takes nothing from a voice, and is what is recognised once it has found the room's response.
    """

    linear: EchoCanceller
    full: EchoCanceller


class EchoPath:
    """``hear`` and ``believes`` belong to the listen thread, the rest to anyone.

    ``is_speaking`` says whether an answer is played, and not a short sound alone: what is said behind that must be
    heard. ``is_heard``: the loudspeaker is in the frame that was heard last. ``missing`` counts samples of the far
    end that were not written yet when they were needed, ``failures`` frames that the canceller refused. Without a
    canceller nothing that is heard over the loudspeaker is believed.
    """

    def __init__(
        self, stages: Stages | None, far_end: FarEnd, timeline: Timeline, trust: EchoTrust | None = None
    ) -> None:
        self.trust = trust or EchoTrust()
        self.is_speaking: Callable[[], bool] = lambda: True
        if stages is None:
            self.trust.is_trusted = False
        self.is_heard = False
        self.frames = 0
        self.missing = 0
        self.failures = 0
        self.moved = 0
        self._stages, self._far_end, self._timeline = stages, far_end, timeline
        self._places: deque[tuple[_Run, int]] = deque(maxlen=PLACES_KEPT)
        self._lead = LEAD_MS * RATE_HZ // 1000
        self._late: _Run | None = None
        self._at = self._guarded_until = self._settled_at = self._forgiven_until = 0
        self._kept = np.zeros(KEPT_SAMPLES, np.int16)
        self._spans: deque[list[int]] = deque(maxlen=SPANS_KEPT)

    def hear(self, frame: Pcm16, end: int, *, in_speech: bool) -> Pcm16:
        """The frame that ends at ``end`` of the ring as a person would hear it without the loudspeaker."""
        at = end - frame.size + self._timeline.lost_at(end)
        self._place()
        self.is_heard = self._is_near(at)
        if not self.is_heard:
            return frame
        is_answer = self.is_speaking() or at < self._guarded_until
        if at >= self._forgiven_until and self.is_speaking():
            self._guarded_until = at + GUARD_SAMPLES
        self._at = at
        if self._stages is None:
            return frame
        if self.frames % LOOK_FRAMES == 0:
            self._replace()
        far = self._far(at, frame.size)
        try:
            linear = self._stages.linear.cancel(frame, far)
            clean = self._stages.full.cancel(frame, far)
        except Exception:  # whatever a native library raises: the walk hears the room as it is
            self.failures += 1
            return frame
        self.frames += 1
        if not self.trust.saw(frame, linear, clean, far, in_speech=in_speech):
            clean = frame
        if not is_answer:
            return frame
        if self.trust.hears_echo:
            self._keep(linear if self.trust.is_linear else clean, end)
        return clean

    def forgive(self) -> None:
        """Believes what is heard from now on, as long as an answer is guarded; from any thread."""
        self._forgiven_until = self._at + GUARD_SAMPLES

    def believes(self) -> bool:
        """Whether the frame that was heard last may be a person's voice, and not an answer's echo."""
        if not self.is_heard or self._at > self._guarded_until or self._at < self._forgiven_until:
            return True
        return self._at > self._settled_at and self.trust.believes()

    @property
    def is_judged(self) -> bool:
        """Whether it is known if speech over the loudspeaker can be believed: not before the first answer was heard."""
        return self._stages is None or self.trust.is_known

    def why_not_trusted(self) -> str:
        """In words, what stands against believing speech over the loudspeaker."""
        if self._stages is None:
            return "there is no echo cancellation"
        trust = self.trust
        if trust.residual_db <= trust.limit_db:
            return (
                "the loudspeaker is not in the microphone when it should be: the canceller takes nothing out and adds "
                f"{-trust.erle_db:.0f} dB, {trust.residual_db:.0f} dB are left"
            )
        return (
            f"the loudspeaker, or the room, is too loud in the microphone: {trust.residual_db:.0f} dB are left of it "
            f"(limit {trust.limit_db:.0f}), {trust.erle_db:.0f} dB are taken out"
        )

    def restore(self, start: int, sound: Pcm16) -> Pcm16:
        """``sound``, which stands at ``start`` of the ring, as it was heard: in place, from any thread."""
        for first, last in tuple(self._spans):
            left, right = max(first, start), min(last, start + sound.size)
            if left < right:
                where = left % KEPT_SAMPLES
                piece = self._kept[where : where + right - left]
                sound[left - start : left - start + piece.size] = piece
                sound[left - start + piece.size : right - start] = self._kept[: right - left - piece.size]
        return sound

    def report(self) -> dict[str, Any]:
        """Plain values for ``status``."""
        trust = self.trust
        return {
            "erle_db": round(trust.erle_db, 1) if trust.is_known else None,
            "linear_erle_db": round(trust.linear_erle_db, 1) if trust.is_known else None,
            "residual_db": round(trust.residual_db, 1) if trust.is_known else None,
            "limit_db": round(trust.limit_db, 1),
            "room_db": round(trust.room_db, 1) if trust.is_room_known else None,
            "is_trusted": trust.is_trusted,
            "cancelled_s": round(self.frames * FRAME_SAMPLES / RATE_HZ, 1),
            "missing_samples": self.missing,
            "failures": self.failures,
        }

    def _place(self) -> None:
        """Gives each new run of the far end its place in the microphone's stream, once."""
        runs = self._far_end.runs
        if not runs or (self._places and runs[-1] is self._places[-1][0]):
            return
        known = [run for run, _ in self._places]
        for run in tuple(runs)[-PLACES_KEPT:]:
            if not any(run is other for other in known):
                place = self._timeline.device_position(run.start_ns) - self._lead
                self._places.append((run, place))
                self._settled_at = place + SETTLE_SAMPLES

    def _replace(self) -> None:
        """Moves the newest run where the microphone's time turned out to be another than it seemed when it began."""
        run, place = self._places[-1]
        now = self._timeline.device_position(run.start_ns) - self._lead
        if abs(now - place) > MOVE_SAMPLES:
            self.moved += 1
            self._places[-1] = (run, now)

    def _is_near(self, at: int) -> bool:
        if not self._places:
            return False
        run, place = self._places[-1]
        heard = (run.until_ns - run.start_ns) * RATE_HZ // 1_000_000_000
        return at < place + heard + self._lead + TAIL_SAMPLES and at + FRAME_SAMPLES > self._places[0][1]

    def _far(self, at: int, count: int) -> Pcm16:
        """What was played at ``at``; silence where nothing was."""
        far = np.zeros(count, np.int16)
        for run, place in self._places:
            heard = (run.until_ns - run.start_ns) * RATE_HZ // 1_000_000_000
            left, right = max(at, place), min(at + count, place + heard)
            if left < right:
                samples = self._far_end.read(run.first + left - place, run.first + right - place)
                if samples is not None:
                    far[left - at : right - at] = samples
            if not run.is_over and at + count > place + heard:
                self._miss(run, at + count - place - heard)
        return far

    def _miss(self, run: _Run, samples: int) -> None:
        """The device is given its sound too late to be read so early: the next run is read later."""
        self.missing += samples
        if run is not self._late:
            self._late = run
            self._lead = max(0, self._lead - LEAD_STEP_MS * RATE_HZ // 1000)

    def _keep(self, clean: Pcm16, end: int) -> None:
        start = end - clean.size
        where = start % KEPT_SAMPLES
        room = min(clean.size, KEPT_SAMPLES - where)
        self._kept[where : where + room] = clean[:room]
        self._kept[: clean.size - room] = clean[room:]
        if self._spans and self._spans[-1][1] == start:
            self._spans[-1][1] = end
        else:
            self._spans.append([start, end])
        if self._spans[0][1] < end - KEPT_SAMPLES:
            self._spans.popleft()
