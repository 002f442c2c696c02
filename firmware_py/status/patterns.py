"""What a light shows for each state: a rhythm for one LED, a colour and the same rhythm for three."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from firmware_py.events import State

Colour = tuple[bool, bool, bool]
RED, GREEN, BLUE = (True, False, False), (False, True, False), (False, False, True)
YELLOW, CYAN, MAGENTA, WHITE = (True, True, False), (False, True, True), (True, False, True), (True, True, True)


@dataclass(frozen=True)
class Pattern:
    """``rhythm_ms``: on, off, on, off ... over again; a single number is a steady light, an empty rhythm darkness."""

    colour: Colour
    rhythm_ms: tuple[int, ...] = ()

    def at(self, ms: int) -> tuple[bool, int | None]:
        """Whether it is lit ``ms`` after it began, and in how many ms that changes (None: never)."""
        if len(self.rhythm_ms) < 2:
            return bool(self.rhythm_ms), None
        ms %= sum(self.rhythm_ms)
        for index, length in enumerate(self.rhythm_ms):
            if ms < length:
                return index % 2 == 0, length - ms
            ms -= length
        raise AssertionError("the rhythm is longer than its sum")


STEADY = (1,)

PATTERNS: dict[State, Pattern] = {
    State.STARTING: Pattern(WHITE, (500, 500)),
    State.IDLE: Pattern(GREEN, (40, 3960)),
    State.LISTENING: Pattern(GREEN, STEADY),
    State.THINKING: Pattern(BLUE, (100, 100)),
    State.SPEAKING: Pattern(CYAN, (400, 100)),
    State.MUTED: Pattern(RED, STEADY),
    State.NO_MICROPHONE: Pattern(RED, (100, 100, 100, 700)),
    State.ERROR: Pattern(RED, (100, 100, 100, 100, 100, 500)),
    State.DEGRADED: Pattern(YELLOW, (200, 1800)),
    State.STOPPING: Pattern(WHITE, (100, 900)),
}


def blinks(count: int, colour: Colour) -> Pattern:
    """``count`` short flashes and a rest: a code to be counted."""
    return Pattern(colour, (*(150, 250) * (count - 1), 150, 1400))


CODES: dict[str, Pattern] = {
    "recognition": blinks(1, MAGENTA),
    "voice": blinks(2, MAGENTA),
    "speaker": blinks(3, MAGENTA),
    "microphone_silent": blinks(4, MAGENTA),
    "microphone_offset": blinks(5, MAGENTA),
    "microphone_clipping": blinks(6, MAGENTA),
    "state_file": blinks(7, MAGENTA),
    "hot": blinks(2, YELLOW),
    "low_memory": blinks(3, YELLOW),
    "slow_recognition": blinks(4, YELLOW),
    "microphone_overrun": blinks(5, YELLOW),
    "microphone_rate": blinks(6, YELLOW),
    "microphone_replaced": blinks(7, YELLOW),
}
"""The light in ``degraded`` for these alerts, the gravest first; other alerts show the state's own rhythm."""


WAITS: dict[str, Pattern] = {"weights": blinks(1, YELLOW), "failed_starts": blinks(2, YELLOW)}
"""The light in ``starting`` while it waits for weights, or after failed starts."""


def pattern_for(state: State, alerts: Container[str] = ()) -> Pattern:
    """The light of a state, with the code of the gravest alert that has one; an engine's worker shows as the engine."""
    codes = WAITS if state is State.STARTING else CODES if state is State.DEGRADED else {}
    found = (code for name, code in codes.items() if name in alerts or f"{name}_worker" in alerts)
    return next(found, PATTERNS[state])
