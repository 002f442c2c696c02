"""Writing WAV: whole or not at all, and directly where the target is no regular file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from firmware_py.audio.riff import UNKNOWN
from firmware_py.audio.wav import HOLD_BYTES, wav_header, write_wav
from firmware_py.errors import NotFound, RtvaError, Unavailable
from firmware_py.events import Pcm16

CHUNKS = [np.arange(-100, 100, dtype=np.int16), np.zeros(0, np.int16), np.array([32767, -32768], np.int16)]


def read(data: bytes) -> tuple[int, Pcm16]:
    with wave.open(BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def broken() -> Iterator[Pcm16]:
    yield CHUNKS[0]
    raise ConnectionResetError(104, "the voice died")


@pytest.mark.parametrize("name", ["answer.wav", "answer.txt", "answer", "Grüße und 'quotes'.mp3", "x" * 251 + ".wav"])
def test_a_file_is_wav_whatever_its_name(tmp_path: Path, name: str) -> None:
    assert write_wav(tmp_path / name, 22050, CHUNKS) == 202
    rate_hz, samples = read((tmp_path / name).read_bytes())
    assert rate_hz == 22050
    np.testing.assert_array_equal(samples, np.concatenate(CHUNKS))
    assert names(tmp_path) == [name]


def test_an_empty_answer_is_a_whole_file(tmp_path: Path) -> None:
    assert write_wav(tmp_path / "a.wav", 16000, []) == 0
    assert read((tmp_path / "a.wav").read_bytes())[1].size == 0


def test_a_new_file_has_the_mode_that_open_gives_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    new, old, plain = tmp_path / "new.wav", tmp_path / "old.wav", tmp_path / "plain"
    plain.write_bytes(b"")
    old.write_bytes(b"before")
    old.chmod(0o640)
    write_wav(new, 16000, CHUNKS)
    write_wav(old, 16000, CHUNKS)
    assert new.stat().st_mode == plain.stat().st_mode
    assert old.stat().st_mode & 0o777 == 0o640
    assert read(old.read_bytes())[1].size == 202


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to("real.wav")
    write_wav(tmp_path / "link.wav", 16000, CHUNKS)
    assert (tmp_path / "link.wav").is_symlink()
    assert read((tmp_path / "real.wav").read_bytes())[1].size == 202


def test_a_voice_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.wav"
    target.write_bytes(b"before")
    with pytest.raises(ConnectionResetError):
        write_wav(target, 16000, broken())
    assert target.read_bytes() == b"before"
    assert names(tmp_path) == ["a.wav"]


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A file size limit stands for the full disk: the write fails in the middle with a real error of the kernel."""
    code = f"""
import resource, signal, sys
import numpy as np
from firmware_py.audio.wav import write_wav
from firmware_py.errors import RtvaError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_wav({str(tmp_path / "a.wav")!r}, 16000, [np.zeros(16000, np.int16)] * 10)
except RtvaError as error:
    print(error.exit_code, error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert out.stdout == f"69 {tmp_path / 'a.wav'}: cannot be written: File too large\n", out.stderr
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        ("missing/a.wav", NotFound, "no such folder"),
        ("file/a.wav", NotFound, "no such folder"),
        (".", Unavailable, "Is a directory"),
        ("a\0b", Unavailable, "null"),
        ("x" * 300, Unavailable, "too long"),
    ],
)
def test_what_cannot_be_written_is_one_line(tmp_path: Path, target: str, error: type[RtvaError], words: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(error, match=words) as caught:
        write_wav(f"{tmp_path}/{target}", 16000, CHUNKS)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["file"]


def test_a_full_device_is_an_error_and_stays_a_device() -> None:
    with pytest.raises(Unavailable, match="/dev/full: cannot be written: No space left"):
        write_wav("/dev/full", 16000, CHUNKS)
    assert Path("/dev/full").is_char_device()
    assert write_wav("/dev/null", 16000, CHUNKS) == 202


def test_a_fifo_gets_the_header_with_the_right_size(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    assert write_wav(fifo, 22050, CHUNKS) == 202
    reader.join(10)
    assert read(got[0])[0] == 22050
    assert fifo.is_fifo()


@pytest.mark.parametrize("how", ["pipe", "file", "socket"])
def test_standard_output_is_written_whatever_it_is(tmp_path: Path, how: str) -> None:
    """A redirected file is never replaced by another, and a socket cannot be opened by name."""
    code = (
        "import numpy as np; from firmware_py.audio.wav import write_wav;"
        "write_wav('/dev/stdout', 16000, [np.arange(500, dtype=np.int16)])"
    )
    command = [sys.executable, "-c", code]
    if how == "pipe":
        data = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    elif how == "file":
        with (tmp_path / "out").open("w+b") as file:
            subprocess.run(command, stdout=file, check=True, timeout=60)
            file.seek(0)
            data = file.read()
    else:
        import socket

        ours, theirs = socket.socketpair()
        with ours:
            subprocess.run(command, stdout=theirs.fileno(), check=True, timeout=60)
            theirs.close()
            data = b"".join(iter(lambda: ours.recv(65536), b""))
    np.testing.assert_array_equal(read(data)[1], np.arange(500))


def test_a_long_stream_begins_before_it_is_complete(tmp_path: Path) -> None:
    """Its sizes are then the ones that mean "to the end"."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    chunk = np.ones(HOLD_BYTES // 2 + 1, np.int16)
    has_begun, got = threading.Event(), bytearray()

    def chunks() -> Iterator[Pcm16]:
        yield chunk
        assert has_begun.wait(30)
        yield chunk

    def consume() -> None:
        with fifo.open("rb") as file:
            got.extend(file.read(44))
            has_begun.set()
            got.extend(file.read())

    reader = threading.Thread(target=consume)
    reader.start()
    assert write_wav(fifo, 16000, chunks()) == 2 * chunk.size
    reader.join(10)
    assert got[:44] == wav_header(16000, UNKNOWN)
    assert len(got) == 44 + 4 * chunk.size
