"""Recordings: WAV and FLAC of any rate, channels and sample format, as 16 kHz mono int16.

Every file is read twice, in blocks: once to verify it to its last frame and to measure its channels, once to
decode it. So a file that is cut off, corrupt or not finite is refused before any of it is heard, and memory does not
grow with its length.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from firmware_py.audio.clock import SECOND_NS, Clock
from firmware_py.audio.convert import Float32, Resampler, to_int16
from firmware_py.audio.riff import read_wav_header
from firmware_py.errors import BadInput, NotFound
from firmware_py.events import RATE_HZ, Pcm16

BLOCK_VALUES = 65536
"""Values (frames times channels) decoded at once: 256 KiB of float32."""

MAX_CHANNELS = 32
RATES_HZ = (4_000, 384_000)

DEAD = 1e-5
"""A channel 50 dB below the loudest is dead: a converter's own noise is at -60 dB or less of speech."""

INVERTED = -0.8
"""A channel whose correlation with the loudest is below this is the same sound with its poles swapped."""


class Recording:
    """A recording, verified. ``frames`` and ``rate_hz`` are the file's own, ``length`` is in 16 kHz samples.

    Down-mix: the mean of the channels that are not dead, inverted ones turned round, so that one silent channel
    costs no level and swapped poles do not cancel. ``channel`` picks one instead. Raises NotFound for a file that is
    not there or must not be read, BadInput for everything that is no sound: empty, cut off, another format, a
    header that lies, values that are not finite.
    """

    def __init__(self, path: str | Path, *, channel: int | None = None) -> None:
        self.path = Path(path)
        self._file = _open(self.path)
        try:
            self.rate_hz, self.channels = int(self._file.samplerate), int(self._file.channels)
            self._check_shape(channel)
            self.frames, covariance = self._verify()
        except BaseException:
            self._file.close()
            raise
        self.weights = weights(covariance) if channel is None else np.eye(self.channels, dtype=np.float32)[channel]

    @property
    def length(self) -> int:
        """Samples at 16 kHz that ``blocks`` gives."""
        return round(self.frames * RATE_HZ / self.rate_hz)

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate_hz

    def blocks(self) -> Iterator[Pcm16]:
        """The whole recording from its start, in blocks of any length > 0; one iteration at a time."""
        resampler = Resampler(self.rate_hz, RATE_HZ)
        for block in self._read():
            mono = block[:, 0] if self.channels == 1 else block @ self.weights
            out = resampler.push(mono)
            if out.size:
                yield to_int16(out)
        tail = resampler.finish()
        if tail.size:
            yield to_int16(tail)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _check_shape(self, channel: int | None) -> None:
        if not RATES_HZ[0] <= self.rate_hz <= RATES_HZ[1]:
            raise BadInput(f"{self.path}: a rate of {self.rate_hz} Hz; allowed is {RATES_HZ[0]} to {RATES_HZ[1]}")
        if self.channels > MAX_CHANNELS:
            raise BadInput(f"{self.path}: {self.channels} channels; allowed are 1 to {MAX_CHANNELS}")
        if channel is not None and not 0 <= channel < self.channels:
            raise BadInput(f"{self.path}: there is no channel {channel}, only 0 to {self.channels - 1}")

    def _verify(self) -> tuple[int, NDArray[np.float64]]:
        """Frames that are really there, and the covariance of the channels, shape ``(channels, channels)``."""
        frames = 0
        total = np.zeros(self.channels)
        products = np.zeros((self.channels, self.channels))
        for block in self._read():
            if not np.isfinite(block).all():
                raise BadInput(f"{self.path}: holds values that are not finite")
            frames += len(block)
            if self.channels > 1:
                wide = np.clip(block, -1.0, 1.0)
                total += wide.sum(axis=0, dtype=np.float64)
                products += wide.T @ wide
        promised = int(self._file.frames)
        if promised < 2**62 and frames < promised:
            raise BadInput(f"{self.path}: cut off: its header promises {promised} frames, {frames} are there")
        if round(frames * RATE_HZ / self.rate_hz) == 0:
            raise BadInput(f"{self.path}: holds no sound")
        return frames, products / frames - np.outer(total, total) / frames**2

    def _read(self) -> Iterator[Float32]:
        """Blocks of shape ``(frames, channels)`` from the start."""
        import soundfile

        count = max(1, BLOCK_VALUES // self.channels)
        try:
            self._file.seek(0)
            while len(block := self._file.read(count, dtype="float32", always_2d=True)):
                yield block
        except soundfile.LibsndfileError as error:
            raise BadInput(f"{self.path}: cannot be decoded: {_reason(error)}") from error


def weights(covariance: NDArray[np.float64]) -> Float32:
    """The share of each channel in the mix: see :class:`Recording`."""
    power = np.diag(covariance)
    loudest = int(np.argmax(power))
    is_live = power > power[loudest] * DEAD
    if not is_live.any():
        is_live[:] = True
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance[loudest] / np.sqrt(power * power[loudest])
    sign = np.where(correlation < INVERTED, -1.0, 1.0)
    shares: Float32 = (is_live * sign / is_live.sum()).astype(np.float32)
    return shares


def decode(path: str | Path) -> Iterator[Pcm16]:
    """A recording as blocks of 16 kHz mono int16; errors as :class:`Recording`, before the first block."""
    recording = Recording(path)

    def blocks() -> Iterator[Pcm16]:
        with recording:
            yield from recording.blocks()

    return blocks()


def load(path: str | Path) -> Pcm16:
    """A whole recording as 16 kHz mono int16, shape ``(n,)``: 1.9 MB a minute. Errors as :class:`Recording`."""
    with Recording(path) as recording:
        out = np.empty(recording.length, np.int16)
        done = 0
        for block in recording.blocks():
            part = block[: out.size - done]
            out[done : done + part.size] = part
            done += part.size
    return out[:done]


def _open(path: Path) -> Any:
    """The decoder on an open file. Raises NotFound or BadInput."""
    import soundfile

    # O_NONBLOCK: opening a FIFO that nobody writes must not hang.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise NotFound(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise NotFound(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise BadInput(f"{path}: is {'a directory' if stat.S_ISDIR(status.st_mode) else 'not a regular file'}")
    with os.fdopen(handle, "rb") as file:
        if status.st_size == 0:
            raise BadInput(f"{path}: is empty")
        try:
            _check_container(file, status.st_size)
            os.lseek(handle, 0, os.SEEK_SET)
            return soundfile.SoundFile(os.dup(handle), closefd=True)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        except (soundfile.LibsndfileError, TypeError, ValueError) as error:
            raise BadInput(f"{path}: cannot be decoded: {_reason(error)}") from error
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error


def _check_container(file: Any, file_bytes: int) -> None:
    start = file.read(4)
    file.seek(0)
    if start in (b"RIFF", b"RIFX", b"RF64"):
        read_wav_header(file, file_bytes)
    elif start != b"fLaC":
        raise BadInput("neither WAV nor FLAC")


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).strip().rstrip(".")


class RecordingMicrophone:
    """A recording that behaves as a microphone: blocks of ``chunk_size`` samples at 16 kHz, then None.

    At pace ``real`` the block that ends at sample n comes at ``t0_ns + n / rate`` on ``clock``; at ``fast`` at once.
    ``t0_ns`` is set by the first ``read``. With ``silence_after`` silence follows, at the same pace, until ``close``;
    ``ended`` says that the recording itself is over. ``length`` is its samples at 16 kHz; ``lost`` is always 0.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        pace: Literal["real", "fast"] = "fast",
        chunk_size: int = 1024,
        silence_after: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.lost = 0
        self.t0_ns: int | None = None
        self.ended = False
        self.is_paced = pace == "real"
        self._recording = Recording(path)
        self.length = self._recording.length
        self._chunk_size = chunk_size
        self._silence_after = silence_after
        self._closing = threading.Event()
        self._clock = clock or Clock(sleep=self._closing.wait)
        self._reading = threading.Lock()
        self._chunks = self._rechunked()
        self._position = 0

    def read(self) -> Pcm16 | None:
        """The next block; blocks until its last sample is due. None at the end and after ``close``."""
        with self._reading:
            if self.t0_ns is None:
                self.t0_ns = self._clock.now_ns()
            chunk = None if self._closing.is_set() else next(self._chunks, None)
            if chunk is None:
                return None
            self._position += chunk.size
            if self.is_paced:
                self._wait_until(self.t0_ns + self._position * SECOND_NS // RATE_HZ)
            self.ended = self.ended or self._position >= self.length
            return chunk

    def close(self) -> None:
        """May be called from any thread; a ``read`` in progress returns."""
        self._closing.set()
        with self._reading:
            self._chunks.close()
            self._recording.close()

    def _wait_until(self, due_ns: int) -> None:
        while (left_ns := due_ns - self._clock.now_ns()) > 0 and not self._closing.is_set():
            self._clock.sleep(left_ns / 1e9)

    def _rechunked(self) -> Generator[Pcm16, None, None]:
        size, rest = self._chunk_size, np.zeros(0, np.int16)
        with self._recording as recording:
            for block in recording.blocks():
                rest = np.concatenate([rest, block]) if rest.size else block
                whole = rest.size - rest.size % size
                yield from rest[:whole].reshape(-1, size)
                rest = rest[whole:]
        if not self._silence_after:
            if rest.size:
                yield rest
            return
        yield np.concatenate([rest, np.zeros(size - rest.size, np.int16)])
        while True:
            yield np.zeros(size, np.int16)
