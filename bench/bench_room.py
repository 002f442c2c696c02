"""A television while somebody speaks, and what noise suppression and gain control do to detector and recogniser.

    .venv/bin/python bench/bench_room.py [--part ends|words|starts] [--every N] [--seconds N] [--json FILE] [--out FILE]

``ends``: recordings with a clean begin and end (``vad_material.py``), alone and with a television across the room
(``noise_material.py``) 20 to 10 dB below the voice, before it and for 14 s behind it. The ear is opened 200 ms before
the sentence, as behind a wake word. Through the product's listener with a fixed silence of 500 ms: how long after the
last voiced sample the turn ends, sentences that were over before they were said, and turns more than a second late.
``any level`` is without the rule that voice far below the utterance's own level is not part of it (``own_level.py``).
``starts``: the same detector on the recordings in kitchen noise at 10 and 0 dB, and on that noise alone: sentences
that began an utterance, and utterances that the noise began. ``words``: recorded orders clean and in kitchen noise at
10 and 0 dB, wholly right along their templates. ``ns`` and ``agc``: WebRTC's suppressor and gain control in front.

A row that ``--json`` holds already is not measured again: the whole can be run in slices.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from arguments import report_parser
from endpointer_material import FOLDER
from noise_material import kitchen, television
from room_report import report
from vad_material import Spoken, energy_db, mixed, recordings, to_int16

from firmware_py._ring import Ring
from firmware_py.config import from_text
from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Kind, Pcm16
from firmware_py.listen import Listener, ListenSettings
from firmware_py.pipeline import VoicePipeline

Process = Callable[[Pcm16], Pcm16]
BEFORE_S, BEHIND_S = 2, 14
OPENED_MS = 200
LEVELS_DB = (None, 20, 15, 10)
SNR_DB = ("clean", "10", "0")
TELEVISIONS = 4
ENDS = (Kind.ENDPOINT, Kind.TOO_LONG)


def arms() -> dict[str, Callable[[], Process]]:
    """Nothing, noise suppression, gain control; each stream needs its own."""
    import pywebrtc_audio as webrtc

    return {
        "plain": lambda: lambda sound: sound,
        "ns": lambda: webrtc.NoiseSuppressor(RATE_HZ, 1, 1).process,
        "agc": lambda: webrtc.GainController(RATE_HZ).process,
    }


class Bench:
    def __init__(self, every: int) -> None:
        self.every, self.made = every, arms()
        self.pipeline = VoicePipeline(from_text(""))

    def listener(self, ring: Ring) -> Listener:
        return Listener(ring, self.pipeline.make_vad(), ListenSettings(), lambda position: position)

    def ends(self, known: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        talk = [television(FOLDER, np.random.default_rng([7, number])) for number in range(TELEVISIONS)]
        talk = [to_int16(8000 * each / np.abs(each).max()) for each in talk]
        for number, recording in enumerate(recordings(FOLDER, 1)[:: self.every]):
            begin = BEFORE_S * RATE_HZ + recording.segments[0][0] * FRAME_SAMPLES - OPENED_MS * RATE_HZ // 1000
            end = BEFORE_S * RATE_HZ + recording.segments[-1][1] * FRAME_SAMPLES
            for level_db in LEVELS_DB:
                for arm in ("any level", "plain"):
                    name = f"ends, {recording.name}, {level_db}, {arm}"
                    if name in known:
                        continue
                    sound = with_television(recording, level_db, talk[number % TELEVISIONS])
                    found = self.ended(sound[begin:], end - begin, arm == "any level")
                    yield name, {"part": "ends", "arm": arm, "level_db": level_db} | found

    def ended(self, sound: Pcm16, end: int, is_any_level: bool) -> dict[str, Any]:
        """What the listener makes of a sentence that ends at sample ``end``."""
        ring = Ring(1 << 20)
        listener = self.listener(ring)
        if is_any_level:
            listener._own.judge = lambda verdict, *_, **__: verdict  # type: ignore[method-assign]
        ring.write(sound)
        last = next((e for e in listener.decide() if e.kind in ENDS), None)
        delay_ms = None if last is None else (last.at - end) / 16
        return {"delay_ms": delay_ms, "cut": delay_ms is not None and delay_ms < 0}

    def starts(self, known: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        noise = to_int16(kitchen(FOLDER, 0))
        sounds = [(r.name, snr, r) for r in recordings(FOLDER, 1)[:: self.every] for snr in SNR_DB]
        for title, snr, recording in (*sounds, *(("noise", str(db), None) for db in (-50, -35, -20))):
            for arm, make in self.made.items():
                name = f"starts, {title}, {snr}, {arm}"
                if name in known:
                    continue
                ring = Ring(1 << 20)
                ring.write(np.asarray(make()(heard_in(recording, noise, snr)), np.int16))
                begun = [e for e in self.listener(ring).decide() if e.kind is Kind.SPEECH]
                first = None if recording is None else recording.segments[0][0] * FRAME_SAMPLES
                late_ms = (begun[0].at - first) / 16 if begun and first is not None else None
                yield name, {"part": "starts", "arm": arm, "of": title if recording is None else "voice", "snr": snr,
                             "begun": len(begun), "late_ms": late_ms}  # fmt: skip

    def words(self, known: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        import bench_recognition as recognition

        engines = recognition.Engines("tiny.en", 1)
        for snr, file, audio, label in recognition.orders(self.every, SNR_DB):
            for arm, make in self.made.items():
                name = f"words, {file}, {snr}, {arm}"
                if name in known:
                    continue
                sound = to_int16(audio * 32767)
                heard = engines.guided.transcribe(np.asarray(make()(sound), np.int16))
                meant = engines.understanding.understand(heard.text)
                right = heard.is_guided and meant.intent == label["intent"] and dict(meant.slots) == label["slots"]
                yield name, {"part": "words", "arm": arm, "snr": snr, "right": right}


def heard_in(recording: Spoken | None, noise: Pcm16, snr: str) -> Pcm16:
    """A recording in the noise, or the noise alone at that level below full scale."""
    if recording is None:
        level = float(np.sqrt(np.mean((noise / 32768.0) ** 2)))
        return to_int16(noise * (10 ** (int(snr) / 20) / level))
    if snr == "clean":
        return mixed(recording, to_int16(np.random.default_rng(3).normal(0, 4, noise.size)), 60)
    return mixed(recording, noise, int(snr))


def with_television(recording: Spoken, level_db: float | None, talk: Pcm16) -> Pcm16:
    """A rest, the recording, and a longer one; talk ``level_db`` below the voice (95 % of its frames) all along."""
    rest = np.random.default_rng(1).normal(0, 4, BEFORE_S * RATE_HZ)
    behind = np.random.default_rng(2).normal(0, 4, BEHIND_S * RATE_HZ)
    sound = np.concatenate([rest, recording.sound, behind])
    if level_db is None:
        return to_int16(sound)
    start = sum(recording.name.encode()) * 4001 % (talk.size // 2)
    other = np.resize(np.roll(talk, -start), sound.size)
    gain = 10 ** ((recording.level_db - level_db - float(np.percentile(energy_db(other), 95))) / 20)
    return to_int16(sound + gain * other.astype(np.float64))


def main() -> None:
    parser = report_parser(__doc__, "each fourth of those")
    parser.add_argument("--part", choices=("ends", "words", "starts"), help="one of the three")
    parser.add_argument("--every", type=int, default=1, help="each N-th recording")
    parser.add_argument("--seconds", type=float, default=1e9, help="no new row after that")
    args: argparse.Namespace = parser.parse_args()
    found: dict[str, Any] = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    bench = Bench(args.every * (4 if args.quick else 1))
    stop = time.monotonic() + args.seconds
    for part in (args.part,) if args.part else ("ends", "starts", "words"):
        for name, row in getattr(bench, part)(dict(found)):
            found[name] = row
            if time.monotonic() > stop:
                break
    if args.json:
        args.json.write_text(json.dumps(found, indent=0) + "\n")
    text = report(list(found.values()))
    print(text)
    if args.out:
        args.out.write_text(text)


if __name__ == "__main__":
    main()
