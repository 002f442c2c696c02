"""Rows 25b to 25d: a broker, another machine or a language model that goes in the middle of a sentence of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llm_lab import Exchange, Script, Server, hangs, says, serving

from faults.lab import Row, Tally, in_time, row, seconds_until
from firmware_py.actions.runner import GRACE_S, Runner
from firmware_py.events import Action

ROWS: list[Row] = []
LIMIT_S = 0.5
"""What an action is given; it is told as failed at the latest this and the runner's grace later."""
CONNACK, PUBACK = b"\x20\x02\x00\x00", b"\x40\x02\x00\x01"
WELL = -1
MQTT = ("says nothing", "closes at once", "breaks off in its greeting", "closes after it", "falls silent after it")
HTTP = ("says nothing", "closes at once", "breaks off in its first line", "falls silent in it", "drips without end")


class Peer:
    """A server on this machine, for as many connections as come; ``stage`` is where it goes wrong, WELL nowhere.

    ``got`` is what a well one was told.
    """

    def __init__(self, kind: str, stage: int) -> None:
        self.kind, self.stage, self.got = kind, stage, b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._open.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            (self._mqtt if self.kind == "mqtt" else self._http)(connection)

    def _mqtt(self, connection: socket.socket) -> None:
        connection.recv(1000)
        if self.stage in (1, 2):
            connection.sendall(CONNACK[: self.stage - 1])
            connection.close()
        elif self.stage in (3, 4, WELL):
            connection.sendall(CONNACK)
            told = connection.recv(1000)
            if self.stage == WELL:
                connection.sendall(PUBACK)
                self.got = told
            elif self.stage == 3:
                connection.close()

    def _http(self, connection: socket.socket) -> None:
        told = connection.recv(1000)
        if self.stage == WELL:
            connection.sendall(b"HTTP/1.1 204 done\r\n\r\n")
            self.got = told
        elif self.stage in (2, 3):
            connection.sendall(b"HTTP/1.")
        while self.stage == 4:
            connection.sendall(b"H")
            time.sleep(0.1)
        if self.stage in (1, 2, WELL):
            connection.close()

    def close(self) -> None:
        for each in (self._server, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def peer(kind: str, stage: int) -> Iterator[Peer]:
    there = Peer(kind, stage)
    try:
        yield there
    finally:
        there.close()


def action(kind: str, port: int) -> Action:
    fields: dict[str, Any] = {"host": "127.0.0.1", "port": port, "topic": "home/lamp", "payload": "on"}
    if kind == "http":
        fields = {"url": f"http://127.0.0.1:{port}/lamp", "body": "on"}
    return Action(kind, {**fields, "timeout_s": LIMIT_S})


CHAT = ("says nothing", "refuses", "cuts in mid-sentence", "falls silent in mid-sentence", "ends in nonsense")


def chat_script(server: Server, stage: int) -> Script:
    """What a server of a language model does at each of :data:`CHAT`."""

    def script(exchange: Exchange) -> None:
        if stage == 1:
            exchange.start(503, "text/plain")
            exchange.raw(b"overloaded")
            return
        exchange.start()
        exchange.words("The first of them was Augustus, who ")
        if stage == 4:
            exchange.raw(b"data: {{{\n\n")

    return hangs(server, "" if stage == 0 else "The first of them was ") if stage in (0, 3) else script


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def goes(kind: str, tally: Tally, count: int) -> None:
    """Each stage in turn: told as a failure in time, nobody waits for it, and the next action, to a peer that is well,
    is done; ``worst`` is how long that took."""
    told: list[str] = []
    runner = Runner(on_failure=told.append)
    for number in range(count):
        before, held = len(told), descriptors()
        with peer(kind, number % 5) as bad:
            asked = time.monotonic()
            runner.perform(action(kind, bad.port))
            waited_s = time.monotonic() - asked
            failed_s = seconds_until(lambda before=before: len(told) > before, 10)  # type: ignore[misc]
        with peer(kind, WELL) as well:
            runner.perform(action(kind, well.port))
            took = seconds_until(lambda well=well: well.got, 10)  # type: ignore[misc]
        is_told = in_time(failed_s, LIMIT_S + GRACE_S + 0.5) and in_time(waited_s, 0.05)
        is_let_go = seconds_until(lambda held=held: descriptors() <= held, 5)  # type: ignore[misc]
        stages = MQTT if kind == "mqtt" else HTTP
        is_kept = is_told and took is not None and is_let_go is not None
        tally.add(is_kept, took, f"not told in time: {stages[number % 5]}" * (not is_told))
    runner.close()


@row(
    ROWS,
    "25d",
    "a language model does (5 ways)",
    "said within 3 s of the question, nothing is left, the next is answered",
)
def model(tally: Tally, count: int) -> None:
    import tempfile

    from test_llm_talk import House

    from firmware_py.respond.talk import BROKE_OFF, NO_ANSWER, Limits

    limits = Limits(first_s=1.0, total_s=2.0, filler_s=0.5)
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder, serving() as server:
            house, held = House(server, Path(folder), limits), descriptors()
            threads = threading.active_count()
            server.script = chat_script(server, number % 5)
            asked = time.monotonic()
            said = house.say("Who was the first emperor of Rome?")
            failed_s = time.monotonic() - asked
            server.script = says("It was Augustus.")
            asked = time.monotonic()
            answer = house.say("Who was the first emperor of Rome?")
            took = time.monotonic() - asked
            is_let_go = seconds_until(lambda t=threads, h=held: threading.active_count() <= t and descriptors() <= h, 5)  # type: ignore[misc]
            is_told = said[-1] in (NO_ANSWER, BROKE_OFF) and in_time(failed_s, 3.0)
            is_kept = is_told and "It was Augustus." in answer and is_let_go is not None
            tally.add(is_kept, took, f"{CHAT[number % 5]}: {said} {answer}" * (not is_kept))


if importlib.util.find_spec("paho") is None:
    ROWS.append(Row("25b", "an MQTT broker goes", "told", why_not="pip install paho-mqtt"))
else:

    @row(ROWS, "25b", "an MQTT broker goes in mid-sentence (5 ways)", "told within 2 s, nobody waits, the next is done")
    def broker(tally: Tally, count: int) -> None:
        goes("mqtt", tally, count)


@row(ROWS, "25c", "a machine asked by HTTP does (5 ways)", "told within 2 s, nobody waits, the next is done")
def machine(tally: Tally, count: int) -> None:
    goes("http", tally, count)
