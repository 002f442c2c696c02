"""Noise and rooms: a noise mixer as the speech-to-intent benchmark's, and room responses by image sources."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
SOUND_M_PER_S = 343.0
ROOM_M = (5.2, 4.1, 2.6)

Samples = NDArray[np.float64]


def loudest_frame(samples: Samples, frame: int = 2048) -> float:
    """Energy of the loudest frame: the level that the benchmark's signal-to-noise ratios are of."""
    count = samples.size // frame
    return float((samples[: count * frame].reshape(count, frame) ** 2).sum(axis=1).max())


def mix(speech: Samples, noise: Samples, snr_db: float, rng: np.random.Generator) -> Samples:
    """``speech`` with a random stretch of ``noise``, peak 0.5."""
    start = int(rng.integers(0, noise.size - speech.size))
    stretch = noise[start : start + speech.size]
    scale = np.sqrt(loudest_frame(speech) / (loudest_frame(stretch) * 10 ** (snr_db / 10)))
    mixed = speech + scale * stretch
    return np.asarray(mixed / (2 * np.abs(mixed).max()))


def response(distance_m: float, rt60_s: float, rng: np.random.Generator) -> Samples:
    """The response of a shoebox room between a speaker and a microphone ``distance_m`` apart.

    Image sources (J. B. Allen, D. A. Berkley, JASA 65(4), 1979) with one reflection factor for all walls, from
    Eyring's formula; each image falls on the nearest sample. Cut at ``rt60_s``.
    """
    room = np.array(ROOM_M)
    surface = 2 * (room[0] * room[1] + room[0] * room[2] + room[1] * room[2])
    absorbed = 1 - np.exp(-0.161 * room.prod() / (surface * rt60_s))
    reflected = np.sqrt(1 - absorbed)
    microphone = room * (0.2, 0.45, 0.4)
    angle = rng.uniform(-0.4, 0.4)
    source = microphone + distance_m * np.array([np.cos(angle), np.sin(angle), 0.05])
    source = np.clip(source, 0.2, room - 0.2)
    size = int(rt60_s * RATE_HZ)
    reach = np.ceil(SOUND_M_PER_S * rt60_s / (2 * room)).astype(int)
    axes = [axis_images(source[a], microphone[a], room[a], int(reach[a])) for a in range(3)]
    offset = [a[0] for a in axes]
    bounces = [a[1] for a in axes]
    squared = offset[0][:, None, None] ** 2 + offset[1][None, :, None] ** 2 + offset[2][None, None, :] ** 2
    far = np.sqrt(squared).ravel()
    order = (bounces[0][:, None, None] + bounces[1][None, :, None] + bounces[2][None, None, :]).ravel()
    at = np.rint(far / SOUND_M_PER_S * RATE_HZ).astype(int)
    kept = at < size
    out = np.zeros(size)
    np.add.at(out, at[kept], reflected ** order[kept] / far[kept])
    return out / np.abs(out).max()


def axis_images(source: float, microphone: float, length: float, reach: int) -> tuple[Samples, NDArray[np.int64]]:
    """Along one axis: where the images lie as the microphone sees them, and off how many walls."""
    n = np.arange(-reach, reach + 1)
    direct, mirrored = 2 * n * length + source, 2 * n * length - source
    return np.concatenate([direct, mirrored]) - microphone, np.concatenate([np.abs(2 * n), np.abs(2 * n - 1)])


def far(speech: Samples, talk: Samples, rng: np.random.Generator, *, talk_db: float = 15.0) -> Samples:
    """``speech`` from 1 to 4 m in a room of 0.3 to 0.7 s, with other talk ``talk_db`` below it."""
    reverberation = rng.uniform(0.3, 0.7)
    heard = convolve(speech, response(rng.uniform(1, 4), reverberation, rng))
    other = convolve(np.resize(talk, 2 * speech.size), response(rng.uniform(2, 4), reverberation, rng))
    return mix(heard, other, talk_db, rng)


def convolve(samples: Samples, kernel: Samples) -> Samples:
    """Linear convolution, cut to the length of ``samples``."""
    size = 1 << (samples.size + kernel.size - 1).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(kernel, size)
    return np.asarray(np.fft.irfft(spectrum, size)[: samples.size])
