"""The scripted conversations on sound: what of them is understood as it is on text.

    .venv/bin/python bench/conversations_audio.py [--every 3] [--most N]

Every third conversation of ``tests/conversations`` is said by the voice, sentence by sentence, and heard by the
recogniser as the turn thread hears it (guided, silence around). What it hears goes on through understanding, skills,
context and agenda. A sentence counts as understood if its intent and slots are those of the text, a conversation if all
its steps go as written. The voice is synthetic and the room silent: figures are for comparing, not for promises.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import soxr  # noqa: E402
from conversation_lab import Conversation, Stage, conversations, own_commands  # noqa: E402

from firmware_py.draft import believed  # noqa: E402
from firmware_py.events import RATE_HZ, Transcript, Understood  # noqa: E402
from firmware_py.nlu.hassil import HassilUnderstanding  # noqa: E402
from firmware_py.pipeline import VoicePipeline  # noqa: E402

AROUND_S = 0.3


class Ears:
    """Understanding that hears: each sentence is said, recognised and understood from what was heard."""

    def __init__(self, pipeline: VoicePipeline, understanding: HassilUnderstanding) -> None:
        self.pipeline, self.understanding = pipeline, understanding
        self.sentences = self.right = 0
        self.wrong: list[str] = []
        self.stage: Stage | None = None
        self._heard: dict[str, Transcript] = {}

    def exact(self, text: str) -> Understood:
        return self.understanding.exact(text)

    def understand(self, text: str) -> Understood:
        heard = self.understanding.understand(self.hear(text))
        wanted = self.understanding.understand(text)
        self.sentences += 1
        is_right = (heard.intent, same(heard.slots)) == (wanted.intent, same(wanted.slots))
        self.right += is_right
        if not is_right:
            self.wrong.append(f"{text!r} heard as {heard.text!r}")
        return heard

    def hear(self, text: str) -> str:
        """What the turn thread takes a sentence for."""
        heard = self._transcript(text)
        return heard.text if self.stage is None else believed(heard, self.stage.responder).text

    def _transcript(self, text: str) -> Transcript:
        if text not in self._heard:
            tts = self.pipeline.tts
            sound = np.concatenate(list(tts.synthesize(text))).astype(np.float32) / 32768
            silence = np.zeros(int(AROUND_S * RATE_HZ), np.float32)
            at_16k = np.concatenate([silence, soxr.resample(sound, tts.rate_hz, RATE_HZ), silence])
            self._heard[text] = self.pipeline.stt.transcribe((at_16k * 32767).astype(np.int16))
        return self._heard[text]


def same(slots: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v.casefold().strip(" .") if isinstance(v, str) else v for k, v in slots.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--most", type=int, default=1000)
    args = parser.parse_args()
    chosen = conversations()[:: args.every][: args.most]
    chosen.sort(key=lambda c: str(c.script.get("own", "")))  # recognition is loaded anew for other templates
    results: list[tuple[Ears, list[Conversation], int]] = []
    started = time.monotonic()
    with VoicePipeline() as pipeline, tempfile.TemporaryDirectory() as folder:
        pipeline.initialize_components()
        built_in = pipeline.understanding
        for number, (own, group) in enumerate(itertools.groupby(chosen, key=lambda c: c.script.get("own"))):
            place = Path(folder) / str(number)
            place.mkdir()
            understanding: Any = built_in if own is None else own_commands(place, own)
            pipeline.understand_with(understanding)
            ears, played = Ears(pipeline, understanding), list(group)
            whole = sum(went_as_written(c, place / str(at), ears) for at, c in enumerate(played))
            results.append((ears, played, whole))
    for ears, _, _ in results:
        for line in ears.wrong:
            print(line)
    total, whole = sum(len(played) for _, played, _ in results), sum(r[2] for r in results)
    sentences, right = (sum(getattr(r[0], name) for r in results) for name in ("sentences", "right"))
    print(f"{total} conversations, {whole} wholly as on text ({whole / total:.2f})")
    print(f"{sentences} sentences, {right} understood as on text ({right / sentences:.2f})")
    print(f"{time.monotonic() - started:.0f} s")


def went_as_written(conversation: Conversation, folder: Path, ears: Ears) -> bool:
    """Whether every step of a conversation, and what is remembered of it, is as its script says."""
    script = {key: value for key, value in conversation.script.items() if key != "own"}
    stage = Stage(folder, script, ears)  # type: ignore[arg-type]
    ears.stage = stage
    try:
        for text in script.get("given", ()):
            stage.say(text)
        for step in script["steps"]:
            stage.play({k: v for k, v in step.items() if k not in ("intent", "slots")})
        return True
    except AssertionError as otherwise:
        print(f"{conversation}: {otherwise}", flush=True)
        return False


if __name__ == "__main__":
    main()
