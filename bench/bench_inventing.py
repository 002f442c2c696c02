"""Whether rtva answers when nobody spoke to it: noise, breathing, music, silence, and a television across the room.

    .venv/bin/python bench/bench_inventing.py [--quick] [--only KIND...] [--least DB] [--at-home]
        [--json FILE] [--out FILE]

Everything of ``noise_material.py`` goes through the whole walk with the default configuration (always listening, guided
recognition along the built-in templates) at fast pace, each minute by itself. With ``--at-home`` somebody gave three
orders before, as loud as people's recordings are (``PEOPLE_DB``), so that the usual level is known.

A row a sound and level: minutes, utterances that the detector began, those with words in them, replies, actions that
were done (a reply that only says that it did not understand does nothing), and what stopped the others, by guard.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from arguments import report_parser, tell
from endpointer_material import FOLDER
from noise_material import Piece, pieces
from tables import table

from firmware_py.addressed import FORGET_NS, Addressed
from firmware_py.app import replay
from firmware_py.audio.wav import write_wav
from firmware_py.config import from_text
from firmware_py.controls import NoLoudspeaker
from firmware_py.conversation import begin_conversation
from firmware_py.events import RATE_HZ
from firmware_py.near import LEAST_ORDERS, PEOPLE_DB
from firmware_py.pipeline import VoicePipeline

COLUMNS = ("sound", "dB", "minutes", "utterances", "with words", "replies", "of these orders", "stopped by")


def at_home(pipeline: VoicePipeline) -> None:
    """Who is answered in the walks to come has heard three orders."""
    make_anew = pipeline.make_addressed

    def make() -> Addressed:
        addressed = make_anew()
        for _ in range(LEAST_ORDERS):
            addressed.near.done(PEOPLE_DB, -FORGET_NS)
        return addressed

    vars(pipeline)["make_addressed"] = make


def walked(pipeline: VoicePipeline, piece: Piece, scratch: Path) -> list[dict[str, Any]]:
    """What became of each utterance of a piece."""
    write_wav(scratch / "piece.wav", RATE_HZ, [piece.sound])
    begin_conversation(pipeline, NoLoudspeaker(), act=False)
    return [
        {
            "kind": piece.kind,
            "level_db": piece.level_db,
            "transcript": answer.trace.transcript,
            "intent": answer.trace.intent,
            "reply": answer.trace.reply,
            "guards": list(answer.trace.guards),
            "score": round(answer.trace.guided_score, 3),
            "confidence": round(answer.trace.confidence, 3),
        }
        for answer in replay(pipeline, scratch / "piece.wav")
    ]


def rows(found: list[tuple[Piece, list[dict[str, Any]]]]) -> list[list[str]]:
    """One a sound and level."""
    by: dict[tuple[str, float | None], list[tuple[Piece, list[dict[str, Any]]]]] = {}
    for piece, turns in found:
        by.setdefault((piece.kind, piece.level_db), []).append((piece, turns))
    out = []
    for (kind, level_db), parts in by.items():
        turns = [t for _, some in parts for t in some]
        guards = Counter(t["guards"][-1] if t["guards"] else "nothing" for t in turns if not t["transcript"])
        minutes = sum(p.sound.size for p, _ in parts) / RATE_HZ / 60
        level = "" if level_db is None else f"{level_db:g}"
        done = sum(bool(t["intent"] and t["reply"]) for t in turns)  # what is withheld is not done either
        counts = (len(turns), *(sum(bool(t[key]) for t in turns) for key in ("transcript", "reply")), done)
        stopped = ", ".join(f"{name} {count}" for name, count in guards.most_common())
        out.append([kind, level, f"{minutes:g}", *map(str, counts), stopped])
    return out


def main() -> None:
    parser = report_parser(__doc__, "a minute of kitchen and of television, not five")
    parser.add_argument("--only", nargs="+", metavar="KIND", help="these sounds alone")
    parser.add_argument("--least", default="usual", metavar="DB", help="response_generation.least_level_db")
    parser.add_argument("--at-home", action="store_true", help="three orders were given before")
    args: argparse.Namespace = parser.parse_args()
    config = from_text(f"response_generation: {{least_level_db: {args.least}}}")
    found = []
    with VoicePipeline(config) as pipeline, tempfile.TemporaryDirectory() as scratch:
        pipeline.initialize_components()
        if args.at_home:
            at_home(pipeline)
        for piece in pieces(FOLDER, 1 if args.quick else 5):
            if args.only and piece.kind not in args.only:
                continue
            turns = walked(pipeline, piece, Path(scratch))
            found.append((piece, turns))
            print(piece.kind, piece.level_db, [(t["transcript"], t["intent"]) for t in turns], file=sys.stderr)
    tell(args, "\n".join(table(COLUMNS, rows(found))) + "\n", [turn for _, turns in found for turn in turns])


if __name__ == "__main__":
    main()
