"""The guide's two benchmark listings, one after the other in one file, with only the import line changed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

LISTINGS = Path(__file__).parent / "data" / "guide_listings.py.txt"
"""The listings as the guide prints them (its Benchmarking section)."""


def test_the_guides_listings_run(weights: Path, tmp_path: Path) -> None:
    from firmware_py import models
    from firmware_py.errors import RtvaError

    try:
        models.resolve_stt("base.en", "int8")
    except RtvaError as error:
        pytest.skip(f"{error}")
    source = LISTINGS.read_text()
    assert source.count("from src.pipeline import VoicePipeline") == 1
    source = source.replace("from src.pipeline import VoicePipeline", "from firmware_py import VoicePipeline")
    source = re.sub(r"range\(100\)", "range(3)", source)  # fewer rounds; the code is the guide's
    source = re.sub(r"start_time < 60", "start_time < 2", source)
    (tmp_path / "listing.py").write_text(source)
    done = subprocess.run([sys.executable, "listing.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Avg Latency: \d+\.\d\dms\nP50: .*\nP95: .*\nP99: .*\nThroughput: \d+\.\d\d", done.stdout)
