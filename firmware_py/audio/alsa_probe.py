"""Opens an ALSA device and closes it again, without the interpreter.

pyalsaaudio holds the interpreter while ``snd_pcm_open`` works. A USB device that does not answer, a sound server
that is not there, or a FIFO without a writer would stop every thread of the process; here they stop the caller alone.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any, Literal

STREAM = {"playback": 0, "capture": 1}
NONBLOCK = 1


def probe(direction: Literal["capture", "playback"], name: str) -> None:
    """Returns once the device was open. Raises OSError with alsa-lib's number, also EBUSY. May block for as long as
    the device does."""
    library = _library()
    if library is None:
        return
    handle = ctypes.c_void_p()
    code = library.snd_pcm_open(ctypes.byref(handle), os.fsencode(name), STREAM[direction], NONBLOCK)
    if code < 0:
        raise OSError(-code, errno.errorcode.get(-code, ""), name)
    library.snd_pcm_close(handle)


def _library() -> Any:
    """What the process has loaded already comes first: something may have been put before alsa-lib."""
    for name in (None, "libasound.so.2"):
        try:
            library = ctypes.CDLL(name)
            library.snd_pcm_open.restype = library.snd_pcm_close.restype = ctypes.c_int
            library.snd_pcm_close.argtypes = (ctypes.c_void_p,)
        except (OSError, AttributeError):
            continue
        return library
    return None
