"""How long a worker may take for what. Past it, it is killed and another takes over."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_py.events import RATE_HZ


@dataclass(frozen=True)
class Deadlines:
    """Seconds, all stretched by ``scale`` (``workers.deadline_scale``).

    ``begin_s``: from a request to the worker's word that it has begun. A worker that is stopped, swapped out
    or wedged is found by it long before the work itself is overdue.
    """

    scale: float = 1.0
    load_s: float = 60.0
    begin_s: float = 2.0
    work_s: float = 5.0
    per_audio_s: float = 3.0
    per_char_s: float = 0.05
    text_s: float = 60.0

    def load(self) -> float:
        """To import the libraries and load the weights."""
        return self.load_s * self.scale

    def begin(self) -> float:
        """To say that a request is being worked on."""
        return self.begin_s * self.scale

    def text(self) -> float:
        """To the next piece of a language model's text; its first may take a slow board that long."""
        return self.text_s * self.scale

    def work(self, samples: int = 0, chars: int = 0) -> float:
        """For a call with so many samples of audio, or from one chunk of a text of so many letters to the next."""
        return (self.work_s + self.per_audio_s * samples / RATE_HZ + self.per_char_s * chars) * self.scale
