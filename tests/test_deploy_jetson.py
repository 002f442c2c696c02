"""``deploy/jetson``: what is refused before anything is touched, and the command that flashes, on a made-up release;
what a build for a Jetson's GPU contains."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_py import config
from firmware_py.boards import BOARDS as PRESETS
from firmware_py.boards import leaves

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "deploy" / "jetson" / "rootfs.sh"
ELF = SCRIPT.parent / "elf.py"
GPUS = {"orin-nano": 87, "orin-nx": 87, "agx-orin": 87, "agx-thor": 110}
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


def package(folder: Path, architecture: str, depends: str = "") -> Path:
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
    if depends:
        fields["Depends"] = depends
    (tree / "DEBIAN" / "control").write_text("".join(f"{k}: {v}\n" for k, v in fields.items()))
    file = folder / f"rtva_{architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(tree), str(file)], check=True, capture_output=True)
    return file


def library(folder: Path, name: str, *, gpu: int = 0, needs: str = "") -> Path:
    """A real shared library that is linked to ``needs``, with a container of code for one GPU as nvcc writes it."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here; make setup installs one")
    folder.mkdir(exist_ok=True)
    source = folder / f"{name}.s"
    entry = struct.pack("<HHIQIIHHI32x", 2, 0x101, 64, 8, 0, 0, 0, 0, gpu) + bytes(8)
    fatbin = struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(entry)) + entry
    body = f'.section .nv_fatbin,"a"\n.byte {", ".join(map(str, bytes(8) + fatbin))}\n' if gpu else ""
    source.write_text(f'{body}.section .note.GNU-stack,"",@progbits\n')
    linked = [str(library(folder, needs))] if needs else []
    file = folder / name
    command = ["cc", "-shared", "-nostdlib", "-Wl,--no-as-needed", f"-Wl,-soname,{name}", "-o", str(file), str(source)]
    subprocess.run([*command, *linked], check=True, capture_output=True)
    source.unlink()
    return file


def build_of_cuda(folder: Path, gpu: int) -> Path:
    """What cross-cuda.sh leaves, as far as the script looks at it."""
    library(folder, "libggml-cuda.so", gpu=gpu, needs="libcudart.so.13")
    library(folder, "libwhisper.so.1")
    return folder


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
    common = ("--bsp", bsp, "--module", "agx-thor", "--deb", deb, "--dry-run", "--cuda")
    wrong = rootfs(*common, build_of_cuda(tmp_path / "one", 87))
    right = rootfs(*common, build_of_cuda(tmp_path / "other", 110))
    assert (wrong.returncode, wrong.stderr.count("\n")) == (65, 1)
    assert "whose GPU is sm_110: it has sm_87" in wrong.stderr
    assert right.returncode == 0, right.stderr
    assert "library.conf" in right.stdout
    assert "cuda.conf" in right.stdout
    inside = subprocess.run(
        [str(SCRIPT), *map(str, common), "."], capture_output=True, text=True, cwd=tmp_path / "other"
    )
    assert inside.returncode == 0, inside.stderr
    (tmp_path / "other/libcudart.so.13").unlink()
    without = rootfs(*common, tmp_path / "other")
    assert (without.returncode, without.stderr.count("\n")) == (66, 1)
    assert "lacks libcudart.so.13" in without.stderr
    (bsp / "rootfs/usr/local/cuda-13.0/lib64").mkdir(parents=True)
    (bsp / "rootfs/usr/local/cuda-13.0/lib64/libcudart.so.13").touch()
    assert rootfs(*common, tmp_path / "other").returncode == 0
    library(tmp_path / "other", "libggml-cuda.so")
    assert "no code for a GPU" in rootfs(*common, tmp_path / "other").stderr


@pytest.mark.parametrize("mode", [0o700, 0o750])
def test_what_is_laid_can_be_read_by_the_service_whatever_the_umask(
    bsp: Path, deb: Path, tmp_path: Path, mode: int
) -> None:
    """The service is not root. The target's own programs (chroot) are not run here."""
    clone, stubs = tmp_path / "clone", tmp_path / "stubs"
    shutil.copytree(ROOT / "deploy/jetson", clone / "deploy/jetson")
    shutil.copytree(ROOT / "systemd", clone / "systemd")
    build = build_of_cuda(tmp_path / "cuda", 87)
    for path in (*clone.rglob("*"), *build.rglob("*"), build):
        path.chmod(mode if path.is_dir() or path.stat().st_mode & 0o100 else mode & 0o666)
    stubs.mkdir()
    for name, text in (("chroot", ""), ("id", "echo 0"), ("uname", "echo aarch64")):
        (stubs / name).write_text(f"#!/bin/sh\n{text}\n")
        (stubs / name).chmod(0o755)
    (bsp / "rootfs/tmp").mkdir()
    environment = {**os.environ, "PATH": f"{stubs}:{os.environ['PATH']}"}
    command = [str(clone / "deploy/jetson/rootfs.sh"), "--bsp", str(bsp), "--module", "orin-nano"]
    before = os.umask(0o7777 & ~mode)
    try:
        command += ["--deb", str(deb), "--cuda", str(build)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    laid = [bsp / "rootfs/opt/rtva-cuda", bsp / "rootfs/etc/systemd/system"]
    laid += [path for folder in tuple(laid) for path in folder.rglob("*")]
    assert len(laid) == 8
    for path in laid:
        wanted = 0o555 if path.is_dir() else 0o444
        assert path.stat().st_mode & wanted == wanted, path


def test_what_the_package_depends_on_has_to_be_there(bsp: Path, tmp_path: Path) -> None:
    status = bsp / "rootfs/var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    there = {"python3.10": "3.10.12-1", "libc6": "2.35-0ubuntu3", "libasound2": "1.2.6", "libgomp1": "12.3.0"}

    def have(**packages: str) -> None:
        text = "Package: {}\nStatus: install ok installed\nArchitecture: arm64\nVersion: {}\n"
        text += "Maintainer: x\nDescription: x\n"
        status.write_text("\n".join(text.format(name, version) for name, version in packages.items()))

    def tried(python: str) -> subprocess.CompletedProcess[str]:
        depends = f"python{python}, libc6 (>= 2.35), libasound2 | libasound2t64, libgomp1"
        shutil.rmtree(tmp_path / python, ignore_errors=True)
        (tmp_path / python).mkdir()
        deb = package(tmp_path / python, "arm64", depends)
        return rootfs("--bsp", bsp, "--module", "orin-nx", "--deb", deb, "--dry-run")

    (bsp / "rootfs/usr/bin/python3.10").touch()
    have(**there)
    assert tried("3.10").returncode == 0
    other = tried("3.11")
    assert (other.returncode, other.stderr.count("\n")) == (65, 1)
    assert "this release has Python 3.10: make deb ARCH=arm64 PY=3.10" in other.stderr
    have(**{name: version for name, version in there.items() if name != "libasound2"}, libasound2t64="1.2.11")
    assert tried("3.10").returncode == 0
    have(**there | {"libc6": "2.31"})
    assert "lacks what the package depends on: libc6 >= 2.35 (" in tried("3.10").stderr
    have(**{name: version for name, version in there.items() if name not in ("libgomp1", "libasound2")})
    lacking = tried("3.10")
    assert (lacking.returncode, lacking.stderr.count("\n")) == (66, 1)
    assert "libasound2 | libasound2t64, libgomp1 (" in lacking.stderr


@pytest.mark.parametrize(("arguments", "rc", "said"), [((), 64, "87 or 110"), (("90",), 64, "87 or 110")])
def test_the_proof_without_a_gpu_says_what_it_wants(arguments: tuple[str, ...], rc: int, said: str) -> None:
    done = subprocess.run([str(SCRIPT.parent / "fallback.sh"), *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (rc, "") and said in done.stderr and done.stderr.count("\n") == 1


def test_it_says_how_it_is_called() -> None:
    done = rootfs("--help")
    assert done.returncode == 0 and all(option in done.stdout for option in ("--bsp", "--module", "--deb", "--cuda"))


@pytest.mark.parametrize("arch", [87, 110])
def test_a_build_for_a_gpu_has_code_for_that_one(arch: int) -> None:
    folder = ROOT / "build" / "jetson" / f"sm_{arch}"
    if not (folder / "libggml-cuda.so").exists():
        pytest.skip(f"no {folder.relative_to(ROOT)}; deploy/jetson/cross-cuda.sh {arch} builds it (an hour)")
    found = subprocess.run(
        [sys.executable, str(ELF), "cubins", str(folder / "libggml-cuda.so")], capture_output=True, text=True
    )
    assert [line for line in found.stdout.split() if line.startswith("sm_")] == [f"sm_{arch}"], found.stderr


def write_script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nset -eu\n{text}\n")
    path.chmod(0o755)


PYTHON = """
case "$*" in
*"pip --quiet"*" download "*)
    for last; do :; done
    into=$(echo "$*" | sed 's/.*--dest \\([^ ]*\\).*/\\1/'); mkdir -p "$into"
    case $last in
    pywhispercpp*) mkdir -p "$into/x-$last/whisper.cpp" && touch "$into/x-$last/whisper.cpp/$last"
        (cd "$into" && tar -czf x.tar.gz "x-$last" && rm -r "x-$last") ;;
    *) touch "$into/$last.whl" ;;
    esac ;;
*"-m zipfile -e"*) mkdir -p "$5/nvidia/cu13/include" "$5/nvidia/cu13/lib" && touch "$5/nvidia/cu13/lib/${4##*/}" ;;
*" --target "*) mkdir -p "$HERE/build/jetson/tools/bin" && cp "$HERE/cmake" "$HERE/build/jetson/tools/bin/" ;;
*cubins*) echo sm_87 ;;
esac
"""
CMAKE = """
while [ $# -gt 0 ]; do
    case $1 in
    -S) source=$2 ;;
    -B) mkdir -p "$2" && cp "$source"/* "$2/libwhisper.so.1" && touch "$2/libggml-cuda.so" ;;
    esac
    shift
done
"""


def test_another_compiler_or_whisper_is_not_mixed_with_the_one_before(tmp_path: Path) -> None:
    """The script as it is, with programs in place of nvcc, pip and cmake that note what they were asked for."""
    write_script(tmp_path / "deploy/jetson/cross-cuda.sh", "")
    shutil.copy(SCRIPT.parent / "cross-cuda.sh", tmp_path / "deploy/jetson")
    write_script(tmp_path / ".venv/bin/python", PYTHON)
    write_script(tmp_path / "cmake", CMAKE)
    write_script(tmp_path / "bin/aarch64-linux-gnu-g++", "")
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    for release, pin in (("13.0", "1.4.0"), ("13.1", "1.4.0"), ("13.1", "1.5.0"), ("13.0", "1.5.0")):
        cuda = tmp_path / f"cuda-{release}"
        write_script(
            cuda / "bin/nvcc", f'case $1 in --version) echo "release {release}, V" ;; *) echo compute_87 ;; esac'
        )
        (cuda / "include").mkdir(exist_ok=True)
        (tmp_path / "constraints.txt").write_text(f"pywhispercpp=={pin}\n")
        environment = {**os.environ, "PATH": path, "CUDA_HOME": str(cuda), "HERE": str(tmp_path)}
        command = [str(tmp_path / "deploy/jetson/cross-cuda.sh"), "87"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        target = tmp_path / f"build/jetson/toolkit-{release}/targets/aarch64-linux/lib"
        wheels = [path.name for path in target.iterdir() if path.suffix == ".whl"]
        assert len(wheels) == 4 and all(f"=={release}.*" in name for name in wheels), wheels
        sources = [
            path for path in (tmp_path / "build/jetson").glob("source*") if (path / f"pywhispercpp=={pin}").exists()
        ]
        assert [path.name for path in sources] == [f"source-{pin}"]
        built = (tmp_path / "build/jetson").glob(f"work-87-{pin}-cuda{release}")
        assert len(list(built)) == 1 and (tmp_path / "build/jetson/sm_87/libwhisper.so.1").exists()


def test_the_list_of_gpus_is_the_compilers_own(tmp_path: Path) -> None:
    nvcc = Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "bin" / "nvcc"
    if not nvcc.exists():
        pytest.skip(f"no {nvcc}; a machine with the CUDA toolkit has it (CUDA_HOME)")
    (tmp_path / "add.cu").write_text("__global__ void add(float *a) { a[threadIdx.x] += 1; }\n")
    codes = [word for gpu in ("87", "90") for word in ("-gencode", f"arch=compute_{gpu},code=sm_{gpu}")]
    command = [str(nvcc), *codes, "-gencode", "arch=compute_90,code=compute_90", "-c", "add.cu", "-o", "add.o"]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    done = subprocess.run([sys.executable, str(ELF), "cubins", str(tmp_path / "add.o")], capture_output=True, text=True)
    assert done.stdout.split() == ["compute_90", "sm_87", "sm_90"]


def test_a_file_that_is_no_library_is_one_line(tmp_path: Path) -> None:
    whole = library(tmp_path / "x", "libx.so", gpu=87).read_bytes()
    for data in (b"", b"text", whole[:60], b"\x7fELF\x02\x01" + bytes(70), whole[:40] + b"\xff" * 24):
        (tmp_path / "f").write_bytes(data)
        done = subprocess.run([sys.executable, str(ELF), "needed", str(tmp_path / "f")], capture_output=True, text=True)
        assert done.returncode in (0, 65) and done.stderr.count("\n") == (done.returncode != 0), done.stderr


def test_the_preset_of_a_jetson_is_a_configuration_for_its_gpu() -> None:
    made = config.Config.default().with_values(dict(leaves(PRESETS["orin-nano"].values)))
    assert made.stt.optimization.device == "auto", "the GPU where there is one, else the processor"
    assert (made.stt.model, made.stt.optimization.compute_type, made.stt.optimization.num_workers) == (
        "base.en",
        "float16",
        4,
    )
    text = SCRIPT.read_text()
    assert "first-boot --preset orin-nano" in text
    for module, gpu in GPUS.items():
        assert f"GPU={gpu}" in next(line for line in text.splitlines() if "GPU=" in line and module in line), module
    flags = (SCRIPT.parent / "cross-cuda.sh").read_text()
    assert "-DGGML_CUDA_NO_VMM=ON" in flags, (
        "with it the driver's own library would be linked, and nothing load without"
    )


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
