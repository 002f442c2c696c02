from array import array
from typing import TypeAlias, final

import numpy as np
from numpy.typing import NDArray

Int16Buffer: TypeAlias = NDArray[np.int16] | memoryview | array[int]

class RingClosed(ValueError):
    """A write to a ring that was closed."""

class Lapped(LookupError):
    """Those samples were overwritten by newer ones, or are older than the ring."""

class NotWritten(LookupError):
    """Those samples are still in the future."""

@final
class Ring:
    """Samples from one writer thread to one reader thread; the newest always win, what is lost is counted.

    Positions count the samples ever written, from ``origin``. At any moment
    ``written - origin == (consumed - origin - overrun) + overrun + unread``: delivered, lost, still to come.
    Counters, ``copy``, ``view`` and ``close`` may be used from any thread.
    """

    def __init__(self, capacity: int, *, origin: int = 0) -> None:
        """``capacity`` in samples, a power of two from 2 to 2**31 (else ValueError). OSError without memory."""

    def __len__(self) -> int: ...
    @property
    def capacity(self) -> int: ...
    @property
    def written(self) -> int: ...
    @property
    def consumed(self) -> int:
        """Position of the reader; what it skipped is included, so a position is a time."""

    @property
    def overrun(self) -> int:
        """Samples that the reader had to skip because the writer overwrote them."""

    @property
    def closed(self) -> bool: ...
    def write(self, samples: Int16Buffer | NDArray[np.int16]) -> None:
        """Append one-dimensional C-contiguous int16, any length; never blocks, and overwrites the oldest.

        TypeError for another dtype or shape; RingClosed after ``close``.
        """

    def read_into(self, out: Int16Buffer) -> int:
        """Copy up to ``len(out)`` unread samples and return how many. They are contiguous in time.

        The first one stands at ``consumed - n`` afterwards. Lapped samples are skipped and counted first.
        """

    def read(self, max_samples: int) -> NDArray[np.int16]: ...
    def available(self) -> int:
        """Unread samples that are still there, 0 .. capacity."""

    def copy(self, start: int, stop: int) -> NDArray[np.int16]:
        """Samples ``start .. stop`` of the history. Raises Lapped or NotWritten."""

    def view(self, start: int, stop: int) -> RingView:
        """The same without a copy. Raises Lapped or NotWritten."""

    def wait(self, samples: int, timeout_s: float) -> bool:
        """Sleep until ``samples`` are unread (True), or until closed, nudged or timed out with fewer (False).

        For the reader thread alone. The GIL is released, nothing polls, signals are honoured. ValueError if it
        asks for more than the capacity.
        """

    def lock_memory(self) -> bool:
        """``mlock`` samples and indices; False where that is not permitted."""

    def nudge(self) -> None:
        """Have the reader's ``wait`` return, now or when it next would sleep; from any thread."""

    def close(self) -> None:
        """End the stream: writes are refused, the reader wakes, what is unread can still be read."""

@final
class RingView:
    """A window on the ring's own memory. Believe what you computed from it only if ``is_valid()`` afterwards."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...
    @property
    def array(self) -> NDArray[np.int16]:
        """Read-only, contiguous, no copy; keeps the ring alive."""

    def is_valid(self) -> bool:
        """False once the writer has begun to overwrite any of it."""
