"""Every error rtva raises on purpose, as one tree.

::

    RtvaError                    exit 70 unless a subclass says otherwise
    +-- UsageError               64  the command line is wrong
    +-- BadInput (ValueError)    65  data that cannot be decoded, is empty or lies
    |   +-- BadWeights           65  a weight file whose size or sha256 is wrong
    +-- NotFound (FileNotFoundError)  66  no such input file
    +-- Unavailable              69  weights, an engine or an ALSA device are not there
    |   +-- StrangeAnswer        69  the service answered, but not as this version knows it
    |   +-- DeviceLost           69  a device that was open has gone
    |   +-- DeviceBusy           69  a device that another program holds
    |   +-- ModelFailed          69  the language model did not answer, or not as its protocol has it
    |   +-- WorkerFailed         69  an engine's process failed twice in a row, or keeps failing
    +-- ConfigError (ValueError) 78  the configuration or the user's own intent files
    +-- Cancelled                70  a draft was abandoned; never reaches a user

The message of each is one line that a user can act on: what, where, and what is allowed. The command line
prints it and exits with ``exit_code`` (BSD ``sysexits.h``).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EX_USAGE = 64
EX_DATAERR = 65
EX_NOINPUT = 66
EX_UNAVAILABLE = 69
EX_SOFTWARE = 70
EX_PROTOCOL = 76
"""``rtva replay`` alone: the conversation did not go as it was recorded."""
EX_CONFIG = 78


class RtvaError(Exception):
    """Root of the tree."""

    exit_code = EX_SOFTWARE


class UsageError(RtvaError):
    """The command line is wrong; the message ends with a hint."""

    exit_code = EX_USAGE


class BadInput(RtvaError, ValueError):
    """Input data that cannot be decoded, is empty, or contradicts its own header."""

    exit_code = EX_DATAERR


class BadWeights(BadInput):
    """A weight file whose size or sha256 differs from the manifest; raised before any loader sees it."""


class NotFound(RtvaError, FileNotFoundError):
    """An input file that does not exist."""

    exit_code = EX_NOINPUT

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "no such file"


class Unavailable(RtvaError):
    """Weights, an engine or a device that this machine does not have."""

    exit_code = EX_UNAVAILABLE


class StrangeAnswer(Unavailable):
    """What came from the service's socket is no answer, or lacks what belongs to it; ``why`` is one clause."""

    @classmethod
    def because(cls, why: str) -> StrangeAnswer:
        return cls(f"the service answered in a way this rtva does not know ({why}); are both of the same version?")


@contextlib.contextmanager
def understood() -> Iterator[None]:
    """Around whatever reads fields of an answer. Raises StrangeAnswer when they are not there, or of another type."""
    try:
        yield
    except RtvaError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise StrangeAnswer.because(f"{type(error).__name__}: {str(error)[:80]}") from error


class DeviceLost(Unavailable):
    """An open audio device stopped answering or was unplugged.

    ``kind`` is how: ``unplugged``, ``suspended``, ``stalled``, ``rate`` (it changed its own) or ``failed``.
    """

    def __init__(self, message: str, kind: str = "failed") -> None:
        super().__init__(message)
        self.kind = kind


class DeviceBusy(Unavailable):
    """An audio device that another program holds."""


class WorkerFailed(Unavailable):
    """The process of an engine died or hung, and so did the one that took over, or none can be started."""


class ModelFailed(Unavailable):
    """A language model that cannot be reached, is too slow, or answers otherwise than its protocol has it."""


class ConfigError(RtvaError, ValueError):
    """A configuration or a user's own intent file with a mistake: file, key or line, value, what is allowed."""

    exit_code = EX_CONFIG


class Cancelled(RtvaError):
    """Work on a draft was abandoned because the speaker went on talking."""
