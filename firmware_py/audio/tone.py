"""Tones, made here: a ring of two notes before what is due, three falling ones when nothing can be said."""

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


def _note(note_hz: float, rate_hz: int) -> Pcm16:
    at = np.arange(int(NOTE_S * rate_hz)) / rate_hz
    wave = np.sin(2 * np.pi * note_hz * at) + 0.3 * np.sin(4 * np.pi * note_hz * at)
    envelope = np.minimum(at / 0.004, 1.0) * np.exp(-at / DECAY_S) * np.minimum((NOTE_S - at) / 0.01, 1.0)
    pcm: Pcm16 = np.rint(wave / 1.3 * envelope * PEAK * 32767).astype(np.int16)
    return pcm
