"""What ``bench_barge.py`` plays: answers, the rooms they sound in, the noise in those, and who speaks over them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from endpointer_material import FOLDER
from noise_material import SEED, kitchen, pink

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from echo_lab import BLOCK, Pcm16, Room, Sound, level_db

from firmware_py.audio.recording import load

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
PERSON_DB = -32.0


@dataclass(frozen=True)
class Place:
    """A room, and what else sounds in it: ``noise`` at ``noise_db`` (RMS below full scale), "" for a quiet room."""

    room: Room
    noise: str = ""
    noise_db: float = -72.0

    @property
    def name(self) -> str:
        room = self.room
        what = f"{room.delay_ms:g} ms, {room.gain_db:.0f} dB, {room.drift_ppm:g} ppm, {room.rt60_s:g} s"
        what = f"{what}, bent {room.drive:g}"
        return f"{what}, {self.noise} {self.noise_db:g} dB" if self.noise else what

    def told(self) -> dict[str, Any]:
        room = self.room
        return {
            "place": self.name,
            "delay_ms": room.delay_ms,
            "gain_db": round(room.gain_db, 1),
            "drift_ppm": room.drift_ppm,
            "rt60_s": room.rt60_s,
            "drive": room.drive,
            "noise": self.noise,
            "noise_db": self.noise_db,
        }

    def background(self) -> Sound | None:
        """A minute of it; None for the noise of a quiet room."""
        if not self.noise:
            return None
        sound = kitchen(FOLDER, 0) if self.noise == "kitchen" else pink(np.random.default_rng(SEED))
        return np.asarray(sound * 10 ** (self.noise_db / 20) * 32768 / np.sqrt(np.mean(sound**2)))


QUIET = tuple(
    map(
        Place,
        (
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
        ),
    )
)
LOUD = tuple(
    Place(room, noise, noise_db)
    for room in (Room(60, -10), Room(60, 0, rt60_s=0.6, drive=1.0))
    for noise, noise_db in (("kitchen", -52.0), ("kitchen", -42.0), ("pink", -42.0), ("pink", -35.0))
)
"""A kitchen at work 20 and 10 dB below who speaks, a fan 10 and 3 dB below."""
OVER = (
    Place(Room(60, 0)),
    Place(Room(120, 0, drift_ppm=100)),
    Place(Room(60, 0), "kitchen", -52.0),
    Place(Room(60, 0), "kitchen", -42.0),
    Place(Room(60, 0), "pink", -42.0),
)


def recorded(count: int) -> list[tuple[str, Sound]]:
    """Recordings of people at ``PERSON_DB``: two commands, then orders."""
    files = sorted((FOLDER / "commands").glob("t*.wav"))[::-1] + sorted((FOLDER / "coffee").glob("*.flac"))
    found = []
    for file in files[:count]:
        raw = load(file).astype(np.float64)
        found.append((file.stem[:12], raw * 10 ** ((PERSON_DB - level_db(active(raw))) / 20)))
    return found


def active(sound: Sound | Pcm16) -> Sound:
    """The frames within 30 dB of the loudest."""
    frames = np.asarray(sound, np.float64)[: sound.size // BLOCK * BLOCK].reshape(-1, BLOCK)
    energy = np.mean(frames**2, axis=1)
    return frames[energy > energy.max() * 1e-3].ravel()
