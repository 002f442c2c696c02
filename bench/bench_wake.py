"""Wake words: how often they are heard alone and in one breath, what is understood behind them, and what sets them off.

    .venv/bin/python bench/bench_wake.py [--takes N] [--noise] [--json]

Each word is said by the default voice, whose takes differ, and joined without a rest to each of some commands; the
transcript behind a word that was heard is held against that of the command alone. False alarms and near misses are
counted over all recordings of people and the kitchen in ``$RTVA_RECORDINGS``. The time of a frame is of one core, all
four words at once, Python included. ``--noise`` instead: how many takes are heard in kitchen noise at 10 and 0 dB,
plain and behind WebRTC's noise suppression and gain control.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from bench_room import arms
from endpointer_material import FOLDER
from noise_material import kitchen
from vad_material import mixed, spoken, to_int16

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from wake_lab import PHRASES, Speaker, hears, in_a_room, person

from firmware_py import backends
from firmware_py.audio.recording import load
from firmware_py.events import FRAME_SAMPLES, Pcm16

COMMANDS = ("What time is it?", "Set a timer for ten minutes.", "Turn the volume up.", "Flip a coin.")


def behind(engine: Any, sound: Pcm16) -> int | None:
    """The sample where the sentence behind the first word begins, None when no word is heard."""
    engine.reset()
    for start in range(0, sound.size - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        heard = engine.push(sound[start : start + FRAME_SAMPLES])
        if heard is not None and not heard.is_near:
            return start + FRAME_SAMPLES - heard.ago_ms * 16
    return None


def plain(text: str) -> str:
    return text.lower().strip(" .?!")


def said(takes: int) -> dict[str, dict[str, int]]:
    """By word: takes, heard alone, heard in one breath, understood of those."""
    speaker = Speaker()
    stt = speaker.pipeline.stt
    commands = [speaker.say(text) for text in COMMANDS]
    people = FOLDER / "commands" / "what_time_is_it.wav"
    if people.exists():
        commands.append(person(people))
    alone = [plain(stt.transcribe(in_a_room([c, 0.2])).text) for c in commands]
    found = {}
    for word, phrase in PHRASES.items():
        engine = backends.load("wake", "micro")([word])
        counts: Counter[str] = Counter()
        for take in range(takes):
            spoken, command = speaker.say(phrase), commands[take % len(commands)]
            counts["takes"] += 1
            counts["alone"] += hears(engine, in_a_room([1.0, spoken, 1.0])) == [word]
            sound = in_a_room([1.0, spoken, command, 0.5])
            at = behind(engine, sound)
            if at is not None:
                counts["one_breath"] += 1
                counts["understood"] += plain(stt.transcribe(sound[at:]).text) == alone[take % len(commands)]
        found[word] = dict(counts)
    return found


def set_off() -> dict[str, Any]:
    """False alarms and near misses over everything recorded but the wake word's own recording."""
    files = [f for f in sorted(FOLDER.rglob("*")) if f.suffix in (".wav", ".flac") and "mycroft" not in f.name]
    engine = backends.load("wake", "micro")(list(PHRASES))
    alarms: Counter[str] = Counter()
    near: Counter[str] = Counter()
    samples, spent = 0, 0.0
    for file in files:
        sound = np.asarray(load(file), np.int16)
        started = time.thread_time()
        for start in range(0, sound.size - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            heard = engine.push(sound[start : start + FRAME_SAMPLES])
            if heard is not None:
                (near if heard.is_near else alarms)[heard.word] += 1
        spent += time.thread_time() - started
        samples += sound.size
    return {
        "minutes": round(samples / 16_000 / 60, 1),
        "alarms": dict(alarms),
        "near": dict(near),
        "frame_us": round(spent / (samples / FRAME_SAMPLES) * 1e6, 1),
    }


def in_noise(takes: int) -> dict[str, dict[str, int]]:
    """By level and what is in front: takes of all words, and how many are heard."""
    speaker, noise, made = Speaker(), to_int16(kitchen(FOLDER, 0)), arms()
    engine = backends.load("wake", "micro")(list(PHRASES))
    found: dict[str, Counter[str]] = {}
    for word, phrase in PHRASES.items():
        for _ in range(takes):
            said = spoken(word, in_a_room([3.0, speaker.say(phrase), 1.0]))
            for snr_db in (10, 0):
                sound = mixed(said, noise, snr_db)
                for arm, make in made.items():
                    engine.reset()
                    counts = found.setdefault(f"{snr_db} dB, {arm}", Counter())
                    counts["takes"] += 1
                    counts["heard"] += hears(engine, np.asarray(make()(sound), np.int16)) == [word]
    return {name: dict(counts) for name, counts in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takes", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--noise", action="store_true")
    args = parser.parse_args()
    if args.noise:
        print(json.dumps(in_noise(args.takes), indent=1))
        return
    found = {"said": said(args.takes), "set_off": set_off() if FOLDER.is_dir() else {}}
    if args.json:
        print(json.dumps(found))
        return
    for word, counts in found["said"].items():
        print(word, counts)
    print(found["set_off"])


if __name__ == "__main__":
    main()
