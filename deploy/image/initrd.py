"""The RAM disk an image boots with: busybox, the modules that find the root file system, twenty lines of shell.

Not initramfs-tools: its scripts would run under emulation for ten minutes, and need a root file system that can be
written.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

from boards import Board
from tools import CommandFailed, sh

INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev; $b mount -t proc proc /proc; $b mount -t sysfs sys /sys
$b mount -t tmpfs -o mode=755,nosuid,nodev run /run
exec </dev/console >/dev/console 2>&1
# Nothing of the image: a test lays a second RAM disk over this one that has it.
[ ! -x /before ] || . /before
while read -r m; do $b insmod "$m"; done < /order
n=0
until root=$($b findfs LABEL=rtva-root 2>/dev/null); do
    if [ $n -ge 120 ]; then
        echo "rtva: no file system rtva-root here, once more in 30 s"
        $b sleep 30; $b reboot -f
    fi
    [ ! -e /lib/modules ] || $b find /sys/devices -name modalias -exec $b cat {} + 2>/dev/null | $b sort -u | \\
        $b xargs $b modprobe -q -a 2>/dev/null
    $b sleep 0.5
    n=$((n + 1))
done
if ! $b mount -t ext4 -o ro "$root" /root; then
    echo "rtva: $root cannot be mounted, once more in 30 s"
    $b sleep 30; $b reboot -f
fi
r=$($b uname -r)
[ -d /root/usr/lib/modules/$r ] || echo "rtva: kernel $r is not this system's, see docs/flash.md"
for m in dev proc sys run; do $b mount --move /$m /root/$m; done
exec $b switch_root /root /sbin/init
"""


def make(board: Board, system: Path, release: str, target: Path) -> None:
    """``system`` is the root file system, which has busybox and the modules of kernel ``release``."""
    folder = target.parents[1] / "initrd.d"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("bin", "dev", "proc", "sys", "run", "root"):
        (folder / name).mkdir(parents=True)
    shutil.copy(system / "usr/bin/busybox", folder / "bin")
    source = system / "usr/lib/modules" / release
    order = in_order(system, release, board.order)
    for file in order:
        shutil.copy(file, folder)
    (folder / "order").write_text("".join(f"/{file.name}\n" for file in order))
    if board.coldplug:
        _copy_for_coldplug(board, source, folder, release)
    (folder / "init").write_text(INIT)
    (folder / "init").chmod(0o755)
    target.write_bytes(packed(folder))


def in_order(system: Path, release: str, modules: tuple[str, ...]) -> list[Path]:
    """The files of the modules and of what they need, each behind what it needs."""
    found: dict[Path, None] = {}
    for module in modules:
        for line in sh("modprobe", "-d", system, "-S", release, "--show-depends", module).splitlines():
            word, _, path = line.partition(" ")
            if word == "insmod":
                found[Path(path.split()[0])] = None
    return list(found)


def _copy_for_coldplug(board: Board, source: Path, folder: Path, release: str) -> None:
    target = folder / "lib/modules" / release
    wanted = [path for part in board.coldplug for path in (source / "kernel" / part).rglob("*.ko")]
    names = [path.stem for path in wanted]
    listed = (source / "modules.dep").read_text().splitlines()
    depends = {line.partition(":")[0]: line.partition(":")[2].split() for line in listed}
    by_name = {Path(path).stem: path for path in depends}
    for name in names:
        for path in (by_name[name], *depends[by_name[name]]):
            if (source / path).exists():
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source / path, target / path)
    for file in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(source / file, target)
    sh("depmod", "-b", folder, release)


def packed(folder: Path) -> bytes:
    """A compressed archive that a kernel takes as a RAM disk, or behind another one."""
    names = "\n".join(str(path.relative_to(folder)) for path in sorted(folder.rglob("*")))
    done = subprocess.run(
        ["busybox", "cpio", "-o", "-H", "newc"], input=names.encode(), cwd=folder, capture_output=True
    )
    if done.returncode:
        raise CommandFailed(f"cpio failed: {done.stderr.decode()[-200:]}")
    return gzip.compress(done.stdout, 6, mtime=0)
