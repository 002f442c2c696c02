"""What differs between a conversation that was kept and the same one run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firmware_py.events import RATE_HZ
from firmware_py.replay.form import Conversation, Event, Turn

TURN_FIELDS = ("transcript", "intent", "slots", "reply", "error")
"""What must be the same. Times are not compared: they are the machine's, not the conversation's."""


@dataclass(frozen=True)
class Difference:
    """``where`` in seconds of the recording."""

    what: str
    where_s: float
    recorded: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.where_s:.2f} s: {self.what}: recorded {self.recorded!r}, now {self.now!r}"

    def as_json(self) -> dict[str, Any]:
        return {"what": self.what, "where_s": self.where_s, "recorded": self.recorded, "now": self.now}


def differences(recorded: Conversation, events: list[Event], turns: list[Turn]) -> list[Difference]:
    """Events sample by sample, then each turn field by field; in the order of the recording."""
    events = [event for event in events if event.at <= recorded.sound.samples]
    found = [*_events(recorded.events, events), *_turns(recorded, turns)]
    return sorted(found, key=lambda difference: difference.where_s)


def _events(recorded: list[Event], now: list[Event]) -> Iterator[Difference]:
    """The first event that differs: all behind it follow from it."""
    for number in range(max(len(recorded), len(now))):
        then = recorded[number] if number < len(recorded) else None
        again = now[number] if number < len(now) else None
        if then != again:
            at = min(event.at for event in (then, again) if event is not None)
            yield Difference(f"turn event {number + 1}", _s(at), _words(then), _words(again))
            return


def _words(event: Event | None) -> str | None:
    if event is None:
        return None
    return f"{event.kind} at sample {event.at} (speech {event.speech_start} to {event.speech_end})"


def _turns(recorded: Conversation, turns: list[Turn]) -> Iterator[Difference]:
    again = {turn.at: turn for turn in turns}
    for then in recorded.turns:
        now = again.get(then.at)
        if now is None:
            yield Difference("turn", _s(then.at), then.transcript or "(nothing said)", None)
            continue
        for name in TURN_FIELDS:
            was, is_now = getattr(then, name), getattr(now, name)
            if was != is_now:
                yield Difference(name, _s(then.at), was, is_now)


def notes(recorded: Conversation, engines: Mapping[str, Any], rtva: str) -> list[str]:
    """What is another today and may explain a difference."""
    found = [] if recorded.rtva == rtva else [f"recorded with rtva {recorded.rtva}, this is {rtva}"]
    for name, then in _flat(recorded.engines):
        now = dict(_flat(engines)).get(name)
        if now != then:
            found.append(f"{name} was {then}, is {now}")
    answered = {turn.at for turn in recorded.turns}
    found += [
        f"{_s(event.at):.2f} s: this utterance got no turn then (shed, or the recording ended)"
        for event in recorded.events
        if event.kind in ("endpoint", "too_long") and event.at not in answered
    ]
    if recorded.config.get("nlp", {}).get("intents") and not recorded.intents:
        found.append("the user's templates were too large to be kept")
    return found


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key} ")
        else:
            yield f"{prefix}{key}", value


def _s(samples: int) -> float:
    return round(samples / RATE_HZ, 3)
