"""A second language: German templates on synthesised speech (espeak-ng), multilingual base, guided and open.

.venv/bin/python bench/bench_recognition_german.py [--model base] [--every N]
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import bench_recognition_speech as speech
import numpy as np
import soxr

from firmware_py import models
from firmware_py.nlu.grammar import compile_understanding
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.stt.whisper_cpp import WhisperCpp

TEMPLATES = """
language: de
intents:
  licht:
    data:
      - sentences: ["schalte das Licht {raum} {zustand}", "mach das Licht {raum} {zustand}"]
  heizung:
    data:
      - sentences: ["stelle die Heizung {raum} auf {grad} Grad"]
lists:
  raum: {values: [im Wohnzimmer, im Schlafzimmer, in der Küche, im Büro, im Flur]}
  zustand: {values: [an, aus]}
  grad: {range: {from: 5, to: 30}}
"""
ROOMS = ("im Wohnzimmer", "im Schlafzimmer", "in der Küche", "im Büro", "im Flur")
OTHERS = (
    "der Zug nach Norden hatte gestern wieder Verspätung", "kannst du mir sagen wie spät es ist",
    "ich hätte gern ein Brot",
    "meine Schwester wohnt seit einem Jahr in Berlin", "schalte das Radio in der Garage ein",
    "wie wird das Wetter morgen",
    "stelle den Wecker auf sieben Uhr", "mach bitte die Tür zu", "das Licht der Sonne ist sehr hell",
    "die Heizung ist schon wieder kaputt",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="base")
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "de.yaml"
        path.write_text(TEMPLATES)
        understanding = HassilUnderstanding([path], builtin=False, language="de")
    weights = models.resolve_stt(args.model, "int8").path
    guidance = {"grammar": compile_understanding(understanding).data()}
    guided = WhisperCpp(weights, threads=1, language="de", guidance=guidance)
    plain = WhisperCpp(weights, threads=1, language="de")
    commands = [
        (f"{verb} das Licht {room} {state}", {"raum": room, "zustand": state})
        for verb, room, state in itertools.product(("schalte", "mach"), ROOMS, ("an", "aus"))
    ]
    commands += [
        (f"stelle die Heizung {room} auf {degrees} Grad", {"raum": room, "grad": degrees})
        for room, degrees in zip(ROOMS * 4, range(6, 26), strict=True)
    ]
    right = {"guided": 0, "open": 0}
    taken = commands[:: args.every]
    for number, (text, slots) in enumerate(taken):
        audio = say(text, number)
        for name, engine in (("guided", guided), ("open", plain)):
            right[name] += dict(understanding.understand(engine.transcribe(audio).text).slots) == slots
    accepted = sum(guided.transcribe(say(text, number)).is_guided for number, text in enumerate(OTHERS))
    print(f"{args.model}, German, espeak-ng: {len(taken)} commands: guided {right['guided']} wholly right,")
    print(f"open {right['open']}; {accepted} of {len(OTHERS)} other sentences accepted")


def say(text: str, number: int) -> np.ndarray:
    """float32 samples of one of four voices."""
    audio, rate = speech.espeak(text, ("de", "de+f2", "de+m3", "de+f4")[number % 4], (140, 160, 175)[number % 3])
    return np.pad(soxr.resample(audio.astype(np.float32) / 32768, rate, speech.RATE_HZ) * 0.5, speech.RATE_HZ // 2)


if __name__ == "__main__":
    main()
