"""PortAudio's devices when something is wrong with them, on streams that a test makes fail."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from firmware_py.audio import portaudio, portaudio_device
from firmware_py.audio.clock import SECOND_NS, Clock
from firmware_py.audio.portaudio import PortAudioMicrophone, PortAudioSpeaker
from firmware_py.errors import DeviceLost, Unavailable


class PortAudioError(Exception):
    pass


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.ns = 0

    def clock(self) -> Clock:
        return Clock(lambda: self.ns, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.ns += int(seconds * SECOND_NS)


class Stream:
    """Delivers ``ready`` frames a look; what it is told is in ``told``."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.told: list[Any] = []
        self.stopped, self.ready, self.overflows, self.error = True, 1 << 20, [], None

    @property
    def read_available(self) -> int:
        if self.error:
            raise self.error
        return self.ready

    write_available = 4096

    def start(self) -> None:
        self.stopped = False
        self.told.append("start")

    def read(self, frames: int) -> tuple[bytes, bool]:
        count = frames * self.options["channels"]
        return np.arange(count, dtype=np.int16).tobytes(), bool(self.overflows and self.overflows.pop(0))

    def write(self, data: bytes) -> bool:
        if self.error:
            raise self.error
        self.told.append(len(data))
        return bool(self.overflows and self.overflows.pop(0))

    def abort(self, ignore_errors: bool = True) -> None:
        self.told.append("abort")
        self.stopped = True

    def stop(self, ignore_errors: bool = True) -> None:
        self.told.append("stop")
        self.stopped = True

    def close(self, ignore_errors: bool = True) -> None:
        self.told.append("close")


class FakeSoundDevice(SimpleNamespace):
    """As much of ``sounddevice`` as is used; ``refused`` holds rates that the device does not take."""

    def __init__(self) -> None:
        super().__init__(PortAudioError=PortAudioError, refused=set(), made=[])
        self.RawInputStream = self.RawOutputStream = self.stream

    def stream(self, **options: Any) -> Stream:
        if options["samplerate"] in self.refused:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")
        self.made.append(Stream(**options))
        return self.made[-1]

    def query_devices(self, name: Any = "all", kind: str | None = None) -> Any:
        card = {"name": "Laptop", "index": 3, "default_samplerate": 48000.0}
        card |= {"max_input_channels": 2, "max_output_channels": 2}
        if name == "all":
            return [card]
        if name not in (None, "Laptop", 3):
            raise ValueError(f"No {kind} device matching {name!r}")
        return card


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> FakeSoundDevice:
    fake = FakeSoundDevice()
    monkeypatch.setattr(portaudio_device, "library", lambda: fake)
    monkeypatch.setattr(portaudio, "library", lambda: fake)
    return fake


def test_a_device_that_is_not_there_is_named_with_those_there_are(sounddevice: FakeSoundDevice) -> None:
    with pytest.raises(Unavailable, match=r"no input device 'Phone' .*there are: Laptop"):
        PortAudioMicrophone("Phone")
    with pytest.raises(Unavailable, match="no channel 5, only 0 to 1"):
        PortAudioMicrophone("Laptop", channel=5)
    sounddevice.refused = {16000, 48000}
    with pytest.raises(Unavailable, match="Invalid sample rate"):
        PortAudioMicrophone("3")


def test_a_rate_that_is_refused_is_resampled_from_the_devices_own(sounddevice: FakeSoundDevice) -> None:
    sounddevice.refused = {16000, 22050}
    microphone = PortAudioMicrophone(chunk_size=1600)
    heard = sum(microphone.read().size for _ in range(10))  # type: ignore[union-attr]
    assert sounddevice.made[0].options["samplerate"] == 48000
    assert sounddevice.made[0].options["blocksize"] == 4800
    assert 14000 < heard <= 16000
    speaker = PortAudioSpeaker(rate_hz=22050)
    speaker.write(np.zeros(22050, np.int16))
    speaker.drain()
    assert sum(n for n in sounddevice.made[1].told if isinstance(n, int)) == 2 * 48000


def test_the_channel_that_was_chosen_is_heard(sounddevice: FakeSoundDevice) -> None:
    block = PortAudioMicrophone(channel=1, chunk_size=4).read()
    assert block is not None
    assert block.tolist() == [1, 3, 5, 7]


def test_a_device_that_delivers_nothing_is_lost(sounddevice: FakeSoundDevice) -> None:
    time = Time()
    microphone = PortAudioMicrophone(clock=time.clock())
    sounddevice.made[0].ready = 0
    with pytest.raises(DeviceLost, match="has stalled: nothing for 3"):
        microphone.read()


def test_what_a_device_drops_is_counted_from_the_time(sounddevice: FakeSoundDevice) -> None:
    time = Time()
    microphone = PortAudioMicrophone(chunk_size=1600, clock=time.clock())
    stream = sounddevice.made[0]
    stream.ready = 1600
    for _ in range(3):
        time.sleep(0.1)
        microphone.read()
    assert microphone.lost == 0
    time.sleep(0.6)  # five periods more than the one that waits
    stream.overflows = [True]
    stream.ready = 0  # after the read nothing is left
    stream.__class__ = type(
        "Late", (Stream,), {"read_available": property(lambda self: 1600 if not self.told[1:] else 0)}
    )
    microphone.read()
    assert microphone.xruns == 1
    assert 4000 <= microphone.lost <= 9600


def test_an_unplugged_device_is_lost_and_a_closed_one_has_ended(sounddevice: FakeSoundDevice) -> None:
    microphone, speaker = PortAudioMicrophone(), PortAudioSpeaker(rate_hz=22050)
    for stream in sounddevice.made:
        stream.error = PortAudioError("Device unavailable")
    with pytest.raises(DeviceLost, match="input device 'default' is lost"):
        microphone.read()
    with pytest.raises(DeviceLost, match="output device 'default' is lost"):
        speaker.write(np.zeros(10, np.int16))
    microphone.close()
    assert microphone.read() is None


def test_running_dry_counts_within_an_answer_and_not_at_its_beginning(sounddevice: FakeSoundDevice) -> None:
    speaker = PortAudioSpeaker(rate_hz=22050)
    sounddevice.made[0].overflows = [True, True, False]
    for _ in range(3):
        speaker.write(np.zeros(100, np.int16))
    assert speaker.underruns == 1
    speaker.flush()
    assert sounddevice.made[0].told[-1] == "abort"
    assert speaker.delay_s() == 0.0


def test_without_the_package_one_line_says_what_brings_it(tmp_path: Path, rtva: Callable[..., Any]) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    config = tmp_path / "c.yaml"
    config.write_text("audio: {backend: sounddevice}\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from firmware_py.__main__ import main;"
        "sys.exit(main(['say', 'Yes.', '--play', '--config', sys.argv[2]]))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path, config], capture_output=True, text=True, timeout=120)
    if "rtva models fetch" in done.stderr:
        pytest.skip(f"{done.stderr.strip()}; 'make setup' brings them")
    assert done.returncode == 69
    assert len(done.stderr.splitlines()) == 1
    assert "rtva[desktop]" in done.stderr
