"""The worker as a process: how it behaves on the machine, and that nothing of it is ever left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from workers_lab import PATIENT, children, descriptors, eventually, fake, is_alive, no_leaks, stt, tts

from firmware_py.errors import Unavailable
from firmware_py.events import State, Transcript
from firmware_py.ports import SpeechToText, TextToSpeech
from firmware_py.workers import Rules, SupervisedEngine, WorkerPool

SPEECH = np.arange(1600, dtype=np.int16)
LIKE_ORDINARY_PYTHON = Path(__file__).parent


def test_the_proxies_fill_the_ports() -> None:
    with stt() as heard, tts() as said:
        assert isinstance(heard, SpeechToText) and isinstance(said, TextToSpeech)
        heard.warm()
        said.warm()


def test_an_engine_of_another_kind_has_its_own_methods_and_no_others() -> None:
    with fake("other") as engine:
        assert type(engine) is SupervisedEngine
        value = {"state": State.IDLE, "said": (Transcript("yes"), None, 1.5), "path": Path("/x")}
        assert engine.give_back(value) == value and engine.give_back(value=[1]) == [1]
        assert engine.calls == 0 and hasattr(engine, "warm")
        assert not hasattr(engine, "no_such_method") and not hasattr(engine, "_once")


def test_a_worker_is_polite() -> None:
    with stt() as engine:
        manners = engine.manners()
    assert manners["nice"] >= os.nice(0) + 5
    assert manners["policy"] == os.SCHED_BATCH
    assert manners["oom"] >= 500
    assert manners["ignored"] == [True, True]
    assert manners["name"] == "rtva-stt"


def test_a_worker_inherits_no_descriptor_but_its_own() -> None:
    """A sound card that a library opened without close-on-exec must not stay open in a worker."""
    inheritable = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(inheritable, True)
    try:
        with stt() as engine:
            open_files = engine.manners()["fds"]
    finally:
        os.close(inheritable)
    assert "/dev/zero" not in open_files
    assert len(open_files) <= 6 + 1  # null, null, pipe, socket, memory, its map; and the folder that is listed


def test_chatter_of_a_library_never_blocks_anybody() -> None:
    with stt() as engine:
        engine.chatter(20_000)
        assert engine.transcribe(SPEECH).text


def test_a_signal_to_the_whole_group_leaves_the_workers_alone() -> None:
    with stt() as engine:
        pid = engine.pid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
        assert engine.pid() == pid


def test_closing_is_idempotent_and_ends_everything_also_in_mid_call() -> None:
    with no_leaks(), stt(fault="hang") as engine:
        caught: list[BaseException] = []

        def ask() -> None:
            try:
                engine.transcribe(SPEECH)
            except BaseException as error:
                caught.append(error)

        caller = threading.Thread(target=ask)
        caller.start()
        eventually(lambda: engine.supervisor.state == "busy")
        engine.close()
        engine.close()
        caller.join(10)
        assert not caller.is_alive() and type(caught[0]) is Unavailable
        assert engine.supervisor.state == "closed"
        with pytest.raises(Unavailable, match="closed"):
            engine.transcribe(SPEECH)


def test_closing_under_a_parked_stream_leaves_nothing() -> None:
    with no_leaks(), tts(chunks=100, samples=100_000) as engine:
        chunks = engine.synthesize("x")
        next(chunks)
        engine.close()
        with pytest.raises(Unavailable):
            for _ in chunks:
                pass


def test_many_starts_and_ends_leave_nothing() -> None:
    with no_leaks():
        for _ in range(8):
            with stt():
                pass


def test_it_works_from_a_parent_with_many_threads() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=_busy, args=(stop,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    try:
        with stt() as engine:
            os.kill(engine.pid(), signal.SIGKILL)
            assert engine.transcribe(SPEECH).text
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _busy(stop: threading.Event) -> None:
    while not stop.wait(0.001):
        sum(range(200))


def test_a_pool_makes_watches_and_ends_them_all() -> None:
    heard: list[tuple[str, str]] = []
    rules = Rules(deadlines=PATIENT.deadlines, on_change=lambda job, state: heard.append((job.kind, state)))
    with fake("stt"), fake("tts"), no_leaks(), WorkerPool(rules) as pool:
        one, two = pool.make("stt", "fake", {}), pool.make("tts", "fake", {"chunks": 1})
        assert one.transcribe(SPEECH).text and len(list(two.synthesize("x"))) == 1
        os.kill(one.pid(), signal.SIGKILL)
        eventually(lambda: one.supervisor.state == "ready" and one.supervisor.counts["crashed"] == 1)
        eventually(lambda: heard.count(("stt", "ready")) == 2, "its return was told, which is a moment later")
        by_kind = {entry["kind"]: entry for entry in pool.snapshot()}
        assert by_kind["stt"]["crashed"] == 1 and by_kind["tts"]["crashed"] == 0
        assert by_kind["stt"]["rss_bytes"] > 1 << 20 and by_kind["stt"]["last_failure"]
        pool.close()
        assert pool.snapshot() == []
    assert [state for kind, state in heard if kind == "tts"] == ["starting", "ready", "closed"]
    assert [state for kind, state in heard if kind == "stt"] == ["starting", "ready", "restarting", "ready", "closed"]


def test_stand_bys_that_are_held_back_come_when_they_are_let_and_an_engine_is_replaced_without() -> None:
    rules = Rules(deadlines=PATIENT.deadlines, holds_standbys=True)
    with fake("stt"), no_leaks(), WorkerPool(rules) as pool:
        engine = pool.make("stt", "fake", {})
        os.kill(engine.pid(), signal.SIGKILL)
        assert engine.transcribe(SPEECH).text
        snapshot = engine.supervisor.snapshot()
        assert (snapshot["standby"], snapshot["started"]) == (None, 2)
        pool.let_stand_by()
        eventually(lambda: engine.supervisor.snapshot()["standby"] == "imported")
        later = pool.make("stt", "fake", {})
        eventually(lambda: later.supervisor.snapshot()["standby"] == "imported")


def test_stand_bys_that_are_given_up_end_at_once_and_are_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    with fake("stt") as engine:
        supervisor = engine.supervisor
        standby = lambda: supervisor.snapshot()["standby_pid"]  # noqa: E731
        eventually(standby)
        pid = standby()
        supervisor.hold_standby()
        eventually(lambda: not Path(f"/proc/{pid}").exists())
        told = supervisor.snapshot()
        assert (told["standby"], told["crashed"], told["killed"], told["last_failure"]) == (None, 0, 0, "")
        assert engine.transcribe(np.ones(1600, np.int16)).text and not caplog.records
        supervisor.let_stand_by()
        eventually(lambda: supervisor.snapshot()["standby"] == "imported")


def test_a_callback_that_raises_is_survived() -> None:
    def broken(job: object, state: str) -> None:
        raise RuntimeError("a face fell off")

    with stt(Rules(deadlines=PATIENT.deadlines, on_change=broken)) as engine:
        os.kill(engine.pid(), signal.SIGKILL)
        assert engine.transcribe(SPEECH).text


PARENT = """
import sys, time
sys.path.insert(0, {tests!r})
from workers_lab import fake, eventually
with fake("stt") as engine:
    eventually(lambda: engine.supervisor.snapshot()["standby"] == "imported")
    snapshot = engine.supervisor.snapshot()
    print(snapshot["pid"], snapshot["standby_pid"], flush=True)
    {then}
"""


@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM", "exit without closing", "SIGKILL while a worker is stopped"])
def test_workers_never_outlive_the_service(end: str) -> None:
    then = "import os; os._exit(0)" if "exit" in end else "time.sleep(600)"
    code = PARENT.format(tests=str(LIKE_ORDINARY_PYTHON), then=then)
    service = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    pids = [int(pid) for pid in service.stdout.readline().split()]
    if "stopped" in end:
        os.kill(pids[0], signal.SIGSTOP)
    if end.startswith("SIG"):
        service.send_signal(getattr(signal, end.split()[0]))
    service.wait()
    service.stdout.close()
    for pid in pids:
        eventually(lambda pid=pid: not is_alive(pid), f"{pid} lives on")  # type: ignore[misc]


def test_nothing_in_the_current_folder_can_stand_for_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json.py", "numpy.py", "socket.py", "firmware_py.py"):
        (tmp_path / name).write_text("raise SystemExit('shadowed')\n")
    monkeypatch.chdir(tmp_path)
    with stt() as engine:
        assert engine.transcribe(SPEECH).text


def test_the_watch_itself_sees_what_is_left() -> None:
    """The test's own instrument: a descriptor and a child that are left are noticed."""
    before = descriptors(), children()
    fd = os.open("/dev/null", os.O_RDONLY)
    child = subprocess.Popen([sys.executable, "-c", ""])
    eventually(lambda: not is_alive(child.pid))
    assert len(descriptors()) > len(before[0]) and child.pid in children()
    child.wait()
    os.close(fd)
