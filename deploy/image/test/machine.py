"""An emulated board: its console, a root shell beside it that the image itself does not have, its GPIO registers."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import socket
import subprocess
import time
from pathlib import Path

import initrd

GPIO_DATA = 0x0903_0000 + 0x3FC
"""The data register of the pl061 on qemu's ``virt`` board, all eight lines unmasked."""
HOOK = """\
$b mkdir -p /run/systemd/system/multi-user.target.wants /run/test
$b cp /test/* /run/test/
$b cat > /run/systemd/system/test-shell.service <<UNIT
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh
Restart=always
RestartSec=1
StandardInput=tty
StandardOutput=tty
StandardError=tty
TTYPath=/dev/hvc0
UNIT
$b ln -s ../test-shell.service /run/systemd/system/multi-user.target.wants/
"""


class Failed(Exception):
    """A check that does not hold; the text says which."""


class Channel:
    """One direction in, one out, and all that was said, in ``log`` too."""

    def __init__(self, read: int, write: int, log: Path) -> None:
        self.said = ""
        self.at = 0
        self._read, self._write, self._log = read, write, log

    def expect(self, pattern: str, seconds: float) -> re.Match[str]:
        """What was said behind the last thing expected. Raises Failed."""
        until = time.monotonic() + seconds
        while not (found := re.search(pattern, self.said[self.at :])):
            left = until - time.monotonic()
            if left <= 0 or not self._pump(min(left, 0.5)):
                raise Failed(f"not within {seconds:.0f} s: {pattern!r}; last said: {self.said[-300:]!r}")
        self.at += found.end()
        return found

    def _pump(self, seconds: float) -> bool:
        if select.select([self._read], [], [], seconds)[0]:
            data = os.read(self._read, 65536)
            self.said += data.decode("utf-8", "replace")
            with self._log.open("ab") as log:
                log.write(data)
            return bool(data)
        return True

    def send(self, text: str) -> None:
        os.write(self._write, text.encode())


class Emulated:
    """A board in software, begun with qemu's ``command``; its console goes into ``log`` too."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.began = time.monotonic()
        self._log = log
        self.process = subprocess.Popen(
            ["nice", "-n", os.environ.get("NICE", "5"), "qemu-system-aarch64", *command, "-display", "none",
             "-net", "none", "-no-reboot"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.console = Channel(self.process.stdout.fileno(), self.process.stdin.fileno(), log)

    def age_s(self) -> float:
        return time.monotonic() - self.began

    def cut(self) -> None:
        """Takes its power away."""
        self.process.kill()
        self.process.wait()
        with self._log.open("a") as log:
            log.write(f"\n======== the power was cut after {self.age_s():.0f} s\n")


class Machine(Emulated):
    """qemu's ``virt`` with a Cortex-A72."""

    def __init__(self, image: Path, boot: Path, files: list[Path], work: Path) -> None:
        self._work = work
        self._number = 0
        initial = work / "initrd"
        initial.write_bytes((boot / "initrd").read_bytes() + overlay(HOOK, files, work / "initrd.d"))
        for name in ("qmp", "shell"):
            (work / name).unlink(missing_ok=True)
        words = (boot / "cmdline.txt").read_text().strip()
        command = [
            "-M", "virt", "-cpu", "cortex-a72", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024",
            "-kernel", str(boot / "vmlinuz"), "-initrd", str(initial),
            "-append", f"{words} modules_load=snd-aloop snd_aloop.pcm_substreams=2",
            "-drive", f"file={image},if=none,id=d,format=raw", "-device", "virtio-blk-pci,drive=d",
            "-device", "virtio-rng-pci",
            "-chardev", f"socket,path={work}/shell,server=on,wait=off,id=shell", "-device", "virtio-serial-pci",
            "-device", "virtconsole,chardev=shell",
            "-qmp", f"unix:{work}/qmp,server=on,wait=off", "-serial", "stdio",
        ]  # fmt: skip
        super().__init__(command, work / "console.log")
        self._shell = self._connect("shell")
        self.shell = Channel(self._shell.fileno(), self._shell.fileno(), work / "shell.log")
        self._qmp = self._connect("qmp").makefile("rw")
        self._qmp.readline()
        self._ask("qmp_capabilities")

    def run(self, command: str, seconds: float = 120) -> str:
        """What a command in the guest prints."""
        self._number += 1
        begin, end = f"@@B{self._number}", f"@@E{self._number}"
        self.shell.send(f'{{ echo "@""@B{self._number}"; {command}\n}} 2>&1; echo "@""@E{self._number}"\n')
        # Behind the mark there is no echo of the command and no prompt.
        said = self.shell.expect(rf"{begin}\r?\n([\s\S]*?){end}[\r\n]", seconds)[1]
        return said.replace("\r", "").strip()

    def gpio(self, line: int) -> bool:
        """Whether a line of the emulated chip is up, read from its register, not from the guest."""
        said = str(self._ask("human-monitor-command", **{"command-line": f"xp /1wx {GPIO_DATA:#x}"}))
        return bool(int(said.split(":")[1].strip(), 16) >> line & 1)

    def _connect(self, name: str) -> socket.socket:
        for _ in range(100):
            try:
                end = socket.socket(socket.AF_UNIX)
                end.connect(str(self._work / name))
                return end
            except OSError:
                time.sleep(0.1)
        raise Failed(f"qemu did not start: {self.console.said}")

    def _ask(self, command: str, **arguments: str) -> object:
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        while "return" not in (answer := json.loads(self._qmp.readline())):
            if "error" in answer:
                raise Failed(f"qemu: {answer['error']}")
        return answer["return"]


def overlay(hook: str, files: list[Path], folder: Path) -> bytes:
    """A second RAM disk: ``hook``, which the first one runs, and ``files`` in its /test. The image stays what it is."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "test").mkdir(parents=True)
    (folder / "before").write_text(hook)
    (folder / "before").chmod(0o755)
    (folder / "test" / "about").write_text("what the test brought along\n")
    for file in files:
        shutil.copy(file, folder / "test")
    return initrd.packed(folder)
