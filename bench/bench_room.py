"""A television while somebody speaks, and what noise suppression and gain control do to detector and recogniser.

    .venv/bin/python bench/bench_room.py [--part ends|words] [--every N] [--quick] [--json FILE] [--out FILE]

``ends``: recordings with a clean begin and end (``vad_material.py``), alone and with a television across the room
(``noise_material.py``) 20 to 5 dB below the voice, which goes on for 8 s behind the sentence. Through the product's
listener with a fixed silence of 500 ms: how long after the last voiced sample the turn ends, turns over before the
sentence is (those the television began before it included), and turns that the television kept open. ``ns`` and
``agc``: WebRTC's suppressor (its level 1) and gain control in front of the listener. ``words``: recorded orders clean
and in kitchen noise at 12 and 6 dB, wholly right along their templates, plain and behind the same processing. Both want
`pip install pywebrtc-audio`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from arguments import report_parser, tell
from endpointer_material import FOLDER
from noise_material import television
from tables import machine, table
from vad_material import Spoken, energy_db, recordings, to_int16

from firmware_py._ring import Ring
from firmware_py.config import from_text
from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Kind, Pcm16
from firmware_py.listen import Listener, ListenSettings
from firmware_py.pipeline import VoicePipeline

Process = Callable[[Pcm16], Pcm16]
BEHIND_S = 8
LEVELS_DB = (None, 20, 15, 10, 5)
WORDS_DB = ("clean", "12", "6")


def arms() -> dict[str, Callable[[], Process]]:
    """Nothing, noise suppression, gain control; each stream needs its own."""
    import pywebrtc_audio as webrtc

    return {
        "plain": lambda: lambda sound: sound,
        "ns": lambda: webrtc.NoiseSuppressor(RATE_HZ, 1, 1).process,
        "agc": lambda: webrtc.GainController(RATE_HZ).process,
    }


def with_television(recording: Spoken, level_db: float | None, behind: Pcm16) -> Pcm16:
    """A second of rest, the recording, and ``BEHIND_S`` more; ``level_db`` below the voice all along."""
    rest = np.random.default_rng(1).normal(0, 4, RATE_HZ)
    sound = np.concatenate([rest, recording.sound, np.random.default_rng(2).normal(0, 4, BEHIND_S * RATE_HZ)])
    if level_db is None:
        return to_int16(sound)
    start = sum(recording.name.encode()) * 400 % (behind.size // 2)
    other = np.resize(behind[start:], sound.size).astype(np.float64)
    levels = energy_db(to_int16(other))
    gain = 10 ** ((recording.level_db - level_db - float(np.percentile(levels, 95))) / 20)
    return to_int16(sound + gain * other)


def ended(pipeline: VoicePipeline, sound: Pcm16, end: int) -> dict[str, Any]:
    """What the listener makes of a sentence that ends at sample ``end``."""
    ring = Ring(1 << 20)
    listener = Listener(ring, pipeline.make_vad(), ListenSettings(), lambda position: position)
    ring.write(sound)
    events = list(listener.decide())
    ends = [e for e in events if e.kind in (Kind.ENDPOINT, Kind.TOO_LONG)]
    last = next((e for e in ends if e.at >= end - FRAME_SAMPLES * 3), None)
    return {
        "heard": any(e.kind is Kind.SPEECH and e.speech_start < end for e in events),
        "cut": any(e.speech_end < end - RATE_HZ // 10 and e is not last for e in ends if e.at < end),
        "delay_ms": None if last is None else (last.at - end) / 16,
    }


def ends(every: int) -> tuple[list[str], list[dict[str, Any]]]:
    found: dict[tuple[str, Any], list[dict[str, Any]]] = defaultdict(list)
    behind = to_int16(8000 * (t := television(FOLDER, np.random.default_rng(7))) / np.abs(t).max())
    made = arms()
    with VoicePipeline(from_text("")) as pipeline:
        for recording in recordings(FOLDER, 1)[::every]:
            end = RATE_HZ + recording.segments[-1][1] * FRAME_SAMPLES
            for level_db in LEVELS_DB:
                sound = with_television(recording, level_db, behind)
                for arm, make in made.items():
                    found[arm, level_db].append(ended(pipeline, np.asarray(make()(sound), np.int16), end))
    rows = []
    for (arm, level_db), results in sorted(found.items(), key=lambda item: (item[0][0], -(item[0][1] or 99))):
        delays = [r["delay_ms"] for r in results if r["delay_ms"] is not None]
        spread = " / ".join(f"{np.percentile(delays, p):.0f}" for p in (50, 95)) if delays else ""
        late = sum(d > 2000 for d in delays) + sum(r["delay_ms"] is None for r in results)
        counts = (sum(r["heard"] for r in results), sum(r["cut"] for r in results), late)
        rows.append([arm, "none" if level_db is None else f"{level_db} dB", len(results), *counts, spread])
    head = (
        "in front",
        "television below",
        "sentences",
        "heard",
        "cut",
        "more than 2 s late",
        "end after, ms, 50 / 95 %",
    )
    return table(head, rows), [{"arm": a, "level_db": level, **r} for (a, level), rs in found.items() for r in rs]


def words(every: int, seconds: float) -> tuple[list[str], list[dict[str, Any]]]:
    import bench_recognition as recognition

    engines = recognition.Engines("tiny.en", 2)
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    made, stop = arms(), time.monotonic() + seconds
    for condition, _name, audio, label in recognition.orders(every):
        if condition not in WORDS_DB:
            continue
        if time.monotonic() > stop and condition == "clean":
            break
        sound = to_int16(audio * 32767)
        for arm, make in made.items():
            heard = engines.guided.transcribe(np.asarray(make()(sound), np.int16))
            meant = engines.understanding.understand(heard.text)
            found[arm, condition].append(
                heard.is_guided and meant.intent == label["intent"] and dict(meant.slots) == label["slots"]
            )
    rows = [[arm, len(found[arm, "clean"]), *(sum(found[arm, condition]) for condition in WORDS_DB)] for arm in made]
    lines = table(("in front", "orders", "right, clean", "at 12 dB", "at 6 dB"), rows)
    return lines, [{"arm": a, "condition": c, "right": rs} for (a, c), rs in found.items()]


def main() -> None:
    parser = report_parser(__doc__, "each fourth of those")
    parser.add_argument("--part", choices=("ends", "words"), help="one of the two")
    parser.add_argument("--every", type=int, default=3, help="each N-th recording")
    parser.add_argument("--seconds", type=float, default=1e9, help="no new order after that")
    args = parser.parse_args()
    every = args.every * (4 if args.quick else 1)
    lines, results = [machine()], []
    for part in (args.part,) if args.part else ("ends", "words"):
        text, rows = ends(every) if part == "ends" else words(every, args.seconds)
        lines += ["", *text]
        results += rows
    tell(args, "\n".join(lines) + "\n", results)


if __name__ == "__main__":
    main()
