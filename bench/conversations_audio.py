"""The scripted conversations on sound: what of them is understood as it is on text.

    .venv/bin/python bench/conversations_audio.py [--every 3] [--most N]

Every third conversation of ``tests/conversations`` is said by the voice, sentence by sentence, and heard by the
recogniser as the turn thread hears it (guided, silence around). What it hears goes on through understanding, skills,
context and agenda. A sentence counts as understood if its intent and slots are those of the text, a conversation if all
its steps go as written. The voice is synthetic and the room silent: figures are for comparing, not for promises.
"""

from __future__ import annotations

import argparse
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
from conversation_lab import Stage, conversations  # noqa: E402

from firmware_py.events import RATE_HZ, Understood  # noqa: E402
from firmware_py.nlu.hassil import HassilUnderstanding  # noqa: E402
from firmware_py.pipeline import VoicePipeline  # noqa: E402

AROUND_S = 0.3


class Ears:
    """Understanding that hears: each sentence is said, recognised and understood from what was heard."""

    def __init__(self, pipeline: VoicePipeline, understanding: HassilUnderstanding) -> None:
        self.pipeline, self.understanding = pipeline, understanding
        self.sentences = self.right = 0
        self.wrong: list[str] = []
        self._heard: dict[str, str] = {}

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
        if text not in self._heard:
            tts = self.pipeline.tts
            sound = np.concatenate(list(tts.synthesize(text))).astype(np.float32) / 32768
            silence = np.zeros(int(AROUND_S * RATE_HZ), np.float32)
            at_16k = np.concatenate([silence, soxr.resample(sound, tts.rate_hz, RATE_HZ), silence])
            self._heard[text] = self.pipeline.stt.transcribe((at_16k * 32767).astype(np.int16)).text
        return self._heard[text]


def same(slots: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v.casefold().strip(" .") if isinstance(v, str) else v for k, v in slots.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--most", type=int, default=1000)
    args = parser.parse_args()
    chosen = [c for c in conversations() if "own" not in c.script][:: args.every][: args.most]
    with VoicePipeline() as pipeline, tempfile.TemporaryDirectory() as folder:
        pipeline.initialize_components()
        ears = Ears(pipeline, pipeline.understanding)  # type: ignore[arg-type]
        whole = 0
        started = time.monotonic()
        for number, conversation in enumerate(chosen):
            stage = Stage(Path(folder) / str(number), conversation.script, ears)  # type: ignore[arg-type]
            try:
                for text in conversation.script.get("given", ()):
                    stage.say(text)
                for step in conversation.script["steps"]:
                    stage.play({k: v for k, v in step.items() if k not in ("intent", "slots")})
                whole += 1
            except AssertionError:
                pass
        for line in ears.wrong:
            print(line)
        print(f"{len(chosen)} conversations, {whole} wholly as on text ({whole / len(chosen):.2f})")
        print(f"{ears.sentences} sentences, {ears.right} understood as on text ({ears.right / ears.sentences:.2f})")
        print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
