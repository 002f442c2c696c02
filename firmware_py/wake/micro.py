"""Wake words by microWakeWord networks, through ``pymicro-wakeword``.

One set of features is shared by all words. A word is heard when the mean of its newest probabilities passes its
threshold; a rise that stays below it is a near miss, told once it is over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_py.errors import BadInput, Unavailable
from firmware_py.events import Pcm16, WakeHeard

REST_FRAMES = 100
"""A word that was heard is not heard again within this, nor before its network has let go of it for ``OVER_FRAMES``:
some stay at 1.0 for more than a second behind the word, and what was said meanwhile would be thrown away."""
BEHIND_MS = {"okay_nabu": 230, "hey_jarvis": 220, "hey_mycroft": 160, "alexa": 280}
"""How long before its detection a word had ended, by the cautious end of what was measured (decision 0028)."""
BEHIND_OWN_MS = 220
"""The same of a word that nobody measured."""
OVER_FRAMES = 30
"""A rise is over after so many frames without it: a network answers every third frame, and 0 in between."""
NEVER = 1.01


@dataclass
class _Word:
    """One network and what its probability is doing."""

    name: str
    network: Any
    threshold: float
    threshold_speaking: float
    peak: float = 0.0
    rest: int = 0
    quiet: int = 0

    def heed(self, probability: float, near: float, *, is_speaking: bool) -> WakeHeard | None:
        """A word heard, or a near miss that is over."""
        needed = self.threshold_speaking if is_speaking else self.threshold
        is_held = probability >= min(near, needed)
        self.rest = max(self.rest - 1, OVER_FRAMES if self.rest and is_held else 0)
        self.quiet += 1
        if self.rest:
            self.peak = 0.0
        elif probability > needed:
            self.rest, self.peak = REST_FRAMES, 0.0
            return WakeHeard(self.name, probability, BEHIND_MS.get(self.name, BEHIND_OWN_MS))
        elif probability >= near:
            self.peak, self.quiet = max(self.peak, probability), 0
        elif self.peak and self.quiet >= OVER_FRAMES:
            peak, self.peak = self.peak, 0.0
            return WakeHeard(self.name, peak, is_near=True)
        return None


class MicroWakeWord:
    """Listens for several words at once, a 10 ms frame at a time.

    ``words`` are names of networks that the package carries, or paths of a network's JSON file (microWakeWord's own
    form, version 2). ``threshold`` replaces the one that each network brings; ``threshold_speaking`` counts while the
    assistant speaks. ``near_miss`` is the least probability that is told as one. Raises Unavailable when the package
    is not there, BadInput for a network that cannot be read.
    """

    def __init__(
        self,
        words: Sequence[str],
        threshold: float | None = None,
        threshold_speaking: float | None = None,
        near_miss: float = 0.5,
    ) -> None:
        try:
            import pymicro_wakeword as micro
        except (ImportError, OSError) as error:
            raise Unavailable(f"pymicro-wakeword is not installed ({error}); pip install 'rtva[wake]'") from error
        self._features = micro.MicroWakeWordFeatures()
        self._near = near_miss
        builtin = Path(micro.__file__).parent / "models"
        self._words = [_load(micro.MicroWakeWord.from_config, word, builtin) for word in dict.fromkeys(words)]
        for word in self._words:
            word.threshold = word.threshold if threshold is None else threshold
            word.threshold_speaking = word.threshold if threshold_speaking is None else threshold_speaking

    @property
    def names(self) -> list[str]:
        """What is listened for."""
        return [word.name for word in self._words]

    def push(self, frame: Pcm16, *, is_speaking: bool = False) -> WakeHeard | None:
        """What this frame of 160 samples completed; of two words at once the more probable one."""
        found: list[WakeHeard] = []
        for features in self._features.process_streaming(frame.tobytes()):
            for word in self._words:
                probability = word.network.process_streaming_prob(features)
                heard = word.heed(probability or 0.0, self._near, is_speaking=is_speaking)
                if heard is not None:
                    found.append(heard)
        return max(found, key=lambda heard: (not heard.is_near, heard.score), default=None)

    def reset(self) -> None:
        """Forgets the sound so far."""
        self._features.reset()
        for word in self._words:
            word.network.reset()
            word.peak, word.rest, word.quiet = 0.0, 0, 0

    def close(self) -> None:
        for word in self._words:
            word.network.close()
        self._words = []


def _load(read: Callable[[Path], Any], word: str, builtin: Path) -> _Word:
    path = Path(word) if "/" in word else builtin / f"{word}.json"
    check(path)
    try:
        network = read(path)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise BadInput(f"{path}: not a wake word's network: {error}") from error
    return _Word(path.stem, network, float(network.probability_cutoff), NEVER)


def check(path: Path) -> None:
    """The JSON and the network beside it, before native code reads either. Raises BadInput, Unavailable."""
    if not path.is_file():
        raise Unavailable(f"{path}: no such wake word file")
    try:
        told = json.loads(path.read_text("utf-8"))
        model = path.parent / str(told["model"])
        cutoff, window = told["micro"]["probability_cutoff"], told["micro"]["sliding_window_size"]
        is_sound = 0 < float(cutoff) < 1 and 1 <= int(window) <= 100
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: not a wake word file of microWakeWord, version 2: {error}") from error
    if not is_sound:
        raise BadInput(f"{path}: probability_cutoff {cutoff} (0 to 1) or sliding_window_size {window} (1 to 100)")
    if not model.is_file():
        raise Unavailable(f"{path}: its model {model} is not there")
    with model.open("rb") as file:
        if file.read(8)[4:] != b"TFL3":
            raise BadInput(f"{model}: not a TensorFlow Lite model")
