"""Small bundles with everything real but the assistant in them: keys, signature, tar, wheels, pip, units."""

from __future__ import annotations

import base64
import ensurepip
import hashlib
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from firmware_py.release import manifest
from firmware_py.release.manifest import ARCHITECTURES, File

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ".".join(map(str, sys.version_info[:2]))
ARCH = ARCHITECTURES.get(platform.machine(), "amd64")
PIP_PLACES = (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels"))
"""Where Python itself keeps the wheel of pip, and where Debian's does."""
RTVA = "import sys\ndef main():\n    print({version!r})\n    sys.exit({code})\n"


def make_key(folder: Path, name: str = "key") -> tuple[Path, str]:
    """A new private key, and its public half as PEM."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here to sign with; Debian has it as 'openssl'")
    private = folder / f"{name}.pem"
    subprocess.run(("openssl", "genpkey", "-algorithm", "ed25519", "-out", private), check=True)
    done = subprocess.run(("openssl", "pkey", "-in", private, "-pubout"), capture_output=True, text=True, check=True)
    return private, done.stdout


def sign(private: Path, message: Path) -> None:
    out = message.with_name(f"{message.name}.sig")
    subprocess.run(
        ("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", message, "-out", out), check=True
    )


def make_tree(folder: Path, version: str, code: int = 0) -> Path:
    """What a bundle holds, with an ``rtva`` that exits with ``code``."""
    wheels, share = folder / "wheels", folder / "share"
    wheels.mkdir(parents=True)
    pip = next((p for place in PIP_PLACES for p in place.glob("pip-*.whl")), None)
    if pip is None:
        pytest.skip(f"no wheel of pip in {' or '.join(map(str, PIP_PLACES))}; 'apt install python3-pip-whl' brings one")
    shutil.copy(pip, wheels)
    wheel = make_wheel(wheels, version, code)
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (wheels / "requirements.txt").write_text(f"rtva=={version} --hash=sha256:{sha256}\n")
    shutil.copytree(ROOT / "systemd", share / "systemd")
    (share / "rtva" / "models").mkdir(parents=True)
    (share / "rtva" / "models" / "voice.bin").write_bytes(b"the same in all of them" * 99)
    (share / "rtva" / "config.yaml").write_text("workers:\n  mode: process\n")
    return folder


def make_wheel(folder: Path, version: str, code: int) -> Path:
    info = f"rtva-{version}.dist-info"
    files = {
        "rtva_stub.py": RTVA.format(version=version, code=code),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: rtva\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nrtva = rtva_stub:main\n",
    }
    record = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},"
        for name, text in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    path = folder / f"rtva-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def pack(tree: Path, private: Path, arch: str = ARCH, python: str = PYTHON) -> Path:
    """Signs the tree and writes it as a tar beside it."""
    names = sorted(p.relative_to(tree).as_posix() for p in tree.rglob("*") if p.is_file())
    files = {name: File(len(data), hashlib.sha256(data).hexdigest()) for name in names if (data := read(tree, name))}
    (tree / "manifest").write_text(manifest.make("0.1.0", arch, python, files).text())
    sign(private, tree / "manifest")
    return tar(tree, ["manifest", "manifest.sig", *files])


def read(tree: Path, name: str) -> bytes:
    return (tree / name).read_bytes()


def tar(tree: Path, names: list[str]) -> Path:
    out = tree.with_suffix(".tar")
    with tarfile.open(out, "w") as archive:
        for name in names:
            archive.add(tree / name, f"bundle/{name}", recursive=False)
    return out


def make_bundle(folder: Path, private: Path, version: str = "1.0", code: int = 0) -> Path:
    return pack(make_tree(folder / f"v{version.replace('.', '_')}-{code}", version, code), private)
