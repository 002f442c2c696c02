"""What ALSA devices speak, to and from float32 in -1..1. Names are ALSA's own."""

from __future__ import annotations

import numpy as np

from firmware_py.audio.convert import Float32

PREFERRED = ("S16_LE", "S32_LE", "S24_3LE", "S24_LE", "FLOAT_LE", "U8")
"""All that can be spoken, best first: 16 bit is what the walk carries, the wider ones are what MEMS arrays have."""

BYTES = {"S16_LE": 2, "S32_LE": 4, "S24_3LE": 3, "S24_LE": 4, "FLOAT_LE": 4, "U8": 1}


def decode(name: str, data: bytes, channels: int) -> Float32:
    """Interleaved bytes to float32, shape ``(frames, channels)``."""
    if name == "FLOAT_LE":
        values = np.frombuffer(data, "<f4").astype(np.float32)
        values[~np.isfinite(values)] = 0.0
    elif name == "U8":
        values = (np.frombuffer(data, np.uint8).astype(np.float32) - 128.0) / 128.0
    elif name == "S16_LE":
        values = np.frombuffer(data, "<i2").astype(np.float32) / 32768.0
    else:
        values = _wide(name, data).astype(np.float32) / 2147483648.0
    out: Float32 = values.astype(np.float32, copy=False).reshape(-1, channels)
    return out


def _wide(name: str, data: bytes) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """24 and 32 bit to int32, the sign in the highest bit."""
    if name == "S24_3LE":
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.reshape(-1).view("<i4")
    values = np.frombuffer(data, "<i4")
    return values << 8 if name == "S24_LE" else values


def encode(name: str, mono: Float32, channels: int) -> bytes:
    """Mono float32 to interleaved bytes, the same on every channel; clipped."""
    if name == "FLOAT_LE":
        values = mono.astype("<f4")
    elif name == "U8":
        values = (np.clip(np.rint(mono * 128.0), -128, 127) + 128).astype(np.uint8)
    elif name == "S16_LE":
        values = np.clip(np.rint(mono * 32768.0), -32768, 32767).astype("<i2")
    else:
        bits = 32 if name == "S32_LE" else 24
        scale = 2.0 ** (bits - 1)
        values = np.clip(np.rint(mono.astype(np.float64) * scale), -scale, scale - 1).astype("<i4")
    interleaved = np.repeat(values, channels)
    if name == "S24_3LE":
        return interleaved.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return interleaved.tobytes()
