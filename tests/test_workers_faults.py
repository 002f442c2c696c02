"""Everything that can go wrong in a worker, and what it costs the service: a retry, or one clear error."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from workers_lab import PATIENT, QUICK, eventually, is_alive, no_leaks, stt, tts

from firmware_py.errors import BadInput, Cancelled, RtvaError, Unavailable, WorkerFailed
from firmware_py.worker.deadlines import Deadlines
from firmware_py.workers import Rules, in_worker

SPEECH = np.arange(1600, dtype=np.int16)
HEARD = "int16 1600 1279200.000"
DEADLY = ("sigkill", "segfault", "exit", "abort", "out_of_memory")
SILENT = ("sigstop", "hang", "hang_with_gil")


@pytest.mark.parametrize("fault", [*DEADLY, *SILENT])
def test_a_worker_that_fails_once_costs_one_retry(fault: str, tmp_path: Path) -> None:
    rules = QUICK if fault in SILENT else PATIENT
    with stt(rules, fault=fault, once=tmp_path / "struck") as engine:
        before = engine.pid()
        assert engine.transcribe(SPEECH).text == HEARD
        counts = engine.supervisor.snapshot()
        assert counts["retries"] == 1 and counts["killed" if fault in SILENT else "crashed"] == 1
        assert engine.pid() != before
        eventually(lambda: not is_alive(before))


@pytest.mark.parametrize(
    "fault, says",
    [("sigkill", "SIGKILL"), ("segfault", "SIGSEGV"), ("exit", "exit status 3"), ("abort", "std::bad_alloc")],
)
def test_the_second_failure_is_one_error_that_says_how_it_ended(fault: str, says: str) -> None:
    with stt(fault=fault) as engine:
        with pytest.raises(WorkerFailed, match=f"failed twice.*{says}") as caught:
            engine.transcribe(SPEECH)
        assert "\n" not in str(caught.value) and caught.value.exit_code == 69


def test_a_worker_that_hangs_twice_is_killed_twice() -> None:
    with stt(QUICK, fault="hang") as engine:
        with pytest.raises(WorkerFailed, match="did not answer within"):
            engine.transcribe(SPEECH)
        assert engine.supervisor.counts["killed"] == 2


def test_after_two_failures_the_engine_comes_back_by_itself(tmp_path: Path) -> None:
    with stt(fault="segfault", once=tmp_path / "struck") as engine:
        os.kill(engine.pid(), signal.SIGKILL)
        with pytest.raises(WorkerFailed):
            engine.transcribe(SPEECH)
        assert engine.transcribe(SPEECH).text == HEARD


@pytest.mark.parametrize(
    "fault, error, text",
    [
        ("bad_input", BadInput, "these samples are no good"),
        ("value_error", ValueError, "a plain mistake"),
        ("foreign_error", RtvaError, "NativeTrouble: error 7"),
    ],
)
def test_an_exception_is_passed_on_and_the_worker_lives(fault: str, error: type[Exception], text: str) -> None:
    with stt(fault=fault) as engine:
        pid = engine.pid()
        with pytest.raises(error, match=text):
            engine.transcribe(SPEECH)
        assert engine.pid() == pid
        assert engine.supervisor.counts["retries"] == 0


def test_what_cannot_cross_is_the_callers_mistake_and_costs_nothing() -> None:
    with stt() as engine:
        pid = engine.pid()
        with pytest.raises(TypeError, match="cannot cross"):
            engine.give_back(object())
        with pytest.raises(BadInput, match="MiB"):
            engine.transcribe(np.broadcast_to(np.float32(0), (80 << 20,)))
        assert engine.pid() == pid


def test_an_idle_worker_that_dies_is_replaced_before_anyone_asks() -> None:
    with stt() as engine:
        first = engine.pid()
        os.kill(first, signal.SIGKILL)
        eventually(lambda: engine.supervisor.state == "ready" and engine.supervisor.snapshot()["pid"] != first)
        assert engine.transcribe(SPEECH).text == HEARD
        assert engine.supervisor.counts["retries"] == 0


def test_a_stand_by_that_dies_is_replaced() -> None:
    with stt() as engine:
        eventually(lambda: engine.supervisor.snapshot()["standby"] == "imported")
        first = engine.supervisor.snapshot()["standby_pid"]
        os.kill(first, signal.SIGKILL)
        eventually(lambda: engine.supervisor.snapshot()["standby_pid"] not in (None, first))
        assert engine.transcribe(SPEECH).text == HEARD


@pytest.mark.parametrize("standby, stage", [("cold", "imported"), ("warm", "ready")])
def test_the_stand_by_is_what_the_configuration_says_and_takes_over(standby: str, stage: str) -> None:
    rules = Rules(standby=standby, deadlines=PATIENT.deadlines)  # type: ignore[arg-type]
    with stt(rules) as engine:
        eventually(lambda: engine.supervisor.snapshot()["standby"] == stage)
        waiting = engine.supervisor.snapshot()["standby_pid"]
        os.kill(engine.pid(), signal.SIGKILL)
        assert engine.transcribe(SPEECH).text == HEARD
        assert engine.pid() == waiting
        assert engine.how_warm() == (1 if standby == "warm" else 0)


def test_arguments_may_be_longer_than_a_message_and_must_be_able_to_cross() -> None:
    with stt(note="x" * 5_000_000) as engine:
        assert engine.transcribe(SPEECH).text == HEARD
    with no_leaks(), pytest.raises(TypeError, match="cannot cross"), stt(note=object()):
        pass


def test_a_crash_while_loading_is_an_error_of_the_constructor() -> None:
    with no_leaks(), pytest.raises(WorkerFailed, match=r"cannot be started.*SIGSEGV"), stt(load_fault="segfault"):
        pass


def test_an_error_while_loading_is_the_engines_own() -> None:
    with no_leaks(), pytest.raises(BadInput, match="no good"), stt(load_fault="bad_input"):
        pass


def test_the_end_of_a_worker_is_a_warning_also_after_one_that_could_not_be_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "rtva.workers")
    is_bad = tmp_path / "bad"
    with stt(load_fault="bad_input", load_while=is_bad) as engine:
        is_bad.touch()
        os.kill(engine.pid(), signal.SIGKILL)
        eventually(lambda: "no good" in caplog.text)
        is_bad.unlink()
        assert engine.transcribe(SPEECH).text == HEARD
        caplog.clear()
        os.kill(engine.pid(), signal.SIGKILL)
        eventually(lambda: "has gone" in caplog.text)
        assert [r.levelname for r in caplog.records if "SIGKILL" in r.getMessage()] == ["WARNING"]


def test_a_load_that_never_ends_is_ended() -> None:
    rules = Rules(deadlines=Deadlines(load_s=0.7))
    with no_leaks(), pytest.raises(WorkerFailed, match="loading at its deadline"), stt(rules, load_s=3600.0):
        pass


@pytest.mark.parametrize("kind, name", [("stt", "no_such"), ("no_such", "x")])
def test_an_engine_that_does_not_exist(kind: str, name: str) -> None:
    with no_leaks(), pytest.raises(Unavailable, match="there are"):
        in_worker(kind, name, {})


def test_an_engine_that_keeps_failing_is_not_waited_for(tmp_path: Path) -> None:
    """The back-off's clock stands still, so the next start never becomes due."""
    rules = Rules(deadlines=PATIENT.deadlines, clock=lambda: 0.0)
    with stt(rules, fault="exit") as engine:
        engine.supervisor._back_off.failures = 7
        with pytest.raises(WorkerFailed):
            engine.transcribe(SPEECH)
        with pytest.raises(WorkerFailed, match=r"keeps failing .*next try in 30 s"):
            engine.transcribe(SPEECH)
        assert engine.supervisor.state == "restarting"


def test_cancelling_is_quick_whatever_the_worker_does() -> None:
    with stt(fault="hang") as engine:
        asked = iter([False, False, True])
        with pytest.raises(Cancelled):
            engine.transcribe(SPEECH, is_cancelled=lambda: next(asked))
        assert engine.supervisor.counts["cancelled"] == 1


def test_a_cancelled_worker_that_answers_serves_on(tmp_path: Path) -> None:
    with stt(fault="slow", once=tmp_path / "struck") as engine:
        pid = engine.supervisor.snapshot()["pid"]
        with pytest.raises(Cancelled):
            engine.transcribe(SPEECH, is_cancelled=(tmp_path / "struck").exists)
        assert engine.transcribe(SPEECH).text == HEARD
        assert engine.pid() == pid


def test_a_cancelled_worker_that_does_not_answer_is_killed_at_its_deadline(tmp_path: Path) -> None:
    with stt(QUICK, fault="hang", once=tmp_path / "struck") as engine:
        pid = engine.supervisor.snapshot()["pid"]
        with pytest.raises(Cancelled):
            engine.transcribe(SPEECH, is_cancelled=(tmp_path / "struck").exists)
        eventually(lambda: not is_alive(pid))
        assert engine.transcribe(SPEECH).text == HEARD
        assert engine.supervisor.counts["retries"] == 0


def test_a_flood_from_many_threads_is_served_one_at_a_time_and_none_gets_anothers_answer() -> None:
    with stt() as engine:
        wrong: list[str] = []

        def ask(number: int) -> None:
            for n in range(40):
                samples = np.full(number * 100 + n + 1, number, np.int16)
                text = engine.transcribe(samples).text
                if text != f"int16 {samples.size} {float(samples.size * number):.3f}":
                    wrong.append(text)

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong and engine.supervisor.counts["requests"] == 160


def test_workers_that_are_killed_at_any_moment_never_cost_an_answer() -> None:
    """Twenty random kills under a flood, on a clock that makes every start due: each answer is right."""
    rules = Rules(standby="warm", deadlines=PATIENT.deadlines, clock=itertools.count(0.0, 3600.0).__next__)
    with stt(rules) as engine:
        chance = np.random.default_rng(7)
        for _ in range(20):
            victim = engine.supervisor.snapshot()["pid"]
            timer = threading.Timer(float(chance.uniform(0, 0.004)), _kill, (victim,))
            timer.start()
            for _ in range(20):
                try:
                    assert engine.transcribe(SPEECH).text == HEARD
                except WorkerFailed as error:  # both the active one and its stand-by were hit
                    assert "failed twice" in str(error)
            timer.join()


def _kill(pid: int | None) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("fault, at", [("sigkill", 0), ("segfault", 3), ("out_of_memory", 5)])
def test_a_stream_whose_worker_dies_goes_on_where_it_was(fault: str, at: int, tmp_path: Path) -> None:
    with tts(chunks=6, samples=1000, fault=fault, at=at, once=tmp_path / "struck") as engine:
        said = np.concatenate(list(engine.synthesize("six thousand")))
        assert np.array_equal(said, np.arange(6000))
        assert engine.supervisor.counts["retries"] == 1


def test_a_stream_that_hangs_goes_on_where_it_was(tmp_path: Path) -> None:
    with tts(QUICK, chunks=6, fault="hang", once=tmp_path / "struck") as engine:
        assert np.array_equal(np.concatenate(list(engine.synthesize("x"))), np.arange(5000 + 1000))


def test_a_stream_of_many_times_the_memory_arrives_whole() -> None:
    """50 MB through a ring of 4, in chunks that do not divide it, to a reader that is sometimes slow."""
    with tts(chunks=250, samples=100_003) as engine:
        at = 0
        for number, chunk in enumerate(engine.synthesize("long")):
            assert np.array_equal(chunk, (np.arange(at, at + chunk.size) % 30_000).astype(np.int16))
            at += chunk.size
            if number % 60 == 0:
                time.sleep(0.02)
        assert at == 250 * 100_003


def test_a_worker_ahead_of_its_reader_stops_at_the_end_of_the_memory() -> None:
    with tts(chunks=100, samples=100_000) as engine:
        chunks = engine.synthesize("a reader that reads one chunk")
        next(chunks)
        time.sleep(0.3)
        chunks.close()
        assert engine.how_many() <= 24


def test_closing_a_stream_cancels_it_and_the_worker_serves_on() -> None:
    with tts(chunks=1000, samples=10) as engine:
        pid = engine.supervisor.snapshot()["pid"]
        chunks = engine.synthesize("long")
        next(chunks)
        chunks.close()
        assert np.concatenate(list(engine.synthesize("again"))).size == 10_000
        assert engine.supervisor.snapshot()["pid"] == pid


def test_nothing_to_say_is_an_empty_stream() -> None:
    with tts() as engine:
        assert list(engine.synthesize("")) == [] and engine.rate_hz == 22_050


def test_a_text_of_ten_megabytes_is_cut_not_refused() -> None:
    with tts(chunks=1) as engine:
        assert len(list(engine.synthesize("\N{PILE OF POO}" * 10_000_000))) == 1
