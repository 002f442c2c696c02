"""What the walk tells the service's faces, and what it notes of each utterance on the way."""

from __future__ import annotations

from collections.abc import Callable

from firmware_py.app import Appliance
from firmware_py.events import TurnEvent, TurnTrace
from firmware_py.failed_turns import MISSED
from firmware_py.observers import Observers
from firmware_py.service.recorder import Recorder
from firmware_py.service.unanswered import LOST, Unanswered
from firmware_py.status.board import Board
from firmware_py.turn_queue import ENDS

FORGOT = "I may have forgotten something. Please check your alarms, timers and lists."
"""The state file was spoilt, and what stands in its place may be older."""


def observers(
    board: Board,
    recorder: Recorder,
    unanswered: Unanswered,
    on_utterance: Callable[[TurnEvent, TurnTrace | None, str], None],
) -> Observers:
    """The observers of a service; ``on_utterance`` keeps what is kept of an utterance that is over."""
    hub = board.hub

    def on_event(event: TurnEvent) -> None:
        if event.kind in ENDS:
            unanswered.add()
        recorder.on_event(event)

    def is_over(event: TurnEvent, trace: TurnTrace | None, error: str) -> None:
        unanswered.remove()
        on_utterance(event, trace, error)

    def on_shed(event: TurnEvent, reason: str) -> None:
        unanswered.remove()
        hub.publish("shed", reason=reason)

    return Observers(
        on_state=board.set_walk,
        on_turn=board.add_turn,
        on_failure=lambda error: hub.publish("failure", error=str(error)),
        on_utterance=is_over,
        on_shed=on_shed,
        on_event=on_event,
        on_take=recorder.on_take,
        on_wake=lambda heard: hub.publish("wake", word=heard.word, score=round(heard.score, 3), is_near=heard.is_near),
        on_partial=lambda p: hub.publish("partial", text=p.text, stable=p.stable, at_ms=p.at_ms),
    )


def own_up(appliance: Appliance, board: Board, unanswered: Unanswered, forgot: str) -> None:
    """What the run before left unanswered is counted and told as shed, and who spoke is told so, once; so is whoever
    trusted a state file that was spoilt (``forgot`` says how)."""
    for _ in range(unanswered.lost):
        appliance.queue.shed += 1
        board.hub.publish("shed", reason=LOST)
    if unanswered.lost:
        appliance.say(MISSED)
    if forgot:
        board.hub.publish("failure", error=forgot)
        appliance.say(FORGOT)
