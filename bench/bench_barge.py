"""Speech over an answer: what is left of the loudspeaker, what interrupts by mistake, and which words come through.

    .venv/bin/python bench/bench_barge.py [--minutes N] [--people N] [--json FILE]

Everything is simulated, faster than real time, with the real listener, far end, cancellers and recogniser: the
answers of the default voice through a room's response, with delay, attenuation, a drifting clock, a bent loudspeaker
and a delay that the device tells wrongly by up to 2 ms; and the recordings of people in ``$RTVA_RECORDINGS`` over
them. ``erle`` is the echo return loss enhancement of the first two seconds and of the rest; ``left`` the level of the
louder tenth of what remains. The words of a person over an answer are held against those of the same recording in a
quiet room (WER).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from endpointer_material import FOLDER

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from echo_lab import BLOCK, Pcm16, Room, Simulated, Sound, level_db, scene

from firmware_py.audio.recording import load
from firmware_py.config import from_text
from firmware_py.events import RATE_HZ, Kind
from firmware_py.pipeline import VoicePipeline

ANSWERS = (
    "I can tell the time and the date, set timers, alarms and reminders, keep lists, do sums, convert units, turn the "
    "volume up and down, flip a coin and roll dice. Ask me what time it is, or say set a timer for ten minutes.",
    "Your shopping list has seven things on it: milk, bread, two dozen eggs, washing powder, olive oil, apples and a "
    "birthday card for your sister.",
    "It is twenty three minutes past seven in the evening on Friday, the twenty seventh of November.",
    "You have three alarms: one at half past six on weekdays, one at eight on Saturday, and one at nine tomorrow.",
    "The timer for the pasta has four minutes and thirty seconds left, and the one for the oven has one hour left.",
    "Twelve times seven is eighty four. Five miles are about eight point zero five kilometres.",
    "Why did the scarecrow win a prize? Because he was outstanding in his field. Would you like to hear another one?",
    "The board is at fifty two degrees, the processor is nearly idle, and the disk is half full. Everything is fine.",
)
ROOMS = (
    Room(20, -10),
    Room(60, 0),
    Room(60, -10),
    Room(60, -20),
    Room(60, -30),
    Room(120, -10),
    Room(250, -10),
    Room(60, -10, drift_ppm=100),
    Room(60, -10, drift_ppm=-100),
    Room(120, 0, drift_ppm=100),
    Room(60, -10, rt60_s=0.6),
    Room(60, 0, rt60_s=0.6, drive=1.0),
    Room(60, 0, rt60_s=1.0, drive=2.0),
)
OVER = (Room(60, 0), Room(120, 0, drift_ppm=100))
RATIOS_DB = (10, 0, -10)
PERSON_DB = -32.0
REST = RATE_HZ * 3 // 2


class Bench:
    """The engines, and the answers as the default voice says them."""

    def __init__(self) -> None:
        self.pipeline = VoicePipeline(from_text("tts: {cache: {enabled: false}}"))
        self.voice_hz = self.pipeline.tts.rate_hz
        self.answers = [np.concatenate(list(self.pipeline.tts.synthesize(text))) for text in ANSWERS]
        self.answer_db = level_db(np.concatenate([active(answer) for answer in self.answers]))

    def answered(self, count: int) -> tuple[list[tuple[int, Pcm16]], int]:
        """``count`` answers with rests, and the sample at which all is over."""
        placed, at = [], RATE_HZ
        for index in range(count):
            answer = self.answers[index % len(self.answers)]
            placed.append((at, answer))
            at += answer.size * RATE_HZ // self.voice_hz + REST
        return placed, at + RATE_HZ

    def alone(self, room: Room, minutes: float) -> dict[str, Any]:
        """Nobody but the assistant speaks."""
        mean_s = sum(a.size for a in self.answers) / len(self.answers) / self.voice_hz
        placed, end = self.answered(max(len(self.answers), round(minutes * 60 / mean_s)))
        began = time.thread_time()
        found = self.simulate(room, placed, np.zeros(end))
        report = found.path.report()
        heard = [self.pipeline.stt.transcribe(e.audio).text for e in found.events if e.kind is Kind.ENDPOINT]
        return {
            **told(room),
            "speaking_s": round(found.speaking_s, 1),
            "erle_first_db": round(found.erle_db(RATE_HZ, 3 * RATE_HZ), 1),
            "erle_db": round(found.erle_db(3 * RATE_HZ, end - RATE_HZ), 1),
            "linear_erle_db": report["linear_erle_db"],
            "left_db": report["residual_db"],
            "is_trusted": report["is_trusted"],
            "interruptions": len(found.ended_at),
            "self_answers": sum(1 for text in heard if text),
            "simulated_in_s": round(time.thread_time() - began, 1),
        }

    def over(self, room: Room, ratio_db: int, people: list[tuple[str, Sound, list[str]]]) -> dict[str, Any]:
        """A person speaks over the second answer, ``ratio_db`` louder than its echo."""
        here = Room(room.delay_ms, PERSON_DB - ratio_db - self.answer_db, room.drift_ppm, room.rt60_s)
        wrong = words = 0
        delays_ms, missed = [], []
        for index, (name, sound, known) in enumerate(people):
            placed, end = self.answered(2 + index % 3)
            placed = placed[index % 3 :]
            at = placed[1][0] + RATE_HZ * (14 + 3 * (index % 4)) // 10
            person = np.zeros(max(end, at + sound.size + 2 * RATE_HZ))
            person[at : at + sound.size] = sound
            found = self.simulate(here, placed, person)
            heard = self.words(found)
            wrong += distance(known, heard)
            words += len(known)
            ended = [e for e in found.ended_at if e > at]
            first = at + int(np.argmax(np.abs(sound) > np.abs(sound).max() * 0.1))
            if ended:
                delays_ms.append((ended[0] - first) * 1000 / RATE_HZ)
            else:
                missed.append(name)
        spread = np.percentile(delays_ms or [0.0], [50, 95, 100]).round().tolist()
        return {
            **told(here),
            "ratio_db": ratio_db,
            "people": len(people),
            "interrupted": len(delays_ms),
            "delay_ms_p50_p95_max": spread,
            "wer_percent": round(100 * wrong / max(words, 1), 1),
            "words": words,
            "missed": missed,
        }

    def people(self, count: int) -> list[tuple[str, Sound, list[str]]]:
        """Recordings at one level, with what is heard of each when nothing else sounds."""
        files = sorted((FOLDER / "commands").glob("t*.wav"))[::-1] + sorted((FOLDER / "coffee").glob("*.flac"))
        found = []
        for file in files[:count]:
            raw = load(file).astype(np.float64)
            sound = raw * 10 ** ((PERSON_DB - level_db(active(raw))) / 20)
            quiet = np.concatenate([np.zeros(RATE_HZ), sound, np.zeros(2 * RATE_HZ)])
            found.append((file.stem[:12], sound, self.words(self.simulate(Room(), [], quiet))))
        return [each for each in found if each[2]]

    def simulate(self, room: Room, placed: list[tuple[int, Pcm16]], person: Sound) -> Simulated:
        stage = scene(self.pipeline.make_vad(), self.pipeline.listen_settings())
        return stage.run(room, placed, self.voice_hz, person[: person.size // BLOCK * BLOCK])

    def words(self, found: Simulated) -> list[str]:
        texts = [self.pipeline.stt.transcribe(e.audio).text for e in found.events if e.kind is Kind.ENDPOINT]
        return "".join(c if c.isalnum() else " " for c in " ".join(texts).lower()).split()


def active(sound: Any) -> Any:
    """The frames within 30 dB of the loudest."""
    frames = np.asarray(sound, np.float64)[: sound.size // BLOCK * BLOCK].reshape(-1, BLOCK)
    energy = np.mean(frames**2, axis=1)
    return frames[energy > energy.max() * 1e-3].ravel()


def told(room: Room) -> dict[str, Any]:
    return {
        "delay_ms": room.delay_ms,
        "gain_db": round(room.gain_db, 1),
        "drift_ppm": room.drift_ppm,
        "rt60_s": room.rt60_s,
        "drive": room.drive,
    }


def distance(ours: list[str], theirs: list[str]) -> int:
    """Words to insert, delete or exchange."""
    row = list(range(len(theirs) + 1))
    for i, word in enumerate(ours, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(theirs, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.5, help="of speaking in each of the rooms")
    parser.add_argument("--people", type=int, default=8, help="recordings that are spoken over answers; 0 for none")
    parser.add_argument("--json", type=Path, help="where the rows go, too")
    args = parser.parse_args()
    bench = Bench()
    rows: dict[str, list[dict[str, Any]]] = {"alone": [], "over": []}

    def done(kind: str, row: dict[str, Any]) -> None:
        rows[kind].append(row)
        print(kind, json.dumps(row), flush=True)
        if args.json:
            args.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")

    people = bench.people(args.people) if args.people and FOLDER.is_dir() else []
    for room in OVER if people else ():
        for ratio_db in RATIOS_DB:
            done("over", bench.over(room, ratio_db, people))
    for room in ROOMS if args.minutes else ():
        done("alone", bench.alone(room, args.minutes))
    if rows["alone"]:
        hours = sum(row["speaking_s"] for row in rows["alone"]) / 3600
        count = sum(row["interruptions"] for row in rows["alone"])
        answers = sum(row["self_answers"] for row in rows["alone"])
        print(f"{hours * 60:.1f} min: {count / hours:.1f} false interruptions an hour, {answers} self-answers")


if __name__ == "__main__":
    main()
