"""Noise, breathing, music and silence are answered with nothing; what was not for rtva neither; guards are counted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py._ring import Ring
from firmware_py.addressed import (
    ANSWER_NS,
    CHATTER,
    DOUBTFUL,
    FAR,
    FORGET_NS,
    LEAST_BELIEVED,
    LEAST_CONFIDENCE,
    LEAST_WORD,
    MOST_IN_A_ROW,
    NOT_SPOKEN_TO,
    SURE_SCORE,
    Addressed,
)
from firmware_py.cli.status import view
from firmware_py.events import Action, Kind, Reply, Transcript, TurnEvent, TurnTrace
from firmware_py.guard_counts import GUARDS, GuardCounts
from firmware_py.listen import Listener, ListenSettings
from firmware_py.near import LEAST_ORDERS, ORDER_BELOW_DB, PEOPLE_DB, TALKING_NS, UNKNOWN_BELOW_DB, Near, level_db
from firmware_py.pipeline import VoicePipeline
from firmware_py.telemetry.metrics import Metrics, Now
from firmware_py.telemetry.statistics import Statistics

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))

SECOND_NS = 1_000_000_000
WELL, BADLY = Transcript("a horse", LEAST_CONFIDENCE), Transcript("a horse", LEAST_CONFIDENCE - 0.01)
UNKNOWN, KNOWN, ASKING = (
    Reply("What?", is_unknown=True),
    Reply("Yes.", "yes"),
    Reply("For how long?", "timer", asks=True),
)


def at(seconds: float, wake: str = "") -> TurnEvent:
    return TurnEvent(Kind.ENDPOINT, 0, 0, 0, 0, int(seconds * SECOND_NS), wake=wake)


@pytest.mark.parametrize(
    ("text", "confidence", "score", "is_done"),
    [
        ("louder", LEAST_WORD, SURE_SCORE, True),
        ("louder", LEAST_WORD - 0.01, 1.0, False),
        ("louder", LEAST_BELIEVED - 0.01, SURE_SCORE - 0.01, False),
        ("are you ok", LEAST_BELIEVED - 0.01, 0.97, False),
    ],
)
def test_an_order_of_one_word_is_believed_sooner(text: str, confidence: float, score: float, is_done: bool) -> None:
    """In twenty takes "louder." has 0.26 and more; noise of that confidence comes as whole sentences."""
    heard = Transcript(text, confidence, is_guided=True, score=score)
    assert Addressed().withheld(at(0), heard, KNOWN) == ("" if is_done else DOUBTFUL)
    as_open_text = Transcript(text, confidence, score=score)
    assert Addressed().withheld(at(0), as_open_text, KNOWN) == DOUBTFUL


def test_what_is_hardly_a_word_is_no_command_unless_somebody_called() -> None:
    """A kitchen at work was written as "are you OK?" with 0.26, behind a question that was open."""
    addressed = Addressed()
    hardly, enough = Transcript("are you ok", LEAST_BELIEVED - 0.01), Transcript("are you ok", LEAST_BELIEVED)
    assert addressed.withheld(at(0), hardly, KNOWN) == DOUBTFUL
    assert addressed.withheld(at(0), enough, KNOWN) == addressed.withheld(at(0, "hey_jarvis"), hardly, KNOWN) == ""
    addressed.committed(at(0), enough, ASKING)
    assert addressed.withheld(at(1), hardly, KNOWN) == DOUBTFUL
    addressed.committed(at(1), hardly, KNOWN)
    assert addressed.withheld(at(2), BADLY, UNKNOWN) == "", "the question is open still"


def test_what_ends_a_ring_or_a_question_is_believed_however_unclear() -> None:
    addressed = Addressed()
    hardly = Transcript("cancel", LEAST_BELIEVED - 0.01)
    stop, speaking, order = Action("stop_ringing"), Action("stop_speaking"), Action("volume", {"percent": 9})
    assert addressed.withheld(at(0), hardly, Reply("Okay.", "cancel", (speaking,))) == DOUBTFUL, "there is nothing"
    assert addressed.withheld(at(0), hardly, Reply("Okay.", "cancel", (speaking, stop))) == ""
    assert addressed.withheld(at(0), hardly, Reply("Okay.", "cancel", (stop, order))) == DOUBTFUL
    addressed.committed(at(0), WELL, ASKING)
    assert addressed.withheld(at(1), hardly, Reply("Okay.", "cancel", (speaking,))) == ""


def test_a_television_is_told_twice_and_then_no_more_until_it_is_quiet_or_somebody_is_understood() -> None:
    addressed = Addressed()

    def hear(seconds: float, reply: Reply = UNKNOWN, heard: Transcript = WELL) -> str:
        why = addressed.withheld(at(seconds), heard, reply)
        addressed.committed(at(seconds), heard, reply)
        return why

    assert [hear(10 * n) for n in range(5)] == ["", "", CHATTER, CHATTER, CHATTER]
    assert hear(50, KNOWN) == "" and hear(60) == "" and hear(70) == "" and hear(80) == CHATTER
    assert hear(80 + FORGET_NS / SECOND_NS) == ""
    assert hear(500, heard=BADLY) == DOUBTFUL


def test_who_is_spoken_to_is_always_told() -> None:
    for unknown in ("addressed", "spoken_to"):
        addressed = Addressed(unknown)  # type: ignore[arg-type]
        for n in range(MOST_IN_A_ROW + 3):
            assert addressed.withheld(at(n, "hey_jarvis"), BADLY, UNKNOWN) == ""
            addressed.committed(at(n, "hey_jarvis"), BADLY, UNKNOWN)
        addressed.committed(at(100), WELL, ASKING)
        assert addressed.withheld(at(110), BADLY, UNKNOWN) == "", "a question is open"
        assert addressed.withheld(at(101 + ANSWER_NS / SECOND_NS), BADLY, UNKNOWN) != ""
    assert Addressed("spoken_to").withheld(at(1), WELL, UNKNOWN) == NOT_SPOKEN_TO
    assert Addressed("always").withheld(at(1), BADLY, UNKNOWN) == ""


@given(turns=st.lists(st.tuples(st.floats(0, 50), st.booleans(), st.booleans(), st.sampled_from(["", "alexa"]))))
def test_what_is_understood_is_never_withheld(turns: list[tuple[float, bool, bool, str]]) -> None:
    addressed, now = Addressed(), 0.0
    told_in_a_row = 0
    for pause, is_unknown, is_well, wake in turns:
        now += pause
        reply, heard = UNKNOWN if is_unknown else KNOWN, WELL if is_well else BADLY
        why = addressed.withheld(at(now, wake), heard, reply)
        assert addressed.withheld(at(now, wake), heard, reply) == why, "asking changes nothing"
        assert not (why and (wake or not is_unknown))
        told_in_a_row = told_in_a_row + (not why and not wake) if is_unknown else 0
        assert told_in_a_row <= MOST_IN_A_ROW, "no pause here is long enough to begin anew"
        addressed.committed(at(now, wake), heard, reply)


def loud(db: float, seconds: float = 1.0, wake: str = "", at_s: float = 1.0, *, interrupts: bool = False) -> TurnEvent:
    """An utterance of noise at this level."""
    sound = np.random.default_rng(1).normal(0, 32768 * 10 ** (db / 20), int(seconds * 16000)).astype(np.int16)
    return TurnEvent(Kind.ENDPOINT, 0, 0, 0, 0, int(at_s * SECOND_NS), sound, wake=wake, interrupts=interrupts)


@pytest.mark.parametrize("unknown", ["always", "addressed", "spoken_to"])
def test_what_is_said_across_the_room_is_neither_answered_nor_done(unknown: str) -> None:
    addressed = Addressed(unknown, least_level_db=-40.0)  # type: ignore[arg-type]
    for reply in (KNOWN, UNKNOWN, ASKING):
        assert addressed.withheld(loud(-46), WELL, reply) == FAR
        assert addressed.withheld(loud(-46, wake="alexa"), BADLY, reply) == ""
        addressed.committed(loud(-46), WELL, reply)
    assert addressed.withheld(loud(-34), WELL, KNOWN) == ""
    assert addressed.withheld(loud(-46), WELL, KNOWN) == FAR, "a question that was never asked is not open"
    addressed.committed(loud(-34), WELL, ASKING)
    assert addressed.withheld(loud(-46), WELL, KNOWN) == "", "who is asked may answer from where he sits"
    assert Addressed(least_level_db=None).withheld(loud(-80), WELL, KNOWN) == ""


def used_to(db: float) -> Addressed:
    """A household whose orders are as loud as that; the last was minutes ago."""
    addressed = Addressed()
    for n in range(LEAST_ORDERS):
        addressed.committed(loud(db, at_s=n), WELL, KNOWN)
    return addressed


def test_a_television_is_told_nothing_before_anybody_has_said_anything() -> None:
    """Its loudest 200 ms are at -27 dB where its RMS is at -35; an order that it says is done, for all are new here."""
    addressed = Addressed()
    assert addressed.withheld(loud(-27), WELL, UNKNOWN) == FAR
    assert addressed.withheld(loud(PEOPLE_DB), WELL, UNKNOWN) == ""
    assert addressed.withheld(loud(-60), WELL, KNOWN) == "", "whose microphone is that soft, nobody knows yet"
    assert Addressed("always").withheld(loud(-60), WELL, UNKNOWN) == ""
    assert addressed.withheld(at(1), WELL, UNKNOWN) == "", "no sound, no level"


@pytest.mark.parametrize("usual", [-19.0, -40.0])
def test_what_is_far_below_a_household_s_own_orders_is_neither_told_nor_done(usual: float) -> None:
    addressed = used_to(usual)
    near, far = loud(usual - ORDER_BELOW_DB + 2, at_s=500), loud(usual - ORDER_BELOW_DB - 2, at_s=500)
    assert addressed.withheld(near, WELL, KNOWN) == ""
    assert addressed.withheld(far, WELL, KNOWN) == addressed.withheld(far, WELL, ASKING) == FAR
    assert addressed.withheld(loud(usual - UNKNOWN_BELOW_DB + 2, at_s=500), WELL, UNKNOWN) == ""
    assert addressed.withheld(loud(usual - UNKNOWN_BELOW_DB - 2, at_s=500), WELL, UNKNOWN) == FAR
    assert addressed.withheld(loud(-70, at_s=500, wake="alexa"), WELL, KNOWN) == ""
    assert addressed.withheld(loud(-70, at_s=500, interrupts=True), WELL, KNOWN) == "", "the canceller takes of it"
    ends = Reply("Okay.", "cancel", (Action("stop_speaking"), Action("stop_ringing")))
    assert addressed.withheld(loud(-70, at_s=500), WELL, ends) == "", "a ring is ended from the bed"
    found = addressed.report()
    assert found["usual_db"] == pytest.approx(usual, abs=1) and found["least_db"] == pytest.approx(
        usual - ORDER_BELOW_DB, abs=1
    )


def test_a_television_that_is_far_most_of_the_time_is_chatter_when_it_is_loud_and_who_is_louder_is_told() -> None:
    addressed = Addressed()
    for n in range(6):
        event = loud(-29, at_s=10.0 * n)
        assert addressed.withheld(event, Transcript(str(n), 0.9), UNKNOWN) == FAR
        addressed.committed(event, Transcript(str(n), 0.9), UNKNOWN)
    assert addressed.withheld(loud(-23, at_s=60), WELL, UNKNOWN) == CHATTER
    assert addressed.withheld(loud(-18, at_s=60), WELL, UNKNOWN) == ""
    assert addressed.withheld(loud(-23, at_s=60), WELL, KNOWN) == ""
    assert addressed.withheld(loud(-23, at_s=50 + FORGET_NS / SECOND_NS), WELL, UNKNOWN) == "", "a minute was quiet"


def test_while_somebody_talks_to_it_softer_sentences_are_told() -> None:
    addressed = used_to(-20)
    soft = loud(-20 - UNKNOWN_BELOW_DB - 3, at_s=500)
    assert addressed.withheld(soft, WELL, UNKNOWN) == FAR
    addressed.committed(loud(-20, at_s=490), WELL, KNOWN)
    assert addressed.withheld(soft, WELL, UNKNOWN) == ""


def test_who_says_it_again_is_heard_and_after_that_softly() -> None:
    """The microphone's gain was changed, or somebody calls from the next room: nobody is shut out."""
    addressed = used_to(-20)

    def hear(at_s: float, text: str) -> str:
        event, heard = loud(-50, at_s=at_s), Transcript(text, 0.9)
        reply = Reply("Yes.", text.lower().strip("?"))
        why = addressed.withheld(event, heard, reply)
        addressed.committed(event, heard, reply)
        return why

    assert hear(500, "what time is it") == FAR and hear(510, "turn on the light") == FAR
    assert hear(500 + TALKING_NS / SECOND_NS + 1, "What time is it?") == FAR, "too long ago"
    assert hear(535, "what time is it") == "" and hear(570, "turn on the light") == ""
    assert addressed.near.usual_db == pytest.approx(-20, abs=1), "one is not all"
    for n in range(9):  # somebody else, as loud as ever, in between
        addressed.committed(loud(-20, at_s=600 + n), WELL, KNOWN)
    assert hear(700, "what time is it") == FAR and hear(710, "What time is it?") == ""
    for n in range(9):
        assert hear(720 + n, "turn it off") == ""
    assert addressed.near.usual_db == pytest.approx(-50, abs=1)


def test_an_order_is_said_again_by_what_it_does() -> None:
    addressed = used_to(-20)
    timer = Reply("15 minutes.", "timer_start", (Action("count_down", {"seconds": 900}),))
    addressed.committed(loud(-45, at_s=100), Transcript("a timer for 15 minutes", 0.9), timer)
    again = Transcript("a timer for fifteen minutes", 0.9)
    assert addressed.withheld(loud(-45, at_s=105), again, timer) == ""
    other = Reply("50 minutes.", "timer_start", (Action("count_down", {"seconds": 3000}),))
    assert addressed.withheld(loud(-45, at_s=105), again, other) == FAR


def test_whoever_is_far_behind_the_one_who_was_asked_does_not_answer_for_him() -> None:
    addressed = Addressed()
    addressed.committed(loud(-12, at_s=1), WELL, ASKING)
    for text, reply in (("and now the weather", UNKNOWN), ("yes", KNOWN)):
        assert addressed.withheld(loud(-36, at_s=3), Transcript(text, 0.9), reply) == FAR
        addressed.committed(loud(-36, at_s=3), Transcript(text, 0.9), reply)
    assert addressed.withheld(loud(-28, at_s=4), BADLY, UNKNOWN) == "", "the question is open still"
    assert addressed.withheld(loud(-36, at_s=4), Transcript("Yes.", 0.9), KNOWN) == "", "he says it again"
    assert addressed.withheld(loud(-36, at_s=4, wake="alexa"), BADLY, KNOWN) == ""


def test_a_soft_answer_or_wake_word_does_not_forget_what_a_household_s_level_is() -> None:
    addressed = used_to(-20)
    before = addressed.report()
    ends = Reply("Okay.", "cancel", (Action("stop_speaking"), Action("stop_ringing")))
    addressed.committed(loud(-50, at_s=100, wake="alexa"), WELL, KNOWN)
    addressed.committed(loud(-50, at_s=101), WELL, ends)
    addressed.committed(loud(-50, at_s=102, interrupts=True), WELL, KNOWN)
    assert addressed.report() == before


def test_a_television_between_what_is_said_twice_is_no_matter() -> None:
    addressed = used_to(-20)
    for at_s, text in ((100, "what time is it"), (105, "and now the weather")):
        addressed.committed(loud(-45, at_s=at_s), Transcript(text, 0.9), KNOWN if at_s == 100 else UNKNOWN)
    assert addressed.withheld(loud(-45, at_s=110), Transcript("what time is it", 0.9), KNOWN) == ""


@given(levels=st.lists(st.tuples(st.floats(-90, 0), st.booleans(), st.sampled_from("ab")), max_size=40))
def test_the_same_is_never_refused_twice_in_a_row(levels: list[tuple[float, bool, str]]) -> None:
    near, last = Near(), frozenset[str]()
    for n, (level, is_unknown, text) in enumerate(levels):
        now_ns, said = n * SECOND_NS, frozenset(text)
        if near.is_far(level, said, now_ns, is_unknown=is_unknown):
            assert said != last
            near.heard_far(said, now_ns)
            last = said
        elif not is_unknown:
            near.done(level, now_ns)


def test_the_level_of_an_utterance_is_that_of_its_loudest_fifth_of_a_second() -> None:
    parts = [loud(-50, 2.0).audio, loud(-30, 0.3).audio, loud(-10, 0.05).audio]
    assert level_db(np.concatenate(parts)) == pytest.approx(-30, abs=1.5)
    assert level_db(np.zeros(16000, np.int16)) == level_db(np.zeros(0, np.int16)) == -120
    assert level_db(loud(-30, 0.1).audio) == pytest.approx(-30, abs=1.5)


def test_each_guard_is_counted_once_a_turn_and_is_seen_everywhere() -> None:
    counts = GuardCounts()
    counts.add(TurnTrace(transcript="", guards=("retry", "no_speech"), guided_score=0.2))
    counts.add(TurnTrace(transcript="a horse", guards=(DOUBTFUL,), endpoint_reason="too_long"))
    counts.add(TurnTrace(transcript="what time is it", intent="time", is_guided=True, guided_score=0.9))
    found = {name: count for name, count in counts.report(too_short=4).items() if count}
    assert found == {
        "too_short": 4,
        "too_long": 1,
        "no_speech": 1,
        "retry": 1,
        "low_score": 1,
        "no_match": 1,
        DOUBTFUL: 1,
    }
    assert {FAR, DOUBTFUL, CHATTER, NOT_SPOKEN_TO} <= set(GUARDS)
    metrics = Metrics(Statistics(), lambda: Now(guards=counts.report(4)))
    assert metrics.registry.get_sample_value("rtva_guard_fired_total", {"guard": "too_short"}) == 4
    page = (Path(__file__).resolve().parent.parent / "docs" / "monitoring.md").read_text()
    assert all(f"| `{name}` | {what} |" in page for name, what in GUARDS.items())


def test_the_status_says_which_fired() -> None:
    status: dict[str, Any] = {
        "version": "1", "state": "idle", "since_s": 1, "is_silent": False, "microphone": "open", "volume": 50,
        "level_db": None, "alerts": {}, "counts": {}, "totals": {}, "faces": {}, "workers": [], "latency_ms": {},
        "turns": [], "guards": {"too_short": 3, "no_match": 0, "chatter": 2},
    }  # fmt: skip
    assert "guards: too_short 3, chatter 2" in list(view(status))
    known = {**status, "near": {"usual_db": -21.4, "least_db": -39.4}}
    assert "orders usually have -21.4 dB; what stays below -39.4 dB is far away" in list(view(known))
    assert "what stays below -40 dB is far away" in list(
        view({**status, "near": {"usual_db": None, "least_db": -40.0}})
    )
    assert len(list(view({**status, "near": {"usual_db": None, "least_db": None}}))) == len(list(view(status)))


def test_a_burst_that_never_was_speech_is_counted(weights: Path) -> None:
    class Scripted:
        def __init__(self, verdicts: list[int]) -> None:
            self.verdicts = iter(verdicts)

        def push(self, frame: Any) -> int:
            return next(self.verdicts)

        def reset(self) -> None: ...

    verdicts = [0] * 50 + [1] * 5 + [0] * 50 + [1] * 5 + [0] * 50 + [1] * 60 + [0] * 80
    ring = Ring(1 << 19)
    listener = Listener(ring, Scripted(verdicts), ListenSettings(), lambda position: position)
    ring.write(np.random.default_rng(1).normal(0, 300, len(verdicts) * 160).astype(np.int16))
    kinds = [event.kind for event in listener.decide()]
    assert kinds.count(Kind.SPEECH) == 1 and listener.too_short == 2


@pytest.mark.parametrize(("engine", "seconds"), [("silero", 15.0), ("webrtc", 6.0)])
def test_noise_is_answered_with_nothing(
    weights: Path, recordings: Path, tmp_path: Path, engine: str, seconds: float
) -> None:
    """Some seconds of each sound of ``bench/bench_inventing.py`` at each level: kitchen, noise, breathing, music, none.

    The detector that noise sets off sends plenty of it to recognition.
    """
    from bench_inventing import walked
    from noise_material import pieces

    from firmware_py.config import from_text

    utterances = 0
    with VoicePipeline(from_text(f"vad: {{engine: {engine}}}")) as pipeline:
        for piece in pieces(recordings, 1, seconds):
            if piece.kind != "television":
                turns = walked(pipeline, piece, tmp_path)
                utterances += len(turns)
                assert {t["reply"] for t in turns} <= {""}, (piece.kind, piece.level_db, turns)
    assert (utterances > 10) is (engine == "webrtc")
