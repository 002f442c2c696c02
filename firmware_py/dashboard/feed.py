"""What the page is told, once for all who look: the status twice a second, the last turns, every change."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from firmware_py.errors import RtvaError, understood
from firmware_py.telemetry.goals import GOALS_MS
from firmware_py.telemetry.waterfall import waterfall

MOST_CLIENTS = 8
TURNS = 8
NOTICES = 50
LOOK_S = 0.5
AWAY_S = 1.0

Ask = Callable[[str, str], dict[str, Any]]
"""One command to the service and its answer; raises RtvaError."""
Follow = Callable[[], Iterator[dict[str, Any]]]
"""Changes of the service until it hangs up; raises RtvaError."""


class Client:
    """One who looks. Of status and turns only the newest is kept for it, of changes the last :data:`NOTICES`."""

    def __init__(self) -> None:
        self._newest: dict[str, str] = {}
        self._notices: deque[str] = deque(maxlen=NOTICES)
        self._changed = threading.Condition()

    def put(self, name: str, data: str) -> None:
        """Never waits."""
        with self._changed:
            if name == "notice":
                self._notices.append(data)
            else:
                self._newest[name] = data
            self._changed.notify()

    def take(self, timeout_s: float) -> list[tuple[str, str]]:
        """What is new, nothing when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._notices, timeout_s)
            found = [*self._newest.items(), *(("notice", data) for data in self._notices)]
            self._newest.clear()
            self._notices.clear()
            return found


class Feed:
    """Asks the service only while somebody looks."""

    def __init__(self, ask: Ask, follow: Follow) -> None:
        self._ask, self._follow = ask, follow
        self._clients: set[Client] = set()
        self._kept: dict[str, str] = {"goals": json.dumps(GOALS_MS)}
        self._notices: deque[str] = deque(maxlen=NOTICES)
        self._changed = threading.Condition()
        self._is_closing = False
        self._turns_seen: Any = None
        for body in (self._look, self._listen):
            threading.Thread(target=body, name="dashboard-feed", daemon=True).start()

    def join(self) -> Client | None:
        """A new client with all that is known; None when too many look already."""
        with self._changed:
            if len(self._clients) >= MOST_CLIENTS or self._is_closing:
                return None
            client = Client()
            for name, data in self._kept.items():
                client.put(name, data)
            for data in self._notices:
                client.put("notice", data)
            self._clients.add(client)
            self._changed.notify_all()
            return client

    def leave(self, client: Client) -> None:
        with self._changed:
            self._clients.discard(client)

    def close(self) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()

    def _look(self) -> None:
        while self._is_wanted():
            try:
                with understood():
                    self._look_once()
                wait_s = LOOK_S
            except RtvaError as error:
                self._tell("status", {"error": str(error)})
                wait_s = AWAY_S
            time.sleep(wait_s)

    def _look_once(self) -> None:
        status = self._ask("status", "")
        seen = (status["counts"].get("turns"), status["counts"].get("errors"), status["since_s"] < LOOK_S)
        self._tell("status", {key: value for key, value in status.items() if key not in ("turns", "ok")})
        if seen != self._turns_seen:
            self._turns_seen = seen
            self._tell("turns", [with_bars(turn) for turn in self._ask("trace", str(TURNS))["traces"]])

    def _is_wanted(self) -> bool:
        """Waits until somebody looks; False when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._clients or self._is_closing)
            return not self._is_closing

    def _listen(self) -> None:
        while not self._is_closing:
            try:
                for notice in self._follow():
                    self._tell("notice", {**notice, "at": time.time()})
            except RtvaError:
                pass  # the status says so
            time.sleep(AWAY_S)

    def _tell(self, name: str, told: Any) -> None:
        data = json.dumps(told, ensure_ascii=False)
        with self._changed:
            if name == "notice":
                self._notices.append(data)
            else:
                self._kept[name] = data
            clients = tuple(self._clients)
        for client in clients:
            client.put(name, data)


def with_bars(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn of ``trace`` as the page draws it."""
    trace = turn["trace"] or {}
    bars = waterfall(trace.get("marks_ms", {}), trace.get("stages_ms", {}))
    return {**turn, "bars": [{"name": b.name, "start_ms": b.start_ms, "end_ms": b.end_ms} for b in bars]}
