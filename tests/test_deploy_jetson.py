"""``deploy/jetson``: what is refused before anything is touched, and the command that flashes, on a made-up release."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "deploy" / "jetson" / "rootfs.sh"
BOARDS = {
    "orin-nano": "jetson-orin-nano-devkit",
    "orin-nx": "jetson-orin-nano-devkit",
    "agx-orin": "jetson-agx-orin-devkit",
    "agx-thor": "jetson-agx-thor-devkit",
}


@pytest.fixture
def bsp(tmp_path: Path) -> Path:
    """As much of Linux_for_Tegra as the script looks at."""
    folder = tmp_path / "Linux_for_Tegra"
    files = ("flash.sh", "rootfs/usr/bin/dpkg", "rootfs/etc/nv_tegra_release", *(f"{b}.conf" for b in BOARDS.values()))
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def deb(tmp_path: Path) -> Path:
    return package(tmp_path, "arm64")


def package(folder: Path, architecture: str) -> Path:
    """A package that has a name and an architecture, and nothing in it."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("no dpkg-deb here; Debian and Ubuntu have it")
    tree = folder / architecture
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN").chmod(0o755)  # whatever the umask is; dpkg-deb refuses less
    fields = {
        "Package": "rtva",
        "Version": "0.1.0",
        "Architecture": architecture,
        "Maintainer": "rtva",
        "Description": "x",
    }
    (tree / "DEBIAN" / "control").write_text("".join(f"{k}: {v}\n" for k, v in fields.items()))
    file = folder / f"rtva_{architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(file)], check=True, capture_output=True)
    return file


def rootfs(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SCRIPT), *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize("module", BOARDS)
def test_a_dry_run_says_what_it_would_do_and_prints_the_command(bsp: Path, deb: Path, module: str) -> None:
    before = sorted(bsp.rglob("*"))
    done = rootfs("--bsp", bsp, "--module", module, "--deb", deb, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"would run: chroot {bsp}/rootfs env DEBIAN_FRONTEND=noninteractive dpkg --install" in done.stdout
    flash = done.stdout.splitlines()[-1]
    assert flash.startswith("  sudo ./")
    assert flash.endswith(f"{BOARDS[module]} internal")
    assert sorted(bsp.rglob("*")) == before


def test_the_layout_of_the_release_is_used(bsp: Path, deb: Path) -> None:
    for name in ("tools/kernel_flash/flash_l4t_external.xml", "bootloader/generic/cfg/flash_t234_qspi.xml"):
        (bsp / name).parent.mkdir(parents=True)
        (bsp / name).touch()
    flash = rootfs("--bsp", bsp, "--module", "orin-nx", "--deb", deb, "--dry-run").stdout.splitlines()[-1]
    assert '-c tools/kernel_flash/flash_l4t_external.xml -p "-c bootloader/generic/cfg/flash_t234_qspi.xml"' in flash


def test_the_libraries_of_another_gpu_are_refused(bsp: Path, deb: Path, tmp_path: Path) -> None:
    for name in ("sm_87", "sm_110"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "libwhisper.so.1").touch()
    common = ("--bsp", bsp, "--module", "agx-thor", "--deb", deb, "--dry-run", "--cuda")
    wrong, right = rootfs(*common, tmp_path / "sm_87"), rootfs(*common, tmp_path / "sm_110")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (65, 1)
    assert "sm_110" in wrong.stderr
    assert right.returncode == 0
    assert "library.conf" in right.stdout
    assert "cuda.conf" in right.stdout


@pytest.mark.parametrize(
    ("missing", "rc", "said"),
    [
        ("flash.sh", 66, "no Linux_for_Tegra"),
        ("jetson-agx-orin-devkit.conf", 66, "does not know agx-orin"),
        ("rootfs/usr/bin/dpkg", 66, "no root file system"),
        ("rootfs/etc/nv_tegra_release", 66, "apply_binaries.sh"),
    ],
)
def test_a_release_that_is_not_prepared_is_one_line(bsp: Path, deb: Path, missing: str, rc: int, said: str) -> None:
    (bsp / missing).unlink()
    done = rootfs("--bsp", bsp, "--module", "agx-orin", "--deb", deb, "--dry-run")
    assert (done.returncode, done.stderr.count("\n")) == (rc, 1)
    assert said in done.stderr


def test_wrong_input_is_one_line(bsp: Path, deb: Path, tmp_path: Path) -> None:
    amd64 = package(tmp_path, "amd64")
    for arguments, rc, said in (
        (("--bsp", bsp, "--module", "nano", "--deb", deb), 64, "orin-nano, orin-nx, agx-orin or agx-thor"),
        (("--bsp", bsp, "--module", "orin-nx", "--deb", amd64), 65, "not rtva's package for arm64"),
        (("--bsp", bsp, "--module", "orin-nx", "--deb", tmp_path / "none.deb"), 66, "no package"),
        (("--flash",), 64, "unknown option"),
        (("--bsp",), 64, "wants a value"),
    ):
        done = rootfs(*arguments)
        assert (done.returncode, done.stderr.count("\n")) == (rc, 1)
        assert said in done.stderr


def test_the_cross_compiler_script_names_what_it_lacks() -> None:
    done = subprocess.run([str(SCRIPT.parent / "cross-cuda.sh"), "90"], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (64, 1)
