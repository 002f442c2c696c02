"""What waits for an answer when rtva ends is shed, told and apologised for; workers that keep ending raise an alert."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from status_lab import eventually
from test_service_run import Running, folder, question  # noqa: F401

from firmware_py.events import Kind, State, TurnEvent
from firmware_py.failed_turns import MISSED
from firmware_py.service.engines_watch import DOWN_S, EnginesWatch
from firmware_py.service.telling import FORGOT, observers, own_up
from firmware_py.service.unanswered import FILE, LOST, Unanswered
from firmware_py.status.board import Board
from firmware_py.status.hub import Hub
from firmware_py.status.patterns import CODES, pattern_for
from firmware_py.turn_queue import STOPPING, TurnQueue


def ended(at: int = 1) -> TurnEvent:
    return TurnEvent(Kind.ENDPOINT, at, 0, 0, at, 1, np.ones(160, np.int16))


def test_the_number_outlives_a_process_that_says_nothing(tmp_path: Path) -> None:
    before = Unanswered(tmp_path)
    for _ in range(3):
        before.add()
    before.remove()
    after = Unanswered(tmp_path)  # the one before was never closed
    assert after.lost == 2
    assert Unanswered(tmp_path).lost == 0, "told once"
    after.close()
    after.add()
    after.close()


def test_without_a_place_nothing_is_kept_and_nothing_fails(tmp_path: Path) -> None:
    for directory in (None, tmp_path / "not-there"):
        kept = Unanswered(directory)
        kept.add()
        assert kept.lost == 0
        kept.close()
    (tmp_path / FILE).mkdir()
    assert Unanswered(tmp_path).lost == 0


def test_no_count_is_lost_between_threads(tmp_path: Path) -> None:
    kept = Unanswered(tmp_path)

    def many() -> None:
        for _ in range(2000):
            kept.add()
            kept.remove()

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / FILE).read_bytes() == b"\0"


def test_it_is_open_from_its_end_to_its_answer_or_its_shedding(tmp_path: Path) -> None:
    recorder: Any = SimpleNamespace(on_event=lambda event: None, on_take=lambda event: None)
    told = observers(Board(Hub()), recorder, Unanswered(tmp_path), lambda event, trace, error: None)
    waiting = lambda: (tmp_path / FILE).read_bytes()[0]  # noqa: E731
    told.on_event(TurnEvent(Kind.PAUSE, 1, 0, 0, 1, 1, np.ones(160, np.int16)))
    assert waiting() == 0
    told.on_event(ended())
    told.on_event(ended())
    assert waiting() == 2
    told.on_utterance(ended(), None, "failed")
    told.on_shed(ended(), "too many")
    assert waiting() == 0


def test_what_the_run_before_left_is_counted_told_and_apologised_for_once(tmp_path: Path) -> None:
    before, hub = Unanswered(tmp_path), Hub()
    before.add()
    before.add()
    heard, said = hub.subscribe("test"), []  # type: Any, list[str]
    appliance: Any = SimpleNamespace(queue=TurnQueue(), say=said.append)
    own_up(appliance, Board(hub), Unanswered(tmp_path), "")
    assert appliance.queue.shed == 2 and said == [MISSED]
    assert [notice.fields["reason"] for notice in iter(heard.take, None)] == [LOST, LOST]
    own_up(appliance, Board(hub), Unanswered(tmp_path), "spoilt")
    assert appliance.queue.shed == 2 and said == [MISSED, FORGOT]
    assert [notice.fields["error"] for notice in iter(heard.take, None)] == ["spoilt"]


def test_a_queue_that_closes_sheds_what_waits_and_what_comes_yet() -> None:
    queue, told = TurnQueue(), []
    queue.on_shed = lambda event, reason: told.append((event.at, reason))
    for at in (1, 2):
        queue.put(ended(at))
    queue.close()
    queue.put(ended(3))
    queue.put(TurnEvent(Kind.SPEECH, 4, 0, 0, 4, 1, np.zeros(0, np.int16)))
    assert told == [(1, STOPPING), (2, STOPPING), (3, STOPPING)] and queue.shed == 3 and queue.get(0.0) is None


def test_an_engine_without_a_worker_is_told_after_a_while_and_until_it_has_one() -> None:
    now, states, alerts = [0.0], [("stt", "ready"), ("tts", "busy")], {}  # type: list[float], Any, dict[str, Any]
    watch = EnginesWatch(lambda: states, alerts.__setitem__, lambda: now[0])
    none = {"recognition_worker": None, "voice_worker": None}
    watch.each_second()
    assert alerts == none
    states[0] = ("stt", "restarting")
    watch.each_second()
    now[0] += DOWN_S
    watch.each_second()
    assert alerts == none, "a stand-by may be on its way"
    now[0] += 1.0
    watch.each_second()
    assert alerts == none | {"recognition_worker": DOWN_S + 1.0}
    states[:] = [("stt", "ready"), ("tts", "restarting"), ("llama", "restarting")]
    watch.each_second()
    assert alerts == none
    assert pattern_for(State.DEGRADED, {"recognition_worker"}) is CODES["recognition"]
    assert pattern_for(State.DEGRADED, {"voice_worker"}) is CODES["voice"]


def test_a_question_that_meets_the_death_of_the_service_is_not_lost_in_silence(folder: Path) -> None:  # noqa: F811
    running = Running(folder)
    running.until_told("READY=1")
    question(folder)
    eventually(lambda: (folder / FILE).read_bytes() == b"\1", "an utterance that waits for its answer", 60)
    running.process.send_signal(signal.SIGKILL)
    running.process.wait()
    (folder / "notify").unlink()
    (folder / "speaker.raw").unlink(missing_ok=True)
    again = Running(folder)
    again.until_told("READY=1")
    eventually(lambda: (folder / "speaker.raw").stat().st_size > 22_050, "an apology that sounds", 60)
    assert again.ask("status")["counts"]["shed"] == 1  # type: ignore[index]
    code, errors = again.end()
    assert code == 0 and errors.count(f"dropped unheard: {LOST}") == 1


def test_workers_that_keep_ending_are_told_before_anybody_speaks(folder: Path) -> None:  # noqa: F811
    running = Running(folder)
    running.until_told("READY=1")
    wanted = {"recognition_worker", "voice_worker"}

    def is_told_while_they_are_killed() -> bool:
        for child in Path(f"/proc/{running.process.pid}/task").glob("*/children"):
            for pid in child.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        return wanted <= set(running.ask("status")["alerts"])  # type: ignore[call-overload]

    eventually(is_told_while_they_are_killed, "both alerts", 120)
    assert running.ask("status")["state"] == "degraded"
    eventually(lambda: not wanted & set(running.ask("status")["alerts"]), "their end", 120)  # type: ignore[call-overload]
    assert running.end()[0] == 0
