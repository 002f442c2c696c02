"""PortAudio through ``sounddevice``: finding a device and opening a blocking stream on it, quietly.

Only blocking streams: a callback would be made at run time by cffi, which the service's ``MemoryDenyWriteExecute``
forbids, and it would run Python in PortAudio's real-time thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from firmware_py.errors import Unavailable

Direction = Literal["input", "output"]
INSTALL = "pip install 'rtva[desktop]', and on Linux apt install libportaudio2"


def library() -> Any:
    """The ``sounddevice`` module. Raises Unavailable naming what to install."""
    try:
        with quiet():
            import sounddevice
    except (ImportError, OSError) as error:
        raise Unavailable(f"audio.backend sounddevice is not installed ({error}); {INSTALL}") from error
    return sounddevice


def open_stream(direction: Direction, name: str, rate_hz: int, channels: int, period: int) -> tuple[Any, int]:
    """A stopped int16 stream and the rate that it has: ``rate_hz``, or the device's own where it refuses that.

    ``name`` is ``default``, a number, or a part of a name as ``python -m sounddevice`` lists them. Raises Unavailable
    naming the devices that there are.
    """
    sd = library()
    kind = sd.RawInputStream if direction == "input" else sd.RawOutputStream
    with quiet():
        info = _find(sd, direction, name)
        offered = int(info[f"max_{direction}_channels"])
        if channels > offered:
            raise Unavailable(f"{direction} device {name!r} has no channel {channels - 1}, only 0 to {offered - 1}")
        problem: Exception | None = None
        for rate in dict.fromkeys((rate_hz, int(info["default_samplerate"]))):
            options = {"samplerate": rate, "blocksize": max(1, period * rate // rate_hz)}
            try:
                stream = kind(device=info["index"], channels=channels, dtype="int16", latency="low", **options)
            except (sd.PortAudioError, ValueError) as error:
                problem = error
                continue
            return stream, rate
    raise _unavailable(sd, direction, name, problem)


def _find(sd: Any, direction: Direction, name: str) -> Any:
    wanted = None if name == "default" else int(name) if name.isdigit() else name
    try:
        return sd.query_devices(wanted, direction)
    except (ValueError, sd.PortAudioError) as error:
        raise _unavailable(sd, direction, name, error) from error


def _unavailable(sd: Any, direction: Direction, name: str, error: Exception | None) -> Unavailable:
    names = [d["name"] for d in sd.query_devices() if d[f"max_{direction}_channels"] > 0]
    there = f"there are: {', '.join(names)}" if names else "there is none"
    reason = str(error).partition(" [")[0].partition("\n")[0]
    return Unavailable(f"no {direction} device {name!r} for PortAudio ({reason}); {there}")


@contextmanager
def quiet() -> Iterator[None]:
    """What PortAudio and the libraries below it write to stderr is dropped; opening a device makes them chatty."""
    kept = os.dup(2)
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
