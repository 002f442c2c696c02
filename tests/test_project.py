"""What the design card says a stranger finds at the top of the project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES_AND_REASONS: dict[str, str] = {}
"""Files over 400 lines, each with the reason that its first lines give."""


@pytest.mark.parametrize("name", ["firmware_py", "ext", "models", "systemd", "tests", "setup.py", "pyproject.toml"])
def test_the_cards_top_level_is_there(name: str) -> None:
    assert (ROOT / name).exists()


def test_the_package_is_typed() -> None:
    assert (ROOT / "firmware_py" / "py.typed").is_file()


def test_no_module_is_a_house_nobody_wants_to_live_in() -> None:
    sources = [*(ROOT / "firmware_py").rglob("*.py"), *(ROOT / "ext").glob("*.pyx"), *(ROOT / "ext").glob("*.h")]
    long = {p.name for p in sources if len(p.read_text().splitlines()) > 400}
    assert long <= set(MODULES_AND_REASONS)


def test_no_weights_in_the_tree() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout; a clone runs it")
    assert not [f for f in tracked.stdout.split() if f.endswith((".onnx", ".bin", ".gguf", ".flac"))]


def test_the_makefile_says_what_it_can() -> None:
    out = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"demo", "test", "check"} <= {line.split()[0] for line in out.stdout.splitlines()}


def test_python_is_one_of_the_supported() -> None:
    assert (3, 10) <= sys.version_info[:2] <= (3, 13)
