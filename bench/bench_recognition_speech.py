# ruff: noqa: SIM905
"""Speech that is not an order, for the open door: sentences of other kinds and near misses, in several voices.

``sentences()`` gives them, the same ones every time; ``make(folder)`` speaks them with espeak-ng and, where its
weights are, the Piper voice, as 16 kHz WAV, and writes ``index.json`` (name, text, kind, voice).
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

RATE_HZ = 16_000
Speak = Callable[[str, float, float], tuple[np.ndarray, int]]
ESPEAK_VOICES = (
    "en-us", "en-us+f2", "en-us+m3", "en-us+f4", "en-gb", "en-gb+f3", "en-gb+m7", "en-gb-scotland", "en-gb-x-rp",
    "en-gb-x-gbclan", "en-029", "en-gb-x-gbcwmd", "en-us+croak", "en-gb+f5",
)  # fmt: skip
PIPER_LENGTHS = (0.85, 1.0, 1.2)
PIPER_NOISES = (0.4, 0.667, 0.9)

_SUBJECTS = (
    "my brother|the old teacher|our neighbour|a tall stranger|the weather forecast|everyone in the office|nobody here|"
    "the train to the north|that film|her grandmother|the new manager|a small dog|the company|one of my friends|"
    "the second chapter|a group of students|the man across the street|your sister|the city council|the whole team"
).split("|")
_VERBS = (
    "said it would rain before the evening|was late again because of the traffic|never really liked the colour green|"
    "found a better way to do it|is going to move to another country|left the keys on the kitchen table|"
    "played the piano until midnight|wants to talk about the budget|has been waiting for almost an hour|"
    "bought a second hand bicycle yesterday|does not understand the question|won the match by three points|"
    "was standing in front of the library|will open at nine in the morning|forgot to send the letter|"
    "used to live near the harbour|cannot remember the name of the song|stopped working after the update|"
    "looked much better in the photograph|asked for a little more time"
).split("|")
_COMMANDS = (
    "turn on the light in the living room|what time is it|set a timer for ten minutes|what is the weather tomorrow|"
    "play some jazz|switch off the heating|add eggs to the shopping list|how far is it to the station|"
    "call my mother|remind me to water the plants|open the garage door|what is twelve times seven|"
    "turn the volume down|next song please|tell me a joke|lock the front door|start the vacuum cleaner|"
    "what is on my calendar today|wake me up at half past six|dim the lamp to thirty percent|who wrote hamlet|"
    "is the oven still on|close the blinds in the bedroom|how do you say good morning in french|stop the music|"
    "read me the news|where did I park the car|cancel the alarm|how tall is the eiffel tower|take a picture"
).split("|")
_ASKS = "brew|can I get|can I have|I want|get me|give me|I'd like|make me|may I have".split("|")
_OTHER_THINGS = (
    "a sandwich with ham and cheese|the bill please|a glass of water|a table for two|some information about the trains|"
    "a new pair of shoes|an appointment for monday|my money back|a cup of green tea|a bottle of red wine|"
    "the number of a taxi|a ride to the airport|another week of holiday|the recipe for this cake|two tickets to it|"
    "a small bag for these apples|a large pizza with mushrooms|a medium shirt in blue|an orange juice without ice|"
    "a hot chocolate with cream|a lemonade with a straw|a word with you about tomorrow|a chocolate muffin|"
    "a bowl of tomato soup|a better explanation than that|something to eat before we go|the manager on the phone|"
    "a copy of the contract|a double room with a view|a single ticket to london|an ice cream with strawberries|"
    "the large box from the shelf|a piece of apple pie|some time to think about it|the light in the kitchen fixed|"
    "a dark jacket for the winter|twenty dollars from the machine|eight screws and a hammer|a new battery for my watch"
).split("|")
_STARTS = "yesterday|I think that|in the end|to be honest|as far as I know|on the other hand|last summer|well".split(
    "|"
)
_QUESTIONS = (
    "why did you not tell me about the meeting|do you know where the nearest bank is|have you ever been to japan|"
    "how long does it take to learn a language|which of these books did you like best|could you speak a little louder|"
    "is there a pharmacy open on sundays|what happened to the old bridge|when are we going to see each other again|"
    "would you rather walk or take the bus|who is going to pick up the children|did the postman come already"
).split("|")
_COFFEE_TALK = (
    "I never drink coffee in the evening|the coffee here is too expensive|she spilled milk on the carpet|"
    "my doctor told me to eat less sugar|the espresso machine is broken again|there is a coffee shop around the corner|"
    "is there any milk left in the fridge|he always puts too much sugar in his tea|"
    "do you know who invented the cappuccino|the beans come from a small farm in brazil|"
    "we ran out of cream this morning|please clean the coffee machine|how much is a latte|"
    "what kinds of milk do you have|an americano is just espresso with water|is the iced coffee any good"
).split("|")


_WRONG_VALUES = (
    "a small coffee with oat milk|a large latte with honey|an extra large cappuccino|a ten ounce mocha|"
    "a quadruple shot espresso|a blonde roast coffee|a decaf latte|a medium flat white|a large hot chocolate|"
    "a small green tea with milk|a twelve ounce lemonade|a dark roast macchiato|a double shot of whiskey|"
    "a large coffee with caramel syrup|a small espresso with lemon|a medium roast chicken|a tall latte|"
    "an iced tea with sugar|a sixteen ounce orange juice|a large cola with ice|a small soup with cream|"
    "a cappuccino with coconut milk|two large lattes|a venti americano|a single shot of tequila|"
    "a thirty ounce coffee|a latte with vanilla|an americano with rum|a mocha without sugar|a coffee to go"
).split("|")


def sentences() -> list[tuple[str, str]]:
    """``(text, kind)``, at least 1,000, no text twice; kinds: statement, question, command, coffee, near, value."""
    rng = random.Random(5)
    found = [(f"{s} {v}", "statement") for s, v in itertools.product(_SUBJECTS, _VERBS)]
    found = rng.sample(found, 340)
    found += [(f"{a} {s} {v}", "statement") for a, s, v in _few(rng, 140, _STARTS, _SUBJECTS, _VERBS)]
    found += [(text, "command") for text in _COMMANDS]
    asked = [c for c in _COMMANDS if c.split()[0] not in ("what", "how", "who", "is")]
    found += [(f"could you please {c}", "command") for c in asked]
    found += [(f"{start} {q}", "question") for start in ("", "excuse me", "so", "and") for q in _QUESTIONS]
    found += [(text, "coffee") for text in _COFFEE_TALK]
    found += [(f"{s} said that {c}", "coffee") for s, c in _few(rng, 60, _SUBJECTS, _COFFEE_TALK)]
    found += [(f"{ask} {thing}", "near") for ask, thing in itertools.product(_ASKS, _OTHER_THINGS)]
    found += [(f"{ask} {thing}", "value") for ask, thing in _few(rng, 120, _ASKS, _WRONG_VALUES)]
    return list(dict.fromkeys((" ".join(text.split()), kind) for text, kind in found))


def _few(rng: random.Random, count: int, *parts: tuple[str, ...] | list[str]) -> list[tuple[str, ...]]:
    return rng.sample(list(itertools.product(*parts)), count)


def make(folder: Path, speak: Speak | None = None, *, piper_share: float = 0.25) -> list[dict[str, str]]:
    """Speaks every sentence that is not in ``folder`` yet; returns the index.

    ``speak`` (:func:`piper`) says a ``piper_share`` of them, espeak-ng the rest.
    """
    if shutil.which("espeak-ng") is None:
        raise SystemExit("espeak-ng is not installed (apt-get install espeak-ng)")
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    index = []
    for number, (text, kind) in enumerate(sentences()):
        by_piper = rng.random() < piper_share and speak is not None
        voice = "piper" if by_piper else ESPEAK_VOICES[number % len(ESPEAK_VOICES)]
        speed, pitch = rng.choice((140, 160, 175, 190)), rng.choice((35, 50, 65))
        name = f"{number:04d}.wav"
        if not (folder / name).exists():
            if by_piper:
                audio, rate = speak(text, rng.choice(PIPER_LENGTHS), rng.choice(PIPER_NOISES))
            else:
                audio, rate = espeak(text, voice, speed, pitch)
            write(folder / name, audio, rate)
        index.append({"name": name, "text": text, "kind": kind, "voice": voice})
    (folder / "index.json").write_text(json.dumps(index, indent=1))
    return index


def piper(voice: Path) -> Speak:
    """Speaks with a Piper voice: text, length scale, noise scale to int16 samples and their rate."""
    from piper import PiperVoice, SynthesisConfig

    loaded = PiperVoice.load(str(voice))

    def speak(text: str, length: float, noise: float) -> tuple[np.ndarray, int]:
        settings = SynthesisConfig(length_scale=length, noise_scale=noise)
        return np.concatenate(
            [c.audio_int16_array for c in loaded.synthesize(text, settings)]
        ), loaded.config.sample_rate

    return speak


def espeak(text: str, voice: str, speed: int = 165, pitch: int = 50) -> tuple[np.ndarray, int]:
    """int16 samples of espeak-ng and their rate."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", "--", text]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    at = raw.index(b"data") + 8  # the sizes in a streamed header are not true
    return np.frombuffer(raw[at : at + (len(raw) - at) // 2 * 2], np.int16), int.from_bytes(raw[24:28], "little")


def write(path: Path, audio: np.ndarray, rate: int) -> None:
    """Half a second around it, -26 dBFS, a little hiss, as a quiet room would have."""
    samples = soxr.resample(audio.astype(np.float32) / 32768, rate, RATE_HZ)
    samples = np.pad(samples, RATE_HZ // 2)
    samples *= 0.05 / max(1e-6, float(np.sqrt(np.mean(samples**2))))
    samples += np.random.default_rng(len(samples)).normal(0, 3e-4, samples.size).astype(np.float32)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def load(path: Path) -> np.ndarray:
    """float32 samples at 16 kHz."""
    samples, rate = soundfile.read(path, dtype="float32")
    return samples if rate == RATE_HZ else soxr.resample(samples, rate, RATE_HZ)


def noises(recording: np.ndarray, count: int = 40) -> Iterator[tuple[str, np.ndarray]]:
    """Sounds without speech: stretches of the recorded kitchen, hiss, hum, clicks and silence, 1 to 6 seconds."""
    rng = np.random.default_rng(11)
    for number in range(count):
        size = int(rng.uniform(1, 6) * RATE_HZ)
        start = int(rng.integers(0, recording.size - size))
        kind = ("kitchen", "hiss", "hum", "clicks", "silence")[0 if number % 2 else number // 2 % 5]
        t = np.arange(size) / RATE_HZ
        made = {
            "kitchen": recording[start : start + size] * rng.uniform(0.5, 3),
            "hiss": rng.normal(0, 0.02, size),
            "hum": 0.05 * np.sign(np.sin(2 * np.pi * 50 * t)) + rng.normal(0, 0.002, size),
            "clicks": (rng.random(size) < 3e-4) * rng.normal(0, 0.5, size),
            "silence": np.zeros(size),
        }[kind]
        yield kind, np.clip(made, -1, 1).astype(np.float32)
