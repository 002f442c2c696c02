"""A long recording as utterances of bounded length, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from firmware_py.events import RATE_HZ, Pcm16
from firmware_py.stt import trim

LONGEST_S = 30.0
"""What Whisper hears at once."""


def utterances(blocks: Iterable[Pcm16], longest_s: float = LONGEST_S) -> Iterator[Pcm16]:
    """int16 blocks of 16 kHz as pieces of at most ``longest_s``, cut where it is quiet.

    A recording that is no longer comes whole, as one piece; nothing is lost between pieces.
    """
    held: list[Pcm16] = []
    size, limit = 0, int(longest_s * RATE_HZ)
    for block in blocks:
        held.append(block)
        size += block.size
        while size > limit:
            audio = np.concatenate(held)
            window = audio[:limit].astype(np.float32) / 32768.0
            latest_s = longest_s - min(2.0, 0.1 * longest_s)
            cut = trim.windows(window, longest_s=latest_s, shortest_s=0.6 * longest_s)[0][1]
            yield audio[:cut]
            held, size = [audio[cut:]], size - cut
    yield np.concatenate(held) if held else np.zeros(0, np.int16)
