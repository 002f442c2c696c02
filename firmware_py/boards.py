"""Presets for boards: what each sets, why, and how the board is told from the others.

Figures behind them are from other machines (``bench/results``); none of these boards was at hand but x86.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PERIOD_512 = {"input": {"chunk_size": 512}, "output": {"buffer_size": 1024}}
PERIOD_1024 = {"input": {"chunk_size": 1024}, "output": {"buffer_size": 2048}}
BUFFER_1024 = "46 ms of sound in the device: heard sooner, silent sooner when it is interrupted"
BUFFER_2048 = "93 ms of sound in the device: no gap while a busy board does something else"
PIPER = "the clearest voice that asks for no GPU and no network"
NO_GPU = "recognition has no use for its GPU"


def _recognition(model: str, compute_type: str, threads: int, device: str = "cpu") -> dict[str, Any]:
    optimization = {"device": device, "compute_type": compute_type, "num_workers": threads}
    return {"model": model, "optimization": optimization}


@dataclass(frozen=True)
class Board:
    """``marks`` are what the device tree's model contains; ``reasons`` one line a key that is set."""

    label: str
    marks: tuple[str, ...]
    values: Mapping[str, Any]
    reasons: Mapping[str, str]


BOARDS: dict[str, Board] = {
    "pi4": Board(
        "Raspberry Pi 4",
        ("Raspberry Pi 4", "Raspberry Pi Compute Module 4", "Raspberry Pi 400"),
        {"stt": _recognition("tiny.en", "int8", 3), "audio": PERIOD_1024, "tts": {"engine": "piper"}},
        {
            "stt.model": "the largest model whose answer comes within about a second of four Cortex-A72",
            "stt.optimization.device": NO_GPU,
            "stt.optimization.compute_type": "memory bandwidth decides here: 8-bit weights are half of 16-bit ones",
            "stt.optimization.num_workers": "four cores, one left to listening and speaking",
            "audio.input.chunk_size": "64 ms periods: USB sound on a busy Pi drops shorter ones first",
            "audio.output.buffer_size": BUFFER_2048,
            "tts.engine": PIPER,
        },
    ),
    "pi5": Board(
        "Raspberry Pi 5",
        ("Raspberry Pi 5", "Raspberry Pi Compute Module 5", "Raspberry Pi 500"),
        {"stt": _recognition("tiny.en", "int8", 3), "audio": PERIOD_512, "tts": {"engine": "piper"}},
        {
            "stt.model": "tiny.en had more orders right than base (142 and 137 of 144) in half the time",
            "stt.optimization.device": NO_GPU,
            "stt.optimization.compute_type": "Cortex-A76 multiplies 8-bit integers by dot product instructions",
            "stt.optimization.num_workers": "four cores, one left to listening and speaking",
            "audio.input.chunk_size": "32 ms periods: half the wait, and the processor has time for them",
            "audio.output.buffer_size": BUFFER_1024,
            "tts.engine": PIPER,
        },
    ),
    "orin-nano": Board(
        "Jetson Orin",
        ("Jetson Orin", "Jetson AGX Orin", "IGX Orin", "Orin Nano", "Orin NX"),
        {"stt": _recognition("base.en", "float16", 4, "auto"), "audio": PERIOD_512, "tts": {"engine": "piper"}},
        {
            "stt.model": "the GPU has room for the guide's balanced model; 'rtva models fetch base.en' brings it",
            "stt.optimization.device": "CUDA where it was built (make native-cuda ARCH=87), else the CPU",
            "stt.optimization.compute_type": "the GPU's own arithmetic; on the CPU set int8",
            "stt.optimization.num_workers": "what is not on the GPU; two of six cores stay for listening and Piper",
            "audio.input.chunk_size": "32 ms periods: half the wait, and the processor has time for them",
            "audio.output.buffer_size": BUFFER_1024,
            "tts.engine": PIPER,
        },
    ),
    "x86": Board(
        "PC",
        (),
        {"stt": _recognition("tiny.en", "int8", 4, "auto"), "audio": PERIOD_512, "tts": {"engine": "piper"}},
        {
            "stt.model": "tiny.en had more orders right than base (142 and 137 of 144) in half the time",
            "stt.optimization.device": "CUDA where whisper.cpp was built with it",
            "stt.optimization.compute_type": "AVX2 and VNNI multiply 8-bit integers",
            "stt.optimization.num_workers": "small layers gain little from more; never more than there are cores",
            "audio.input.chunk_size": "32 ms periods: half the wait, and the processor has time for them",
            "audio.output.buffer_size": BUFFER_1024,
            "tts.engine": PIPER,
        },
    ),
}


def recognise(model: str, machine: str) -> str:
    """The preset for a board by its device tree's model, or its processor; "" when there is none."""
    for name, board in BOARDS.items():
        if any(mark in model for mark in board.marks):
            return name
    return "x86" if machine == "x86_64" else ""


def leaves(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """A tree of values by dotted keys."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
