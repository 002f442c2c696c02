"""The arrows: what may import what. The house stays readable only while these hold."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "firmware_py"
ROOMS = {"actions", "audio", "vad", "wake", "echo", "stt", "nlu", "respond", "tts", "status", "telemetry", "llm"}
SEES_ALL = {
    "app",
    "conversation",
    "ears",
    "fast_walk",
    "__main__",
    "cli",
    "doctor",
    "replay",
    "service",
    "pipeline",
    "models",
    "__init__",
}

MAY_SEE: dict[str, set[str]] = {
    "errors": set(),
    "events": set(),
    "numerals": set(),
    "ports": {"events"},
    "backends": {"errors"},
    "presets": set(),
    "boards": set(),
    "settings": {"errors"},
    "config": {"errors", "presets", "boards", "settings"},
    "observers": {"errors", "events"},
    "detectors": {"backends", "config", "errors", "models", "ports"},
    "earcons": {"audio", "config", "events"},
    "attention": {"events", "ports"},
    "echo_trust": {"events"},
    "echo_path": {"events", "ports", "echo_trust"},
    "interruption": {"events", "echo_path"},
    "own_level": set(),
    "listen": {"events", "ports", "errors", "attention", "echo_path", "own_level"},
    "near": {"events"},
    "addressed": {"events", "near"},
    "written": {"events", "ports"},
    "draft": {"events", "ports", "errors", "written"},
    "turn": {"events", "ports", "errors", "draft", "addressed", "written"},
    "guard_counts": {"events"},
    "turn_queue": {"events"},
    "failed_turns": {"errors"},
    "devices": {"audio", "backends", "pipeline", "ports"},
    "partials": {"events", "ports", "errors"},
    "controls": {"events"},
    "durable": set(),
    "state": {"durable"},
    "release": {"errors"},
    "first_boot": {"boards", "config", "errors", "models", "settings"},
    "agenda": {"events"},
    "beside": set(),
    "cores": set(),
    "dashboard": {"errors", "telemetry"},
    "pipeline": {
        "addressed",
        "beside",
        "partials",
        "backends",
        "cores",
        "config",
        "detectors",
        "errors",
        "events",
        "listen",
        "models",
        "ports",
        "draft",
        "failed_turns",
        "language_model",
    },
    "language_model": {"backends", "config", "cores", "errors", "models"},
    "models": {"errors", "weights"},
    "weights": {"durable", "errors", "models"},
    "workers": {"errors", "events", "ports", "worker", "backends"},
    "worker": {"errors", "events", "ports", "backends", "workers"},
    **{room: {"errors", "events", room} for room in ROOMS},
    "nlu": {"errors", "events", "numerals"},
    "respond": {"errors", "events", "agenda", "numerals"},
    "tts": {"errors", "events", "numerals"},
}


def first_party(module: Path) -> set[str]:
    """The parts of ours that a module imports, by the first name under ``firmware_py``; compiled ones left out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "firmware_py":
            parts = (node.module or "").split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("firmware_py.")}
    return {name for name in found if not name.startswith("_")}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(module: Path) -> str:
    relative = module.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_layer_may_see(module: Path) -> None:
    part = part_of(module)
    if part in SEES_ALL - set(MAY_SEE):
        return
    assert part in MAY_SEE, f"{part} has no place in the layers yet: add it to MAY_SEE with its arrows"
    assert first_party(module) <= MAY_SEE[part] | {part}, f"{module.relative_to(PACKAGE)} reaches over its layer"


def test_only_the_root_and_the_command_line_name_adapters() -> None:
    adapters = {str(m.relative_to(PACKAGE)) for m in modules() if part_of(m) in {"listen", "turn", "pipeline"}}
    for name in adapters:
        assert not first_party(PACKAGE / name) & ROOMS


def test_importing_the_package_loads_no_engine() -> None:
    """The command line answers --help at once: engines and their libraries are imported late."""
    import subprocess

    heavy = "onnxruntime", "pywhispercpp", "piper", "soxr", "alsaaudio", "hassil", "webrtcvad", "numpy"
    code = (
        "import sys; from firmware_py.cli.entry import make_parser; make_parser();"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(ast.literal_eval(out.stdout)) <= {"numpy"}
