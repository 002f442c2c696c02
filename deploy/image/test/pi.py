#!/usr/bin/env python3
"""Boots the Raspberry Pi image in qemu's ``raspi3b``: ``make image-test BOARD=rpi``.

qemu 7.2 has no Raspberry Pi 4: a Pi 3 has the same card reader, serial line and watchdog behind an older processor, and
its device tree comes from the same kernel package. Kernel, RAM disk and command line are read from the card's own boot
partition, as the firmware would, which is not emulated itself. ``--write FILE`` puts the table between that file's
``image-test-rpi`` marks. Exits with 77 and a line that says why where it cannot run.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import disk  # noqa: E402
import run  # noqa: E402
from machine import Emulated, Failed, overlay  # noqa: E402
from tools import CommandFailed, NotHere, bring  # noqa: E402

BOARD = run.ROOT / "build" / "image" / "rpi"
IMAGE = run.ROOT / "build" / "image" / "rtva-rpi.img"
WORK = run.ROOT / "build" / "image" / "test-rpi"
BEGIN, END = "<!-- image-test-rpi -->", "<!-- /image-test-rpi -->"
TREE = "bcm2837-rpi-3-b.dtb"
SETUP = "hostname: parlour\r\ntime_zone: Europe/Berlin\r\nvolume: 90\r\n"
CONFIG = """\
workers: {mode: process, deadline_scale: 200}
audio: {input: {device: "plughw:CARD=Loopback,DEV=1,SUBDEV=0"}, output: {device: "plughw:CARD=Loopback,DEV=0,SUBDEV=1"}}
alerts: {latency_ms: 600000, microphone_s: 0}
governor: {enabled: false}
tts: {cache: {warm: false}}
pipeline: {processing: {max_workers: 1}}
"""
"""It names no status line: the image's own stays."""
HOOK = """\
$b mkdir -p /run/systemd/system/multi-user.target.wants /run/systemd/system/rtva.service.d /run/systemd/system.conf.d
# qemu's watchdog of a Pi has no clock: it resets the board when it is started.
$b cat > /run/systemd/system.conf.d/zz-no-watchdog.conf <<UNIT
[Manager]
RuntimeWatchdogSec=off
RebootWatchdogSec=off
DefaultTimeoutStartSec=15min
UNIT
$b cp /test/look /run/look
$b cat > /run/systemd/system/rtva.service.d/slow.conf <<UNIT
[Service]
TimeoutStartSec=infinity
WatchdogSec=10min
UNIT
$b cat > /run/systemd/system/test-look.service <<UNIT
[Unit]
After=rtva-first-boot.service
[Service]
ExecStart=/bin/sh /run/look
StandardOutput=tty
UNIT
$b ln -s ../test-look.service /run/systemd/system/multi-user.target.wants/
"""
LOOK = """\
echo "look model $(tr -d '\\0' < /proc/device-tree/model)."
echo "look root $(findmnt -no SOURCE,OPTIONS /), $(awk '{print $7}' /sys/block/mmcblk0/mmcblk0p2/stat) sectors written."
echo "look watchdog $(cat /sys/class/watchdog/watchdog0/identity)."
echo "look name $(hostname) $(date +%Z)."
until systemctl is-active -q rtva-ready; do sleep 5; done
echo "look failed $(systemctl --failed --no-legend --plain | wc -l)."
"""


class Pi(Emulated):
    """qemu's ``raspi3b`` with the card; what the firmware would read from it is read from it here."""

    def __init__(self, card: Path) -> None:
        for name in ("vmlinuz", "initrd", "cmdline.txt"):
            (WORK / name).unlink(missing_ok=True)
            disk.get(card, name, WORK / name)
        (WORK / "look").write_text(LOOK)
        initial = WORK / "initrd.test"
        initial.write_bytes((WORK / "initrd").read_bytes() + overlay(HOOK, [WORK / "look"], WORK / "initrd.d"))
        words = (WORK / "cmdline.txt").read_text().strip()
        super().__init__(
            ["-M", "raspi3b", "-accel", "tcg,thread=single", "-kernel", str(WORK / "vmlinuz"), "-initrd", str(initial),
             "-dtb", str(next((BOARD / "kernel").glob(f"usr/lib/linux-image-*/broadcom/{TREE}"))),
             "-append", f"{words} modules_load=snd-aloop snd_aloop.pcm_substreams=2",
             "-drive", f"file={card},if=sd,format=raw", "-serial", "null", "-serial", "stdio"],
            WORK / "console.log",
        )  # fmt: skip


class Proof(run.Proof):
    """The checks on a Raspberry Pi: those of :mod:`run` that need neither a shell nor a second card."""

    def boot(self) -> str:
        self.machine = Pi(self.card)  # type: ignore[assignment]
        return ""

    def look_inside(self) -> None:
        """The console alone tells what there is to tell."""

    def comes_up(self) -> str:
        self.boot()
        said = self.console.expect(r"rtva set-up: [^\r\n]*(?=[\r\n])", run.READY_S)[0]
        if said != "rtva set-up: hostname, time_zone, volume":
            raise Failed(f"it said {said!r}")
        return f"`{said}`, {self.guest.age_s():.0f} s after power-on"

    def keeps_its_rules(self) -> str:
        told = {word: self.look(word) for word in ("model", "root", "watchdog", "name")}
        device, options = told["root"].split(None, 1)
        if device != "/dev/mmcblk0p2" or not options.startswith("ro") or ", 0 sectors" not in options:
            raise Failed(f"the root file system: {told['root']}")
        if "BCM2835" not in told["watchdog"] or told["name"] not in ("parlour CET", "parlour CEST"):
            raise Failed(f"watchdog, name, zone: {told}")
        return f"{told['model']}: root {device}, 0 sectors of it written; {told['watchdog']}; name and zone as set"

    def look(self, word: str) -> str:
        return self.console.expect(rf"look {word} ([^\r\n]*)\.[\r\n]", run.READY_S)[1]

    def is_ready(self) -> str:
        self.console.expect("rtva READY", run.READY_S)
        age_s = self.guest.age_s()
        if (failed := self.look("failed")) != "0":
            raise Failed(f"{failed} units failed")
        return f"{age_s:.0f} s after power-on, no failed unit"


def prove(proof: Proof) -> None:
    run.fill(proof.card, SETUP, CONFIG, IMAGE)
    os.truncate(proof.card, 1 << (proof.card.stat().st_size - 1).bit_length())  # qemu's reader takes no other card
    proof.check("the set-up file is taken in the first start", proof.comes_up)
    proof.check("root, watchdog, name, zone", proof.keeps_its_rules)
    proof.check("`rtva READY`, with an `rtva.yaml` that names no status line", proof.is_ready)
    proof.check("the status protocol answers", proof.answers_status)
    proof.check("the power is cut behind a change of the state", proof.is_cut_behind_a_change)
    proof.check("it comes up after the cut, with its state", proof.comes_up_again)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="a page with image-test-rpi marks; written when all checks hold")
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "console.log").unlink(missing_ok=True)
    is_good, proof = True, Proof(WORK / "card.img", WORK / "none.wav")
    try:
        bring({"qemu-system-aarch64": "qemu-system-arm", "mcopy": "mtools", "sfdisk": "fdisk"})
        if not IMAGE.exists():
            raise NotHere(f"no {IMAGE} (make image BOARD=rpi)")
        prove(proof)
    except NotHere as why:
        print(f"image-test skipped: {why}", file=sys.stderr)
        return 77
    except (Failed, CommandFailed) as why:
        print(f"image-test: {why}", file=sys.stderr)
        is_good = False
    finally:
        proof.off()
    if args.write and is_good:
        run.write(args.write, proof.rows, (BEGIN, END))
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
