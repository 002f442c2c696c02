"""The capture gain that is kept: a slow loop on real speech, a card's control, memory, and what goes wrong."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_setup_command import Mixers

from firmware_py.audio.auto_gain import LEAST, MOST, PATIENCE, STEP_DOWN, STEP_UP, GainLoop
from firmware_py.audio.mixer import CaptureGain
from firmware_py.audio.recording import load
from firmware_py.config import from_text
from firmware_py.doctor import Case
from firmware_py.doctor.checks_audio import capture_gain
from firmware_py.errors import Unavailable
from firmware_py.events import Pcm16, TurnTrace
from firmware_py.service import gain_keeper
from firmware_py.service.gain_keeper import REMEMBERED, GainKeeper
from firmware_py.state.database import Database

ON = from_text("audio: {input: {auto_gain: true}}")
SAID = TurnTrace(transcript="what time is it", intent="time")
CLIPPED: Pcm16 = np.where(np.arange(16_000) % 50 < 25, 32767, -32768).astype(np.int16)
SOFT: Pcm16 = np.rint(300 * np.sin(np.arange(16_000) / 8)).astype(np.int16)
GOOD: Pcm16 = np.rint(9000 * np.sin(np.arange(16_000) / 8)).astype(np.int16)


def through(sound: Pcm16, percent: int) -> Pcm16:
    """What a converter makes of a sound: half a decibel a percent, unchanged at 50, cut off at full scale."""
    out: Pcm16 = np.clip(np.rint(sound * 10 ** ((percent - 50) / 40)), -32768, 32767).astype(np.int16)
    return out


@pytest.mark.parametrize("percent", [10, 25, 95])
def test_people_are_brought_where_they_are_neither_clipped_nor_faint(recordings: Path, percent: int) -> None:
    loop, heard = GainLoop(percent), []
    for file in sorted((recordings / "coffee").glob("*.flac"))[:80]:
        heard.append(through(load(file), loop.percent))
        loop.hear(heard[-1])
    last = [20 * np.log10(np.percentile(np.abs(s.astype(int)), 99.9) / 32768) for s in heard[-10:]]
    assert all(-32 < peak_db < -1 for peak_db in last) and LEAST <= loop.percent <= MOST
    before = loop.percent
    for sound in heard[-10:]:
        loop.hear(sound)
    assert abs(loop.percent - before) <= STEP_UP, "it has settled"


def test_down_at_once_up_only_after_several() -> None:
    loop = GainLoop(50)
    assert loop.hear(CLIPPED) == 50 - STEP_DOWN
    assert [loop.hear(SOFT) for _ in range(PATIENCE)] == [None] * (PATIENCE - 1) + [50 - STEP_DOWN + STEP_UP]
    assert [loop.hear(s) for s in (SOFT, SOFT, GOOD, SOFT, SOFT)] == [None] * 5
    assert loop.hear(CLIPPED[:0]) is None


@settings(deadline=None)
@given(start=st.integers(0, 100), sounds=st.lists(st.sampled_from([CLIPPED, SOFT, GOOD]), max_size=80))
def test_it_never_leaves_its_bounds(start: int, sounds: list[Pcm16]) -> None:
    loop, before = GainLoop(start), start
    for sound in sounds:
        set_to = loop.hear(sound)
        assert set_to is None or set_to != before
        assert min(start, LEAST) <= loop.percent <= max(start, MOST)
        before = loop.percent


def test_the_control_is_turned_and_what_was_found_is_remembered(tmp_path: Path) -> None:
    mixers, database = Mixers(), Database(tmp_path / "state.db")
    keeper = GainKeeper(ON, database, lambda device: CaptureGain(device, mixers))
    keeper.add(CLIPPED, TurnTrace(transcript=""))
    keeper.add(CLIPPED, None)
    keeper.work()
    assert mixers.percent == 40, "what holds no words turns nothing"
    keeper.add(CLIPPED, SAID)
    assert mixers.percent == 40, "not in the turn thread"
    keeper.work()
    assert mixers.percent == 40 - STEP_DOWN == database.get(REMEMBERED)
    assert keeper.report() == {
        "is_on": True, "why": "", "control": "Mic", "percent": 40 - STEP_DOWN, "changes": 1
    }  # fmt: skip
    mixers.percent = 77
    again = GainKeeper(ON, database, lambda device: CaptureGain(device, mixers))
    again.work()
    assert mixers.percent == 40 - STEP_DOWN == again.report()["percent"]


TALK = "and now the weather for tomorrow"


@pytest.mark.parametrize(
    ("trace", "counts"),
    [
        (SAID, True),
        (TurnTrace(transcript=TALK, wake="jarvis"), True),
        (TurnTrace(transcript=TALK), False),
        (TurnTrace(transcript=TALK, guards=("doubtful",)), False),
        (TurnTrace(transcript="what time is it", intent="time", guards=("loop",)), False),
        (TurnTrace(transcript="what time is it", intent="time", interrupts=True), False),
        (TurnTrace(transcript="what time is it", intent="time", wake="jarvis", interrupts=True), False),
        (TurnTrace(wake="jarvis"), False),
    ],
)
def test_only_what_was_surely_for_it_turns_it(tmp_path: Path, trace: TurnTrace, counts: bool) -> None:
    mixers = Mixers()
    keeper = GainKeeper(ON, Database(tmp_path / "state.db"), lambda device: CaptureGain(device, mixers))
    for _ in range(PATIENCE):
        keeper.add(SOFT, trace)
    keeper.work()
    assert mixers.percent == 40 + (STEP_UP if counts else 0)


def refuse(percent: int) -> None:
    raise OSError("no such device")


def test_a_handle_that_fails_is_replaced_and_it_goes_on_where_it_was(tmp_path: Path) -> None:
    mixers = Mixers()
    keeper = GainKeeper(ON, Database(tmp_path / "state.db"), lambda device: CaptureGain(device, mixers))
    keeper.work()
    keeper._gain = SimpleNamespace(control="Mic", set=refuse)
    keeper.add(CLIPPED, SAID)
    keeper.work()
    assert keeper.report()["percent"] == 40 and keeper.report()["why"] == "no such device"
    keeper.add(CLIPPED, SAID)
    keeper.work()
    assert keeper.report()["percent"] == mixers.percent == 40 - STEP_DOWN and keeper.report()["why"] == ""


def test_a_card_that_is_plugged_in_again_gets_the_gain_that_was_found(tmp_path: Path) -> None:
    cards: list[Mixers] = []

    def plugged(device: str) -> CaptureGain:
        cards.append(Mixers())
        return CaptureGain(device, cards[-1])

    keeper = GainKeeper(ON, Database(tmp_path / "state.db"), plugged)
    keeper.add(CLIPPED, SAID)
    keeper.work()
    keeper.renew()
    keeper.work()
    assert [card.percent for card in cards] == [40 - STEP_DOWN, 40 - STEP_DOWN], "the new one's own was 40"
    keeper.add(CLIPPED, SAID)
    keeper.work()
    assert [card.percent for card in cards] == [40 - STEP_DOWN, 40 - 2 * STEP_DOWN]


def test_a_mixer_that_never_returns_holds_up_nobody_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, free = threading.Event(), threading.Event()

    def blocked(device: str) -> Any:
        called.set()
        free.wait(20)
        raise Unavailable("gone")

    monkeypatch.setattr(gain_keeper, "STUCK_S", 0.0)
    keeper = GainKeeper(ON, Database(tmp_path / "state.db"), blocked)
    keeper.start()
    assert called.wait(10)
    keeper.add(CLIPPED, SAID)
    keeper.renew()
    assert "has not returned" in keeper.report()["why"]
    keeper.close()
    free.set()


def test_off_without_a_control_and_with_a_card_that_fails_the_gain_is_left(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    assert GainKeeper(from_text(""), database).report() == {"is_on": False, "why": "off"}

    def none(device: str) -> Any:
        raise Unavailable("hw:7 has no mixer")

    keeper = GainKeeper(ON, database, none)
    keeper.add(CLIPPED, SAID)
    keeper.work()
    assert keeper.report() == {"is_on": False, "why": "hw:7 has no mixer"}

    gone = GainKeeper(ON, database, lambda device: SimpleNamespace(percent=50, control="Mic", set=refuse))
    gone.add(CLIPPED, SAID)
    gone.work()
    assert gone.report()["why"] == "no such device" and gone.report()["changes"] == 0
    assert database.get(REMEMBERED) is None


def test_doctor_says_whether_there_is_a_control() -> None:
    assert capture_gain(Case()).status == "skip"
    text = "audio: {input: {auto_gain: true, device: 'hw:CARD=NoSuchCard'}}"
    found = capture_gain(Case(SimpleNamespace(config=from_text(text))))  # type: ignore[arg-type]
    assert found.status == "warn" and "NoSuchCard" in found.message and found.advice
