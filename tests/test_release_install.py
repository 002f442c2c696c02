"""``install.sh`` of a bundle: which code it runs, before anything of the bundle was verified."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.release_lab import PYTHON, ROOT

EVIL = "print('EVIL')\n"
PACKAGES = ("firmware_py", "firmware_py/release")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """An unpacked bundle with the real installer and the real code of releases in its wheel."""
    folder = tmp_path / "rtva-1"
    (folder / "wheels").mkdir(parents=True)
    shutil.copy(ROOT / "deploy/bundle/install.sh", folder)
    with zipfile.ZipFile(folder / "wheels/rtva-1-py3-none-any.whl", "w") as wheel:
        for package in PACKAGES:
            for path in (ROOT / package).glob("*.py"):
                wheel.write(path, path.relative_to(ROOT))
    lines = ["rtva-bundle 1", "release 1-0123456789", "arch amd64", f"python {PYTHON}"]
    (folder / "manifest").write_text("\n".join([*lines, f"{'0' * 64} 9 wheels/rtva-1-py3-none-any.whl", ""]))
    return folder


def help_of(bundle: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """``./install.sh --help`` from within the bundle, as root or what looks like it."""
    (bundle.parent / "as-root").mkdir()
    (bundle.parent / "as-root" / "id").write_text("#!/bin/sh\necho 0\n")
    (bundle.parent / "as-root" / "id").chmod(0o755)
    path = f"{bundle.parent / 'as-root'}:{os.environ['PATH']}"
    command = ("./install.sh", "--help")
    return subprocess.run(
        command, cwd=bundle, capture_output=True, text=True, env={**os.environ, "PATH": path} | environment
    )


def test_it_runs_the_wheel_of_the_manifest(bundle: Path) -> None:
    done = help_of(bundle)
    assert done.returncode == 0 and "--uninstall" in done.stdout, done.stderr


@pytest.mark.parametrize("name", ["firmware_py/__init__.py", "argparse.py", "sitecustomize.py"])
def test_code_that_lies_beside_the_manifest_is_not_run(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text(EVIL)
    done = help_of(bundle, PYTHONPATH=str(bundle))
    assert done.returncode == 0 and "EVIL" not in done.stdout and "--uninstall" in done.stdout, done.stderr


def test_a_wheel_that_the_manifest_does_not_name_is_not_run(bundle: Path) -> None:
    with zipfile.ZipFile(bundle / "wheels/rtva-0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("firmware_py/__init__.py", EVIL)
    done = help_of(bundle)
    assert done.returncode == 0 and "EVIL" not in done.stdout, done.stderr


def test_a_bundle_without_its_wheel_is_one_line(bundle: Path) -> None:
    (bundle / "wheels/rtva-1-py3-none-any.whl").unlink()
    done = help_of(bundle)
    assert done.returncode == 65 and "not a whole bundle" in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_documented_commands_find_what_the_manifest_does_not_name(bundle: Path) -> None:
    text = (ROOT / "docs/updates.md").read_text()
    command = next(line.strip() for line in text.splitlines() if line.strip().startswith("find . ! -type d"))
    (bundle / "firmware_py").mkdir()
    (bundle / "firmware_py/__init__.py").write_text(EVIL)
    (bundle / "manifest.sig").write_text("")
    done = subprocess.run(("bash", "-c", command), cwd=bundle, capture_output=True, text=True)
    assert done.stdout.split() == ["firmware_py/__init__.py", "install.sh"], done.stderr


def test_make_clean_spares_the_signing_key(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    key, other = tmp_path / "build/signing/key.pem", tmp_path / "build/bundle/x.tar"
    for path in (key, other):
        path.parent.mkdir(parents=True)
        path.touch()
    for _ in range(2):
        subprocess.run(("make", "clean"), cwd=tmp_path, check=True, capture_output=True)
        assert key.exists() and not other.parent.exists()
