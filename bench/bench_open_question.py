"""Whether noise answers a question that is open: the yes to a risky command, the missing part of a timer.

    .venv/bin/python bench/bench_open_question.py [--minutes N] [--quick] [--engine silero|webrtc ...]
        [--questions COMMAND ...] [--json FILE] [--out FILE]

The voice says a command that asks back, and then it is only noise: the five minutes of kitchen of
``noise_material.py``, cut into pieces of 20 s that each follow a command (a yes counts for 30 s), at three levels,
through the whole walk and with both detectors, for it is ``webrtc`` that sends noise to recognition. A row a question,
detector and level: seconds of noise, commands that were asked back, utterances that the detector made of the noise,
those with words, replies to them, and questions that were answered by them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
from arguments import report_parser, tell
from endpointer_material import FOLDER
from noise_material import NOISE_DB, Float, at_level, kitchen
from tables import table

from firmware_py.app import replay
from firmware_py.audio.wav import write_wav
from firmware_py.config import from_text
from firmware_py.controls import NoLoudspeaker
from firmware_py.conversation import begin_conversation
from firmware_py.events import RATE_HZ, Pcm16
from firmware_py.pipeline import VoicePipeline

QUESTIONS = {
    "Clear the shopping list.": "Clear the shopping list",
    "Set a timer.": "For how long?",
    "Remind me to call my mother.": "At what time?",
}
"""What is said, and how the question begins that it is answered with."""
GIVEN = "Add milk to the shopping list."
PIECE_S, BEHIND_S = 20.0, 1.5
COLUMNS = ("question", "detector", "dB", "noise s", "asked", "utterances", "with words", "replies", "answered")


@dataclass
class Row:
    """What became of the noise behind one question at one level."""

    question: str
    engine: str
    level_db: float
    seconds: float = 0.0
    asked: int = 0
    utterances: int = 0
    words: int = 0
    replies: int = 0
    answered: int = 0

    def cells(self) -> list[str]:
        return [str(value) if not isinstance(value, float) else f"{value:g}" for value in asdict(self).values()]


def spoken(pipeline: VoicePipeline, text: str) -> Pcm16:
    """A sentence of the voice in its usual level, with the silence that ends it."""
    sound = np.concatenate(list(pipeline.tts.synthesize(text))).astype(np.float32) / 32768
    at_16k = soxr.resample(sound, pipeline.tts.rate_hz, RATE_HZ)
    around = np.zeros(int(BEHIND_S * RATE_HZ), np.int16)
    said: Pcm16 = np.concatenate([around, (at_16k * 32767).astype(np.int16), around])
    return said


def noises(sounds: Sequence[Float], level_db: float, seconds: float) -> Iterator[Pcm16]:
    """Pieces of ``PIECE_S`` of the minutes at a level, over the noise of a quiet room, until there are ``seconds``."""
    size, left = int(PIECE_S * RATE_HZ), int(seconds * RATE_HZ)
    for sound in sounds:
        whole = at_level(sound, level_db)
        for at in range(0, whole.size - size + 1, size):
            if left <= 0:
                return
            yield whole[at : at + min(size, left)]
            left -= size


def ask(pipeline: VoicePipeline, command: str, noise: Pcm16, row: Row, scratch: Path) -> None:
    """One command, its question, and noise behind it; adds what came of it to ``row``."""
    said = [spoken(pipeline, text) for text in (GIVEN, command)]
    write_wav(scratch / "asked.wav", RATE_HZ, [np.concatenate([*said, noise])])
    begin_conversation(pipeline, NoLoudspeaker(), act=True)
    turns = [answer.trace for answer in replay(pipeline, scratch / "asked.wav")]
    at = next((n for n, turn in enumerate(turns) if turn.reply.startswith(QUESTIONS[command])), None)
    row.seconds += noise.size / RATE_HZ
    if at is None:
        return
    row.asked += 1
    for turn in turns[at + 1 :]:
        row.utterances += 1
        row.words += bool(turn.transcript)
        row.replies += bool(turn.reply)
        row.answered += bool(turn.reply and turn.intent)


def is_still_open(pipeline: VoicePipeline) -> bool:
    """Whether nothing of what was asked about has been done: the list is whole, no timer and no reminder is set."""
    world = pipeline.world
    return bool(world.lists.items("shopping")) and not world.agenda.entries(phase=None)


def measured(
    engine: str,
    commands: Sequence[str],
    minutes: int,
    seconds: float,
    levels: Sequence[float] = NOISE_DB,
    folder: Path = FOLDER,
) -> list[Row]:
    """A row a question and level."""
    sounds = [kitchen(folder, number) for number in range(minutes)]
    rows = []
    with (
        VoicePipeline(from_text(f"vad: {{engine: {engine}}}")) as pipeline,
        tempfile.TemporaryDirectory() as scratch,
    ):
        pipeline.initialize_components()
        for command in commands:
            for level_db in levels:
                row = Row(command, engine, level_db)
                for noise in noises(sounds, level_db, seconds):
                    ask(pipeline, command, noise, row, Path(scratch))
                    if not is_still_open(pipeline):
                        row.answered = max(row.answered, 1)
                        print(f"{command!r} at {level_db:g} dB was answered by noise", file=sys.stderr)
                rows.append(row)
                print(*row.cells(), file=sys.stderr)
    return rows


def main() -> None:
    parser = report_parser(__doc__, "one minute of kitchen, not five")
    parser.add_argument("--minutes", type=int, default=5)
    parser.add_argument("--questions", nargs="+", default=list(QUESTIONS), choices=list(QUESTIONS), metavar="COMMAND")
    parser.add_argument("--engine", nargs="+", default=["silero", "webrtc"])
    args: argparse.Namespace = parser.parse_args()
    minutes = 1 if args.quick else args.minutes
    asked = [(command, engine) for command in args.questions for engine in args.engine]
    rows = [row for command, engine in asked for row in measured(engine, [command], minutes, minutes * 60.0)]
    tell(args, "\n".join(table(COLUMNS, [row.cells() for row in rows])) + "\n", [asdict(row) for row in rows])


if __name__ == "__main__":
    main()
