"""How many threads recognition gets, and that none of them spins."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from firmware_py import cores
from firmware_py.config import Config
from firmware_py.pipeline import VoicePipeline


@pytest.mark.parametrize(
    ("wanted", "machine", "leaves_one", "threads"),
    [
        (None, 1, False, 1),
        (None, 2, False, 2),
        (None, 4, False, 4),
        (None, 64, False, 8),
        (None, 1, True, 1),
        (None, 2, True, 2),  # of two cores none can be spared
        (None, 3, True, 2),
        (None, 4, True, 3),
        (None, 64, True, 8),
        (4, 2, False, 2),
        (4, 4, True, 3),
        (2, 4, True, 2),
        (16, 64, False, 16),  # who asks for more than the cap gets it
        (1, 8, True, 1),
    ],
)
def test_the_choice(wanted: int | None, machine: int, leaves_one: bool, threads: int) -> None:
    assert cores.recognition_threads(wanted, machine, leaves_one=leaves_one) == threads


@pytest.mark.parametrize(("leaves_core", "threads"), [(False, 4), (True, 3)])
def test_recognition_is_made_with_it(
    monkeypatch: pytest.MonkeyPatch, weights: object, leaves_core: bool, threads: int
) -> None:
    monkeypatch.setattr(cores, "available", lambda: 4)
    asked: dict[str, object] = {}

    def make_engine(kind: str, name: str, arguments: dict[str, object]) -> object:
        asked.update(arguments)
        return object()

    config = Config.default().with_values({"stt.guided": False})
    with VoicePipeline(config, make_engine=make_engine, leaves_core=leaves_core) as pipeline:
        _ = pipeline.stt
    assert asked["threads"] == threads


@pytest.mark.parametrize(
    ("most", "wanted", "recognition", "voice"),
    [(None, None, 8, None), (4, None, 4, 4), (1, None, 1, 1), (2, 6, 2, 2), (6, 3, 3, 4), (32, None, 8, 4)],
)
def test_max_workers_bounds_both_engines(
    monkeypatch: pytest.MonkeyPatch,
    weights: object,
    most: int | None,
    wanted: int | None,
    recognition: int,
    voice: int | None,
) -> None:
    monkeypatch.setattr(cores, "available", lambda: 8)
    asked: dict[str, dict[str, object]] = {}

    def make_engine(kind: str, name: str, arguments: dict[str, object]) -> object:
        asked[kind] = arguments
        return object()

    values = {"stt.guided": False, "pipeline.processing.max_workers": most, "stt.optimization.num_workers": wanted}
    config = Config.default().with_values(values)
    with VoicePipeline(config, make_engine=make_engine) as pipeline:
        _ = pipeline.stt, pipeline.voice
    assert asked["stt"]["threads"] == recognition and asked["tts"].get("num_threads") == voice


def test_one_worker_reports_no_text_so_far() -> None:
    values = {"stt.partial_results": True, "stt.streaming": True}
    found = []
    for most in (None, 1, 2):
        config = Config.default().with_values({**values, "pipeline.processing.max_workers": most})
        found.append(VoicePipeline(config).wants_partials)
    assert found == [True, False, True]


def test_the_affinity_of_the_process_counts() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from firmware_py import cores; print(cores.available())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "1\n"


def test_no_thread_of_whisper_spins_for_long() -> None:
    """libgomp reads its environment when it is loaded, so this asks libgomp itself."""
    code = "import firmware_py.stt.whisper_cpp, _pywhispercpp"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    environment |= {"OMP_DISPLAY_ENV": "verbose"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    if "OMP_WAIT_POLICY" not in done.stderr:
        pytest.skip("this build of whisper.cpp has no OpenMP; one that has runs this")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr and "GOMP_SPINCOUNT = '1000'" in done.stderr


def test_no_thread_of_onnxruntime_spins() -> None:
    """The voice's pools are told so; the detector works in the thread that calls it and has none."""
    from firmware_py.tts.sessions import session_options

    options = session_options()
    for pool in ("intra_op", "inter_op"):
        assert options.get_session_config_entry(f"session.{pool}.allow_spinning") == "0"


def test_the_detector_has_no_pool(weights: object) -> None:
    from firmware_py import models
    from firmware_py.vad.silero import SileroVad

    options = SileroVad(models.resolve_vad("silero"))._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
