"""Where to put the threshold of the repair: recorded orders that come out right against other speech that is accepted.

    .venv/bin/python bench/repair_threshold.py [--model tiny.en] [--texts FILE] [--show]

Orders: the transcripts of ``coffee/*.flac`` in ``$RTVA_RECORDINGS`` (default ``../shared/speech``), kept in
``--texts`` (default ``build/bench/orders-MODEL.json``) once they are made. Other speech: ``data/other_speech.txt``.
Both are split in two by a hash of their name, so that a threshold chosen on one half is reported on the other.
``exact`` is no repair at all. ``--show`` lists what is accepted at the threshold in force. ``--rapidfuzz``
measures a reader of slots that rapidfuzz makes easy: of each list the value most like a part of the text.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path

from firmware_py.nlu.hassil import REPAIR_THRESHOLD, HassilUnderstanding
from firmware_py.nlu.normalize import words

HERE = Path(__file__).resolve().parent
FOLDER = Path(os.environ.get("RTVA_RECORDINGS", HERE.parents[1] / "shared" / "speech")) / "coffee"
THRESHOLDS = (0.60, 0.65, 0.70, 0.75, 0.78, 0.80, 0.82, 0.85, 0.90, 0.95, 1.0)
LOWEST = 0.5

Scored = list[tuple[str, float, bool]]  # what it was, its score, whether it is right


def half(name: str) -> int:
    """0 to tune on, 1 held out."""
    return hashlib.sha256(name.encode()).digest()[0] & 1


def transcripts(model: str, kept: Path) -> dict[str, str]:
    """What the model writes for each order, from ``kept`` if it is there."""
    if not kept.exists():
        from firmware_py import models
        from firmware_py.audio.recording import load
        from firmware_py.stt.whisper_cpp import WhisperCpp

        weights = models.resolve_stt(model, "int8")
        engine = WhisperCpp(weights.path, language=weights.language or "en")
        texts = {file.name: engine.transcribe(load(file)).text for file in sorted(FOLDER.glob("*.flac"))}
        engine.close()
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(texts, indent=1))
    return dict(json.loads(kept.read_text()))


def other_speech() -> list[str]:
    lines = (HERE / "data" / "other_speech.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def orders(texts: dict[str, str]) -> Scored:
    """Scores of the orders; right is every slot right."""
    understanding = HassilUnderstanding((FOLDER / "intents.yaml",), builtin=False, repair_threshold=LOWEST)
    labels = json.loads((FOLDER / "labels.json").read_text())
    found = {name: understanding.understand(texts[name]) for name in labels}
    return [
        (name, u.score, u.intent == labels[name]["intent"] and dict(u.slots) == labels[name]["slots"])
        for name, u in found.items()
    ]


def others(understanding: HassilUnderstanding) -> Scored:
    """Scores of other speech; none of it is right."""
    return [(text, understanding.understand(text).score, False) for text in other_speech()]


def share(scored: Scored, part: int | None, threshold: float, *, right: bool) -> str:
    """The share of a half (None: of all) that is accepted, and right if ``right``."""
    chosen = [s for s in scored if part is None or half(s[0]) == part]
    hits = sum(score >= threshold and (ok or not right) for _, score, ok in chosen)
    return f"{hits / len(chosen):.3f}"


def with_rapidfuzz(texts: dict[str, str], cutoff: float) -> float:
    """The share of orders wholly right by ``partial_ratio`` of every list value; the longest good match goes first."""
    import yaml
    from rapidfuzz import fuzz

    labels = json.loads((FOLDER / "labels.json").read_text())
    lists = yaml.safe_load((FOLDER / "intents.yaml").read_text())["lists"]
    values = [(name, value, " ".join(words(value))) for name, body in lists.items() for value in body["values"]]
    right = 0
    for file, label in labels.items():
        text = " ".join(words(texts[file]))
        found = [(fuzz.partial_ratio_alignment(said, text, score_cutoff=cutoff), *v) for *v, said in values]
        slots: dict[str, str] = {}
        taken: set[int] = set()
        for match, name, value in sorted(
            ((m, n, v) for m, n, v in found if m and m.dest_end > m.dest_start),
            key=lambda f: -f[0].score * (f[0].dest_end - f[0].dest_start),
        ):
            if name not in slots and taken.isdisjoint(range(match.dest_start + 1, match.dest_end - 1)):
                slots[name] = value
                taken.update(range(match.dest_start, match.dest_end))
        right += slots == label["slots"]
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--texts", type=Path, metavar="FILE")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--rapidfuzz", action="store_true")
    args = parser.parse_args()
    kept = args.texts or HERE.parent / "build" / "bench" / f"orders-{args.model}.json"
    own = orders(transcripts(args.model, kept))
    as_order = others(HassilUnderstanding((FOLDER / "intents.yaml",), builtin=False, repair_threshold=LOWEST))
    as_built_in = others(HassilUnderstanding(repair_threshold=LOWEST))
    print(f"{len(own)} orders read by {args.model}, {len(as_order)} other sentences\n")
    print("| threshold | orders right: tune | held out | all | others taken for an order: tune | held out |"
          " for a built-in command: tune | held out |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for threshold in THRESHOLDS:
        cells = [share(own, part, threshold, right=True) for part in (0, 1, None)]
        cells += [share(scored, part, threshold, right=False) for scored in (as_order, as_built_in) for part in (0, 1)]
        print(f"| {'exact' if threshold == 1 else f'{threshold:.2f}'} | {' | '.join(cells)} |")
    if args.rapidfuzz:
        shares = {cutoff: with_rapidfuzz(transcripts(args.model, kept), cutoff) for cutoff in range(76, 101, 2)}
        best = max(shares, key=lambda c: shares[c])
        print(f"\nrapidfuzz, slot by slot, at its best cutoff ({best}): {shares[best]:.3f} of the orders right")
    if args.show:
        for title, scored in (("orders not right", own), ("as an order", as_order), ("as built-in", as_built_in)):
            print(f"\n{title}:")
            for name, score, ok in sorted(scored, key=lambda s: -s[1]):
                if (title == "orders not right" and (not ok or score < REPAIR_THRESHOLD)) or (
                    title != "orders not right" and score >= REPAIR_THRESHOLD
                ):
                    print(f"  {score:.3f} {name}")


if __name__ == "__main__":
    main()
