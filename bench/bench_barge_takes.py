"""Words of a person over an answer, in ten takes of the answer: whether they hang on what the loudspeaker says.

    .venv/bin/python bench/bench_barge_takes.py [--takes N] [--ratios DB ...] [--json FILE] [--out FILE]

Two recorded commands (``$RTVA_RECORDINGS``), each over the second of two answers, in a room of 80 ms, as loud above the
echo as ``--ratios`` says; the answers are other takes of the default voice each time (``tests/takes.py``), and their
delay is told up to 2 ms wrongly. A row a ratio: sentences, those that interrupted, words wrong against the same
recording in a quiet room, and sentences of which all words came through.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from arguments import report_parser, tell
from bench_barge import distance
from endpointer_material import FOLDER
from tables import table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from echo_lab import Room, Simulated, Sound, level_db, scene
from takes import VOICE_HZ, take
from wake_lab import person

from firmware_py.events import RATE_HZ, Kind, Pcm16
from firmware_py.pipeline import VoicePipeline

ANSWERS = (
    "You have three alarms: one at half past six on weekdays, one at eight on Saturday, and one at nine tomorrow.",
    "The timer for the pasta has four minutes and thirty seconds left, and the one for the oven has one hour left.",
)
COMMANDS = ("what_time_is_it", "turn_on_living_room_lamp")
PERSON_DB, DELAY_MS = -30.0, 80.0
COLUMNS = ("louder than the echo by, dB", "sentences", "interrupted", "words wrong", "of", "sentences whole")


class Bench:
    """The engines, and who speaks."""

    def __init__(self) -> None:
        self.pipeline = VoicePipeline()
        self.said: dict[str, Sound] = {}
        for name in COMMANDS:
            sound = person(FOLDER / "commands" / f"{name}.wav").astype(float)
            self.said[name] = sound * 10 ** ((PERSON_DB - level_db(sound)) / 20)
        self.known = {name: self.words(self.run(Room(), [], np.pad(s, RATE_HZ))) for name, s in self.said.items()}

    def run(self, room: Room, placed: list[tuple[int, Pcm16]], sound: Sound) -> Simulated:
        stage = scene(self.pipeline.make_vad(), self.pipeline.listen_settings())
        return stage.run(room, placed, VOICE_HZ, np.pad(sound, (0, RATE_HZ)))

    def words(self, found: Simulated) -> list[str]:
        texts = [self.pipeline.stt.transcribe(e.audio).text for e in found.events if e.kind is Kind.ENDPOINT]
        return "".join(c if c.isalnum() else " " for c in " ".join(texts).lower()).split()

    def over(self, name: str, seed: int, ratio_db: float) -> dict[str, Any]:
        """One command over the second answer of a take."""
        answers, placed, at = [take(text, seed) for text in ANSWERS], [], RATE_HZ
        for answer in answers:
            placed.append((at, answer))
            at += answer.size * RATE_HZ // VOICE_HZ + RATE_HZ
        begin, said = placed[1][0] + 2 * RATE_HZ, self.said[name]
        sound = np.zeros(at)
        sound[begin : begin + said.size] = said
        room = Room(DELAY_MS, PERSON_DB - ratio_db - level_db(answers[1]))
        found = self.run(room, placed, sound)
        heard = self.words(found)
        return {
            "ratio_db": ratio_db,
            "seed": seed,
            "command": name,
            "heard": " ".join(heard),
            "wrong": distance(self.known[name], heard),
            "words": len(self.known[name]),
            "interrupted": bool(found.ended_at),
        }


def cells(ratio_db: float, found: list[dict[str, Any]]) -> list[str]:
    counts = (len(found), *(sum(row[key] for row in found) for key in ("interrupted", "wrong", "words")))
    return [f"{ratio_db:g}", *map(str, counts), str(sum(not row["wrong"] for row in found))]


def main() -> None:
    parser = report_parser(__doc__, "two takes")
    parser.add_argument("--takes", type=int, default=10)
    parser.add_argument("--ratios", type=float, nargs="+", default=[15.0, 8.0, 0.0], metavar="DB")
    args: argparse.Namespace = parser.parse_args()
    bench, rows = Bench(), []
    for seed in range(1, (2 if args.quick else args.takes) + 1):
        for ratio_db in args.ratios:
            rows += [bench.over(name, seed, ratio_db) for name in COMMANDS]
            print(*rows[-2:], sep="\n", file=sys.stderr)
    lines = [cells(ratio_db, [row for row in rows if row["ratio_db"] == ratio_db]) for ratio_db in args.ratios]
    tell(args, "\n".join(table(COLUMNS, lines)) + "\n", rows)


if __name__ == "__main__":
    main()
