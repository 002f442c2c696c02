"""How often each guard kept rtva from hearing words where there were none, or from answering what was not for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_py.events import TurnTrace

GUARDS = {
    "too_short": "bursts that the detector took for voice and that were over too soon",
    "too_long": "utterances that were ended at vad.max_utterance_s",
    "echo": "utterances over an answer that were its own words",
    "silence": "utterances without sound above the microphone's own noise",
    "no_speech": "transcripts that recognition did not believe itself",
    "expected": "of these, short answers to a question that was open, which were taken all the same",
    "annotation": "descriptions of noise in brackets, taken out of a transcript",
    "loop": "transcripts that repeated themselves, cut behind the first copy",
    "retry": "recognitions done again with the full context",
    "low_score": "sentences of the templates that were not believed",
    "far": "sentences that nobody near said: below response_generation.least_level_db",
    "no_match": "transcripts that fit no sentence",
    "doubtful": "of these, heard too badly for an answer; without a wake word a command too, below 0.3 of confidence",
    "chatter": "of these, one of too many in a row for an answer",
    "not_spoken_to": "of these, not answered as response_generation.unknown is spoken_to",
}
"""Name -> what it counts. The order is the walk's."""


@dataclass
class GuardCounts:
    """The turn thread adds a turn; others read. ``counts`` has every name from the begin."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GUARDS, 0))

    def add(self, trace: TurnTrace) -> None:
        """A turn that is over."""
        fired = {name for name in trace.guards if name in self.counts}
        if trace.endpoint_reason == "too_long":
            fired.add("too_long")
        if trace.guided_score > 0 and not trace.is_guided:
            fired.add("low_score")
        if trace.transcript and trace.intent is None:
            fired.add("no_match")
        for name in fired:
            self.counts[name] += 1

    def report(self, too_short: int) -> dict[str, int]:
        """All of them; ``too_short`` is the listener's count."""
        return {**self.counts, "too_short": too_short}
