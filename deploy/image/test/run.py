#!/usr/bin/env python3
"""Boots the arm64 image in qemu, all in software, and proves it there: ``make image-test``.

Its serial console says READY and answers the status protocol; a GPIO line of the emulated chip goes up; a question
played through snd-aloop is answered, and the answer, recorded there, is transcribed on this machine; the power is cut
three times. ``--write FILE`` puts the table between that file's ``image-test`` marks. Exits with 77 and a line that
says why where it cannot run.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import shutil
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from contextlib import suppress
from difflib import SequenceMatcher
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parent)]
import disk  # noqa: E402
import numpy as np  # noqa: E402
from machine import Channel, Failed, Machine  # noqa: E402
from tools import CommandFailed, NotHere, bring  # noqa: E402

BOARD = ROOT / "build" / "image" / "qemu-arm64"
IMAGE = ROOT / "build" / "image" / "rtva-qemu-arm64.img"
WORK = ROOT / "build" / "image" / "test"
BEGIN, END = "<!-- image-test -->", "<!-- /image-test -->"
READY_LINE = 5
READY_S, TURN_S = 900.0, 900.0
QUESTION = "What time is it?"
TAKES = 5
MICROPHONE, SPEAKER = "plughw:CARD=Loopback,DEV=1,SUBDEV=0", "plughw:CARD=Loopback,DEV=0,SUBDEV=1"
WRONG = "hostname: not a name\nvolumen: 30\n"
SETUP = f"""\
hostname: parlour\r
time_zone: Europe/Berlin\r
microphone: {MICROPHONE}\r
speaker: {SPEAKER}\r
volume: 90\r
"""
CONFIG = f"""\
workers: {{mode: process, deadline_scale: 200}}
status: {{serial: {{device: /dev/ttyAMA0}}, gpio: {{chip: /dev/gpiochip0, ready: {READY_LINE}}}}}
alerts: {{latency_ms: 600000, microphone_s: 0}}
governor: {{enabled: false}}
tts: {{cache: {{warm: false}}}}
pipeline: {{processing: {{max_workers: 1}}}}
"""
LOOK = """\
systemctl show rtva -P StatusText; cat /proc/loadavg
for p in $(cat /sys/fs/cgroup/system.slice/rtva.service/cgroup.procs); do
    echo $p $(cat /proc/$p/comm), $(cut -d' ' -f14,15 /proc/$p/stat) ticks
done
journalctl -u rtva -o short-monotonic --no-pager | tail -n 20"""
Row = tuple[str, str, str]


class Proof:
    """The checks in their order, each a row: what, whether, how long or how much."""

    def __init__(self, card: Path, question: Path) -> None:
        self.rows: list[Row] = []
        self.question = question
        self.card = card
        self.machine: Machine | None = None

    def check(self, what: str, does: Callable[[], str]) -> None:
        """Raises Failed behind a row that says so."""
        began = time.monotonic()
        try:
            told = does()
        except Failed as why:
            self.rows.append((what, "no", str(why)))
            print(f"no   {what}: {why}", flush=True)
            self.look_inside()
            raise
        self.rows.append((what, "yes", told or f"{time.monotonic() - began:.0f} s"))
        print(f"yes  {what}: {self.rows[-1][2]}", flush=True)

    def look_inside(self) -> None:
        """What the service says of itself and what its processes have used, into shell.log."""
        if self.machine is not None:
            with suppress(Failed, OSError):
                self.machine.run(LOOK, 120)

    def boot(self) -> str:
        self.machine = Machine(self.card, BOARD / "boot", [self.question], WORK)
        return ""

    @property
    def console(self) -> Channel:
        return self.guest.console

    @property
    def guest(self) -> Machine:
        assert self.machine is not None
        return self.machine

    def off(self) -> None:
        if self.machine is not None:
            self.machine.cut()
            self.machine = None

    # The checks.

    def says_what_is_wrong(self) -> str:
        self.boot()
        said = self.console.expect(r"rtva set-up: [^\r\n]*(?=[\r\n])", READY_S)[0]
        if "hostname" not in said or "(and 1 more)" not in said:
            raise Failed(f"it said {said!r}")
        return f"`{said}`, {self.guest.age_s():.0f} s after power-on"

    def is_cut_in_the_first_start(self) -> str:
        time.sleep(2)
        self.off()
        return "2 s behind that line"

    def comes_up(self) -> str:
        self.boot()
        self.console.expect(r"rtva set-up: hostname, microphone, speaker, time_zone, volume", READY_S)
        asked_s = self.guest.age_s()
        if self.guest.gpio(READY_LINE):
            raise Failed("the line is up before it is ready")
        self.console.expect("rtva READY", READY_S)
        return f"{self.guest.age_s():.0f} s after power-on; the set-up file taken after {asked_s:.0f} s"

    def line_is_up(self) -> str:
        until = time.monotonic() + 30
        while not self.guest.gpio(READY_LINE):
            if time.monotonic() > until:
                raise Failed(f"GPIO line {READY_LINE} is down")
            time.sleep(0.5)
        return f"line {READY_LINE}, read from the emulated register; down before"

    def answers_status(self) -> str:
        return self.ask("status", r"health state=\S+ microphone=open[^\r\n]*(?=[\r\n])")

    def ask(self, command: str, answer: str) -> str:
        began = time.monotonic()
        self.console.send(f"{command}\r")
        said = self.console.expect(answer, 60)[0]
        return f"`{said}`, {time.monotonic() - began:.1f} s"

    def keeps_its_rules(self) -> str:
        """What only a look inside tells."""
        root = self.guest.run("findmnt -no OPTIONS / ; touch /probe; ls /probe")
        if not root.startswith("ro") or "Read-only" not in root:
            raise Failed(f"the root file system: {root}")
        dog = self.guest.run("cd /sys/class/watchdog/watchdog0 && cat state timeout identity").split("\n")
        if dog[0] != "active" or not 0 < int(dog[1]) <= 15:
            raise Failed(f"the watchdog: {dog}")
        broken = self.guest.run("systemctl --failed --no-legend --plain")
        name = self.guest.run("hostname; date +%Z")
        if broken or name.split() not in (["parlour", "CET"], ["parlour", "CEST"]):
            raise Failed(f"failed units {broken!r}, name and zone {name!r}")
        written = self.guest.run("awk '{print $7}' /sys/block/vda/vda2/stat")
        if written != "0":
            raise Failed(f"{written} sectors of the root partition were written")
        return f"watchdog {dog[2]} {dog[1]} s, no failed unit, name and zone as set, 0 sectors of the root written"

    def hears_and_answers(self) -> str:
        self.guest.run("(arecord -q -D plughw:CARD=Loopback,DEV=1,SUBDEV=1 -f S16_LE -r 16000 -c 1 "
                       "/run/test/answer.wav >/dev/null 2>&1 &); sleep 1")  # fmt: skip
        began = time.monotonic()
        self.guest.run(f"aplay -q -D plughw:CARD=Loopback,DEV=0,SUBDEV=0 /run/test/{self.question.name}", TURN_S)
        played_s = time.monotonic() - began
        heard = self.console.expect(r"[\r\n]heard ([^\r\n]*)[\r\n]", TURN_S)[1]
        intent = self.console.expect(r"intent ([^\r\n]*)[\r\n]", 60)[1]
        said = self.console.expect(r"said ([^\r\n]*)[\r\n]", 60)[1]
        if "name=time" not in intent:
            raise Failed(f"heard {heard!r}, intent {intent!r}, said {said!r}")
        self.said = said
        took_s = time.monotonic() - began - played_s
        return f"`heard {heard}`, `intent {intent}`, `said {said}`; {took_s:.0f} s after its end"

    def was_spoken(self) -> str:
        self.guest.run("sleep 5; kill -INT $(pidof arecord); sleep 1")
        packed = self.guest.run("gzip -1c /run/test/answer.wav | base64", 300)
        try:
            (WORK / "answer.wav").write_bytes(gzip.decompress(base64.b64decode(packed)))
        except (OSError, ValueError, EOFError) as error:
            raise Failed(f"the recording did not come out of the machine whole: {error}") from None
        kept_s = without_gaps(WORK / "answer.wav", WORK / "answer-joined.wav")
        text = transcript(WORK / "answer-joined.wav")
        if alike(text, self.said):
            return f"{kept_s:.1f} s of sound, transcribed here: `{text}`"
        # The recogniser mishears a time now and then ("7:27 PM": "727 PD"); then it must mishear it from here as well.
        here = [transcript(spoken(self.said, WORK / "said-here.wav")) for _ in range(TAKES)]
        same = [take for take in here if alike(text, take)]
        if not same:
            raise Failed(f"{text!r} was spoken, not {self.said!r}, nor what is heard when it is said here: {here}"
                         f" ({kept_s:.1f} s of sound)")  # fmt: skip
        return f"{kept_s:.1f} s of sound, transcribed here: `{text}`; the same sentence said here: `{same[0]}`"

    said = ""

    def is_cut_behind_a_change(self) -> str:
        """An ok means that the disk has it: the cord is pulled in the moment in which the line has said it."""
        told = self.ask("volume 40", r"ok volume percent=40[^\r\n]*(?=[\r\n])")
        self.off()
        if "kept=no" in told:
            raise Failed(f"the disk did not have it: {told}")
        return f"at once behind {told}"

    def is_cut_while_starting(self) -> str:
        self.boot()
        self.console.expect("rtva protocol=1", READY_S)
        age_s = self.guest.age_s()
        self.off()
        return f"{age_s:.0f} s after power-on, while the engines load"

    def comes_up_again(self) -> str:
        self.boot()
        self.console.expect("rtva READY", READY_S)
        age_s = self.guest.age_s()
        self.ask("volume", r"ok volume percent=40")
        return f"{age_s:.0f} s after power-on; the volume is the one that was set before the cut"


def transcript(recording: Path) -> str:
    """What this machine hears in it. Raises Failed."""
    done = subprocess.run((sys.executable, "-m", "firmware_py", "transcribe", recording, "--json"),
                          capture_output=True, text=True, cwd=ROOT)  # fmt: skip
    if done.returncode:
        raise Failed(done.stderr.strip())
    return str(json.loads(done.stdout.splitlines()[0])["text"])


def spoken(text: str, target: Path) -> Path:
    """A sentence of this machine's voice; no two takes are alike."""
    command = (sys.executable, "-m", "firmware_py", "say", text, "--out", target)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return target


def without_gaps(source: Path, target: Path) -> float:
    """The recording without runs of digital silence (a voice slower than real time leaves the loopback empty);
    returns its seconds."""
    with wave.open(str(source)) as file:
        rate_hz, frames = file.getframerate(), file.readframes(file.getnframes())
    sound = np.frombuffer(frames[: len(frames) // 2 * 2], np.int16)
    size = rate_hz // 1000
    blocks = sound[: sound.size // size * size].reshape(-1, size)
    is_loud = np.abs(blocks.astype(np.int32)).max(axis=1, initial=0) > 0
    keep = np.convolve(is_loud, np.ones(5), "same") > 0  # of the silence of a gap nearly nothing: it would stutter
    joined = np.concatenate([np.zeros(rate_hz // 4, np.int16), blocks[keep].ravel(), np.zeros(rate_hz // 4, np.int16)])
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(joined.tobytes())
    return float(keep.sum()) / 1000


def alike(text: str, said: str) -> bool:
    """Whether what was transcribed is what was said: the same digits ("4:00" is "4"), and nearly the same letters."""
    text, said = text.replace(":00", ""), said.replace(":00", "")

    def kept(words: str, is_kept: Callable[[str], bool]) -> str:
        return "".join(c for c in words.lower() if is_kept(c))

    are_digits = kept(text, str.isdigit) == kept(said, str.isdigit)
    return are_digits and SequenceMatcher(None, kept(text, str.isalnum), kept(said, str.isalnum)).ratio() > 0.8


def question(given: Path | None) -> Path:
    """The recording that is asked: two seconds at most."""
    target = WORK / "question.wav"
    if given is None:
        spoken(QUESTION, target)
    else:
        shutil.copy(given, target)
    with wave.open(str(target)) as file:
        seconds = file.getnframes() / file.getframerate()
    if seconds > 2.05:
        raise NotHere(f"{given}: {seconds:.1f} s, and 2 are the most")
    return target


def prove(proof: Proof, parts: list[str]) -> None:
    if "turn" in parts:
        fill(proof.card, WRONG, "")
        proof.check("a wrong set-up file is one line on the serial console", proof.says_what_is_wrong)
        proof.check("the power is cut, 1: in the first start", proof.is_cut_in_the_first_start)
        fill(proof.card, SETUP, CONFIG, None)
        proof.check("`rtva READY` on the serial console", proof.comes_up)
        proof.check("a GPIO line goes up when it is ready", proof.line_is_up)
        proof.check("the status protocol answers", proof.answers_status)
        proof.check("read-only root, watchdog, name, zone", proof.keeps_its_rules)
        proof.check("a spoken question is heard and answered", proof.hears_and_answers)
        proof.check("the answer was spoken", proof.was_spoken)
        proof.check("the power is cut, 2: behind a change of the state", proof.is_cut_behind_a_change)
    if "cuts" in parts:
        proof.check("the power is cut, 3: while it starts", proof.is_cut_while_starting)
        proof.check("it comes up after the cuts, with its state", proof.comes_up_again)


def fill(card: Path, setup: str, config: str, image: Path | None = IMAGE) -> None:
    """A card as a person makes it: the image (None: the one it has), and two files on its boot partition."""
    if image is not None:
        disk.copy(image, card)
    for name, text in (("rtva-setup.txt", setup), ("rtva.yaml", config)):
        if text:
            (card.parent / name).write_text(text, newline="")
            disk.put(card, card.parent / name, name)


def write(file: Path, rows: list[Row], marks: tuple[str, str] = (BEGIN, END)) -> None:
    """The table between the marks of ``file``."""
    table = ["| check | holds | what was seen |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    old = file.read_text()
    start, end = old.index(marks[0]) + len(marks[0]), old.index(marks[1])
    file.write_text(f"{old[:start]}\n" + "\n".join(table) + f"\n{old[end:]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--question", type=Path, help="a WAV of two seconds at most; else the voice asks")
    parser.add_argument(
        "--part", choices=["turn", "cuts"], action="append", help="only this; cuts: with the card as it is"
    )
    parser.add_argument("--write", type=Path, help="a page with image-test marks; written when all checks hold")
    args = parser.parse_args()
    parts = args.part or ["turn", "cuts"]
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        bring({"qemu-system-aarch64": "qemu-system-arm", "mcopy": "mtools", "sfdisk": "fdisk"})
        if not IMAGE.exists():
            raise NotHere(f"no {IMAGE} (make image BOARD=qemu-arm64)")
        proof = Proof(WORK / "card.img", question(args.question))
    except NotHere as why:
        print(f"image-test skipped: {why}", file=sys.stderr)
        return 77
    except CommandFailed as why:
        print(f"image-test: {why}", file=sys.stderr)
        return 1
    if "turn" in parts:
        for name in ("console.log", "shell.log"):
            (WORK / name).unlink(missing_ok=True)
    is_good = True
    try:
        prove(proof, parts)
    except Failed:
        is_good = False
    except CommandFailed as why:
        print(f"no   {why}", file=sys.stderr)
        is_good = False
    finally:
        proof.off()
    if args.write and is_good and not args.part:  # a part of the checks, or a failed one, is no new table
        write(args.write, proof.rows)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
