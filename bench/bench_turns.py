"""Whole turns at the pace of time, beside the naive chain: how long until the answer is heard, and whom it cut off.

    .venv/bin/python bench/bench_turns.py [--quick] [--preset P] [--json FILE]

The shared orders (with their ``--intents``) and the command recordings go through ``app.converse``: the real threads,
a microphone and a speaker that keep time. The naive chain (``peers.py``: webrtcvad with 500 ms hangover, the wheel's
defaults, whole-sentence Piper) hears the same file right after and says the same reply through a buffer of the same
size.

The known end of speech is the reference of ``vad_material.py``: from energy alone, on recordings so clean that the
threshold hardly matters (marks move by less than 30 ms between 35 and 45 dB below the voice). The response gap is
``heard`` less that reference, for both; a sentence is cut when a turn ended before it. The answer latency is
``play_first - endpoint``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arguments import part_parser, run_part
from measure import RECORDINGS, Part, Row, as_wav, middle, p95, ratio, told
from peer import Peer
from vad_material import recordings

from firmware_py import app
from firmware_py.audio.recording import load as decode
from firmware_py.config import Config, load
from firmware_py.controls import NoLoudspeaker
from firmware_py.events import FRAME_MS, TurnTrace
from firmware_py.pipeline import VoicePipeline


@dataclass(frozen=True)
class Item:
    """A recording and the known end of its speech, in ms of the recording."""

    file: Path
    end_ms: float


def items(limit: int) -> list[Item]:
    """The commands, and up to ``limit`` orders spread over all of them; those without contrast have no reference."""
    files = {file.stem: file for folder in ("coffee", "commands") for file in (RECORDINGS / folder).glob("*.*a*")}
    found = [Item(files[one.name], one.segments[-1][1] * FRAME_MS) for one in recordings(RECORDINGS) if one.segments]
    commands = [item for item in found if item.file.parent.name == "commands"]
    orders = [item for item in found if item.file.parent.name == "coffee"]
    return commands + orders[:: max(1, len(orders) // limit)][:limit]


def ours(pipeline: VoicePipeline, item: Item) -> dict[str, Any]:
    """One conversation of one recording; the turn that counts is the last that had heard the speech."""
    app.begin_conversation(pipeline, NoLoudspeaker(), act=False)
    traces = [answer.trace for answer in app.converse(pipeline, item.file) if answer.trace.transcript]
    if not traces:
        return {"turns": 0, "cut": False, "reply": ""}
    return {
        **fields(traces[-1], item),
        "turns": len(traces),
        "cut": is_cut([t.marks_ms()["endpoint"] for t in traces], item),
    }


def fields(trace: TurnTrace, item: Item) -> dict[str, Any]:
    heard = trace.marks_ms()["heard"]
    return {
        "answer_ms": trace.answer_latency_ms,
        "gap_ms": None if heard is None else heard - item.end_ms,
        "hangover_ms": trace.between_ms("endpoint", "speech_end"),
        "draft_ready": trace.draft_ready,
        "discarded": trace.drafts_discarded,
        "stages_ms": trace.stages_ms,
        "transcript": trace.transcript,
        "intent": trace.intent,
        "reply": trace.reply,
    }


def is_cut(endpoints_ms: list[float | None], item: Item) -> bool:
    return any(ms is not None and ms < item.end_ms for ms in endpoints_ms)


def naive(peer: Peer, item: Item, wav: Path, reply: str, buffer_ms: float) -> dict[str, Any]:
    turns = peer.ask(wav=str(wav), reply=reply or "Sorry, I did not get that.", buffer_ms=buffer_ms)["turns"]
    said = [turn for turn in turns if turn["heard"] is not None]
    return {
        "turns": len(turns),
        "cut": is_cut([turn["endpoint_sample_ms"] for turn in turns], item),
        "gap_ms": said[-1]["heard"] - item.end_ms if said else None,
        "answer_ms": said[-1]["play_first"] - said[-1]["endpoint"] if said else None,
        "transcript": said[-1]["text"] if said else "",
    }


def configuration(preset: str | None) -> Config:
    intents = str(RECORDINGS / "coffee" / "intents.yaml")
    return load(None, preset).with_values({"nlp.intents": [intents], "tts.cache.disk_mb": 0})


def measure(quick: bool, threads: int, scratch: Path, preset: str | None = None) -> Part:
    """Beside the naive chain with ``preset``; without one the low-latency preset follows, for its smaller buffers."""
    config, chosen = configuration(preset), items(4 if quick else 18)
    buffer_ms = config.audio.output.buffer_size / 22_050 * 1e3
    runs: list[dict[str, Any]] = []
    with VoicePipeline(config) as pipeline, Peer("naive chain", threads) as peer:
        pipeline.initialize_components()
        for item in chosen:
            found = ours(pipeline, item)
            theirs = naive(
                peer, item, as_wav(decode(item.file), scratch / f"{item.file.stem}.wav"), found["reply"], buffer_ms
            )
            runs.append({"file": item.file.name, "end_ms": item.end_ms, "ours": found, "naive": theirs})
    part = report(runs, preset or "default")
    if preset is None:
        with VoicePipeline(configuration("low-latency")) as pipeline:
            pipeline.initialize_components()
            part.data["low-latency"] = [ours(pipeline, item) for item in (chosen[::3] if quick else chosen)]
        part.rows += small_buffers(part.data["low-latency"])
    return part


def small_buffers(found: list[dict[str, Any]]) -> list[Row]:
    """What turns with 512 samples a block and a buffer of 1024 take."""
    own = [one for one in found if one.get("answer_ms") is not None]
    answers, gaps = [one["answer_ms"] for one in own], [one["gap_ms"] for one in own]
    ready = sum(one["draft_ready"] for one in own) / len(own)
    guard = f"cut off: {sum(one['cut'] for one in found)} of {len(found)}; answered {len(own)}; ready {ready:.0%}"
    return [
        Row(
            f"{name}, preset low-latency",
            f"P50 <= {wanted[0]} ms, P95 <= {wanted[1]} ms",
            f"P50 {middle(values):.0f} ms, P95 {p95(values):.0f} ms",
            middle(values) <= wanted[0] and p95(values) <= wanted[1],
            guard,
        )
        for name, values, wanted in (("answer latency", answers, (20, 100)), ("response gap", gaps, (350, 600)))
    ]


def report(runs: list[dict[str, Any]], preset: str) -> Part:
    part = Part("turns", f"{len(runs)} recordings at the pace of time, configuration {preset}", data={"runs": runs})
    own = [run["ours"] for run in runs if run["ours"].get("answer_ms") is not None]
    answers = [one["answer_ms"] for one in own]
    ready = sum(one["draft_ready"] for one in own) / len(own)
    discarded = sum(one["discarded"] for one in own) / len(own)
    both = [
        (r["ours"]["gap_ms"], r["naive"]["gap_ms"]) for r in runs if r["ours"].get("gap_ms") and r["naive"]["gap_ms"]
    ]
    gaps = [a for a, _ in both]
    cuts = {side: sum(run[side]["cut"] for run in runs) for side in ("ours", "naive")}
    guard = f"cut off: {cuts['ours']}, naive {cuts['naive']}, of {len(runs)}; answered {len(own)}, naive {len(both)}"
    answer, gap = (middle(answers), p95(answers)), (middle(gaps), p95(gaps))
    shorter = ratio([b for _, b in both], gaps)
    add = part.rows.append
    add(
        Row(
            "answer latency, drafted (play_first - endpoint)",
            "P50 <= 20 ms, P95 <= 100 ms",
            f"P50 {answer[0]:.1f} ms, P95 {answer[1]:.1f} ms",
            answer[0] <= 20 and answer[1] <= 100,
            guard,
        )
    )
    add(
        Row(
            "drafts ready at the endpoint",
            ">= 90 %, at most 0.5 thrown away a turn",
            f"{ready:.0%}, {discarded:.2f} thrown away a turn",
            ready >= 0.9 and discarded <= 0.5,
            guard,
        )
    )
    add(
        Row(
            "response gap (heard - known end of speech)",
            "P50 <= 350 ms, P95 <= 600 ms",
            f"P50 {gap[0]:.0f} ms, P95 {gap[1]:.0f} ms",
            gap[0] <= 350 and gap[1] <= 600,
            guard,
        )
    )
    good = shorter["ratio"] >= 3 and cuts["ours"] <= cuts["naive"]
    title = "response gap of the naive chain over ours"
    add(Row(title, ">= 3 times, no more sentences cut", told(shorter), good, guard))
    add(Row("response gap of the naive chain", "", f"P50 {middle([b for _, b in both]):.0f} ms", None))
    part.data |= {"answer_ms": answers, "gap_ms": {"rtva": gaps, "naive chain": [b for _, b in both]}, "ratio": shorter}
    return part


def main() -> None:
    parser = part_parser(__doc__)
    parser.add_argument("--preset")
    args = parser.parse_args()
    run_part(args, lambda quick, threads, scratch: measure(quick, threads, scratch, args.preset))


if __name__ == "__main__":
    main()
