"""``deploy/image``: partitions in a file, what the image sets, the layer for a Pi's own builder, and what judges it."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml

from firmware_py import config
from firmware_py.settings import document
from firmware_py.settings.edit import changed

ROOT = Path(__file__).resolve().parent.parent
IMAGE = ROOT / "deploy" / "image"
OVERLAY = IMAGE / "overlay"


def load(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for folder in (IMAGE, IMAGE / "test"):
        monkeypatch.syspath_prepend(str(folder))
    name = f"image_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_a_disk_is_put_together_and_written_to_like_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("mke2fs", "mkfs.vfat", "mcopy", "sfdisk"):
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            pytest.skip(f"no {program}; 'make image' installs e2fsprogs, dosfstools, mtools and fdisk")
    disk = load(IMAGE / "disk.py", monkeypatch)
    for name in ("boot", "tree"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.txt").write_text(name)
    parts = disk.Parts(tmp_path / "1", tmp_path / "2", tmp_path / "3")
    disk.fat(tmp_path / "boot", parts.boot)
    disk.ext4(tmp_path / "tree", "rtva-root", 8, parts.root, "-O", "^has_journal")
    disk.ext4(tmp_path / "tree", "rtva-state", 8, parts.state)
    image = tmp_path / "whole.img"
    disk.join(parts, image)
    assert image.read_bytes()[510:512] == b"\x55\xaa"
    for number, part in enumerate((parts.boot, parts.root, parts.state), 1):
        start = disk.start_of(image, number)
        with image.open("rb") as file:
            file.seek(start)
            assert file.read(part.stat().st_size) == part.read_bytes()
    room = disk.start_of(image, 3) - disk.start_of(image, 2)
    assert room >= 1.25 * parts.root.stat().st_size, "a later system is larger"
    card = tmp_path / "card.img"
    disk.copy(image, card)
    (tmp_path / "rtva-setup.txt").write_text("hostname: x\r\n")
    disk.put(card, tmp_path / "rtva-setup.txt", "rtva-setup.txt")
    disk.get(card, "rtva-setup.txt", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"hostname: x\r\n"
    disk.get(card, "file.txt", tmp_path / "back-too")
    assert (tmp_path / "back-too").read_text() == "boot"


def test_the_root_is_read_only_and_the_watchdog_one_that_a_pi_takes() -> None:
    rows = [line.split() for line in (OVERLAY / "etc/fstab").read_text().splitlines() if not line.startswith("#")]
    mounts = {row[1]: row for row in rows}
    assert "ro" in mounts["/"][3].split(",")
    assert all(row[2] == "tmpfs" or row[1] in ("/", "/boot/firmware") or "state" in row[0] for row in rows)
    assert all(
        "nofail" in row[3] for place, row in mounts.items() if place.startswith(("/state", "/boot", "/etc", "/var/lib"))
    )
    text = (OVERLAY / "etc/systemd/system.conf.d/rtva.conf").read_text()
    seconds = [int(found) for found in re.findall(r"^\w*WatchdogSec=(\d+)s$", text, re.M)]
    assert len(seconds) == 2 and all(0 < value <= 15 for value in seconds), "30 s leaves a Pi without any"


def test_the_configuration_of_each_board_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "config" / "config.yaml").read_text()
    for board in load(IMAGE / "boards.py", monkeypatch).BOARDS.values():
        made = config.from_text(changed(document.parse(text), text, board.config))
        assert made.status.serial.device is not None
        assert f"console={made.status.serial.device.name}" in board.cmdline, "one line is console and status line"


def test_the_units_are_such(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here; a machine with systemd has it")
    for unit in (OVERLAY / "etc/systemd/system").glob("*.service"):
        text = (
            unit.read_text()
            .replace("/usr/lib/rtva-image/first-boot", "/bin/true")
            .replace("/sbin/wpa_supplicant", "/bin/true")
        )
        (tmp_path / unit.name).write_text(text)
    (tmp_path / "rtva.service").write_text("[Service]\nExecStart=/bin/true\n")
    units = sorted(tmp_path.glob("*.service"))
    done = subprocess.run(["systemd-analyze", "verify", *map(str, units)], capture_output=True, text=True)
    told = [line for line in done.stderr.splitlines() if "rtva" in line]
    assert not told and len(units) == 4


def first_boot(folder: Path) -> subprocess.CompletedProcess[str]:
    """The script as it stands in the image, in another root."""
    script = (OVERLAY / "usr/lib/rtva-image/first-boot").read_text()
    for place in (
        "/boot/firmware",
        "/state/system",
        "/etc/rtva",
        "/usr/lib/rtva-image",
        "/proc/sys/kernel",
        "/run/systemd",
    ):
        script = script.replace(place, f"{folder}{place}")
    path = f"{folder}/bin:/usr/bin:/bin"
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, env={"PATH": path})


def test_each_start_takes_what_is_new_and_never_fails(tmp_path: Path) -> None:
    for place in ("boot/firmware", "state/system", "etc/rtva", "usr/lib/rtva-image", "proc/sys/kernel", "bin"):
        (tmp_path / place).mkdir(parents=True)
    shutil.copy(ROOT / "config" / "config.yaml", tmp_path / "usr/lib/rtva-image/config.yaml")
    rtva = tmp_path / "bin" / "rtva"
    rtva.write_text(f'#!/bin/sh\nexec {sys.executable} -m firmware_py "$@"\n')
    rtva.chmod(0o755)
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    setup, made = tmp_path / "boot/firmware/rtva-setup.txt", tmp_path / "etc/rtva/config.yaml"
    setup.write_text("hostname: kitchen\nvolume: 30\n")
    done = first_boot(tmp_path)
    assert done.returncode == 0 and done.stdout == "rtva set-up: hostname, volume\n", done
    assert config.load(made).audio.output.volume == 30
    assert (tmp_path / "proc/sys/kernel/hostname").read_text() == "kitchen\n"
    made.write_text("audio: {output: {volume: 55}}\n")
    (tmp_path / "etc/rtva/rtva.service.d").mkdir()
    (tmp_path / "etc/rtva/rtva.service.d/network.conf").write_text("[Service]\n")
    assert first_boot(tmp_path).stdout == "", "the same file is not taken twice"
    assert config.load(made).audio.output.volume == 55
    assert (tmp_path / "run/systemd/system/rtva.service.d/network.conf").exists()
    setup.write_bytes(b"\xff\xfe\x00nonsense")
    done = first_boot(tmp_path)
    assert done.returncode == 0 and done.stdout.count("\n") == 1 and "rtva-setup.txt line 1" in done.stdout
    shutil.rmtree(tmp_path / "state")
    made.unlink()
    assert first_boot(tmp_path).returncode == 0 and made.exists(), "without a state partition it starts by the default"


def test_the_layer_names_files_that_are_there() -> None:
    layer = IMAGE / "rpi-image-gen" / "layer" / "rtva.yaml"
    hooks = "\n".join(yaml.safe_load(layer.read_text())["mmdebstrap"]["customize-hooks"])
    named = re.findall(r"\$IGconf_rtva_source/([\w./-]+)\"", hooks)
    named += [f"overlay/{name}" for name in re.findall(r"\$overlay/([\w./-]+)\"", hooks)]
    assert len(named) >= 4 and all((IMAGE / name).exists() for name in named), named
    assert "    # device: null" in (ROOT / "config" / "config.yaml").read_text().split("serial:")[1][:200]
    assert yaml.safe_load((IMAGE / "rpi-image-gen" / "config" / "rtva-pi5.yaml").read_text())["layer"]["app"] == "rtva"


def test_an_answer_with_gaps_is_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load(IMAGE / "test" / "run.py", monkeypatch)
    tone = (8000 * np.sin(np.arange(8000) / 5)).astype(np.int16)
    sound = np.concatenate([tone, np.zeros(48_000, np.int16), tone])
    with wave.open(str(tmp_path / "in.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    assert 1.0 <= run.without_gaps(tmp_path / "in.wav", tmp_path / "out.wav") < 1.2
    assert run.alike("It's 7.05 PM.", "It is 7:05 PM.")
    assert not run.alike("It is 7:06 PM.", "It is 7:05 PM.") and not run.alike("7:05", "It is 7:05 PM.")
    page = tmp_path / "page.md"
    page.write_text(f"a\n{run.BEGIN}\nstale\n{run.END}\nb\n")
    run.write(page, [("it boots", "yes", "9 s")])
    assert "| it boots | yes | 9 s |" in page.read_text() and "stale" not in page.read_text()


def test_what_failed_is_no_missing_machine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    make_image = load(IMAGE / "make_image.py", monkeypatch)
    with pytest.raises(make_image.CommandFailed, match="sh failed: last words"):
        make_image.sh("sh", "-c", "echo last words >&2; exit 100")
    for here in (("sh", "-c", "exit 77"), ("/no/such/program",)):
        with pytest.raises(make_image.NotHere):
            make_image.sh(*here)
    for why, rc in ((make_image.CommandFailed("dpkg failed"), 1), (make_image.NotHere("no root"), 77)):

        def bring(why: Exception = why) -> None:
            raise why

        monkeypatch.setattr(make_image, "bring", bring)
        monkeypatch.setattr(sys, "argv", ["make_image.py", "--board", "rpi"])
        assert make_image.main() == rc
        assert capsys.readouterr().err == f"image: {why}\n"
    recipe = subprocess.run(["make", "-n", "-o", "setup", "image"], capture_output=True, text=True, cwd=ROOT).stdout
    assert "make_image.py" in recipe and "77" not in recipe, "no image is no success"


def test_an_image_is_current_when_it_is_of_this_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_image = load(IMAGE / "make_image.py", monkeypatch)
    board = make_image.BOARDS["rpi"]
    monkeypatch.setattr(make_image, "WORK", tmp_path)
    monkeypatch.setattr(make_image, "commit", lambda: "abc")
    make_image.stamp(board).parent.mkdir()
    make_image.stamp(board).write_text("abc")
    assert not make_image.is_current(board), "without an image"
    (tmp_path / "rtva-rpi.img").touch()
    assert make_image.is_current(board)
    make_image.stamp(board).write_text("")
    monkeypatch.setattr(make_image, "commit", str)
    assert not make_image.is_current(board), "a checkout with changes is no commit"


def test_debian_comes_from_somewhere_on_any_machine(tmp_path: Path) -> None:
    script = (ROOT / "deploy/bundle/sources.sh").read_text()
    (tmp_path / "debian.sources").write_text(
        "Types: deb\nURIs: http://mirror\nSuites: bookworm\nComponents: main\nSigned-By: /k\n"
    )
    for own in (tmp_path / "debian.sources", tmp_path / "none"):  # as in a container, as the installer leaves it
        text = script.replace("/etc/apt/sources.list.d/debian.sources", str(own))
        done = subprocess.run(["sh", "-s", "main", "non-free-firmware"], input=text, capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == ""
        stanzas = [
            dict(line.split(": ", 1) for line in part.splitlines()) for part in done.stdout.strip().split("\n\n")
        ]
        assert all({"Types", "URIs", "Suites", "Signed-By"} <= stanza.keys() for stanza in stanzas)
        assert all(stanza["Components"] == "main non-free-firmware" for stanza in stanzas)
        assert (stanzas[0]["URIs"] == "http://mirror") == own.exists()


def test_the_guide_names_files_that_are_made() -> None:
    """Each package that ``docs/flash.md`` names is one for the shell: one word for one suite."""
    text = (ROOT / "docs" / "flash.md").read_text()
    suites = re.findall(r"rtva_\*?~?(\w*)_(?:arm64|amd64)\.deb", text)
    assert suites and set(suites) <= {"bookworm", "trixie", "noble", "jammy"}
    assert "IGconf_rtva_deb=$(ls" in text, "a pattern behind NAME= is not expanded"
    for block in text.split("\n\n"):
        lines = [line.strip() for line in block.splitlines()]
        if "sudo rtva setup" in [line.split("  ")[0] for line in lines]:
            at = [line.split("  ")[0] for line in lines]
            assert (
                at.index("sudo systemctl stop rtva")
                < at.index("sudo rtva setup")
                < at.index("sudo systemctl start rtva")
            )


@pytest.mark.parametrize("page", ["flash.md", "updates.md"])
def test_the_documented_way_into_a_bundle_works_beside_an_older_one(tmp_path: Path, page: str) -> None:
    """The line as it stands, where two archives lie; and no command is given a pattern that may be two files."""
    text = (ROOT / "docs" / page).read_text()
    line = next(line.strip() for line in text.splitlines() if "tar -xf" in line)
    there = tmp_path / ("build/bundle" if page == "flash.md" else ".")
    there.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(("rtva-2-amd64-py3.11", "rtva-1-amd64-py3.11")):  # the newest is not the last by name
        (tmp_path / name).mkdir()
        (tmp_path / name / "install.sh").write_text(name)
        archive = there / f"{name}.tar"
        subprocess.run(["tar", "-cf", archive, name], cwd=tmp_path, check=True)
        shutil.rmtree(tmp_path / name)
        os.utime(archive, (1_700_000_000 + number, 1_700_000_000 + number))
        done = subprocess.run(["sh", "-ec", f"{line}\ncat install.sh"], cwd=tmp_path, capture_output=True, text=True)
        assert done.stdout == name, done.stderr
    assert not re.search(r"(tar -xf|rtva update) [^\s\"]*\*", text)


def test_the_documented_way_to_a_drop_in_is_that_of_the_installation(tmp_path: Path) -> None:
    lines = [line.strip() for line in (ROOT / "docs/service.md").read_text().splitlines()]
    at = next(number for number, line in enumerate(lines) if "rtva.service.d/network.conf" in line)
    for own in ("usr/lib/rtva/share", "opt/rtva/share"):
        root = tmp_path / own.partition("/")[0]
        for place in (f"{own}/systemd/rtva.service.d", "etc/systemd/system/rtva.service.d"):
            (root / place).mkdir(parents=True)
        (root / own / "systemd/rtva.service.d/network.conf").touch()
        script = "\n".join(lines[at - 1 : at + 1])
        for place in ("/opt/rtva", "/usr/lib/rtva", "/etc/systemd"):
            script = script.replace(place, f"{root}{place}")
        done = subprocess.run(["sh", "-ec", script.replace("sudo ", "")], capture_output=True, text=True)
        assert (root / "etc/systemd/system/rtva.service.d/network.conf").exists(), done.stderr + script


def test_a_bundle_is_for_the_machine_that_makes_it() -> None:
    for target in ("bundle", "deb"):
        done = subprocess.run(["make", "-n", "-o", "setup", target], capture_output=True, text=True, cwd=ROOT)
        machine = {"aarch64": "arm64", "x86_64": "amd64"}[platform.machine()]
        assert f"--arch {machine}" in done.stdout


def test_names_come_from_the_boards_network_not_from_the_builders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_image = load(IMAGE / "make_image.py", monkeypatch)
    wants = tmp_path / "etc/systemd/system/sysinit.target.wants"
    wants.mkdir(parents=True)
    (wants / "systemd-resolved.service").symlink_to("/lib/systemd/system/systemd-resolved.service")
    for place in ("etc/resolv.conf", "etc/hosts"):
        (tmp_path / place).write_text("nameserver 10.9.8.7\n")
    (tmp_path / "usr/lib/rtva/share/rtva").mkdir(parents=True)
    (tmp_path / "usr/lib/rtva-image").mkdir()
    shutil.copy(ROOT / "config" / "config.yaml", tmp_path / "usr/lib/rtva/share/rtva")
    make_image.furnish(make_image.BOARDS["qemu-arm64"], tmp_path)
    assert (tmp_path / "etc/resolv.conf").readlink() == Path("/run/systemd/resolve/resolv.conf")
    assert "127.0.0.1 localhost" in (tmp_path / "etc/hosts").read_text()
    assert not list(wants.iterdir()), "it would order itself before the set-up file is read"
    networkd = (tmp_path / "etc/systemd/system/systemd-networkd.service.d/rtva.conf").read_text()
    assert "start --no-block systemd-resolved.service" in networkd
    assert "systemd-resolved" in (IMAGE / "base.sh").read_text()


def under(mask: int, doing: Callable[[], object]) -> None:
    before = os.umask(mask)
    try:
        doing()
    finally:
        os.umask(before)


def clone(folder: Path, mode: int) -> Path:
    """``deploy/image`` as a clone under a strict umask has it."""
    shutil.copytree(IMAGE, folder)
    for path in folder.rglob("*"):
        path.chmod(mode if path.is_dir() or path.stat().st_mode & 0o100 else mode & 0o666)
    return folder


@pytest.mark.parametrize("mode", [0o700, 0o750])
def test_what_the_image_sets_has_the_same_modes_in_every_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    make_image = load(IMAGE / "make_image.py", monkeypatch)
    monkeypatch.setattr(make_image, "HERE", clone(tmp_path / "clone", mode))
    system, state = tmp_path / "system", tmp_path / "state"
    for place in ("etc", "usr/lib/rtva/share/rtva", "var/lib/rtva", "etc/rtva/intents"):
        (system / place).mkdir(parents=True)
    system.chmod(0o755)
    (system / "etc").chmod(0o755)
    state.mkdir()
    shutil.copy(ROOT / "config" / "config.yaml", system / "usr/lib/rtva/share/rtva")
    made = make_image.BOARDS["qemu-arm64"]

    def make(*_: object) -> Path:
        make_image.furnish(made, system)
        return Path(make_image.state_tree(made, system, state))

    monkeypatch.setattr(make_image, "make", make)
    monkeypatch.setattr(make_image, "bring", lambda: None)
    monkeypatch.setattr(sys, "argv", ["make_image.py"])
    under(0o7777 & ~mode, lambda: make_image.main())
    for path in (system, *(system / "etc").rglob("*"), *(system / "usr/lib/rtva-image").rglob("*"), *state.rglob("*")):
        if not path.is_symlink() and path != state / "rtva":
            wanted = 0o755 if path.is_dir() or path.name == "first-boot" else 0o644
            assert path.stat().st_mode & 0o7777 == wanted, path
    assert (system / "usr/lib/rtva-image/first-boot").exists() and (state / "config/config.yaml").exists()


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_the_layer_lays_the_same_modes(tmp_path: Path, mode: int) -> None:
    layer = IMAGE / "rpi-image-gen" / "layer" / "rtva.yaml"
    hook = yaml.safe_load(layer.read_text())["mmdebstrap"]["customize-hooks"][1]
    root = tmp_path / "root"
    for place in ("usr/lib/rtva/share/rtva", "etc/rtva", "boot/firmware"):
        (root / place).mkdir(parents=True)
    shutil.copy(ROOT / "config" / "config.yaml", root / "usr/lib/rtva/share/rtva")
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    environment = {**os.environ, "IGconf_rtva_source": str(clone(tmp_path / "clone", mode))}
    under(
        0o077, lambda: subprocess.run(["sh", "-c", hook, "sh", root], check=True, env=environment, capture_output=True)
    )
    units = root / "etc/systemd/system"
    for place in (units / "rtva-ready.service", units / "rtva.service.d/image.conf", root / "etc/rtva/config.yaml"):
        assert place.stat().st_mode & 0o777 == 0o644 and place.parent.stat().st_mode & 0o055, place
    assert (root / "usr/lib/rtva-image/first-boot").stat().st_mode & 0o777 == 0o755
    assert config.load(root / "etc/rtva/config.yaml").status.serial.device == Path("/dev/serial0")


def test_the_wifi_of_a_compute_module_has_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("no dpkg-deb here; Debian has it")
    make_image = load(IMAGE / "make_image.py", monkeypatch)
    tree, debs = tmp_path / "tree", tmp_path / "debs"
    debs.mkdir()
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN").chmod(0o755)
    (tree / "DEBIAN/control").write_text(
        "Package: firmware-brcm80211\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
    )
    (tree / "lib/firmware/brcm").mkdir(parents=True)
    own = "brcmfmac43455-sdio.raspberrypi,4-model-b.txt"
    (tree / "lib/firmware/brcm" / own).write_text("boardrev=0x1101\n")
    build = ["dpkg-deb", "--build", str(tree), str(debs / "firmware-brcm80211_1_all.deb")]
    subprocess.run(build, check=True, capture_output=True)
    monkeypatch.setattr(make_image, "BASE", tmp_path)
    monkeypatch.setattr(make_image, "WORK", tmp_path / "work")
    make_image.firmware(tmp_path / "system")
    module = tmp_path / "system/usr/lib/firmware/brcm/brcmfmac43455-sdio.raspberrypi,4-compute-module.txt"
    assert module.read_text() == "boardrev=0x1101\n"
    assert "wireless-regdb" in (IMAGE / "base.sh").read_text(), "without it wifi_country has no effect"


def test_a_base_by_another_recipe_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_image = load(IMAGE / "make_image.py", monkeypatch)
    made = []
    monkeypatch.setattr(make_image, "BASE", tmp_path)
    monkeypatch.setattr(make_image, "ROOT", tmp_path)
    monkeypatch.setattr(make_image, "sh", lambda *command: made.append(command))
    (tmp_path / "base.tar").touch()
    assert make_image.base() and not make_image.base() and len(made) == 1
    monkeypatch.setattr(make_image, "BESIDE", ("another",))
    assert make_image.base() and len(made) == 2
