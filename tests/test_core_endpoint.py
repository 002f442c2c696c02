"""The compiled endpointer against its oracle, and the promises that people feel."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.endpoint import ENDPOINT, PAUSE, RESUME, SPEECH, TOO_LONG, Heard, Recording, Rules

from firmware_py import _endpoint
from firmware_py._endpoint import Endpointer

RULES = st.builds(
    Rules,
    preroll=st.integers(0, 6),
    min_speech=st.integers(1, 9),
    pause=st.integers(1, 6),
    hangover=st.integers(1, 12),
    max_utterance=st.integers(30, 60),
    debounce=st.integers(1, 4),
    bridge=st.integers(1, 8),
    veto=st.integers(0, 5),
)
RUNS = st.lists(
    st.tuples(
        st.sampled_from([-1, 0, 0, 1, 1, 1]),
        st.sampled_from([-1, 0, 1, 1]),
        st.integers(1, 14),
        st.one_of(st.none(), st.none(), st.none(), st.integers(1, 20)),
    ),
    max_size=25,
)


def compiled(rules: Rules) -> Endpointer:
    names = ("preroll", "min_speech", "pause", "hangover", "max_utterance", "debounce", "bridge", "veto")
    return Endpointer(**{f"{name}_ms": getattr(rules, name) * 10 for name in names})


def play(endpointer: Endpointer, frames: list[Heard]) -> list[tuple[int, ...]]:
    events: list[tuple[int, ...]] = []
    for frame in frames:
        events += endpointer.push(frame.verdict, frame.is_active)
        if frame.hangover is not None and events:
            endpointer.set_hangover(events[-1][4], frame.hangover * 10)
    return events


def said(pattern: str, is_active: int = -1) -> list[Heard]:
    """``"0*5 1*30"``: five silent frames, thirty of speech; ``u`` is unknown."""
    out: list[Heard] = []
    for part in pattern.split():
        symbol, _, count = part.partition("*")
        out += [Heard(-1 if symbol == "u" else int(symbol), is_active)] * int(count or 1)
    return out


def kinds(events: list[tuple[int, ...]]) -> list[int]:
    return [event[0] for event in events]


@settings(max_examples=400, deadline=None)
@given(RULES, RUNS)
def test_agrees_with_the_oracle(rules: Rules, runs: list[tuple[int, int, int, int | None]]) -> None:
    frames = [Heard(v, a, h if i == 0 else None) for v, a, n, h in runs for i in range(n)]
    assert play(compiled(rules), frames) == Recording(frames, rules).events()


@settings(max_examples=200, deadline=None)
@given(RULES, RUNS)
def test_an_utterance_is_told_in_order(rules: Rules, runs: list[tuple[int, int, int, int | None]]) -> None:
    frames = [Heard(v, a) for v, a, n, _ in runs for _ in range(n)]
    is_open = is_paused = False
    used = 0
    for kind, at, start, speech_start, speech_end in play(compiled(rules), frames):
        assert is_open == (kind != SPEECH)
        assert is_paused if kind == RESUME else True
        assert used <= start <= speech_start < speech_end <= at
        assert at - start <= max(rules.max_utterance, rules.preroll) * 160 or kind == SPEECH
        is_open = kind not in (ENDPOINT, TOO_LONG)
        is_paused = kind == PAUSE
        used = 0 if is_open else at if kind == TOO_LONG else speech_end


def test_positions_are_exact() -> None:
    events = play(Endpointer(), said("0*50 1*40 0*12 1*20 0*60"))
    assert events == [
        (SPEECH, 12000, 3200, 8000, 12000),
        (PAUSE, 16000, 3200, 8000, 14400),
        (RESUME, 16640, 3200, 8000, 16640),
        (PAUSE, 21120, 3200, 8000, 19520),
        (ENDPOINT, 27520, 3200, 8000, 19520),
    ]


def test_unknown_is_never_silence() -> None:
    assert kinds(play(Endpointer(), said("u*100 1*30 u*300"))) == [SPEECH]


def test_unknown_neither_breaks_a_run_nor_ends_a_turn() -> None:
    assert kinds(play(Endpointer(), said("1 u*2 1*24 0*9 u*100 0"))) == [SPEECH, PAUSE]


def test_a_scatter_of_blips_is_not_speech() -> None:
    assert play(Endpointer(), said("1 0*3 " * 100, is_active=1)) == []


def test_a_doubtful_burst_must_last_and_a_confirmed_one_half_as_long() -> None:
    assert play(Endpointer(), said("1*24 0*100")) == []
    assert play(Endpointer(), said("1*12 0*100", is_active=1)) == []
    assert kinds(play(Endpointer(), said("1*13 0*100", is_active=1))) == [SPEECH, PAUSE, ENDPOINT]


def test_a_detector_that_lags_does_not_delay_the_end() -> None:
    frames = said("1*40", is_active=1) + said("1*14", is_active=0) + said("0*60", is_active=0)
    events = play(Endpointer(), frames)
    assert [(kind, at // 160, end // 160) for kind, at, _, _, end in events[1:]] == [
        (PAUSE, 50, 40),
        (ENDPOINT, 90, 40),
    ]


def test_a_detector_that_insists_is_believed() -> None:
    """Quiet speech behind loud speech costs a draft, never the turn."""
    frames = said("1*40", is_active=1) + said("1*200", is_active=0) + said("0*60", is_active=0)
    events = play(Endpointer(), frames)
    assert kinds(events) == [SPEECH, PAUSE, RESUME, PAUSE, ENDPOINT]
    assert events[-1][4] == 240 * 160


def test_too_long_ends_by_force_and_the_next_begins_at_once() -> None:
    events = play(Endpointer(max_utterance_ms=1000), said("1*250"))
    assert kinds(events) == [SPEECH, TOO_LONG, SPEECH, TOO_LONG, SPEECH]
    assert events[1][1] - events[1][2] == 16000
    assert events[2][2] == events[1][1]


def test_preroll_never_repeats_what_was_voiced_before() -> None:
    events = play(Endpointer(hangover_ms=100, pause_ms=50), said("0*60 1*30 0*12 1*30"))
    assert kinds(events) == [SPEECH, PAUSE, ENDPOINT, SPEECH]
    assert events[3][2] == events[2][4]


def test_the_hangover_changes_for_one_pause_alone() -> None:
    endpointer = Endpointer()
    end = 30 * 160
    assert not endpointer.set_hangover(0, 200)
    assert kinds(play(endpointer, said("1*30 0*9"))) == [SPEECH]
    assert not endpointer.set_hangover(end, 200), "a silence that is no pause yet"
    assert kinds(play(endpointer, said("0*1"))) == [PAUSE]
    assert not endpointer.set_hangover(end - 160, 200), "another pause is meant"
    assert endpointer.set_hangover(end, 200) and endpointer.hangover_ms == 200
    assert kinds(play(endpointer, said("0*9"))) == []
    assert kinds(play(endpointer, said("0"))) == [ENDPOINT]
    assert endpointer.hangover_ms == 500 and not endpointer.set_hangover(end, 200)
    assert kinds(play(endpointer, said("1*30 0*49"))) == [SPEECH, PAUSE]


def test_speech_that_goes_on_brings_the_configured_hangover_back() -> None:
    endpointer = Endpointer()
    play(endpointer, said("1*30 0*15"))
    assert endpointer.set_hangover(30 * 160, 700)
    assert kinds(play(endpointer, said("0*40 1*5"))) == [RESUME] and endpointer.hangover_ms == 500
    assert not endpointer.set_hangover(30 * 160, 100), "what is known of the pause before comes too late"
    assert kinds(play(endpointer, said("0*49"))) == [PAUSE]


def test_a_shorter_hangover_takes_effect_at_the_next_silent_frame() -> None:
    endpointer = Endpointer()
    play(endpointer, said("1*30 0*40"))
    endpointer.set_hangover(30 * 160, 100)
    assert kinds(play(endpointer, said("u"))) == []
    assert kinds(play(endpointer, said("0"))) == [ENDPOINT]


@settings(max_examples=300, deadline=None)
@given(RULES, RUNS, st.integers(0, 200), st.integers(1, 30))
def test_settling_ends_a_turn_where_a_change_before_the_last_frame_would_have(
    rules: Rules, runs: list[tuple[int, int, int, int | None]], at: int, hangover: int
) -> None:
    frames = [Heard(v, a) for v, a, n, _ in runs for _ in range(n)]
    late, early = compiled(rules), compiled(rules)
    before = play(late, frames[:at])
    play(early, frames[:at])
    speech_end = before[-1][4] if before else 0
    changed_early = early.set_hangover(speech_end, hangover * 10)
    now = list(late.push(frames[at].verdict, frames[at].is_active)) if at < len(frames) else []
    if not changed_early or now:
        return
    assert late.set_hangover(speech_end, hangover * 10)
    settled = list(late.settle()) if at < len(frames) else []
    assert settled == play(early, frames[at : at + 1])
    assert play(late, frames[at + 1 :]) == play(early, frames[at + 1 :])


def test_settling_alone_ends_nothing() -> None:
    endpointer = Endpointer()
    assert endpointer.settle() == ()
    play(endpointer, said("1*30 0*40"))
    assert endpointer.settle() == ()
    endpointer.set_hangover(30 * 160, 200)
    assert kinds(list(endpointer.settle())) == [ENDPOINT] and endpointer.settle() == ()


def test_behind_a_frame_that_is_no_silence_nothing_is_settled() -> None:
    endpointer = Endpointer()
    play(endpointer, said("1*30 0*40 u"))
    endpointer.set_hangover(30 * 160, 200)
    assert endpointer.settle() == ()


def test_reset_starts_over_at_a_position() -> None:
    endpointer = Endpointer()
    play(endpointer, said("1*30"))
    assert endpointer.in_speech and not endpointer.is_paused
    endpointer.reset(2**40)
    assert not endpointer.in_speech and endpointer.position == 2**40
    assert play(endpointer, said("1*30")) == [(SPEECH, 2**40 + 4000, 2**40, 2**40, 2**40 + 4000)]


@pytest.mark.parametrize(
    "wrong", [{"pause_ms": 0}, {"hangover_ms": -10}, {"preroll_ms": -1}, {"max_utterance_ms": 600}, {"veto_ms": -1}]
)
def test_wrong_durations_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="ms"):
        Endpointer(**wrong)


@pytest.mark.parametrize("verdict, is_active", [(2, 0), (-2, 0), (1, 2), (0, -2)])
def test_wrong_verdicts_are_refused(verdict: int, is_active: int) -> None:
    with pytest.raises(ValueError, match="-1, 0 or 1"):
        Endpointer().push(verdict, is_active)


def test_kinds_have_the_names_of_the_turn_events() -> None:
    from firmware_py.events import Kind

    assert [Kind[name.upper()].value for name in _endpoint.KIND_NAMES] == list(_endpoint.KIND_NAMES)
    assert (_endpoint.SPEECH, _endpoint.PAUSE, _endpoint.RESUME) == (SPEECH, PAUSE, RESUME)
    assert (_endpoint.ENDPOINT, _endpoint.TOO_LONG) == (ENDPOINT, TOO_LONG)
