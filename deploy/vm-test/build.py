"""Makes what a virtual machine boots from stock Debian packages: kernel, initial RAM disk, root file system."""

from __future__ import annotations

import gzip
import os
import platform
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "build" / "vm-test"
sys.path.insert(0, str(ROOT / "deploy" / "bundle"))
import wheels  # noqa: E402

SUITE = "bookworm"
BASE = ("base-files", "python3", "kmod", "busybox-static", "libc6", "libstdc++6")
BASE += ("libasound2", "libasound2-data", "alsa-utils")
PLACES = ("dev", "proc", "sys", "run", "tmp", "root", "var/lib")
BOOT_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
MODULES = ("kernel/sound", "kernel/drivers/usb", "kernel/drivers/virtio", "kernel/drivers/block", "kernel/fs")
MODULES += ("kernel/crypto", "kernel/lib", "kernel/drivers/gpio", "kernel/drivers/tty", "kernel/arch")
IMAGE_MB = {"amd64": 900, "arm64": 900}
INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev; $b mount -t proc proc /proc; $b mount -t sysfs sys /sys
while read m; do $b insmod $m; done < /order
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do [ -b /dev/vda ] && break; $b sleep 0.2; done
$b mount -t ext4 -o rw /dev/vda /root || exec $b reboot -f
for m in dev proc sys; do $b mount --move /$m /root/$m; done
exec $b switch_root /root /usr/bin/python3 /vm-test/inside.py "$@"
"""


class NotHere(Exception):
    """This machine cannot do it; the text says why."""


@dataclass(frozen=True)
class Machine:
    """What qemu is given."""

    arch: str
    kernel: Path
    initrd: Path
    image: Path


def sh(*command: object, **options: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise NotHere(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return str(done.stdout)


def tools(arches: list[str]) -> None:
    """Installs what is missing. Raises NotHere."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotHere("it makes root file systems and needs root on a Debian system")
    wanted = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "busybox": "busybox-static", "depmod": "kmod"}
    wanted |= {"qemu-system-x86_64": "qemu-system-x86"} if "amd64" in arches else {}
    arm = {"qemu-system-aarch64": "qemu-system-arm", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu"}
    wanted |= arm if "arm64" in arches else {}
    missing = [package for program, package in wanted.items() if not shutil.which(program)]
    if missing:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        sh("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=env)
    if "arm64" in arches and "arm64" not in sh("dpkg", "--print-foreign-architectures").split():
        sh("dpkg", "--add-architecture", "arm64")
        sh("apt-get", "update", "-qq")


def machine(arch: str) -> Machine:
    """Makes all of it below ``build/vm-test``; what is there already is kept, the project's own part is renewed."""
    folder = WORK / arch
    folder.mkdir(parents=True, exist_ok=True)
    system, kernel = folder / "root", folder / "kernel"
    if not (folder / "made").exists():
        shutil.rmtree(system, ignore_errors=True)
        sources = [p for p in (Path("/etc/apt/sources.list.d/debian.sources"),) if p.exists()]
        include = ",".join(BASE)
        sh("mmdebstrap", "--quiet", "--variant=extract", f"--architectures={arch}", f"--include={include}", SUITE,
           system, *sources)  # fmt: skip
        for place in PLACES:
            (system / place).mkdir(parents=True, exist_ok=True)
        _unpack_kernel(arch, folder, kernel, system)
        (folder / "made").touch()
    _put_project_inside(arch, system)
    made = Machine(arch, next(kernel.glob("boot/vmlinuz-*")), folder / "initrd", folder / "image")
    _initrd(system, made.initrd)
    made.image.unlink(missing_ok=True)
    sh("mke2fs", "-q", "-t", "ext4", "-d", system, made.image, f"{IMAGE_MB[arch]}M")
    return made


def _unpack_kernel(arch: str, folder: Path, kernel: Path, system: Path) -> None:
    depends = sh("apt-cache", "depends", f"linux-image-{arch}:{arch}")
    name = next(w.split(":")[0] for w in depends.split() if w.startswith("linux-image-6"))
    sh("apt-get", "download", "-q", f"{name}:{arch}", cwd=folder)
    shutil.rmtree(kernel, ignore_errors=True)
    sh("dpkg-deb", "-x", next(folder.glob("linux-image-*.deb")), kernel)
    modules = next(kernel.glob("lib/modules/*"))
    kept = system / "lib/modules" / modules.name
    for part in MODULES:
        if (modules / part).exists():
            shutil.copytree(modules / part, kept / part)
    for file in modules.glob("modules.*"):
        shutil.copy(file, kept)
    sh("depmod", "-b", system, modules.name)


def _put_project_inside(arch: str, system: Path) -> None:
    inside = system / "vm-test"
    shutil.rmtree(inside, ignore_errors=True)
    (inside / "lib").mkdir(parents=True)
    for file in HERE.glob("*.py"):
        shutil.copy(file, inside)
    shutil.copy(ROOT / "tests" / "state_kills.py", inside)
    shutil.copytree(ROOT / "firmware_py", inside / "lib" / "firmware_py", ignore=shutil.ignore_patterns("__pycache__"))
    packages = Path(next(p for p in sys.path if p.endswith("site-packages")))
    shutil.copytree(packages / "serial", inside / "lib" / "serial")
    if arch == "arm64":
        _cross(system, inside / "lib")
        return
    for name in ("alsaaudio*.so", "soxr", "soxr.libs", "numpy", "numpy.libs", "typing_extensions.py"):
        for found in packages.glob(name):
            (shutil.copytree if found.is_dir() else shutil.copy)(found, inside / "lib" / found.name)


def _cross(system: Path, lib: Path) -> None:
    """The compiled core and pyalsaaudio for arm64, as a bundle's are made; the rest from the index."""
    try:
        target = wheels.Target("arm64", "3.11", WORK / "arm64" / "wheels")
        shutil.rmtree(target.work, ignore_errors=True)
        settings = wheels.cross(target, system)
        build = (wheels.environment(target), "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation")
        source = wheels.copy_of_source(target)
        for what in ("pyalsaaudio", source):
            wheels.run(*build, "--wheel-dir", target.work, "--constraint", "constraints.txt", what, **settings)
    except wheels.CannotBuild as why:
        raise NotHere(str(why)) from why
    platforms = ("--platform=manylinux_2_28_aarch64", "--platform=manylinux_2_27_aarch64")
    platforms += ("--platform=manylinux_2_17_aarch64", "--platform=manylinux2014_aarch64", "--platform=linux_aarch64")
    only = ("--no-deps", "--only-binary=:all:", "--python-version=3.11", *platforms, "--constraint=constraints.txt")
    found = sorted(target.work.glob("*.whl"))
    sh(sys.executable, "-m", "pip", "install", "-q", *only, "--upgrade", "--target", lib,
       "gpiod", "numpy", "soxr", "typing_extensions", *found, cwd=ROOT)  # fmt: skip


def _initrd(system: Path, target: Path) -> None:
    """busybox and the modules that find the root file system, in the order in which they need each other."""
    folder = target.parent / "initrd.d"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("bin", "dev", "proc", "sys", "root"):
        (folder / name).mkdir(parents=True)
    shutil.copy(system / "bin" / "busybox", folder / "bin")
    version = next((system / "lib/modules").iterdir()).name
    order: list[str] = []
    for module in BOOT_MODULES:
        shown = sh("modprobe", "-d", system, "-S", version, "--show-depends", module)
        for line in shown.splitlines():
            words = line.split()
            if words and words[0] == "insmod" and words[1] not in order:
                order.append(words[1])
    names = []
    for file in order:
        shutil.copy(file, folder)
        names.append("/" + Path(file).name)
    (folder / "order").write_text("\n".join(names) + "\n")
    init = folder / "init"
    init.write_text(INIT)
    init.chmod(init.stat().st_mode | stat.S_IXUSR)
    found = "\n".join(str(p.relative_to(folder)) for p in sorted(folder.rglob("*")))
    cpio = subprocess.run(
        ["busybox", "cpio", "-o", "-H", "newc"], input=found.encode(), cwd=folder, capture_output=True
    )
    if cpio.returncode:
        raise NotHere(f"cpio failed: {cpio.stderr.decode()[-200:]}")
    target.write_bytes(gzip.compress(cpio.stdout, 1))


def host() -> str:
    return platform.machine()
