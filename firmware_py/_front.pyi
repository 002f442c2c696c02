from typing import final

from firmware_py.events import Pcm16

FRAME_SAMPLES: int
SILENCE_DB: float
"""What ``level_db`` and ``floor_db`` say of digital silence."""

@final
class FrontEnd:
    """Level, noise floor, offset removal and an energy detector on 10 ms frames of int16 at 16 kHz.

    The offset follows with a corner of 10 Hz, the floor is the minimum of the smoothed energy over 4 s. A frame is
    active from the higher of ``on_db`` over the floor and ``range_db`` under the recent peak. Sources in
    ``ext/rtva_front.h``.
    """

    def __init__(
        self,
        *,
        on_db: float = 5.0,
        range_db: float = 30.0,
        stay_db: float = 3.0,
        floor_db_least: float = -80.0,
        warmup_ms: int = 300,
    ) -> None: ...
    def process(self, frame: Pcm16, out: Pcm16) -> int:
        """Take 160 samples, put them without their offset into ``out`` (which may be ``frame``); returns ``is_active``.

        ValueError for another length. The GIL is released.
        """

    def reset(self) -> None: ...
    @property
    def is_active(self) -> int:
        """1, 0, or -1 for unknown: while warming up and while nothing lately stood 15 dB out of the noise."""

    @property
    def level_db(self) -> float:
        """RMS of the last frame without its offset, dB re full scale (32768)."""

    @property
    def floor_db(self) -> float: ...
    @property
    def dc(self) -> float:
        """The offset, in samples."""

    @property
    def clipped(self) -> int:
        """Samples at full scale in the last frame."""

    @property
    def clipped_total(self) -> int: ...
