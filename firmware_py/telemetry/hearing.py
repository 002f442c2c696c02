"""The metrics of who is heard: wake words, interruptions, and what is left of the loudspeaker in the microphone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

ECHO_DB = {
    "erle_db": "Echo return loss enhancement of what is listened to, dB.",
    "linear_erle_db": "The same of the linear canceller, whose sound is recognised from 12 dB on.",
    "residual_db": "What is left of the loudspeaker, dB below full scale: nine of ten frames are softer.",
    "limit_db": "The most that may be left for speech over it to be believed, dB below full scale.",
    "room_db": "The room without the loudspeaker, dB below full scale: nine of ten frames are softer.",
}
ECHO_COUNTS = {
    "missing_samples": "Samples (16 kHz) of the loudspeaker's sound that came too late to be taken out.",
    "failures": "Frames that the echo canceller refused.",
}


@dataclass(frozen=True)
class Heard:
    """``wake`` and ``interruption`` as ``status`` tells them; empty where there is none."""

    wake: dict[str, Any] = field(default_factory=dict)
    interruption: dict[str, Any] = field(default_factory=dict)

    def metrics(self) -> Iterator[Metric]:
        """Read at a scrape. What is not known yet has no sample."""
        yield from self._words()
        told = self.interruption
        ended = CounterMetricFamily("rtva_interruptions", "Answers that somebody ended.", labels=["by"])
        if told:
            by_speech = told.get("by_speech", 0)
            ended.add_metric(["speech"], by_speech)
            ended.add_metric(["wake_word"], told["count"] - by_speech)
        yield ended
        now = GaugeMetricFamily("rtva_interruption_by", "1 for what ends an answer now.", labels=["by"])
        for by in ("any_speech", "wake_word", "nothing") if told else ():
            now.add_metric([by], float(by == told["by"]))
        yield now
        yield from _echo(told.get("echo", {}))

    def _words(self) -> Iterator[Metric]:
        words = CounterMetricFamily("rtva_wake_words", "Wake words heard, and nearly.", labels=["word", "how"])
        for word, counts in self.wake.get("words", {}).items():
            for how, count in counts.items():
                words.add_metric([word, how], count)
        yield words
        if "unused" in self.wake:
            yield CounterMetricFamily(
                "rtva_wake_unused", "Openings that nobody spoke behind.", value=self.wake["unused"]
            )


def _echo(echo: dict[str, Any]) -> Iterator[Metric]:
    for key, text in ECHO_DB.items():
        if echo.get(key) is not None:
            yield GaugeMetricFamily(f"rtva_echo_{key}", text, value=echo[key])
    if "is_trusted" in echo:
        text = "1 while speech over the loudspeaker may be believed."
        yield GaugeMetricFamily("rtva_echo_is_trusted", text, value=float(echo["is_trusted"]))
    for key, text in ECHO_COUNTS.items():
        if key in echo:
            yield CounterMetricFamily(f"rtva_echo_{key}", text, value=echo[key])
