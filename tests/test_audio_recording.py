"""Recordings: every format comes out as 16 kHz mono int16 of the right length, everything else as one line."""

from __future__ import annotations

import gc
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from firmware_py.audio.clock import Clock
from firmware_py.audio.recording import Recording, RecordingMicrophone, decode, load
from firmware_py.audio.riff import UNKNOWN
from firmware_py.errors import BadInput, NotFound, RtvaError

RATES_HZ = [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000]
SUBTYPES = {
    "WAV": ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"],
    "WAVEX": ["PCM_16", "PCM_24", "PCM_32", "FLOAT"],
    "RF64": ["PCM_16"],
    "FLAC": ["PCM_S8", "PCM_16", "PCM_24"],
}
FORMATS = [(container, subtype) for container, subtypes in SUBTYPES.items() for subtype in subtypes]
COARSE = {"PCM_U8": 2e-2, "PCM_S8": 2e-2, "ULAW": 4e-2, "ALAW": 4e-2}


def tone(rate_hz: int, seconds: float = 0.4, level: float = 0.5) -> NDArray[np.float64]:
    """1 kHz: within the band of every rate here."""
    return level * np.sin(2 * np.pi * 1000 * np.arange(round(rate_hz * seconds)) / rate_hz)


def write(
    path: Path, samples: NDArray[np.float64], rate_hz: int = 16000, form: str = "WAV", sub: str = "PCM_16"
) -> Path:
    soundfile.write(path, samples, rate_hz, format=form, subtype=sub)
    return path


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(("container", "subtype"), FORMATS)
def test_every_rate_channel_count_and_sample_format(
    tmp_path: Path, container: str, subtype: str, rate_hz: int, channels: int
) -> None:
    samples = np.repeat(tone(rate_hz)[:, None], channels, axis=1)
    out = load(write(tmp_path / "a", samples, rate_hz, container, subtype))
    assert out.dtype == np.int16
    assert out.shape == (6400,)
    middle = slice(800, -800)  # the filter's edges are another matter
    expected = tone(16000)[middle]
    assert np.abs(out[middle] / 32768 - expected).max() < COARSE.get(subtype, 1e-3)


@pytest.mark.parametrize("frames", [1, 2, 7, 999, 16001, 70000])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_length_is_exact_however_it_is_read(tmp_path: Path, rate_hz: int, frames: int) -> None:
    path = write(tmp_path / "a.wav", np.full(frames, 0.1), rate_hz)
    if frames * 16000 / rate_hz < 0.5:
        with pytest.raises(BadInput, match="holds no sound"):
            load(path)
        return
    expected = int(frames * 16000 / rate_hz + 0.5)
    with Recording(path) as recording:
        assert recording.length == expected
        assert sum(block.size for block in recording.blocks()) == expected
        assert recording.duration_s == frames / rate_hz
    assert load(path).size == expected


def test_sixteen_bit_at_the_walks_own_rate_is_untouched(tmp_path: Path) -> None:
    samples = np.arange(-32768, 32768, dtype=np.int16)
    soundfile.write(tmp_path / "a.flac", samples, 16000)
    np.testing.assert_array_equal(load(tmp_path / "a.flac"), samples)


def test_float_beyond_full_scale_is_clipped_not_wrapped(tmp_path: Path) -> None:
    samples = np.array([0.0, 1.0, -1.0, 1.5, -1.5, 1e30, -1e30])
    out = load(write(tmp_path / "a.wav", samples, sub="FLOAT"))
    assert out.tolist() == [0, 32767, -32768, 32767, -32768, 32767, -32768]


def test_decoding_block_by_block_is_the_same_as_at_once(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (200_000, 2))
    path = write(tmp_path / "a.wav", noise, 44100)
    np.testing.assert_array_equal(np.concatenate(list(decode(path))), load(path))


class TestDownMix:
    """Stereo as it comes from the field: one side dead, its poles swapped, or simply different."""

    def mixed(self, tmp_path: Path, *channels: NDArray[np.float64]) -> NDArray[np.int16]:
        return load(write(tmp_path / "a.wav", np.stack(channels, axis=1)))

    def test_two_alike_are_their_mean(self, tmp_path: Path) -> None:
        out = self.mixed(tmp_path, tone(16000), tone(16000) * 0.5)
        np.testing.assert_allclose(out / 32768, tone(16000) * 0.75, atol=1e-4)

    def test_a_dead_channel_costs_no_level(self, tmp_path: Path) -> None:
        hum = np.full(6400, 0.01) + np.random.default_rng(1).normal(0, 1e-5, 6400)
        np.testing.assert_allclose(self.mixed(tmp_path, hum, tone(16000)) / 32768, tone(16000), atol=1e-4)

    def test_an_inverted_channel_does_not_cancel(self, tmp_path: Path) -> None:
        np.testing.assert_allclose(self.mixed(tmp_path, tone(16000), -tone(16000)) / 32768, tone(16000), atol=1e-4)

    def test_unlike_channels_are_their_mean(self, tmp_path: Path) -> None:
        a, b = np.random.default_rng(1).normal(0, 0.1, (2, 8000))
        np.testing.assert_allclose(self.mixed(tmp_path, a, b) / 32768, (a + b) / 2, atol=1e-4)

    def test_silence_stays_silence(self, tmp_path: Path) -> None:
        assert not self.mixed(tmp_path, np.zeros(100), np.zeros(100)).any()

    def test_one_channel_can_be_picked(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.wav", np.stack([np.zeros(6400), tone(16000)], axis=1))
        with Recording(path, channel=0) as recording:
            assert not np.concatenate(list(recording.blocks())).any()
        with pytest.raises(BadInput, match="no channel 2, only 0 to 1"):
            Recording(path, channel=2)


def flac(tmp_path: Path) -> bytes:
    path = write(tmp_path / "whole.flac", np.random.default_rng(1).normal(0, 0.1, 48000), 48000, "FLAC")
    return path.read_bytes()


def test_a_flac_stream_that_leaves_its_length_open_is_read(tmp_path: Path) -> None:
    data = bytearray(flac(tmp_path))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(data)
    np.testing.assert_array_equal(load(tmp_path / "a.flac"), load(tmp_path / "whole.flac"))


@pytest.mark.parametrize("kept", [4, 20, 43, 100, 5000, 0.5, 0.99, -1])
def test_a_flac_file_that_is_cut_off_is_bad_input(tmp_path: Path, kept: float) -> None:
    data = flac(tmp_path)
    end = int(kept) if kept == int(kept) else int(len(data) * kept)
    (tmp_path / "a.flac").write_bytes(data[:end])
    with pytest.raises(BadInput, match="cut off"):
        load(tmp_path / "a.flac")


def test_a_flac_file_with_a_wrong_bit_is_bad_input(tmp_path: Path) -> None:
    data = bytearray(flac(tmp_path))
    data[len(data) // 2] ^= 1
    (tmp_path / "a.flac").write_bytes(data)
    with pytest.raises(BadInput, match="corrupt"):
        load(tmp_path / "a.flac")


def test_a_flac_header_that_promises_more_is_bad_input(tmp_path: Path) -> None:
    data = bytearray(flac(tmp_path))
    data[22:26] = (48001).to_bytes(4, "big")
    (tmp_path / "a.flac").write_bytes(data)
    with pytest.raises(BadInput, match=r"48001|corrupt"):
        load(tmp_path / "a.flac")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 150_000])
def test_values_that_are_not_finite_are_bad_input(tmp_path: Path, value: float, at: int) -> None:
    """Before the first block: also when they come late."""
    samples = np.zeros(160_000)
    samples[at] = value
    path = write(tmp_path / "a.wav", samples, sub="FLOAT")
    with pytest.raises(BadInput, match="not finite"):
        decode(path)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda p: None, NotFound, "no such file"),
        (lambda p: p.write_bytes(b""), BadInput, "is empty"),
        (lambda p: p.write_text("turn on the lamp\n" * 100), BadInput, "neither WAV nor FLAC"),
        (lambda p: p.write_bytes(os.urandom(5000)), BadInput, "neither WAV nor FLAC|cut off"),
        (lambda p: p.mkdir(), BadInput, "is a directory"),
        (lambda p: os.mkfifo(p), BadInput, "is not a regular file"),
        (lambda p: p.symlink_to("nowhere"), NotFound, "no such file"),
        (lambda p: p.symlink_to(p), NotFound, "cannot be read"),
        (lambda p: write(p, np.zeros(0)), BadInput, "holds no sound"),
        (lambda p: write(p, np.zeros(100), 2000), BadInput, "a rate of 2000 Hz"),
        (lambda p: write(p, np.zeros((100, 40))), BadInput, "40 channels"),
        (lambda p: write(p, np.zeros(100), form="AIFF"), BadInput, "neither WAV nor FLAC"),
        (lambda p: write(p, np.zeros(1000), sub="IMA_ADPCM"), BadInput, "coding 0x0011"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_recording_is_one_line_that_names_it(
    tmp_path: Path, make: object, error: type[RtvaError], words: str
) -> None:
    path = tmp_path / "a.wav"
    make(path)  # type: ignore[operator]
    handles = open_files()
    with pytest.raises(error, match=words) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert open_files() == handles


def test_a_file_that_must_not_be_read_is_not_found(tmp_path: Path) -> None:
    """In a process that gives up being root, should it be."""
    path = write(tmp_path / "a.wav", np.zeros(100))
    path.chmod(0)
    code = f"""
import os, soxr, soundfile
from firmware_py.audio.recording import load
from firmware_py.errors import NotFound
if os.geteuid() == 0:
    os.setuid(65534)
try:
    load({str(path)!r})
except NotFound as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout == f"{path}: cannot be read: Permission denied\n"


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "/proc/self/mem", "a\0b"])
def test_special_files_neither_hang_nor_crash(name: str) -> None:
    with pytest.raises((BadInput, NotFound)):
        load(name)


def test_decoding_opens_and_closes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros(100_000))
    handles = open_files()
    blocks = decode(path)
    next(iter(blocks))
    del blocks
    assert open_files() == handles


@pytest.mark.parametrize(("rate_hz", "channels"), [(16000, 1), (48000, 2)])
def test_an_hour_of_silence_is_read_in_bounded_memory(tmp_path: Path, rate_hz: int, channels: int) -> None:
    """In a process of its own, whose peak memory counts; the file is sparse."""
    path = tmp_path / "hour.wav"
    data_bytes = 3600 * rate_hz * channels * 2
    with path.open("wb") as file:
        file.write(struct.pack("<4sI4s", b"RIFF", 36 + data_bytes, b"WAVE"))
        frame = channels * 2
        file.write(struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate_hz, rate_hz * frame, frame, 16))
        file.write(struct.pack("<4sI", b"data", data_bytes))
        file.truncate(44 + data_bytes)
    code = f"""
import resource, soxr, soundfile
from firmware_py.audio.recording import decode
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
samples = sum(block.size for block in decode({str(path)!r}))
print(samples, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    samples, grown_kib = map(int, out.stdout.split())
    assert samples == 3600 * 16000
    assert grown_kib < 16 * 1024


def test_recordings_of_people_are_all_read(recordings: Path) -> None:
    files = [path for path in sorted(recordings.rglob("*")) if path.suffix in (".wav", ".flac")]
    assert files
    for path in files:
        info = soundfile.info(path)
        with Recording(path) as recording:
            assert (recording.rate_hz, recording.channels, recording.frames) == (
                info.samplerate,
                info.channels,
                info.frames,
            )


class StepClock:
    """A clock that moves only when somebody sleeps, and remembers for how long."""

    def __init__(self) -> None:
        self.ns = 5_000_000_000
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ns += round(seconds * 1e9)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.ns, self.sleep)


class TestMicrophone:
    def path(self, tmp_path: Path, frames: int = 2500) -> Path:
        return write(tmp_path / "a.wav", np.arange(frames) / 32768)

    def test_it_delivers_chunks_then_the_rest_then_the_end(self, tmp_path: Path) -> None:
        microphone = RecordingMicrophone(self.path(tmp_path), chunk_size=1000)
        blocks = [microphone.read() for _ in range(5)]
        assert [None if b is None else b.size for b in blocks] == [1000, 1000, 500, None, None]
        np.testing.assert_array_equal(np.concatenate([b for b in blocks if b is not None]), np.arange(2500))
        assert microphone.ended
        assert microphone.length == 2500
        assert microphone.lost == 0

    def test_at_real_pace_a_block_comes_when_its_last_sample_is_due(self, tmp_path: Path) -> None:
        step = StepClock()
        microphone = RecordingMicrophone(self.path(tmp_path), pace="real", chunk_size=1000, clock=step.clock)
        arrivals = []
        while microphone.read() is not None:
            arrivals.append(step.ns)
        assert microphone.t0_ns == 5_000_000_000
        assert arrivals == [microphone.t0_ns + n * 1_000_000_000 // 16000 for n in (1000, 2000, 2500)]

    def test_a_late_reader_is_not_made_later(self, tmp_path: Path) -> None:
        step = StepClock()
        microphone = RecordingMicrophone(self.path(tmp_path), pace="real", chunk_size=1000, clock=step.clock)
        microphone.read()
        step.ns += 10_000_000_000
        before = len(step.slept)
        microphone.read()
        assert len(step.slept) == before

    def test_at_fast_pace_nothing_waits(self, tmp_path: Path) -> None:
        step = StepClock()
        microphone = RecordingMicrophone(self.path(tmp_path), clock=step.clock)
        while microphone.read() is not None:
            pass
        assert step.slept == []

    def test_silence_follows_in_whole_chunks_until_it_is_closed(self, tmp_path: Path) -> None:
        microphone = RecordingMicrophone(self.path(tmp_path), chunk_size=1000, silence_after=True)
        blocks = [microphone.read() for _ in range(6)]
        assert all(b is not None and b.size == 1000 for b in blocks)
        heard = np.concatenate([b for b in blocks if b is not None])
        assert not heard[2500:].any()
        assert microphone.ended
        microphone.close()
        assert microphone.read() is None
        microphone.close()

    def test_closing_ends_a_read_in_another_thread(self, tmp_path: Path) -> None:
        import threading

        microphone = RecordingMicrophone(self.path(tmp_path, 16000 * 60), pace="real", chunk_size=16000 * 50)
        reader = threading.Thread(target=microphone.read)
        reader.start()
        microphone.close()
        reader.join(30)
        assert not reader.is_alive()

    def test_an_unread_microphone_leaves_no_file_open(self, tmp_path: Path) -> None:
        gc.collect()  # what tests before this one left behind goes now, not in between
        handles = open_files()
        RecordingMicrophone(self.path(tmp_path)).close()
        assert open_files() == handles


def test_a_stream_of_unknown_length_is_read_to_its_end(tmp_path: Path) -> None:
    """What ffmpeg writes into a pipe."""
    data = bytearray(write(tmp_path / "a.wav", np.arange(1000) / 32768).read_bytes())
    data[4:8] = data[40:44] = struct.pack("<I", UNKNOWN)
    (tmp_path / "a.wav").write_bytes(data)
    np.testing.assert_array_equal(load(tmp_path / "a.wav"), np.arange(1000))
