"""How many sentences are cut, and how long the silence behind one is, by three endpointers.

    .venv/bin/python bench/bench_endpointer.py [--every N] [--draft-ms MS] [--pauses FILE] [--out FILE]

The recordings of ``endpointer_material.py`` walk through the product's own listener once, and what is said up to each
pause is recognised and judged as a draft is. From that follows what each endpointer does, as all three are rules about
the length of a silence:

- rtva: the hangover that the draft's ending asks for, from ``--draft-ms`` behind the pause on;
- the same listener with a fixed hangover of 500 ms;
- the naive chain: webrtcvad (mode 2) on 10 ms frames, over after 500 ms without speech.

A sentence is cut when it is over before its last voiced sample. ``--pauses`` keeps what was recognised, as JSON, so
that other bounds and other rules can be tried without recognising again; a run that was cut short goes on from there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import webrtcvad
from endpointer_material import FOLDER, Sentence, sentences

from firmware_py._ring import Ring
from firmware_py.config import from_text
from firmware_py.draft import Work, utterance
from firmware_py.events import FRAME_SAMPLES, Kind, Transcript
from firmware_py.listen import Listener, ListenSettings
from firmware_py.pipeline import VoicePipeline

PATIENT = ListenSettings(hangover_ms=1500, max_utterance_s=30.0)
NEAR_END = 1600
"""A pause whose speech ends this near to the reference's end is the one behind the sentence."""
HEARD = ("text", "confidence", "is_guided", "score", "margin")
NAIVE_MS = 500
NAIVE_MODE = 2


def pauses(sentence: Sentence, pipeline: VoicePipeline) -> list[dict[str, Any]]:
    """Every pause up to the one behind the sentence: its length, and how what was said before it ends."""
    ring = Ring(1 << 20)
    listener = Listener(ring, pipeline.make_vad(), PATIENT, lambda position: position)
    ring.write(sentence.samples)
    found: list[dict[str, Any]] = []
    for event in listener.decide():
        if event.kind is Kind.PAUSE:
            heard = pipeline.stt.transcribe(utterance(event))
            row = {
                "speech_end": event.speech_end,
                "at_end": event.speech_end >= sentence.end - NEAR_END,
                "ms": None,
                "heard": {name: getattr(heard, name) for name in HEARD},
            }
            found.append(row)
            if row["at_end"]:
                break
        elif found and event.kind is Kind.RESUME:
            found[-1]["ms"] = (event.at - found[-1]["speech_end"]) / 16
        elif event.kind in (Kind.ENDPOINT, Kind.TOO_LONG):
            found[-1]["at_end"] = True  # nothing was said behind it, whatever the reference holds for voice
            break
    return found


def naive(sentence: Sentence) -> dict[str, Any]:
    """The turns that the naive chain makes of a sentence: cut or not, and its silence behind the end."""
    detector, ends, silence, is_speech = webrtcvad.Vad(NAIVE_MODE), [], 0, False
    whole = sentence.samples[: sentence.samples.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    for number, frame in enumerate(whole):
        if detector.is_speech(frame.tobytes(), 16_000):
            is_speech, silence = True, 0
        elif is_speech:
            silence += 1
            if silence * 10 >= NAIVE_MS:
                ends.append((number + 1) * FRAME_SAMPLES)
                is_speech = False
    last = next((end for end in ends if end >= sentence.end), None)
    return {
        "cut": any(end < sentence.end for end in ends),
        "gap_ms": None if last is None else (last - sentence.end) / 16,
    }


def judged(
    rows: list[dict[str, Any]], hangover: Callable[[dict[str, Any]], int], known_ms: int, usual_ms: int
) -> dict[str, Any]:
    """``known_ms`` behind the last voiced sample a draft is done; until then the usual hangover is in force."""
    for pause in rows:
        asked = hangover(pause)
        waited = usual_ms if known_ms > usual_ms else max(asked, known_ms) if asked < usual_ms else asked
        if pause["at_end"]:
            return {"cut": False, "gap_ms": waited}
        if pause["ms"] > waited:
            return {"cut": True, "gap_ms": None}
    return {"cut": False, "gap_ms": None}


def endings(rows: list[dict[str, Any]]) -> dict[str, list[int]]:
    """How often each ending was behind the sentence, and inside it."""
    pauses = [pause for row in rows for pause in row["pauses"]]
    return {
        kind: [sum(p["ending"] == kind and p["at_end"] is at_end for p in pauses) for at_end in (True, False)]
        for kind in sorted({p["ending"] for p in pauses})
    }


def summary(name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    gaps = [r["gap_ms"] for r in results if r["gap_ms"] is not None]
    return {
        "endpointer": name,
        "sentences": len(results),
        "cut": sum(r["cut"] for r in results),
        "gap_ms": [round(float(np.percentile(gaps, p))) for p in (5, 50, 95)],
        "mean_ms": round(statistics.fmean(gaps)),
    }


def recognised(pipeline: VoicePipeline, every: int, keep: Path | None) -> list[dict[str, Any]]:
    if keep is not None and keep.exists():
        kept: list[dict[str, Any]] = json.loads(keep.read_text())
        return kept
    part = None if keep is None else keep.with_suffix(".part")
    rows: list[dict[str, Any]] = json.loads(part.read_text()) if part is not None and part.exists() else []
    pipeline.warm_recognition()
    for sentence in sentences(every)[len(rows) :]:
        row = {"name": sentence.name, "pause_ms": sentence.pause_ms, "naive": naive(sentence)}
        rows.append(row | {"pauses": pauses(sentence, pipeline)})
        print(f"\r{len(rows)}", end="", file=sys.stderr)
        if part is not None and len(rows) % 10 == 0:
            part.write_text(json.dumps(rows))
    if keep is not None:
        keep.write_text(json.dumps(rows))
    return rows


def judge(pipeline: VoicePipeline, rows: list[dict[str, Any]]) -> None:
    """Adds what each pause's words say about it: how they end, and how long the pipeline would wait."""
    for pause in (pause for row in rows for pause in row["pauses"]):
        heard = Transcript(**pause["heard"])
        draft = Work(pause["speech_end"], heard, pipeline.understanding.understand(heard.text))
        patience = pipeline.patience(draft)
        pause["ending"], pause["hangover_ms"] = patience.reason, patience.hangover_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th order (default: all)")
    parser.add_argument(
        "--draft-ms", type=int, default=150, metavar="MS", help="a draft takes this long (default: 150)"
    )
    parser.add_argument("--pauses", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, metavar="FILE", help="writes the tables as Markdown")
    args = parser.parse_args()
    config = from_text(json.dumps({"nlp": {"intents": [str(FOLDER / "coffee" / "intents.yaml")]}}))
    usual_ms, known_ms = config.vad.hangover_ms, config.vad.pause_ms + args.draft_ms
    with VoicePipeline(config) as pipeline:
        rows = recognised(pipeline, args.every, args.pauses)
        judge(pipeline, rows)
    lines = [f"A draft is done {args.draft_ms} ms behind the pause. Silences in ms: 5, 50, 95 %.", ""]
    for title, chosen in (
        ("as recorded", [r for r in rows if not r["pause_ms"]]),
        ("with a pause of 250 to 600 ms", [r for r in rows if r["pause_ms"]]),
    ):
        thrown = sum(not pause["at_end"] for row in chosen for pause in row["pauses"]) / len(chosen)
        lines += [f"## {title[0].upper()}{title[1:]}", ""]
        lines += [f"{thrown:.2f} drafts thrown away a sentence. Endings behind it, inside it: {endings(chosen)}.", ""]
        lines += ["| endpointer | sentences | cut | silence behind one | mean |", "|---|---|---|---|---|"]
        for name, results in (
            ("rtva", [judged(r["pauses"], lambda pause: pause["hangover_ms"], known_ms, usual_ms) for r in chosen]),
            ("fixed 500 ms", [judged(r["pauses"], lambda pause: 500, 0, 500) for r in chosen]),
            ("naive chain", [r["naive"] for r in chosen]),
        ):
            row = summary(name, results)
            silence = ", ".join(map(str, row["gap_ms"]))
            lines.append(f"| {name} | {row['sentences']} | {row['cut']} | {silence} | {row['mean_ms']} |")
        lines.append("")
    print("\n".join(lines))
    if args.out is not None:
        command = f"`.venv/bin/python bench/bench_endpointer.py --every {args.every} --out FILE`"
        args.out.write_text("\n".join(["# When a turn is over", "", f"By {command}.", "", *lines]))


if __name__ == "__main__":
    main()
