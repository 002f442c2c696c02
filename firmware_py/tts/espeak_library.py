"""libespeak-ng through ctypes: the system's, else the one that ``espeakng-loader`` carries.

Its state is the process's: one voice, one callback, so one lock. ``espeak_Initialize`` without DONT_EXIT ends the
process when its data is missing; its path argument holds 160 characters at most (espeak-ng, ``speak_lib.h``,
``N_PATH_HOME``).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from firmware_py.errors import Unavailable
from firmware_py.events import Pcm16

SYSTEM = ("libespeak-ng.so.1", "libespeak-ng.so")
INSTALL = "pip install 'rtva[pyttsx3]', or apt install libespeak-ng1"

SYNCHRONOUS, BUFFER_MS, DONT_EXIT, CHARS_UTF8 = 2, 60, 0x8000, 1
LONGEST_PATH = 159

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class _Voice(ctypes.Structure):
    """``espeak_VOICE``: the fields that stand before anything that is read here, and those."""

    _fields_ = (("name", ctypes.c_char_p), ("languages", ctypes.c_char_p), ("identifier", ctypes.c_char_p))


class EspeakLibrary:
    """The library, ready to speak. Raises Unavailable when it does not find its data."""

    def __init__(self, native: ctypes.CDLL, data: str | None) -> None:
        self._native, self._lock = native, threading.Lock()
        native.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        if data is not None and len(data.encode()) > LONGEST_PATH:
            raise Unavailable(f"espeak-ng cannot read data below a path as long as {data}")
        path = None if data is None else data.encode()
        self.rate_hz = int(native.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, path, DONT_EXIT))
        if self.rate_hz <= 0:
            raise Unavailable(f"espeak-ng does not find its data in {data or 'the place it was built for'}")

    def has_voice(self, name: str) -> bool:
        with self._lock:
            return self._choose(name)

    def languages(self) -> list[str]:
        """The codes of the languages that it speaks, sorted."""
        found, at = set(), 0
        with self._lock:
            voices = self._native.espeak_ListVoices(None)
            while voices[at]:
                # A priority byte, then the code.
                found.add(voices[at].contents.languages[1:].decode(errors="replace"))
                at += 1
        return sorted(found)

    def say(self, text: str, voice: str, take: Callable[[Pcm16], bool]) -> None:
        """Calls ``take`` with every buffer of sound in order, from this thread; False from it ends the speech.

        Raises Unavailable when the library fails.
        """

        def on_sound(wave: Any, count: int, events: Any) -> int:
            if not wave or count <= 0:
                return 0
            return 0 if take(np.ctypeslib.as_array(wave, (count,)).astype(np.int16)) else 1

        callback = _Callback(on_sound)
        raw = text.encode(errors="replace")
        with self._lock:
            self._choose(voice)
            self._native.espeak_SetSynthCallback(callback)
            code = self._native.espeak_Synth(raw, ctypes.c_size_t(len(raw) + 1), 0, 1, 0, CHARS_UTF8, None, None)
        if code:
            raise Unavailable(f"espeak-ng failed with code {code}")

    def _choose(self, name: str) -> bool:
        return bool(self._native.espeak_SetVoiceByName(name.encode(errors="replace")) == 0)


@cache
def library() -> EspeakLibrary:
    """The one of this process. Raises Unavailable naming what to install."""
    problem = "not installed"
    for path, data in _places():
        try:
            return EspeakLibrary(ctypes.CDLL(path), data)
        except OSError:
            continue
        except Unavailable as error:
            problem = str(error)
    raise Unavailable(f"espeak-ng: {problem}; {INSTALL}")


def _places() -> Iterator[tuple[str, str | None]]:
    """Where the library may be, and its data (None: where it was built for)."""
    yield from ((name, None) for name in SYSTEM)
    try:
        import espeakng_loader

        yield espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    except (ImportError, RuntimeError):
        return
