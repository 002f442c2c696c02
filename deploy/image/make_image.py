#!/usr/bin/env python3
"""Makes the image of a board: ``make image BOARD=rpi|qemu-arm64`` -> ``build/image/rtva-BOARD.img``.

An arm64 Debian 12 with the package in it, a read-only root, a partition for what is kept, one for the kernel and the
set-up file. Root on a Debian machine; nothing is mounted and no loop device is needed. Exits with 1 where a step failed
and with 77 where this machine cannot do it at all; an image under its final name is a whole one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
import disk  # noqa: E402
import initrd  # noqa: E402
from boards import BOARDS, MODULES, Board  # noqa: E402
from tools import NOT_HERE, CommandFailed, NotHere, bring, sh  # noqa: E402

from firmware_py.config import from_text  # noqa: E402
from firmware_py.settings import document  # noqa: E402
from firmware_py.settings.edit import changed  # noqa: E402

WORK = ROOT / "build" / "image"
BASE = WORK / "base"
PYTHON = "3.11"
BESIDE = ("linux-image-arm64", "raspi-firmware", "firmware-brcm80211")
NVRAM = {
    "brcmfmac43455-sdio.raspberrypi,4-compute-module.txt": "brcmfmac43455-sdio.raspberrypi,4-model-b.txt",
}
"""What Debian's package lacks, and the file for the same chip. For the 43456 of a Pi 400 it has nothing."""
SETUP = "rtva-setup.txt"
STATE = ("rtva", "config", "system", "systemd")
MASKED = ("serial-getty@.service", "wpa_supplicant.service", "apt-daily.timer", "apt-daily-upgrade.timer",
          "dpkg-db-backup.timer", "e2scrub_all.timer", "systemd-firstboot.service", "systemd-binfmt.service",
          "systemd-pstore.service", "e2scrub_reap.service", "getty@tty1.service")  # fmt: skip
ENABLED = ("rtva-first-boot.service", "rtva-ready.service")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--board", choices=tuple(BOARDS), default="qemu-arm64")
    parser.add_argument("--deb", type=Path, help="a package that is there; else one is made")
    parser.add_argument("--unless-current", action="store_true", help="none, where there is one of this very commit")
    args = parser.parse_args()
    os.umask(0o022)  # what is made here is the board's: anyone reads it, root writes it
    try:
        if args.unless_current and is_current(BOARDS[args.board]):
            return 0
        bring()
        print(make(BOARDS[args.board], args.deb))
    except (NotHere, CommandFailed) as why:
        print(f"image: {why}", file=sys.stderr)
        return NOT_HERE if isinstance(why, NotHere) else 1
    return 0


def commit() -> str:
    """What the checkout is at; "" where something of it is not committed."""
    return "" if sh("git", "status", "--porcelain", cwd=ROOT) else sh("git", "rev-parse", "HEAD", cwd=ROOT)


def stamp(board: Board) -> Path:
    """Holds the commit that the image was made of."""
    return WORK / board.name / "commit"


def is_current(board: Board) -> bool:
    image, made_of = WORK / f"rtva-{board.name}.img", stamp(board)
    return image.exists() and made_of.exists() and made_of.read_text() == commit() != ""


def make(board: Board, deb: Path | None) -> Path:
    began = time.monotonic()
    if base():
        began = told("base", began)
    work = WORK / board.name
    made_of = commit() if deb is None else ""
    stamp(board).unlink(missing_ok=True)
    system = install(disk.clear(work / "root"), package(deb))
    began = told("package", began)
    release = kernel(board, system)
    furnish(board, system)
    began = told("kernel and settings", began)
    parts = disk.Parts(work / "boot.fat", work / "root.ext4", work / "state.ext4")
    disk.fat(boot_files(board, system, release, disk.clear(work / "boot")), parts.boot)
    disk.ext4(state_tree(board, system, disk.clear(work / "state")), "rtva-state", disk.STATE_MIB, parts.state)
    disk.ext4(system, "rtva-root", disk.size_mib(system), parts.root, "-O", "^has_journal")
    image = WORK / f"rtva-{board.name}.img"
    disk.join(parts, work / "whole.img")
    (work / "whole.img").rename(image)
    stamp(board).write_text(made_of)
    told(f"{image.name}: {image.stat().st_size >> 20} MiB, {disk.space(image)} of them not empty;", began)
    return image


def base() -> bool:
    """Makes the base where there is none, or one by another recipe."""
    recipe = "\n".join(((HERE / "base.sh").read_text(), *BESIDE))
    made_by = BASE / "made-by"
    if (BASE / "base.tar").exists() and made_by.exists() and made_by.read_text() == recipe:
        return False
    made_by.unlink(missing_ok=True)
    sh(HERE / "base.sh", BASE.relative_to(ROOT), *BESIDE)
    made_by.write_text(recipe)
    return True


def told(what: str, began: float) -> float:
    print(f"image: {what}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return time.monotonic()


def package(deb: Path | None) -> Path:
    """The package for this board, made anew unless one is named. Raises NotHere."""
    if deb is not None:
        if not deb.is_file():
            raise NotHere(f"no package {deb}")
        return deb
    command = [sys.executable, ROOT / "deploy/deb/make_deb.py", "--arch", "arm64", "--py", PYTHON]
    if not (ROOT / "build/bundle/arm64-root").exists():
        sh(ROOT / "deploy/bundle/arm64.sh")
    return Path(sh(*command).strip().splitlines()[-1])


def install(system: Path, deb: Path) -> Path:
    """Unpacked and compiled to bytecode by this machine's own programs, configured by the target's, emulated."""
    sh("tar", "-xpf", BASE / "base.tar", "-C", system)
    sh(ROOT / "deploy/bundle/binfmt.sh")
    sh("dpkg", f"--root={system}", "--force-architecture", "--force-unsafe-io", "--unpack", deb)
    if shutil.which(f"python{PYTHON}"):
        packages = system / "usr/lib/rtva/lib"
        with suppress(CommandFailed):  # what is left over is compiled when it is configured
            sh(f"python{PYTHON}", "-m", "compileall", "-q", "-s", system, "-p", "/", packages)
    sh("chroot", system, "dpkg", "--force-unsafe-io", "--configure", "rtva")
    return system


def kernel(board: Board, system: Path) -> str:
    """Debian's kernel with the modules that such a board may need; returns its release."""
    work = disk.clear(WORK / board.name / "kernel")
    sh("dpkg-deb", "-x", next((BASE / "debs").glob("linux-image-*.deb")), work)
    modules = next((work / "lib/modules").iterdir())
    target = system / "usr/lib/modules" / modules.name
    for part in (*MODULES, *board.modules):
        source = modules / "kernel" / part
        if source.is_dir():
            shutil.copytree(source, target / "kernel" / part, dirs_exist_ok=True)
        elif source.exists():
            (target / "kernel" / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / "kernel" / part)
    complete(modules, target)
    for file in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(modules / file, target)
    sh("depmod", "-b", system, modules.name)
    return modules.name


def complete(modules: Path, target: Path) -> None:
    """What the chosen modules need lies elsewhere in the tree now and then."""
    sh("depmod", "-b", modules.parents[2], modules.name)
    for line in (modules / "modules.dep").read_text().splitlines():
        name, _, needs = line.partition(":")
        for need in needs.split() if (target / name).exists() else ():
            if not (target / need).exists():
                (target / need).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(modules / need, target / need)


def furnish(board: Board, system: Path) -> None:
    """Settings, mount points, links to what is kept, the configuration to begin with."""
    for overlay in (HERE / "overlay", HERE / "boards" / board.name / "overlay"):
        lay(overlay, system)
    for name in ("state", "boot/firmware", "var/lib/rtva", "etc/rtva"):
        (system / name).mkdir(parents=True, exist_ok=True)
    units = system / "etc/systemd/system"
    for name in MASKED:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    for name in (*ENABLED, "systemd-networkd.service"):
        link(units / "multi-user.target.wants" / name, f"/etc/systemd/system/{name}" if name in ENABLED
             else f"/lib/systemd/system/{name}")  # fmt: skip
    (units / "sysinit.target.wants/systemd-resolved.service").unlink(missing_ok=True)  # networkd starts it
    link(system / "etc/resolv.conf", "/run/systemd/resolve/resolv.conf")  # mmdebstrap left the builder's
    (system / "etc/hostname").write_text("rtva\n")
    (system / "etc/machine-id").write_text("")
    link(system / "etc/localtime", "/state/system/localtime")
    link(system / "var/lib/dbus/machine-id", "/etc/machine-id")
    if board.coldplug:
        firmware(system)
    text = (system / "usr/lib/rtva/share/rtva/config.yaml").read_text()
    text = changed(document.parse(text), text, board.config)
    from_text(text)
    (system / "usr/lib/rtva-image/config.yaml").write_text(text)


def lay(overlay: Path, system: Path) -> None:
    """Its files into the system, with the modes that git keeps of them: a clone has those of its maker's umask."""
    for source in sorted(overlay.rglob("*")):
        target = system / source.relative_to(overlay)
        if source.is_dir():
            if not target.is_dir():
                target.mkdir(parents=True)
                target.chmod(0o755)
        else:
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def link(place: Path, target: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def firmware(system: Path) -> None:
    """That of the Wi-Fi on a Raspberry Pi 4 and CM4; the package has that of every Broadcom chip."""
    work = disk.clear(WORK / "firmware")
    for deb in (BASE / "debs").glob("firmware-brcm80211_*.deb"):
        sh("dpkg-deb", "-x", deb, work)
    for source in [
        *work.rglob("brcm/brcmfmac4345[56]*"),
        *work.rglob("brcm/*raspberry*"),
        *work.rglob("cypress/cyfmac4345*"),
    ]:
        target = system / "usr/lib" / source.relative_to(next(p for p in source.parents if p.name == "firmware").parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink():
            shutil.copy(source, target, follow_symlinks=False)
    for name, like in NVRAM.items():
        link(system / "usr/lib/firmware/brcm" / name, like)


def boot_files(board: Board, system: Path, release: str, folder: Path) -> Path:
    """What lies on the boot partition."""
    unpacked = WORK / board.name / "kernel"
    shutil.copy(unpacked / "boot" / f"vmlinuz-{release}", folder / "vmlinuz")
    initrd.make(board, system, release, folder / "initrd")
    (folder / "cmdline.txt").write_text(f"{board.cmdline}\n")
    shutil.copy(HERE / SETUP, folder)
    own = HERE / "boards" / board.name / "boot"
    if own.exists():
        shutil.copytree(own, folder, dirs_exist_ok=True)
    if board.devicetrees:
        for tree in (unpacked / "usr/lib").glob(f"linux-image-*/{board.devicetrees}/bcm2711-*.dtb"):
            shutil.copy(tree, folder)
        work = disk.clear(WORK / "firmware-boot")
        sh("dpkg-deb", "-x", next((BASE / "debs").glob("raspi-firmware_*.deb")), work)
        for pattern in ("start4*.elf", "fixup4*.dat", "LICENCE*", "overlays/disable-bt.dtbo"):
            for file in work.rglob(pattern):
                shutil.copy(file, folder)
    return folder


def state_tree(board: Board, system: Path, folder: Path) -> Path:
    """What is kept, before the first start."""
    for name in STATE:
        (folder / name).mkdir()
    shutil.copy(system / "usr/lib/rtva-image/config.yaml", folder / "config")
    shutil.copytree(system / "etc/rtva/intents", folder / "config/intents", dirs_exist_ok=True)
    link(folder / "system/localtime", "/usr/share/zoneinfo/Etc/UTC")
    owner = (system / "var/lib/rtva").stat()
    shutil.chown(folder / "rtva", owner.st_uid, owner.st_gid)
    (folder / "rtva").chmod(0o750)
    return folder


if __name__ == "__main__":
    sys.exit(main())
