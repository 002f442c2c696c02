"""Speech over an answer: what is left of the loudspeaker, what interrupts by mistake, and which words come through.

    .venv/bin/python bench/bench_barge.py [--minutes N] [--people N] [--only WORD] [--seconds N] [--json F] [--out F]

Everything is simulated, faster than real time, with the real listener, far end, cancellers and recogniser: the
answers of the default voice through a room's response, with delay, attenuation, a drifting clock, a bent loudspeaker,
a room's noise, and a delay that the device tells wrongly by up to 2 ms; and the recordings of people in
``$RTVA_RECORDINGS`` over them. ``erle`` is the echo return loss enhancement of the first two seconds and of the rest;
``left`` the level of the louder tenth of what remains. The words of a person over an answer are held against those of
the same recording in a quiet room (WER), and what is understood of them likewise.

A row that ``--json`` holds already is not measured again, and no row is begun after ``--seconds``: the whole can be run
in slices. ``--only`` takes the rows with that word in them (``alone``, ``over``, ``kitchen``, ``bent 2``).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from arguments import report_parser
from barge_material import ANSWERS, LOUD, OVER, PERSON_DB, QUIET, Place, active, recorded
from barge_report import report
from echo_lab import BLOCK, Pcm16, Room, Simulated, Sound, level_db, scene
from endpointer_material import FOLDER

from firmware_py.config import from_text
from firmware_py.events import RATE_HZ, Kind, Transcript
from firmware_py.pipeline import VoicePipeline

RATIOS_DB = (10, 0, -10)
REST = RATE_HZ * 3 // 2
Person = tuple[str, Sound, list[str], Any]
"""Name, recording, and the words and the meaning of it in a quiet room."""


class Bench:
    """The engines, and the answers as the default voice says them."""

    def __init__(self, count: int) -> None:
        orders = FOLDER / "coffee" / "intents.yaml"
        wanted: dict[str, Any] = {"tts": {"cache": {"enabled": False}}}
        if orders.is_file():
            wanted["nlp"] = {"intents": [str(orders)]}
        self.pipeline = VoicePipeline(from_text(json.dumps(wanted)))
        self.voice_hz = self.pipeline.tts.rate_hz
        self.answers = [np.concatenate(list(self.pipeline.tts.synthesize(text))) for text in ANSWERS]
        self.answer_db = level_db(np.concatenate([active(answer) for answer in self.answers]))
        self._count = count
        self._people: list[Person] | None = None

    def answered(self, count: int) -> tuple[list[tuple[int, Pcm16]], int]:
        """``count`` answers with rests, and the sample at which all is over."""
        placed, at = [], 2 * RATE_HZ
        for index in range(count):
            answer = self.answers[index % len(self.answers)]
            placed.append((at, answer))
            at += answer.size * RATE_HZ // self.voice_hz + REST
        return placed, at + RATE_HZ

    def alone(self, place: Place, minutes: float) -> dict[str, Any]:
        """Nobody but the assistant speaks."""
        mean_s = sum(a.size for a in self.answers) / len(self.answers) / self.voice_hz
        placed, end = self.answered(max(len(self.answers), round(minutes * 60 / mean_s)))
        found = self.simulate(place, placed, np.zeros(end))
        told = found.path.report()
        heard = [h.text for h in self.heard(found)]
        return {
            "speaking_s": round(found.speaking_s, 1),
            "erle_first_db": round(found.erle_db(2 * RATE_HZ, 4 * RATE_HZ), 1),
            "erle_db": round(found.erle_db(4 * RATE_HZ, end - RATE_HZ), 1),
            "linear_erle_db": told["linear_erle_db"],
            "left_db": told["residual_db"],
            "is_trusted": told["is_trusted"],
            "interruptions": len(found.ended_at),
            "self_answers": sum(1 for text in heard if text),
        }

    def over(self, place: Place, ratio_db: int) -> dict[str, Any]:
        """A person speaks over the second answer."""
        wrong = words = understood = 0
        delays_ms, missed = [], []
        for index, (name, sound, known, meant) in enumerate(self.people()):
            placed, end = self.answered(2 + index % 3)
            placed = placed[index % 3 :]
            at = placed[1][0] + RATE_HZ * (14 + 3 * (index % 4)) // 10
            person = np.zeros(max(end, at + sound.size + 2 * RATE_HZ))
            person[at : at + sound.size] = sound
            found = self.simulate(place, placed, person)
            said, means = self.understood(found)
            wrong += distance(known, said)
            words += len(known)
            understood += meant in means
            ended = [e for e in found.ended_at if e > at]
            first = at + int(np.argmax(np.abs(sound) > np.abs(sound).max() * 0.1))
            if ended:
                delays_ms.append((ended[0] - first) * 1000 / RATE_HZ)
            else:
                missed.append(name)
        return {
            "ratio_db": ratio_db,
            "people": len(self.people()),
            "interrupted": len(delays_ms),
            "delay_ms_p50_p95_max": np.percentile(delays_ms or [0.0], [50, 95, 100]).round().tolist(),
            "wer_percent": round(100 * wrong / max(words, 1), 1),
            "words": words,
            "understood": understood,
            "missed": missed,
        }

    def without(self, place: Place) -> dict[str, Any]:
        """The same people in the same noise, while nothing plays."""
        wrong = words = understood = 0
        for _name, sound, known, meant in self.people():
            said, means = self.understood(self.simulate(place, [], rested(sound)))
            wrong += distance(known, said)
            words += len(known)
            understood += meant in means
        wer = round(100 * wrong / max(words, 1), 1)
        return {"people": len(self.people()), "wer_percent": wer, "words": words, "understood": understood}

    def people(self) -> list[Person]:
        """Recordings at one level, with what is heard of each when nothing else sounds."""
        if self._people is None:
            self._people = []
            for name, sound in recorded(self._count):
                words, means = self.understood(self.simulate(Place(Room()), [], rested(sound)))
                if words:
                    self._people.append((name, sound, words, means[0]))
        return self._people

    def simulate(self, place: Place, placed: list[tuple[int, Pcm16]], person: Sound) -> Simulated:
        stage = scene(self.pipeline.make_vad(), self.pipeline.listen_settings())
        sound = person[: person.size // BLOCK * BLOCK]
        return stage.run(place.room, placed, self.voice_hz, sound, background=place.background())

    def heard(self, found: Simulated) -> list[Transcript]:
        return [self.pipeline.stt.transcribe(e.audio) for e in found.events if e.kind is Kind.ENDPOINT]

    def understood(self, found: Simulated) -> tuple[list[str], list[Any]]:
        """The words of it all, and the intent and slots of each utterance."""
        texts = [heard.text for heard in self.heard(found)]
        meant = [self.pipeline.understanding.understand(text) for text in texts]
        words = "".join(c if c.isalnum() else " " for c in " ".join(texts).lower()).split()
        return words, [(m.intent, dict(m.slots)) for m in meant]

    def rows(self, minutes: float) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
        """All there is to measure, by name."""
        for place in (*QUIET, *LOUD) if minutes else ():
            yield f"alone, {place.name}", lambda place=place: place.told() | self.alone(place, minutes)
        for place in OVER if self._count else ():
            for ratio_db in RATIOS_DB:
                here = self.louder(place, ratio_db)
                yield (
                    f"over, {here.name}",
                    lambda here=here, ratio_db=ratio_db: here.told() | self.over(here, ratio_db),
                )
            if place.noise:
                yield f"without, {place.name}", lambda place=place: place.told() | self.without(place)

    def louder(self, place: Place, ratio_db: int) -> Place:
        """A person is ``ratio_db`` louder there than the echo."""
        room = place.room
        gain_db = PERSON_DB - ratio_db - self.answer_db
        return Place(Room(room.delay_ms, gain_db, room.drift_ppm, room.rt60_s), place.noise, place.noise_db)


def rested(sound: Sound) -> Sound:
    """With a second in front and two behind."""
    return np.concatenate([np.zeros(RATE_HZ), sound, np.zeros(2 * RATE_HZ)])


def distance(ours: list[str], theirs: list[str]) -> int:
    """Words to insert, delete or exchange."""
    row = list(range(len(theirs) + 1))
    for i, word in enumerate(ours, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(theirs, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def main() -> None:
    parser = report_parser(__doc__, "a minute in each room, three people")
    parser.add_argument("--minutes", type=float, default=2.35, help="of speaking in each room (0: none)")
    parser.add_argument("--people", type=int, default=12, help="recordings that are spoken over answers (0: none)")
    parser.add_argument("--only", default="", metavar="WORD", help="rows with this in their name")
    parser.add_argument("--seconds", type=float, default=1e9, help="no new row after that")
    args: argparse.Namespace = parser.parse_args()
    people = min(args.people, 3) if args.quick else args.people
    bench = Bench(people if FOLDER.is_dir() else 0)
    found: dict[str, dict[str, Any]] = {}
    if args.json and args.json.exists():
        found = json.loads(args.json.read_text("utf-8"))
    stop = time.monotonic() + args.seconds
    for name, measure in bench.rows(min(args.minutes, 1.0) if args.quick else args.minutes):
        if args.only in name and name not in found and time.monotonic() < stop:
            began = time.thread_time()
            found[name] = measure()
            print(name, f"{time.thread_time() - began:.1f} s", json.dumps(found[name]), flush=True)
            if args.json:
                args.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    text = report(found)
    print(text)
    if args.out:
        args.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
