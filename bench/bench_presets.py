"""The guide's three Best Configurations, each measured end to end beside the latency that the guide expects.

    .venv/bin/python bench/bench_presets.py [--quick] [--rounds 2] [--json FILE] [--out bench/results/presets.md]

Four spoken questions go through the whole walk of each preset (``rtva --preset``), a process a preset, in turns. Real
pace: capture thread, voice detection, endpointer, draft, answer, a paced virtual speaker with the preset's buffer.
``answer`` is play_first - endpoint, ``gap`` heard - speech_end. Stages: what the parts of a turn without a draft cost,
from the end of the utterance to the first sound, which is what the guide's table adds up. A piece of a preset that is
not here is replaced, and what was replaced by what is printed. The cache of rendered speech is off: it would answer the
second asking at once.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arguments import report_parser, tell
from cells import Cell
from tables import machine, table

from firmware_py.errors import RtvaError

GUIDE = {"low-latency": "100-150 ms", "balanced": "150-250 ms", "high-quality": "300-500 ms"}
"""The guide's expected latency (Best Configurations)."""

QUESTIONS = (
    "What time is it?",
    "What is the date today?",
    "What is twelve times seven?",
    "Set the volume to forty percent.",
)


def assistant(preset: str) -> Callable[[Any], dict[str, Any]]:
    """The loaded and warmed preset: a recording and a mode to the marks of its turn; None to what it is made of."""
    from firmware_py import app, config
    from firmware_py.controls import NoLoudspeaker
    from firmware_py.pipeline import VoicePipeline

    loaded = config.load(None, preset).with_values({"tts.cache.enabled": False})
    pipeline = VoicePipeline(loaded, leaves_core=True)
    pipeline.initialize_components()

    def answer(question: Any) -> dict[str, Any]:
        if question is None:
            return {"notes": pipeline.notes, "engine": pipeline.tts_engine, "drafts": pipeline.drafts}
        app.begin_conversation(pipeline, NoLoudspeaker(), act=False)
        walk = app.converse if question["real"] else app.replay
        turns = [answer.trace for answer in walk(pipeline, Path(question["file"])) if answer.trace.reply]
        if not turns:
            return {}
        turn = turns[0]
        return {"answer": turn.answer_latency_ms, "gap": turn.response_gap_ms, "stages": dict(turn.stages_ms)}

    def undrafted(question: Any) -> dict[str, Any]:
        if question is None or question["real"]:
            return answer(question)
        kept = pipeline.config
        pipeline.config = kept.with_values({"pipeline.processing.mode": "sync"})
        try:
            return answer(question)
        finally:
            pipeline.config = kept

    return undrafted


def record(folder: Path) -> list[Path]:
    """The questions in the default voice, the same for every preset."""
    from firmware_py.audio.wav import write_wav
    from firmware_py.pipeline import VoicePipeline

    files = [folder / f"{number}.wav" for number in range(len(QUESTIONS))]
    with VoicePipeline() as pipeline:
        for file, question in zip(files, QUESTIONS, strict=True):
            write_wav(file, pipeline.tts.rate_hz, pipeline.tts.synthesize(question))
    return files


def measure(files: list[Path], rounds: int) -> dict[str, Any]:
    cells = {preset: Cell(assistant, preset) for preset in GUIDE}
    found: dict[str, list[dict[str, Any]]] = {f"{preset} {real}": [] for preset in GUIDE for real in (True, False)}
    for _ in range(rounds):
        for file in files:
            for real in (True, False):
                for preset, cell in cells.items():
                    found[f"{preset} {real}"].append(cell.ask({"file": str(file), "real": real})[0])
    rows = {}
    for preset, cell in cells.items():
        made = cell.ask(None)[0]
        rows[preset] = summary(found[f"{preset} True"], found[f"{preset} False"]) | made
        rows[preset]["memory_mb"] = round(cell.memory().total_mb)
        cell.close()
    return rows


def summary(real: list[dict[str, Any]], fast: list[dict[str, Any]]) -> dict[str, Any]:
    answered = [turn for turn in real if turn]
    stages = [turn["stages"] for turn in fast if turn]
    names = ("audio", "vad", "stt", "nlu", "reply", "tts_first")
    middle = {name: round(statistics.median(s.get(name, 0.0) for s in stages), 1) for name in names}
    return {
        "answer_ms": round(statistics.median(turn["answer"] for turn in answered), 1),
        "gap_ms": round(statistics.median(turn["gap"] for turn in answered)),
        "stages_ms": middle,
        "total_ms": round(statistics.median(sum(s.get(name, 0.0) for name in names) for s in stages), 1),
        "answered": f"{len(answered)} of {len(real)}",
    }


def report(results: dict[str, Any]) -> str:
    head = ["preset", "the guide expects", "without a draft ms", "speech to text", "first sound", "answer ms", "gap ms"]
    lines = [
        "# The guide's three presets",
        "",
        f"`bench/bench_presets.py`, {results['turns']} turns a preset and pace, {results['machine']}, shared with",
        "other work: compare the rows with each other. Medians. Without a draft: all stages from the end of the",
        "utterance to the first sound. Answer, at real pace with the preset's drafts: from the endpoint to the first",
        "sound handed to the device. Gap: last voiced frame to first sound heard, the hangover included.",
        "",
        *table([*head, "answered", "memory MB"], [_row(preset, r) for preset, r in results["rows"].items()]),
        "",
        "What spoke and what was replaced:",
        "",
    ]
    for preset, r in results["rows"].items():
        lines.append(f"- {preset}: {r['engine']}; {'; '.join(r['notes']) or 'nothing replaced'}")
    return "\n".join(lines) + "\n"


def _row(preset: str, r: dict[str, Any]) -> list[object]:
    answer = r["answer_ms"] if r["drafts"] else f"{r['answer_ms']} (no drafts)"
    stages = r["stages_ms"]["stt"], r["stages_ms"]["tts_first"]
    return [preset, GUIDE[preset], r["total_ms"], *stages, answer, r["gap_ms"], r["answered"], r["memory_mb"]]


def main(argv: list[str] | None = None) -> int:
    parser = report_parser(__doc__, "one question, once")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        try:
            files = record(Path(folder))[: 1 if args.quick else None]
            rounds = 1 if args.quick else args.rounds
            rows = measure(files, rounds)
        except RtvaError as error:
            print(error, file=sys.stderr)
            return error.exit_code
    results = {"machine": machine(), "turns": len(files) * rounds, "rows": rows}
    tell(args, report(results), results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
