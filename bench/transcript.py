"""A conversation on sound, printed as it went: the one that the README shows.

    .venv/bin/python bench/transcript.py [SENTENCE ...] [--out FILE]

The voice says the sentences into one recording, with pauses; the walk (detection, recognition, understanding, skills,
voice) hears it as a conversation and does what is asked; what it heard and answered is printed, as it was heard and not
as it was said. The voice is synthetic, differs a little from run to run, and the room is silent; the lamps are
``bench/data/home.yaml`` and switch nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from firmware_py.app import begin_conversation, replay
from firmware_py.audio.wav import write_wav
from firmware_py.config import Config
from firmware_py.controls import NoLoudspeaker
from firmware_py.pipeline import VoicePipeline

ROOT = Path(__file__).resolve().parent.parent
LAMPS = ROOT / "bench" / "data" / "home.yaml"
GAP_S = 2.0
CONVERSATION = (
    "What can you do?",
    "Set a pizza timer for fifteen minutes.",
    "No, fifty.",
    "How long is left on the pizza timer?",
    "Add milk to the shopping list.",
    "Turn on the kitchen light.",
    "No, the bedroom.",
    "Turn on the guest bedroom light.",
    "No.",
    "What is on the shopping list?",
    "Clear the shopping list.",
    "Yes.",
    "What is ten miles in kilometers?",
    "And in meters?",
    "Turn off the bedroom light and set a timer for ten minutes.",
)


def say(pipeline: VoicePipeline, sentences: tuple[str, ...], out: Path) -> None:
    """One recording of all of them."""
    silence = np.zeros(int(GAP_S * pipeline.tts.rate_hz), np.int16)
    chunks = [silence]
    for sentence in sentences:
        chunks += [*pipeline.tts.synthesize(sentence), silence]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_wav(out, pipeline.tts.rate_hz, chunks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentences", nargs="*", metavar="SENTENCE")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "transcript.wav", metavar="FILE")
    args = parser.parse_args()
    sentences = tuple(args.sentences) or CONVERSATION
    config = Config.default().with_values({"nlp.intents": (LAMPS,)})
    with VoicePipeline(config, leaves_core=True) as pipeline:
        pipeline.initialize_components()
        say(pipeline, sentences, args.out)
        begin_conversation(pipeline, NoLoudspeaker(), act=True)
        turns = [answer.trace for answer in replay(pipeline, args.out) if answer.trace.transcript]
    if len(turns) != len(sentences):
        print(f"{len(sentences)} sentences, {len(turns)} turns", file=sys.stderr)
    for trace in turns:
        print(f"you   {trace.transcript}\nrtva  {trace.reply or '(nothing)'}")


if __name__ == "__main__":
    main()
