"""Tones, all made here: a ring of two notes before what is due, three falling ones when nothing can be said, and
earcons, short sounds that say what happened."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from firmware_py.events import Pcm16

NOTES_HZ = (880.0, 1174.66)
"""A5 and D6."""
NOTE_S, GAP_S, REST_S = 0.14, 0.03, 0.35
TIMES = 3
PEAK = 0.35
DECAY_S = 0.09


def ring(rate_hz: int) -> Iterator[Pcm16]:
    """Three times both notes, as int16 chunks at ``rate_hz``, below -9 dB of full scale."""
    gap, rest = (np.zeros(int(s * rate_hz), np.int16) for s in (GAP_S, REST_S))
    for _ in range(TIMES):
        for note_hz in NOTES_HZ:
            yield _note(note_hz, rate_hz)
            yield gap
        yield rest


TROUBLE_HZ = (523.25, 415.30, 349.23)
"""C5, A flat 4, F4: down, so that nobody takes it for a timer."""


def trouble(rate_hz: int) -> Iterator[Pcm16]:
    """Twice three falling notes: something is wrong that cannot be said."""
    gap, rest = (np.zeros(int(s * rate_hz), np.int16) for s in (GAP_S, REST_S))
    for _ in range(2):
        for note_hz in TROUBLE_HZ:
            yield _note(note_hz, rate_hz)
            yield gap
        yield rest


EARCONS: dict[str, tuple[tuple[float, ...], float, float]] = {
    "wake": ((659.26, 987.77), 0.06, 0.6),
    "done": ((783.99,), 0.07, 0.5),
    "mute": ((587.33, 440.00), 0.07, 0.6),
    "unmute": ((440.00, 587.33), 0.07, 0.6),
}
"""Short sounds that say what happened: notes in Hz (up for what opens, down for what closes), from one note to the next
in seconds, and how loud against a ring. None is longer than a quarter of a second."""
EARCON_NAMES = (*EARCONS, "error")


def earcon(name: str, rate_hz: int, gain: float = 1.0) -> Pcm16:
    """One of :data:`EARCON_NAMES` at ``rate_hz``, a piece of its own; "error" is the three falling notes once.

    ``gain`` 0..1. Raises KeyError for another name.
    """
    notes, step_s, level = (TROUBLE_HZ, NOTE_S + GAP_S, 1.0) if name == "error" else EARCONS[name]
    step = int(step_s * rate_hz)
    sound = np.zeros((len(notes) - 1) * step + int(NOTE_S * rate_hz), np.float32)
    for number, note_hz in enumerate(notes):
        note = _note(note_hz, rate_hz)
        sound[number * step : number * step + note.size] += note
    pcm: Pcm16 = np.rint(sound * level * min(max(gain, 0.0), 1.0)).astype(np.int16)
    return pcm


def _note(note_hz: float, rate_hz: int) -> Pcm16:
    at = np.arange(int(NOTE_S * rate_hz)) / rate_hz
    wave = np.sin(2 * np.pi * note_hz * at) + 0.3 * np.sin(4 * np.pi * note_hz * at)
    envelope = np.minimum(at / 0.004, 1.0) * np.exp(-at / DECAY_S) * np.minimum((NOTE_S - at) / 0.01, 1.0)
    pcm: Pcm16 = np.rint(wave / 1.3 * envelope * PEAK * 32767).astype(np.int16)
    return pcm
