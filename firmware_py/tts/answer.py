"""What every engine does with a text before and after its own work: spell it out, split it, pause, stop in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from firmware_py.events import Pcm16
from firmware_py.tts.sentences import Limits, Piece
from firmware_py.tts.spoken import spoken

Split = Callable[[str, Limits], Iterator[Piece]]
Say = Callable[[str], Iterator[Pcm16]]


def answer(text: str, split: Split, say: Say, *, rate_hz: int, limits: Limits) -> Iterator[Pcm16]:
    """Mono int16 chunks at ``rate_hz``: each piece of the spoken text as ``say`` makes it, silence between two.

    Never an empty chunk; ends at ``limits.max_audio_s``. Closing it closes what ``say`` returned.
    """
    left = int(limits.max_audio_s * rate_hz)
    for piece in split(spoken(text[: limits.max_chars]), limits):
        for chunk in _with_pause(say(piece.text), rate_hz * piece.pause_ms // 1000):
            if chunk.size:
                yield chunk[:left]
            left -= chunk.size
            if left <= 0:
                return


def _with_pause(sound: Iterator[Pcm16], samples: int) -> Iterator[Pcm16]:
    has_said = False
    for chunk in sound:
        has_said = has_said or chunk.size > 0
        yield chunk
    if has_said and samples:
        yield np.zeros(samples, np.int16)
