"""Changes reach every face, and no face holds up the walk."""

from __future__ import annotations

import select
import threading
import time

from firmware_py.events import State, TurnTrace
from firmware_py.status.board import Board, Ear
from firmware_py.status.hub import Hub


def states(hub: Hub) -> list[str]:
    subscription = hub.subscribe("test", frozenset({"state"}))
    return list(iter(lambda: (n := subscription.take()) and n.fields["state"], None))


def test_a_face_that_never_reads_costs_the_walk_nothing_and_is_counted() -> None:
    hub = Hub()
    dead, alive = hub.subscribe("dead", size=8), hub.subscribe("alive", size=2000)
    for number in range(1000):
        hub.publish("state", state=number)
    assert [n.fields["state"] for n in iter(alive.take, None)] == list(range(1000))
    assert [n.fields["state"] for n in iter(dead.take, None)] == list(range(992, 1000)), "the newest are kept"
    assert hub.dropped() == {"dead": 992, "alive": 0}


def test_what_faces_of_one_name_dropped_is_counted_together_and_outlives_them() -> None:
    hub = Hub()
    streams = [hub.subscribe("control", size=1), hub.subscribe("control", size=1)]
    for _ in range(3):
        hub.publish("state")
    for stream in (streams[0], streams[0], streams[1]):
        stream.close()
    assert hub.dropped() == {"control": 4}


def test_every_notice_of_many_threads_arrives_once() -> None:
    hub = Hub()
    subscription = hub.subscribe("face", size=100_000)
    threads = [threading.Thread(target=lambda n=n: [hub.publish("x", n=n, i=i) for i in range(2000)]) for n in range(4)]
    seen: list[tuple[int, int]] = []
    for thread in threads:
        thread.start()
    while len(seen) < 8000:
        notice = subscription.get(5.0)
        assert notice is not None
        seen.append((notice.fields["n"], notice.fields["i"]))
    assert sorted(seen) == [(n, i) for n in range(4) for i in range(2000)]
    assert all([i for m, i in seen if m == n] == list(range(2000)) for n in range(4)), "in each thread's order"


def test_readable_exactly_while_something_waits() -> None:
    hub = Hub()
    subscription = hub.subscribe("face", frozenset({"state"}))

    def is_readable() -> bool:
        return bool(select.select([subscription], [], [], 0)[0])

    assert not is_readable()
    hub.publish("level", db=-3)
    assert not is_readable()
    hub.publish("state")
    hub.publish("state")
    assert is_readable()
    subscription.take()
    assert is_readable()
    subscription.take()
    assert not is_readable()
    subscription.wake()
    assert subscription.get(5.0) is None
    subscription.close()
    subscription.close()
    hub.publish("state")
    assert not hub.wants("state")


def test_the_state_is_what_the_facts_amount_to() -> None:
    now = [0]
    board = Board(Hub(), clock_ns=lambda: now[0])
    shown = []

    def show() -> None:
        shown.append(board.state.value)

    board.set_ear(Ear.LOST)
    show()
    board.set_ear(Ear.OPEN)
    show()
    board.set_phase(State.IDLE)
    show()
    board.set_walk(State.LISTENING)
    show()
    board.set_ear(Ear.CLOSED)
    show()
    board.set_walk(State.SPEAKING)
    show()  # an answer is finished although the microphone is shut
    board.set_walk(State.IDLE)
    show()
    board.set_ear(Ear.OPEN)
    board.set_alert("cpu", 91.0)
    show()
    board.set_walk(State.ERROR)
    show()
    now[0] += 6_000_000_000
    board.tick()
    show()
    board.set_alert("cpu", None)
    show()
    board.set_phase(State.STOPPING)
    show()
    assert shown == [
        *("no_microphone", "starting", "idle", "listening", "muted", "speaking", "muted", "degraded"),
        *("error", "degraded", "idle", "stopping"),
    ]


def test_a_change_is_published_once_and_with_what_was_before() -> None:
    board = Board(Hub())
    subscription = board.hub.subscribe("face", frozenset({"state", "ear", "alert"}))
    board.set_phase(State.IDLE)
    board.set_phase(State.IDLE)
    board.set_walk(State.IDLE)
    board.set_alert("cpu", None)
    notices = list(iter(subscription.take, None))
    assert [(n.topic, dict(n.fields)) for n in notices] == [("state", {"state": "idle", "previous": "starting"})]


def test_a_turn_becomes_plain_values() -> None:
    board = Board(Hub())
    subscription = board.hub.subscribe("face")
    trace = TurnTrace(transcript="set a timer", intent="timer_set", slots={"minutes": 3, "odd": object()}, reply="ok")
    trace.mark("endpoint", 1_000_000)
    trace.mark("play_first", 201_000_000)
    board.add_turn(trace)
    notice = subscription.get(1.0)
    assert notice is not None and notice.topic == "turn"
    assert notice.fields["answer_ms"] == 200.0 and notice.fields["gap_ms"] is None
    assert notice.fields["slots"]["minutes"] == 3 and isinstance(notice.fields["slots"]["odd"], str)
    assert notice.at_ns <= time.monotonic_ns()


def test_a_microphone_that_goes_in_mid_answer_is_shown_at_once() -> None:
    board = Board(Hub())
    speaking = board.hub.subscribe("test", frozenset({"speaking"}))
    board.set_phase(State.IDLE)
    for walk in (State.LISTENING, State.THINKING, State.SPEAKING):
        board.set_walk(walk)
        board.set_ear(Ear.LOST, "unplugged")
        assert board.state is State.NO_MICROPHONE
        board.set_ear(Ear.OPEN)
        assert board.state is walk
    board.set_ear(Ear.LOST, "unplugged")
    board.set_walk(State.IDLE)
    assert [n.fields["is_on"] for n in iter(speaking.take, None)] == [True, False], "the answer goes on meanwhile"


def test_a_fault_that_healed_itself_is_told_and_shown_for_a_while() -> None:
    now_s = [0.0]
    board = Board(Hub(), lambda: int(now_s[0] * 1e9))
    told = board.hub.subscribe("test", frozenset({"fault", "alert"}))
    board.set_phase(State.IDLE)
    board.add_fault("overrun", 1600)
    assert board.state is State.DEGRADED and board.alerts == {"microphone_overrun": 1.0}
    for _ in range(50):
        now_s[0] += 0.01
        board.add_fault("overrun", 10)
    board.tick()
    now_s[0] = 1.1
    board.tick()
    now_s[0] = 11.0
    board.tick()
    assert board.alerts, "as long behind the last one"
    now_s[0] = 11.2
    board.tick()
    assert board.state is State.IDLE and not board.alerts
    faults = [(n.fields["count"], n.fields["lost_samples"]) for n in iter(told.take, None) if n.topic == "fault"]
    assert faults == [(1, 1600), (50, 500)], "a storm of them is no storm of notices"
