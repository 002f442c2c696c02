"""The whisper.cpp in use: what ``pywhispercpp`` brings, or the build that ``RTVA_WHISPER_LIBRARY`` names.

The variable is for boards whose own build lies beside the package, as on a Jetson (``deploy/jetson``): a file
``libwhisper.so.1`` with its ggml libraries in the same folder. It is for one process and its children; there is no
configuration key, as a wrong one would be code that is loaded.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

VARIABLE = "RTVA_WHISPER_LIBRARY"


def named() -> str:
    """The file of the build that was asked for; "" for pywhispercpp's."""
    return os.environ.get(VARIABLE, "")


@cache
def bring() -> None:
    """Loads libwhisper, and ggml with it, into this process; ImportError in one line when that fails."""
    if not named():
        import _pywhispercpp  # noqa: F401

        return
    try:
        ctypes.CDLL(named())
    except OSError as error:
        raise ImportError(f"{VARIABLE}: {error}") from error


def system_info() -> str:
    """What the library was built with (``whisper_print_system_info``); ImportError without it."""
    bring()
    if not named():
        import _pywhispercpp

        return str(_pywhispercpp.whisper_print_system_info())
    say = ctypes.CDLL(named()).whisper_print_system_info
    say.restype = ctypes.c_char_p
    return (say() or b"").decode(errors="replace")
