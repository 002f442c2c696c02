"""The wheelhouse of a bundle: the packages as wheels for one architecture and Python, locked by hash.

rtva itself and pyalsaaudio, for which the index has no wheels, are compiled here: for another architecture by Debian's
cross compiler against this Python's headers, with the platform's own libasound.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD_TOOLS = ("setuptools==84.2.1", "wheel==0.48.0", "cython==3.3.1")
PIP = "pip==25.3"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
TRIPLES = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
NEWEST_GLIBC = 35
"""Of 2.x: Ubuntu 22.04 (JetPack 6) has 2.35, Debian 12 2.36."""
COMPILED = ("pyalsaaudio",)
LIBASOUND = "usr/lib/aarch64-linux-gnu/libasound.so.2"


class CannotBuild(Exception):
    """One line that says what is missing."""


@dataclass(frozen=True)
class Target:
    arch: str
    python: str
    work: Path
    """Where everything of this target is made."""

    @property
    def is_cross(self) -> bool:
        return MACHINES[self.arch] != platform.machine()

    @property
    def tag(self) -> str:
        return f"cp{self.python.replace('.', '')}"


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, cwd=ROOT)
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise CannotBuild(f"{Path(command[0]).name} {command[1]}: {' | '.join(lines[-4:])[:600]}")
    return done.stdout


def find_python(version: str) -> Path:
    """An interpreter of this version: on the path and willing (pyenv's may refuse), or in ~/.pyenv."""
    found = shutil.which(f"python{version}", path="/usr/bin:" + os.environ.get("PATH", ""))
    if found and subprocess.run((found, "-c", ""), capture_output=True).returncode:
        found = None
    there = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python{version}"))
    if not found and not there:
        raise CannotBuild(f"no python{version} here; PY names another one")
    return Path(found) if found else there[-1]


def house(target: Target, sysroot: Path | None) -> Path:
    """The folder of wheels with its ``requirements.txt``. Raises CannotBuild."""
    wheels = target.work / "wheels"
    shutil.rmtree(target.work, ignore_errors=True)
    wheels.mkdir(parents=True)
    python = environment(target)
    settings = cross(target, sysroot) if target.is_cross else native()
    source = copy_of_source(target)
    build = (
        python,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-cache-dir",
        "--wheel-dir",
    )
    for package in COMPILED:
        run(*build, wheels, "--no-binary", package, "--constraint", "constraints.txt", package, **settings)
    run(*build, wheels, source, **settings)
    download(target, python, wheels)
    for wheel in wheels.glob("*linux_*.whl"):
        check_glibc(wheel)
    lock(wheels)
    return wheels


def environment(target: Target) -> Path:
    """The Python with the tools that compile; kept from one bundle to the next."""
    folder = target.work.parent / f"tools-{target.python}"
    wanted = "\n".join((*BUILD_TOOLS, PIP))
    python, stamp = folder / "bin" / "python", folder / ".tools"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        run(find_python(target.python), "-m", "venv", folder)
        install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(*install, *BUILD_TOOLS, PIP)
        run(*install, "--constraint", "constraints.txt", "numpy")
        stamp.write_text(wanted)
    return python


def native() -> dict[str, str]:
    return {"CFLAGS": "-g0", "LDFLAGS": "-s", "PYTHONHASHSEED": "0"}


def cross(target: Target, sysroot: Path | None) -> dict[str, str]:
    """The environment in which setuptools compiles for ``target``: its compiler, name endings and libraries."""
    triple, host = TRIPLES[target.arch], TRIPLES["amd64"]
    if shutil.which(f"{triple}-gcc") is None:
        raise CannotBuild(f"no {triple}-gcc (apt install gcc-{triple})")
    if sysroot is None or not (sysroot / LIBASOUND).exists():
        raise CannotBuild("no root file system of the target with libasound2 (deploy/bundle/arm64.sh makes one)")
    work = target.work / "cross"
    (work / "include").mkdir(parents=True)
    (work / "include" / "alsa").symlink_to("/usr/include/alsa")
    config = Path(f"/usr/include/{host}/python{target.python}")
    if config.exists():  # Debian's pyconfig.h looks for one of the architecture; the two are both 64 bit, little endian
        (work / "include" / triple).mkdir()
        (work / "include" / triple / config.name).symlink_to(config)
    (work / "libasound.so").symlink_to((sysroot / LIBASOUND).resolve())
    python = environment(target)
    ask = "import sysconfig; n = sysconfig._get_sysconfigdata_name(); print(n, __import__(n).__file__)"
    name, file = run(python, "-c", ask).split()
    text = Path(file).read_text().replace(f"{host}.so", f"{triple}.so").replace(f"{host}-gcc", f"{triple}-gcc")
    (work / f"{name}.py").write_text(text)
    compiler = f"{triple}-gcc"
    return native() | {
        "CC": compiler,
        "LDSHARED": f"{compiler} -shared",
        "CFLAGS": f"-g0 -I{work / 'include'}",
        "LDFLAGS": f"-s -L{work}",
        "PYTHONPATH": str(work),
        "_PYTHON_SYSCONFIGDATA_NAME": name,
        "_PYTHON_HOST_PLATFORM": f"linux-{MACHINES[target.arch]}",
    }


def copy_of_source(target: Target) -> Path:
    """The tracked files alone: what lies about in a checkout gets into no wheel, nor do the modes of its umask."""
    source = target.work / "source"
    for entry in run("git", "ls-files", "--stage", "-z").split("\0"):
        fields, _, name = entry.partition("\t")
        if name and (name.startswith(("firmware_py/", "ext/", "models/")) or "/" not in name):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
            (source / name).chmod(0o755 if fields.startswith("100755") else 0o644)
    for folder in (source, *(path for path in source.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    return source


def download(target: Target, python: Path, wheels: Path) -> None:
    own = next(wheels.glob("rtva-*.whl"))
    platforms = [f"manylinux_2_{minor}_{MACHINES[target.arch]}" for minor in range(17, NEWEST_GLIBC + 1)]
    platforms += [f"manylinux2014_{MACHINES[target.arch]}", f"linux_{MACHINES[target.arch]}"]
    chosen = [word for each in platforms for word in ("--platform", each)]
    run(
        python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", *chosen,
        "--implementation", "cp", "--python-version", target.python, "--abi", target.tag, "--abi", "abi3", "--abi",
        "none", "--find-links", wheels, "--constraint", "constraints.txt", "--dest", wheels,
        f"{own}[gpio,mqtt,wake]", PIP,
    )  # fmt: skip


def check_glibc(wheel: Path) -> None:
    """Raises CannotBuild when a wheel compiled here wants a newer C library than the oldest board has."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".so"):
                data = archive.read(name)
                for minor in range(NEWEST_GLIBC + 1, 60):
                    if b"GLIBC_2.%d\0" % minor in data:
                        raise CannotBuild(f"{wheel.name}: {name} needs glibc 2.{minor}")


def facts(wheel: Path) -> dict[str, str]:
    """Name, version and licence, as the wheel's own metadata has them."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA") and n.count("/") == 1)
        headers = HeaderParser().parsestr(archive.read(name).decode("utf-8"))
    licence = headers["License-Expression"] or headers["License"] or ""
    classifiers = [c.rpartition(" :: ")[2] for c in headers.get_all("Classifier", []) if c.startswith("License ::")]
    if len(licence) > 80 or not licence:  # some put the whole text there
        licence = ", ".join(classifiers)
    return {"name": headers["Name"], "version": headers["Version"], "licence": licence}


def lock(wheels: Path) -> None:
    lines = []
    for wheel in sorted(wheels.glob("*.whl")):
        found, sha256 = facts(wheel), hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found["name"] != "pip":
            lines.append(f"{found['name']}=={found['version']} --hash=sha256:{sha256}")
    (wheels / "requirements.txt").write_text("\n".join(sorted(lines, key=str.lower)) + "\n")


if __name__ == "__main__":
    print(house(Target(sys.argv[1], sys.argv[2], Path(sys.argv[3])), None))
