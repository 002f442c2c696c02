"""The CUDA toolkit for ``native.py cuda ARCH``: found, asked what it knows, and made whole where it lacks cuBLAS.

ggml's CUDA part links cuBLAS. NVIDIA's own installers and JetPack bring it; a toolkit put together from packages of the
Python index, or Debian's compiler alone, may not. Then a copy of the toolkit is completed with the index's package of
the same version, and the two libraries that the result needs go into .venv beside it, where its run path finds them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

HOMES = (os.environ.get("CUDA_HOME", ""), "/usr/local/cuda", "/opt/cuda", "/usr/lib/cuda")
# Where the index's packages for CUDA 13, and for 12, put their libraries, beside our own in site-packages.
FOLDERS = ("nvidia/cu13/lib", "nvidia/cublas/lib", "nvidia/cuda_runtime/lib")


class Lacking(Exception):
    """What is missing, in one line."""


def known_compiler(arch: str) -> str:
    """The nvcc that builds for ``arch``. Lacking without one, or for an architecture that it does not know."""
    if not re.fullmatch(r"[0-9]{2,3}", arch):
        raise Lacking(f"{arch!r} is no GPU architecture; ARCH=87 is Jetson Orin (nvidia-smi --query-gpu=compute_cap)")
    nvcc = find_nvcc()
    done = subprocess.run([nvcc, "--list-gpu-arch"], capture_output=True, text=True)
    known = re.findall(r"compute_([0-9]+)", done.stdout)
    if done.returncode or arch not in known:
        raise Lacking(f"{nvcc} does not build for {arch}; it knows {', '.join(known) or 'nothing'}")
    return nvcc


def find_nvcc() -> str:
    """The compiler of a CUDA toolkit; a toolkit's folder before a wrapper on the path."""
    for home in HOMES:
        if home and (Path(home) / "bin" / "nvcc").exists():
            return str(Path(home) / "bin" / "nvcc")
    found = shutil.which("nvcc")
    if found is None:
        raise Lacking("no nvcc: install NVIDIA's CUDA toolkit (Jetson: apt install cuda-toolkit), or set CUDA_HOME")
    return found


def flags(arch: str, home: Path) -> dict[str, str]:
    """What CMake is told.

    Without the driver's library (VMM) the result loads on a machine that has no driver, and finds no device there.
    Without flash attention, which rtva does not use: with a reduced audio context it attends to stale padding.
    """
    return {
        "GGML_CUDA": "ON",
        "GGML_CUDA_NO_VMM": "ON",
        "GGML_CUDA_FA": "OFF",
        "GGML_CUDA_NCCL": "OFF",
        "CMAKE_CUDA_ARCHITECTURES": arch,
        "CMAKE_CUDA_COMPILER": str(home / "bin" / "nvcc"),
        "CMAKE_INSTALL_RPATH": ";".join(["$ORIGIN", *(f"$ORIGIN/{folder}" for folder in FOLDERS), str(home / "lib64")]),
    }


def home_of(nvcc: str) -> Path:
    """The toolkit's folder. ``bin/nvcc`` may be a wrapper or a link, lib64 beside it decides."""
    return Path(nvcc).resolve().parent.parent


def has_cublas(home: Path) -> bool:
    folders = [home / "lib64", *sorted((home / "targets").glob("*/lib"))]
    return any((folder / "libcublas.so").exists() for folder in folders) and (home / "include/cublas_v2.h").exists()


def packages(nvcc: str) -> list[str]:
    """cuBLAS and the runtime of nvcc's version, as the index calls them."""
    said = subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout
    release = re.search(r"release ([0-9]+)\.([0-9]+)", said)
    if release is None:
        raise Lacking(f"{nvcc} --version names no release")
    suffix = "" if int(release[1]) >= 13 else f"-cu{release[1]}"
    return [f"nvidia-{name}{suffix}=={release[1]}.{release[2]}.*" for name in ("cublas", "cuda-runtime")]


def completed(nvcc: str, store: Path, pip: Callable[[list[str]], None]) -> Path:
    """A copy of the toolkit below ``store`` with cuBLAS in it; made once.

    ``pip`` runs pip with the arguments given, and raises with one line when that fails.
    """
    home = home_of(nvcc)
    cublas = packages(nvcc)[0]
    target = store / ("toolkit-" + re.sub(r"[^0-9.]+", "", cublas.split("==")[1]).strip("."))
    if has_cublas(target):
        return target
    print(f"==> {home} has no cuBLAS: {cublas} from the package index (400 MB or more) into a copy of it", flush=True)
    shutil.rmtree(target, ignore_errors=True)
    made = target.with_suffix(".new")
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(home, made / "toolkit", symlinks=True, copy_function=_linked)
    pip(["download", "--no-deps", "--only-binary", ":all:", "--dest", str(made), cublas])
    with zipfile.ZipFile(next(made.glob("*.whl"))) as package:
        package.extractall(made / "package")
    for folder, into in (("include", "include"), ("lib", "lib64")):
        for file in (made / "package").glob(f"nvidia/*/{folder}/*"):
            shutil.move(file, made / "toolkit" / into / file.name)
    for library in (made / "toolkit" / "lib64").glob("libcublas*.so.[0-9]*"):
        library.with_suffix("").symlink_to(library.name)
    (made / "toolkit").rename(target)
    shutil.rmtree(made)
    return target


def _linked(source: str, target: str) -> None:
    """A second name where the file system allows it: a toolkit has gigabytes."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


if __name__ == "__main__":
    sys.exit("cuda.py is a part of native.py: make native-cuda ARCH=87")
