"""Recordings: WAV and FLAC of any rate, channels and sample format, as 16 kHz mono int16.

Every file is read twice, in blocks: once to verify it to its last frame and to measure its channels, once to
decode it. So a file that is cut off, corrupt or not finite is refused before any of it is heard, and memory does not
grow with its length.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from firmware_py.audio.clock import SECOND_NS, Clock
from firmware_py.audio.convert import Float32, Resampler, to_int16
from firmware_py.audio.riff import WavHeader, read_wav_header
from firmware_py.errors import BadInput, NotFound
from firmware_py.events import RATE_HZ, Pcm16

BLOCK_VALUES = 65536
"""Values (frames times channels) decoded at once: 256 KiB of float32."""

UNKNOWN_FRAMES = 2**62
"""libsndfile's length of a FLAC stream whose header leaves it open is at least this."""

MAX_CHANNELS = 32
RATES_HZ = (4_000, 384_000)

T = TypeVar("T")

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
        self._handle, self._wav = _open(self.path)
        try:
            with self._decoder() as decoder:
                self.rate_hz, self.channels = int(decoder.samplerate), int(decoder.channels)
                self._promised = int(decoder.frames)
                self._is_float = decoder.subtype in ("FLOAT", "DOUBLE")
            self._check_shape(channel)
            self.frames, covariance = self._verify()
        except BaseException:
            self.close()
            raise
        self.weights = weights(covariance) if channel is None else np.eye(self.channels, dtype=np.float32)[channel]

    @property
    def length(self) -> int:
        """Samples at 16 kHz that ``blocks`` gives."""
        return (2 * self.frames * RATE_HZ + self.rate_hz) // (2 * self.rate_hz)

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate_hz

    def blocks(self) -> Iterator[Pcm16]:
        """The whole recording from its start, in blocks of any length > 0; one iteration at a time."""
        left = self.length
        for block in self._resampled():
            if block.size and left:
                yield to_int16(block[:left])
                left -= min(left, block.size)

    def _resampled(self) -> Iterator[Float32]:
        resampler = Resampler(self.rate_hz, RATE_HZ)
        for block in self._read():
            yield resampler.push(block[:, 0] if self.channels == 1 else block @ self.weights)
        yield resampler.finish()
        yield np.zeros(1, np.float32)  # should the resampler round the other way, the length still holds

    def close(self) -> None:
        """Forgets the file; may be called twice."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

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
            if self._is_float and not np.isfinite(block).all():
                raise BadInput(f"{self.path}: holds values that are not finite")
            frames += len(block)
            if self.channels > 1:
                if self._is_float:
                    np.clip(block, -1.0, 1.0, out=block)
                total += np.ones(len(block), np.float32) @ block
                products += block.T @ block
        promised = self._promised if self._wav is None else self._wav.frames
        if frames < promised < UNKNOWN_FRAMES:
            raise BadInput(f"{self.path}: cut off: its header promises {promised} frames, {frames} are there")
        if 2 * frames * RATE_HZ < self.rate_hz:
            raise BadInput(f"{self.path}: holds no sound")
        return frames, products / frames - np.outer(total, total) / frames**2

    def _read(self) -> Iterator[Float32]:
        """Blocks of shape ``(frames, channels)`` from the start."""
        count = max(1, BLOCK_VALUES // self.channels)
        with self._decoder() as decoder:
            while len(block := self._reading(lambda: decoder.read(count, dtype="float32", always_2d=True))):
                yield block

    def _decoder(self) -> Any:
        import soundfile

        class Stream(soundfile.SoundFile):  # type: ignore[misc]
            """A new one is opened for each pass, and none seeks: soundfile seeks after every read otherwise, which
            costs time in FLAC and fails in a stream whose header leaves its length open."""

            def seekable(self) -> bool:
                return False

        os.lseek(self._handle, 0, os.SEEK_SET)
        return self._reading(lambda: Stream(os.dup(self._handle), closefd=True))

    def _reading(self, work: Callable[[], T]) -> T:
        import soundfile

        try:
            return work()
        except (soundfile.LibsndfileError, TypeError, ValueError) as error:
            reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
            raise BadInput(f"{self.path}: corrupt or cut off ({reason})") from error


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


def _open(path: Path) -> tuple[int, WavHeader | None]:
    """A descriptor of a file that begins as a recording, and its header when that is WAV. NotFound or BadInput."""
    # O_NONBLOCK: opening a FIFO that nobody writes must not hang.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise NotFound(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise NotFound(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        return handle, _check_start(handle)
    except (BadInput, OSError) as error:
        os.close(handle)
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _check_start(handle: int) -> WavHeader | None:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise BadInput("is a directory" if stat.S_ISDIR(status.st_mode) else "is not a regular file")
    if status.st_size == 0:
        raise BadInput("is empty")
    with os.fdopen(os.dup(handle), "rb") as file:
        start = file.read(4)
        file.seek(0)
        if start in (b"RIFF", b"RIFX", b"RF64"):
            return read_wav_header(file, status.st_size)
    if start != b"fLaC":
        raise BadInput("neither WAV nor FLAC")
    return None


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
