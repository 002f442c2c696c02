"""Flips single bits in the real weights, one at a time, and asks for them: ``bitflips.py FOLDER FLIPS SEED``.

FOLDER gets copies of the default weights. Each flip must be refused with BadWeights, naming the file, before an engine
is made; with the bit put back the file must be good again. Prints JSON; ends with 1 when one got through.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from firmware_py import models
from firmware_py.config import Config
from firmware_py.errors import BadWeights
from firmware_py.pipeline import VoicePipeline

ASKS: dict[str, Callable[[], Any]] = {
    "stt": lambda: models.resolve_stt("tiny.en", "int8"),
    "tts": lambda: models.resolve_voice("en_US-joe-medium"),
    "vad": lambda: models.resolve_vad("silero"),
}
"""Kind of weights -> what an engine asks before it loads them."""


@dataclass
class Outcome:
    """``loaded`` are flips after which something was loaded, or nothing said."""

    flips: int = 0
    refused: int = 0
    loaded: list[str] = field(default_factory=list)
    seconds: float = 0.0


def copies(folder: Path) -> dict[str, Path]:
    """The weight files of each kind, copied below ``folder``, which becomes rtva's home."""
    files = {
        "stt": models.resolve_stt("tiny.en", "int8").path,
        "tts": models.resolve_voice("en_US-joe-medium").onnx,
        "vad": models.resolve_vad("silero"),
    }
    store, found = models.home() / "models", {}
    os.environ["RTVA_HOME"] = str(folder)
    for kind, file in files.items():
        target = folder / "models" / file.relative_to(store)
        target.parent.mkdir(parents=True, exist_ok=True)
        for each in [*file.parent.glob("*.json"), file]:
            shutil.copy(each, target.parent)
        found[kind] = target
    return found


def flip(file: Path, bit: int) -> None:
    with file.open("r+b", buffering=0) as data:
        data.seek(bit // 8)
        byte = data.read(1)[0] ^ (1 << bit % 8)
        data.seek(bit // 8)
        data.write(bytes([byte]))


def strike(files: dict[str, Path], kinds: list[str], rng: random.Random) -> Outcome:
    """One flip for each of ``kinds``."""
    outcome, begun = Outcome(), time.monotonic()
    for kind in kinds:
        file = files[kind]
        bit = rng.randrange(file.stat().st_size * 8)
        flip(file, bit)
        outcome.flips += 1
        try:
            ASKS[kind]()
            outcome.loaded.append(f"{file.name} bit {bit}")
        except BadWeights as error:
            outcome.refused += file.name in str(error)
        finally:
            flip(file, bit)
    for ask in ASKS.values():
        ask()
    outcome.seconds = round(time.monotonic() - begun, 1)
    return outcome


def engines_made(kind: str) -> list[str]:
    """The engines that a pipeline makes when it is asked for ``kind``; a refusal is not its failure."""
    made: list[str] = []

    def make(kind: str, name: str, arguments: dict[str, Any]) -> Any:
        made.append(kind)
        raise AssertionError("an engine was made of damaged weights")

    with VoicePipeline(Config.default().with_values({"stt.guided": False}), make_engine=make) as pipeline:
        asks = {"stt": lambda: pipeline.stt, "tts": lambda: pipeline.voice, "vad": pipeline.make_vad}
        try:
            asks[kind]()
        except BadWeights:
            return made
    return [*made, "nothing was refused"]


def main() -> int:
    folder, flips, rng = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    files = copies(folder)
    outcome = strike(files, [list(ASKS)[number % len(ASKS)] for number in range(flips)], rng)
    print(json.dumps(vars(outcome)))
    return int(outcome.refused != outcome.flips)


if __name__ == "__main__":
    sys.exit(main())
