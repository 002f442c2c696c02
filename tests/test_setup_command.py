"""``rtva setup`` as a newcomer meets it: through a pty, a serial line, a pipe, with wrong input, on real alsa-lib."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from alsa_lab import Card, injector
from takes import take_16k

from firmware_py.__main__ import main
from firmware_py.cli import setup, setup_steps
from firmware_py.cli import setup_sound as sound
from firmware_py.cli.setup_console import SerialConsole, Unattended, ask
from firmware_py.cli.setup_steps import Wizard, current_zone, set_zone
from firmware_py.config import Config
from firmware_py.errors import BadInput, Unavailable

ROOT = Path(__file__).resolve().parent.parent
REMARK = "# a remark of mine"


class Dialogue:
    """The command on a pty, and what is typed there."""

    def __init__(self, arguments: list[str], environment: dict[str, str], own_line: bool = False) -> None:
        self.master, slave = pty.openpty()
        self.text, self._seen = "", 0
        command = [sys.executable, "-m", "firmware_py", "setup", *arguments]
        streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
        if own_line:
            tty.setraw(slave)
            command += ["--serial", os.ttyname(slave)]
            streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **streams)
        self._slave = slave

    def expect(self, pattern: str, timeout_s: float = 60.0) -> re.Match[str]:
        until = time.monotonic() + timeout_s
        while (found := re.compile(pattern).search(self.text, self._seen)) is None:
            if time.monotonic() > until or (self.process.poll() is not None and not self._read(0.2)):
                pytest.fail(f"no {pattern!r} in {self.text[self._seen :]!r}")
            self._read(0.1)
        self._seen = found.end()
        return found

    def answer(self, question: str, said: str, end: str = "\n") -> None:
        self.expect(re.escape(question) + r"[^\n]*\]: ")
        os.write(self.master, (said + end).encode())

    def interrupt(self) -> None:
        """As a person at the keys: once more where nothing came of it. ``input`` sees none between prompt and read."""
        until = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < until:
            os.killpg(self.process.pid, signal.SIGINT)
            settled = time.monotonic() + 2
            while self.process.poll() is None and time.monotonic() < settled:
                self._read(0.1)

    def end(self) -> int:
        until = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < until:
            self._read(0.1)
        while self._read(0.1):
            pass
        return self.process.wait(1)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()
        os.close(self.master)
        os.close(self._slave)

    def _read(self, wait_s: float) -> bool:
        if not select.select([self.master], [], [], wait_s)[0]:
            return False
        self.text += os.read(self.master, 65536).decode("utf-8", "replace").replace("\r\n", "\n")
        return True


class Lab:
    """A board with a card of four channels, of which the third has sound on it."""

    def __init__(self, folder: Path) -> None:
        self.card = Card(folder)
        t = np.arange(16_000 * 20)
        frames = np.zeros((t.size, 4), np.int16)
        frames[:, 2] = (8192 * np.sin(2 * np.pi * 440 * t / 16_000)).astype(np.int16)
        self.card.hears(frames)
        self.config = folder / "c.yaml"
        self.config.write_text(f"{REMARK}\naudio:\n  input:\n    # channel: null\n    chunk_size: 512  # kept\n")
        self.environment = {
            **os.environ, "ALSA_CONFIG_PATH": str(self.card.conf), "LD_PRELOAD": str(injector()),
            "RTVA_HW": "paced channels=4", "RTVA_FAULTS": "", "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self.open: list[Dialogue] = []

    def start(self, *arguments: str, own_line: bool = False) -> Dialogue:
        base = ["--config", str(self.config), "--socket", str(self.config.parent / "none.sock")]
        self.open.append(Dialogue([*base, *arguments], self.environment, own_line))
        return self.open[-1]

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        base = ["--config", str(self.config), "--socket", str(self.config.parent / "none.sock")]
        return subprocess.run(
            [sys.executable, "-m", "firmware_py", "setup", *base, *arguments],
            cwd=ROOT, env=self.environment, input=typed, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def values(self) -> Any:
        return yaml.safe_load(self.config.read_text())


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    for dialogue in made.open:
        dialogue.close()


def choose_both(dialogue: Dialogue, end: str = "\n") -> None:
    """Microphone and speaker, with every kind of wrong answer on the way."""
    dialogue.expect(r"\d+  lab")
    dialogue.answer("Microphone: number or name", "99", end)
    dialogue.expect("there is no 99")
    dialogue.answer("Microphone: number or name", "?", end)
    dialogue.expect("skip leaves this step")
    dialogue.answer("Microphone: number or name", "no-such-device", end)
    dialogue.expect("no ALSA capture device 'no-such-device'")
    dialogue.answer("Enter chooses again", "", end)
    dialogue.answer("Microphone: number or name", "lab", end)
    found = {m[1]: float(m[2]) for m in (dialogue.expect(r"channel (\d): level (-?\d+) dB") for _ in range(4))}
    assert found["2"] == -15 and max(found["0"], found["1"], found["3"]) < -80, found
    dialogue.answer("Channel, or mix", "4", end)
    dialogue.expect("0 to 3, or mix")
    dialogue.answer("Channel, or mix", "2", end)
    dialogue.answer("Speaker: number or name", "lab", end)
    dialogue.answer("Did you hear it?", "perhaps", end)
    dialogue.expect("yes or no")
    dialogue.answer("Did you hear it?", "no", end)
    dialogue.answer("Speaker: number or name", "back", end)
    dialogue.answer("Microphone: number or name", "skip", end)
    dialogue.answer("Speaker: number or name", "lab", end)
    dialogue.answer("Did you hear it?", "", end)


def test_through_a_terminal(lab: Lab) -> None:
    lab.config.chmod(0o640)
    dialogue = lab.start("--step", "microphone", "speaker", "gain", "time-zone")
    choose_both(dialogue)
    dialogue.expect("nothing to set: lab has no mixer")
    dialogue.answer("Time zone", "Atlantis")
    dialogue.expect("no time zone 'Atlantis'")
    dialogue.answer("Time zone", "")
    dialogue.answer("Write", "maybe")
    dialogue.answer("Write", "microphone")
    dialogue.answer("Microphone: number or name", "skip")
    dialogue.answer("Write", "")
    assert dialogue.end() == 0, dialogue.text
    text = lab.config.read_text()
    assert text.startswith(REMARK) and "chunk_size: 512  # kept" in text
    assert lab.values() == {
        "audio": {"input": {"device": "lab", "channel": 2, "chunk_size": 512}, "output": {"device": "lab"}}
    }
    assert lab.config.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in lab.config.parent.glob(".c.yaml*")] == []
    assert lab.card.played().size > 0, "the chime"


def test_over_a_serial_line(lab: Lab) -> None:
    dialogue = lab.start("--step", "microphone", "speaker", own_line=True)
    choose_both(dialogue, "\r")
    dialogue.answer("Write", "yex\x7fs", "\r\n")
    assert dialogue.end() == 0, dialogue.process.stderr
    assert lab.values()["audio"]["input"]["channel"] == 2
    assert "\b \b" in dialogue.text, "what is typed is echoed"


@pytest.mark.parametrize(("typed", "code"), [("quit\n", 130), ("lab\n", 65), ("", 65), ("lab\n2\nno\n", 130)])
def test_nothing_is_written_before_the_end(lab: Lab, typed: str, code: int) -> None:
    before = lab.config.read_bytes()
    done = lab.run("--step", "microphone", typed=typed)
    assert done.returncode == code, done.stdout + done.stderr
    assert lab.config.read_bytes() == before and done.stderr.count("\n") <= 1


def test_ctrl_c_leaves_the_file(lab: Lab) -> None:
    dialogue, before = lab.start("--step", "microphone"), lab.config.read_bytes()
    dialogue.expect("Microphone: number or name")
    dialogue.interrupt()
    assert dialogue.end() == 130 and lab.config.read_bytes() == before and "Traceback" not in dialogue.text


def test_unattended(lab: Lab) -> None:
    options = ["--yes", "--microphone", "lab", "--channel", "2", "--speaker", "lab", "--json"]
    done = lab.run(*options)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert json.loads(done.stdout)["changed"] == {
        "audio.input.device": "lab", "audio.input.channel": 2, "audio.output.device": "lab",
    }  # fmt: skip
    assert json.loads(lab.run(*options).stdout)["changed"] == {}, "the second time there is nothing to change"
    assert json.loads(lab.run("--yes", "--json").stdout)["changed"] == {}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--yes", "--microphone", "nope"], 69, "no ALSA capture device 'nope'"),
        (["--yes", "--microphone", "lab", "--channel", "7"], 64, "0 to 3, or mix"),
        (["--yes", "--speaker", "nope"], 69, "no ALSA playback device 'nope'"),
        (["--yes", "--gain", "50"], 69, "no mixer"),
        (["--yes", "--gain", "101"], 64, "0 to 100"),
        (["--yes", "--channel", "all"], 64, "0 to 63, mix"),
        (["--yes", "--time-zone", "Berlinn"], 64, "perhaps Europe/Berlin"),
        (["--yes", "--serial", "/dev/null"], 64, "asks nothing"),
        (["--serial", "/dev/no-such-tty"], 69, "cannot be opened"),
        (["--json"], 64, "--yes"),
        (["--step", "nose"], 64, "nose"),
        (["--yes", "--channel", "²"], 64, "0 to 63, mix"),
        (["--yes", "--step", "gain", "--speaker", "lab"], 64, "--speaker belongs to the step speaker"),
        (["--yes", "--step", "microphone", "--time-zone", "UTC"], 64, "--time-zone belongs to the step time-zone"),
        (["--yes", "--microphone", ""], 64, "--microphone: empty"),
        (["--yes", "--config", "/nosuch/c.yaml", "--speaker", "lab"], 66, "/nosuch/c.yaml: no such file"),
    ],
)
def test_wrong_options_are_one_line_and_change_nothing(lab: Lab, options: list[str], code: int, said: str) -> None:
    before = lab.config.read_bytes()
    done = lab.run(*options)
    assert done.returncode == code, done.stderr
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert lab.config.read_bytes() == before


def test_a_file_that_is_wrong_or_cannot_be_kept_is_refused(lab: Lab) -> None:
    lab.config.write_text("audio:\n  input: |\n    text\n")
    assert lab.run("--yes", "--microphone", "lab").returncode == 78
    lab.config.write_text("audio: {inputs: {}}\n")
    done = lab.run("--yes", "--microphone", "lab")
    assert done.returncode == 78 and "inputs" in done.stderr


def test_the_hearing_test_understands_the_voice(lab: Lab, weights: Path) -> None:
    heard = take_16k("What time is it?")
    lab.card.hears(np.concatenate([np.zeros(16_000, np.int16), heard, np.zeros(64_000, np.int16)]).astype("<i2"))
    lab.environment["RTVA_HW"] = "paced"
    lab.config.write_text("audio: {input: {device: lab}, output: {device: lab}}\ntts: {cache: {enabled: false}}\n")
    dialogue = lab.start("--step", "hearing")
    dialogue.answer("Shall it listen now?", "")
    assert "time" in dialogue.expect(r"heard: '([^']*)', understood: (\w+)")[2]
    dialogue.answer("Enter goes on", "again")
    dialogue.answer("Shall it listen now?", "no")
    assert dialogue.end() == 0


def test_time_zones(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    assert current_zone(tmp_path) == "UTC"
    assert "tzdata" in set_zone("Europe/Berlin", tmp_path)
    place = tmp_path / "usr/share/zoneinfo/Europe"
    place.mkdir(parents=True)
    (place / "Berlin").write_bytes(b"TZif")
    (tmp_path / "etc/timezone").write_text("Etc/UTC\n")
    wizard = Wizard(Unattended(), Config(), {"time_zone": "Europe/Berlin"}, root=tmp_path)
    file = tmp_path / "c.yaml"
    assert setup._go(wizard, ["time-zone"], file) == {"time_zone": "Europe/Berlin"} and not file.exists()
    again = Wizard(Unattended(), Config(), {"time_zone": "Europe/Berlin"}, root=tmp_path)
    assert setup._go(again, ["time-zone"], file) == {}, "the second time there is nothing to change"
    assert current_zone(tmp_path) == "Europe/Berlin" and (tmp_path / "etc/timezone").read_text() == "Europe/Berlin\n"
    for said, name in {
        "europe/berlin": "Europe/Berlin",
        "berlin": "Europe/Berlin",
        "New York": "America/New_York",
    }.items():
        assert setup_steps.check_zone(said) == name


class Mixers:
    """alsaaudio's mixer functions, on one card with a capture control."""

    PCM_CAPTURE, MIXER_CHANNEL_ALL = 1, -1
    ALSAAudioError = OSError

    def __init__(self) -> None:
        self.percent, self.asked = 40, ""

    def mixers(self, device: str) -> list[str]:
        self.asked = device
        return ["Master", "Mic"]

    def Mixer(self, control: str, device: str) -> Any:  # noqa: N802
        able = ["Playback Volume"] if control == "Master" else ["Capture Volume", "Joined Capture Volume"]
        return SimpleNamespace(
            volumecap=lambda: able, mixer=lambda: control, getvolume=lambda kind: [self.percent, self.percent],
            setvolume=lambda percent, channel, kind: setattr(self, "percent", percent),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("device", "card"),
    [("plughw:CARD=Array,DEV=0", "hw:Array"), ("hw:1,0", "hw:1"), ("plughw:2", "hw:2"), ("default", "default")],
)
def test_the_gain_is_that_of_the_devices_card(device: str, card: str) -> None:
    mixers = Mixers()
    gain = sound.CaptureGain(device, mixers)
    assert (gain.card, gain.control, gain.percent, mixers.asked) == (card, "Mic", 40, card)
    gain.set(55)
    assert gain.percent == 55


def test_gain_advice_goes_towards_speech_that_is_neither_faint_nor_clipped() -> None:
    faint, good, loud = (sound.Level(-50, peak, peak > -1) for peak in (-45.0, -12.0, -0.5))
    assert sound.advice(faint, 40) > 40 and sound.advice(good, 40) == 40 and sound.advice(loud, 40) < 40
    assert sound.advice(faint, 95) == 100 and sound.advice(loud, 5) == 0


@pytest.fixture
def mixers(monkeypatch: pytest.MonkeyPatch) -> Mixers:
    """A card with a capture gain at 40 percent, and somebody who speaks well."""
    made, real = Mixers(), sound.CaptureGain
    monkeypatch.setattr(sound, "CaptureGain", lambda device: real(device, made))
    monkeypatch.setattr(sound, "levels", lambda config, device, channels: [sound.Level(-30, -12, False)])
    monkeypatch.setattr(setup_steps, "_keep_mixer", lambda wizard: "")
    return made


class Typed:
    """Somebody who types, and what was shown."""

    def __init__(self, *lines: str) -> None:
        self.lines, self.text = list(lines), ""

    def say(self, text: str) -> None:
        self.text += text + "\n"

    def read(self, prompt: str) -> str:
        self.say(prompt)
        return self.lines.pop(0)

    def close(self) -> None:
        pass


def board(root: Path) -> Path:
    """Where a zone can be set, and nowhere else."""
    for folder in ("etc", "usr/share/zoneinfo/Europe"):
        (root / folder).mkdir(parents=True)
    (root / "usr/share/zoneinfo/Europe/Berlin").write_bytes(b"TZif")
    return root


def test_gain_and_zone_wait_for_the_confirmation(tmp_path: Path, mixers: Mixers) -> None:
    root, file = board(tmp_path / "root"), tmp_path / "c.yaml"
    quitting = Typed("60", "", "berlin", "quit")
    with pytest.raises(KeyboardInterrupt):
        setup._go(Wizard(quitting, Config(), root=root), ["gain", "time-zone"], file)
    assert "capture gain: 40 -> 60" in quitting.text and "time zone: UTC -> Europe/Berlin" in quitting.text
    assert (mixers.percent, current_zone(root)) == (40, "UTC"), "quit leaves both as they were"
    done = setup._go(Wizard(Typed("60", "", "berlin", ""), Config(), root=root), ["gain", "time-zone"], file)
    assert done == {"gain": 60, "time_zone": "Europe/Berlin"} and not file.exists()
    assert (mixers.percent, current_zone(root)) == (60, "Europe/Berlin")
    skipping = Typed("80", "skip")
    assert setup._go(Wizard(skipping, Config(), root=root), ["gain"], file) == {} and mixers.percent == 60


def test_what_was_done_before_a_failure_is_said(tmp_path: Path, mixers: Mixers) -> None:
    (tmp_path / "etc").mkdir()
    given = {"gain": 70, "time_zone": "Europe/Berlin"}
    with pytest.raises(Unavailable, match=r"install tzdata.*before that capture gain was set"):
        setup._go(Wizard(Unattended(), Config(), given, root=tmp_path), ["gain", "time-zone"], tmp_path / "c.yaml")


def test_a_named_file_that_is_missing_changes_no_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(setup_steps, "set_zone", lambda name, root: asked.append(name) or "")
    options = ["--yes", "--config", str(tmp_path / "gone.yaml"), "--time-zone", "Asia/Tokyo"]
    assert main(["setup", *options]) == 66 and asked == []


@pytest.mark.parametrize("understand", [setup_steps._percent, lambda said: setup_steps._channel(said, 4)])
def test_a_raised_two_is_no_number(understand: Any) -> None:
    with pytest.raises(ValueError, match=r"^0 to"):
        understand("²")
    assert setup_steps._named("²", ["a"]) == "²"


def test_answers_that_end_are_bad_input() -> None:
    class Ended(Unattended):
        def read(self, prompt: str) -> str:
            raise EOFError

    with pytest.raises(BadInput, match="nothing was written"):
        ask(Ended(), "x", "y", str)


def test_a_serial_line_that_is_gone_is_unavailable_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises((OSError, Unavailable)):
        SerialConsole(tmp_path / "gone", 115200)
