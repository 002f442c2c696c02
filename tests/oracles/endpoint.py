"""The endpointer as rules over the whole recording: every answer is looked up, nothing is carried along."""

from __future__ import annotations

from dataclasses import dataclass

FRAME = 160
SPEECH, PAUSE, RESUME, ENDPOINT, TOO_LONG = range(5)
Event = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Rules:
    """In frames; the defaults of the compiled one."""

    preroll: int = 30
    min_speech: int = 25
    pause: int = 10
    hangover: int = 50
    max_utterance: int = 1500
    debounce: int = 2
    bridge: int = 15
    veto: int = 20


@dataclass(frozen=True)
class Heard:
    """One frame: the detector's verdict, the energy detector's, and a hangover asked for after it."""

    verdict: int
    is_active: int = -1
    hangover: int | None = None


def label(frames: list[Heard], veto: int) -> str:
    """``S`` speech, ``N`` silence, ``X`` speech disbelieved, ``?`` unknown."""
    labels, insisted = [], 0
    for f in frames:
        is_doubted = f.verdict == 1 and f.is_active == 0
        if f.verdict >= 0 and not is_doubted:
            insisted = 0
        insisted += is_doubted
        labels.append("?" if f.verdict < 0 else "N" if f.verdict == 0 else "X" if 0 < insisted <= veto else "S")
    return "".join(labels)


def voiced(labels: str, begin: int, end: int, debounce: int) -> list[int]:
    """The speech frames in ``begin .. end`` that belong to a run of ``debounce``, unknown ones not breaking it."""
    found: list[int] = []
    run: list[int] = []
    for i in range(begin, end):
        if labels[i] == "S":
            run.append(i)
            found += run if len(run) == debounce else [i] if len(run) > debounce else []
        elif labels[i] != "?":
            run = []
    return found


class Recording:
    """All events of a recording, by :meth:`events`."""

    def __init__(self, frames: list[Heard], rules: Rules) -> None:
        self.frames, self.rules = frames, rules
        self.labels = label(frames, rules.veto)

    def events(self) -> list[Event]:
        found: list[Event] = []
        begin, earliest = 0, 0  # the first frame of the next utterance, and the first sample that it may use
        while (candidate := self._candidate(begin)) is not None:
            decided = self._decided(candidate)
            if decided is None:
                begin = self._death(candidate) + 1
                continue
            utterance = list(self._utterance(candidate, decided, earliest))
            found += utterance
            kind, at, _, _, speech_end = utterance[-1]
            if kind not in (ENDPOINT, TOO_LONG):
                break
            begin, earliest = at // FRAME, at if kind == TOO_LONG else speech_end
        return found

    def _candidate(self, begin: int) -> int | None:
        voice = voiced(self.labels, begin, len(self.labels), self.rules.debounce)
        return voice[0] if voice else None

    def _silence(self, first: int, now: int) -> tuple[int, int]:
        """The last voiced frame up to ``now``, and how many known frames lie behind it."""
        voice = voiced(self.labels, first, now + 1, self.rules.debounce)
        last = voice[-1] if voice else first
        return last, sum(c != "?" for c in self.labels[last + 1 : now + 1])

    def _is_silent(self, now: int) -> bool:
        return self.labels[now] in "NX"

    def _credit(self, first: int, now: int) -> int:
        voice = voiced(self.labels, first, now + 1, self.rules.debounce)
        if not voice:
            return 0
        credit = sum(2 if self.frames[i].is_active == 1 else 1 for i in voice)
        gaps = [i for i in range(first, voice[-1]) if i not in set(voice) and self.labels[i] in "SN"]
        return credit + len(gaps) + self.labels[first : now + 1].count("X")

    def _death(self, first: int) -> int:
        for now in range(first, len(self.labels)):
            if self._is_silent(now) and self._silence(first, now)[1] >= self.rules.bridge:
                return now
        return len(self.labels)

    def _decided(self, first: int) -> int | None:
        """The frame at which the candidate becomes SPEECH, or None if it dies before."""
        for now in range(first, min(self._death(first) + 1, len(self.labels))):
            if self._credit(first, now) >= self.rules.min_speech:
                return now
        return None

    def _hangover(self, paused: int | None, now: int) -> int:
        asked = [f.hangover for f in self.frames[paused:now] if f.hangover is not None] if paused is not None else []
        return asked[-1] if asked else self.rules.hangover

    def _utterance(self, first: int, decided: int, earliest: int):
        start = max(earliest, (first - self.rules.preroll) * FRAME)
        paused: int | None = None  # the frame at which the pause in progress was seen

        def event(kind: int, now: int) -> Event:
            return kind, (now + 1) * FRAME, start, first * FRAME, (self._silence(first, now)[0] + 1) * FRAME

        yield event(SPEECH, decided)
        for now in range(decided, len(self.labels)):
            silence = self._silence(first, now)[1] if self._is_silent(now) else 0
            is_voice = now in voiced(self.labels, first, now + 1, self.rules.debounce)
            if paused is not None and is_voice:
                paused = None
                yield event(RESUME, now)
            if silence >= self._hangover(paused, now):
                yield event(ENDPOINT, now)
                return
            if silence >= self.rules.pause and paused is None:
                paused = now
                yield event(PAUSE, now)
            if (now + 1) * FRAME - start >= self.rules.max_utterance * FRAME:
                yield event(TOO_LONG, now)
                return
