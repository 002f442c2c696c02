"""What is due is heard through the appliance's own threads, and a changed template file through a reload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from status_lab import eventually
from test_service_announcements import Chatter, Pipeline, Silence

from firmware_py.addressed import Addressed
from firmware_py.agenda.agenda import Agenda
from firmware_py.agenda.clock import Clock
from firmware_py.agenda.entries import TIMER
from firmware_py.agenda.lists import Lists
from firmware_py.agenda.scheduler import Scheduler
from firmware_py.app import Appliance, Observers
from firmware_py.audio import tone
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.config import from_text
from firmware_py.errors import DeviceLost
from firmware_py.events import Action, Pcm16, State
from firmware_py.service.reload import Reloader
from firmware_py.service.renewal import Renewal
from firmware_py.service.ringer import Ringer
from firmware_py.state.database import Database


def test_the_tone_is_two_notes_and_never_loud() -> None:
    for rate_hz in (16_000, 22_050):
        sound = np.concatenate(list(tone.ring(rate_hz)))
        assert sound.dtype == np.int16 and 0.1 * 32767 < np.abs(sound).max() < tone.PEAK * 32767
        note = next(tone.ring(rate_hz)).astype(float)
        peak_hz = np.argmax(np.abs(np.fft.rfft(note, rate_hz))) * 1.0
        assert abs(peak_hz - tone.NOTES_HZ[0]) < 10


def test_a_timer_is_heard_and_a_stop_ends_it(tmp_path: Path) -> None:
    Pipeline.chatter = chatter = Chatter()
    database = Database(tmp_path / "state.db")
    pipeline = Pipeline()
    pipeline.agenda, pipeline.lists = Agenda(Clock(database), database), Lists(database)
    heard: list[Pcm16] = []
    states: list[State] = []
    speaker = VirtualSpeaker(chatter.rate_hz, pace="fast", on_samples=heard.append)
    appliance = Appliance(pipeline, Silence(), speaker, Observers(on_state=states.append))
    appliance.start()
    scheduler = Scheduler(pipeline.agenda, Ringer(appliance))
    try:
        pipeline.actuator.perform(Action("count_down", {"kind": TIMER, "name": "tea", "seconds": 0.2}))
        eventually(lambda: "Your tea timer is done." in chatter.said, "the timer is announced", 30)
        eventually(lambda: len(np.concatenate(heard)) > tone.TIMES * chatter.rate_hz if heard else False, "heard", 30)
        assert np.abs(np.concatenate(heard)).max() > 1000 and State.SPEAKING in states
        pipeline.actuator.perform(Action("stop_ringing"))
        assert pipeline.agenda.entries(phase=None) == []
    finally:
        scheduler.close()
        appliance.stop()
    assert Agenda(Clock(database), database).entries(phase=None) == []


def test_what_cannot_be_judged_without_a_clock_is_said_at_the_start(tmp_path: Path) -> None:
    Pipeline.chatter = chatter = Chatter()
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi Zero 2 W")
    pipeline = Pipeline()
    pipeline.agenda = Agenda(Clock(root=tmp_path))
    pipeline.lists = Lists()
    begin = Action("appoint", {"kind": "alarm", "name": "", "day": "2026-11-28", "minute": 420, "days": []})
    appliance = Appliance(pipeline, Silence(), VirtualSpeaker(chatter.rate_hz, pace="fast"))
    pipeline.actuator.perform(begin)
    appliance.start()
    try:
        Ringer(appliance)
        eventually(lambda: any("do not know what time it is" in said for said in chatter.said), "it is said", 30)
    finally:
        appliance.stop()


def test_a_reload_takes_a_changed_template_file_and_refuses_a_broken_one(tmp_path: Path) -> None:
    import pytest

    from firmware_py.errors import ConfigError

    file = tmp_path / "own.yaml"
    text = "language: en\nintents: {lamp: {data: [{sentences: [lamp %s]}]}}\n"
    file.write_text(text % "on")
    config = from_text(f"nlp: {{intents: [{file}]}}")
    jobs: list[Any] = []

    class Walk:
        def between_turns(self, job: Any) -> None:
            jobs.append(job)

    walk: Any = Walk()
    reloader = Reloader(config, lambda: config, walk, lambda new: None, Renewal(walk, lambda name, value: None))
    assert reloader.reload()["applied"] == [] and jobs == []
    file.write_text(text % "on please now")
    assert reloader.reload()["applied"] == ["nlp.intents"] and len(jobs) == 1
    assert reloader.reload()["applied"] == []
    file.write_text("language: en\nintents: {lamp: {}}\n")
    with pytest.raises(ConfigError, match=r"own.yaml:2"):
        reloader.reload()
    assert len(jobs) == 1


def test_recognition_is_guided_by_the_templates_of_a_reload(weights: Path, tmp_path: Path) -> None:
    from firmware_py.pipeline import VoicePipeline, in_process

    file = tmp_path / "own.yaml"
    text = "language: en\nintents: {lamp: {data: [{sentences: [lamp %s]}]}}\n"
    file.write_text(text % "on")
    config = from_text(f"nlp: {{intents: [{file}]}}")
    made: list[Any] = []

    def make(kind: str, name: str, arguments: dict[str, Any]) -> Any:
        if kind == "stt":
            made.append(arguments["guidance"]["grammar"]["words"])
        return in_process(kind, name, arguments)

    with VoicePipeline(config, make_engine=make) as pipeline:
        old = pipeline.stt

        class Walk:
            pipeline: Any
            taker: Any
            partials = None

            def between_turns(self, job: Any) -> None:
                job()

        walk: Any = Walk()
        walk.pipeline, walk.taker = pipeline, type("Taker", (), {"stations": None, "addressed": Addressed()})()
        later = [config]
        renewal = Renewal(walk, lambda name, value: None)
        reloader = Reloader(config, lambda: later[0], walk, lambda new: None, renewal)
        later[0] = config.with_values({"response_generation.cache.size": 7})
        near = walk.taker.addressed.near
        assert reloader.reload()["applied"] == ["response_generation.cache.size"]
        assert walk.taker.addressed.near is near, "what is known of the household is not forgotten"
        assert pipeline.stt is old
        file.write_text(text % "zanzibar")
        assert reloader.reload()["applied"] == ["nlp.intents"]
        assert walk.taker.stations.stt is pipeline.stt is not old
        assert pipeline.is_guided and len(made) == 2
        assert "zanzibar" not in made[0] and "zanzibar" in made[1] and "on" in made[1]


class Unplugged(VirtualSpeaker):
    """Takes a few periods, and then nothing any more."""

    periods = 3

    def write(self, pcm: Pcm16) -> None:
        self.periods -= 1
        if self.periods < 0:
            raise DeviceLost("unplugged", "unplugged")
        super().write(pcm)


def test_a_speaker_that_is_lost_while_it_rings_does_not_leave_the_state_at_speaking() -> None:
    Pipeline.chatter = chatter = Chatter()
    pipeline = Pipeline()
    states: list[State] = []
    speaker = Unplugged(chatter.rate_hz, pace="fast")
    appliance = Appliance(pipeline, Silence(), speaker, Observers(on_state=states.append))
    appliance.start()
    try:
        ring = iter([np.full(chatter.rate_hz, 1000, np.int16)] * 5)
        appliance.between_turns(lambda: appliance.sound_under(ring))
        eventually(lambda: speaker.periods < 0 and not appliance.player.is_sounding, "it is lost")
        eventually(lambda: State.SPEAKING in states and states[-1] is State.IDLE, "and nothing is heard any more")
    finally:
        appliance.stop()
