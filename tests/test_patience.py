"""From what a draft heard to how long the pause may last: the configured bounds."""

from __future__ import annotations

import pytest

from firmware_py.config import Config, from_text
from firmware_py.draft import Work
from firmware_py.events import Transcript
from firmware_py.pipeline import VoicePipeline

BOUNDS = "vad: {hangover_complete_ms: 210, hangover_extendable_ms: 310, hangover_ms: 510, hangover_incomplete_ms: 910}"


def asked(text: str, config: Config) -> tuple[int, str]:
    pipeline = VoicePipeline(config)
    draft = Work(16_000, Transcript(text, 0.9), pipeline.understanding.understand(text), done_ns=7)
    patience = pipeline.patience(draft)
    assert (patience.speech_end, patience.from_ns) == (16_000, 7)
    return patience.hangover_ms, patience.reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Flip a coin.", (210, "complete")),
        ("Turn the volume up.", (310, "extendable")),
        ("The grey cat is sleeping.", (510, "unknown")),
        ("Set the volume to", (910, "incomplete")),
        ("", (910, "incomplete")),
    ],
)
def test_the_bounds_are_the_configured_ones(text: str, expected: tuple[int, str]) -> None:
    assert asked(text, from_text(BOUNDS)) == expected


def test_a_request_that_could_go_on_is_waited_for_no_less_than_a_whole_one_and_no_more_than_any_other() -> None:
    both = from_text("vad: {hangover_complete_ms: 400, hangover_extendable_ms: 280}")
    assert asked("Turn the volume up.", both)[0] == 400
    assert asked("Turn the volume up.", from_text("vad: {hangover_ms: 250}"))[0] == 250


def test_the_judgement_follows_new_templates() -> None:
    pipeline = VoicePipeline(from_text(BOUNDS))
    before = pipeline.completeness
    pipeline.renew(from_text(BOUNDS))
    assert pipeline.completeness is not before
