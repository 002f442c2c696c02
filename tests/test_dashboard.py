"""The page in a real browser, and the server against everything that is not a browser."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_lab import Browser
from status_lab import eventually
from watch_lab import Watched

from firmware_py.__main__ import main
from firmware_py.cli import control
from firmware_py.dashboard import feed as feed_module
from firmware_py.dashboard import server as server_module
from firmware_py.dashboard.feed import MOST_CLIENTS, NOTICES, Client, Feed
from firmware_py.dashboard.server import MOST_CONNECTIONS, Server, is_loopback
from firmware_py.errors import Unavailable
from firmware_py.events import State

ROOT = Path(__file__).resolve().parent.parent
Serve = Callable[..., Server]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    service = Watched(tmp_path)
    service.board.set_phase(State.IDLE)
    yield service
    service.close()


@pytest.fixture
def serve(watched: Watched) -> Iterator[Serve]:
    """Starts dashboards on the watched service."""
    started: list[Server] = []

    def follow() -> Iterator[dict[str, Any]]:
        with control.talk(watched.path) as conversation:
            conversation.ask("events")
            yield from conversation.lines()

    def start(token: str = "", bound: str = "127.0.0.1") -> Server:
        feed = Feed(lambda command, argument: control.ask(command, argument, watched.path), follow)
        server = Server(bound, 0, feed, token)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


def request(server: Server, data: bytes, timeout_s: float = 10.0) -> bytes:
    """What comes back until the server hangs up."""
    with socket.create_connection(server.server_address[:2], timeout_s) as connection:
        connection.sendall(data)
        found = b""
        while part := connection.recv(1 << 16):
            found += part
        return found


def get(server: Server, path: str, *headers: str, host: str = "localhost") -> bytes:
    lines = [f"GET {path} HTTP/1.0", f"Host: {host}", *headers, "", ""]
    return request(server, "\r\n".join(lines).encode())


def stream(server: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.server_port), 10)
    connection.sendall(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n")
    return connection


def test_the_page_shows_the_service_and_follows_it(watched: Watched, serve: Serve, tmp_path: Path) -> None:
    watched.speak(3)
    server = serve()
    with Browser() as browser:
        browser.size(1280, 900)
        browser.open(server.url)
        browser.until("document.querySelectorAll('article').length === 3")
        assert browser.value("document.querySelector('article h3').textContent").startswith("“what is the weather")
        assert browser.value("document.querySelectorAll('article .bar').length") == 3 * 7
        fall = browser.value("document.querySelector('.fall').getAttribute('aria-label')")
        assert fall.startswith("Since the last word: silence 0 to 505 ms, hear 505 to 579 ms")
        rows = browser.until("Object.fromEntries([...document.querySelectorAll('#latency tr')].map((r) => "
                             "[r.cells[0].textContent, r.lastElementChild.textContent]))")  # fmt: skip
        assert rows["VAD"] == "▲ acceptable" and rows["Understanding"] == "● target"
        browser.until("document.getElementById('level').textContent.includes('floor -62.0')")
        watched.speak()
        watched.board.set_alert("cpu", 91.0)
        browser.until("document.querySelectorAll('article').length === 4")
        browser.until("document.getElementById('banner').textContent === 'Alert: cpu 91'")
        browser.until("document.getElementById('events').textContent.includes('what time is it')")
        watched.close()
        browser.until("document.getElementById('state').textContent === 'not running'")
        assert browser.errors == []


@pytest.mark.parametrize("is_dark", [False, True])
def test_it_is_usable_on_a_phone_light_and_dark(watched: Watched, serve: Serve, is_dark: bool) -> None:
    watched.speak(3)
    server = serve()
    with Browser() as browser:
        browser.size(390, 844, is_dark=is_dark)
        browser.open(server.url)
        browser.until(
            "document.querySelectorAll('article').length && document.querySelectorAll('#latency tr').length > 3"
        )
        assert browser.value("document.documentElement.scrollWidth") == 390, "nothing sticks out"
        texts = "[...document.querySelectorAll('article *, td, dd')]"
        assert browser.value(f"{texts}.filter((e) => parseFloat(getComputedStyle(e).fontSize) < 12).length") == 0
        worst = browser.value(CONTRAST)
        assert worst["ratio"] >= 4.5, worst
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        named = {(n["role"]["value"], n.get("name", {}).get("value", "").lower()) for n in nodes if "role" in n}
        wanted = {("heading", "last turns"), ("meter", "level in db below full scale"), ("region", "events")}
        assert wanted <= named, sorted(named)
        assert not [role for role, name in named if role in ("image", "img", "meter", "region") and not name]


CONTRAST = """(() => {
  const linear = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)|transparent/.test(colour)) return colour;
    }
    return 'rgb(255,255,255)';
  };
  let worst = {ratio: 99};
  for (const e of document.querySelectorAll('h1,h2,h3,p,td,th,dt,dd,li,.row span,#state,#since')) {
    if (!e.textContent.trim() || !e.offsetParent) continue;
    const a = light(getComputedStyle(e).color), b = light(ground(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst.ratio) worst = {ratio, text: e.textContent.slice(0, 40)};
  }
  return worst;
})()"""
"""The least contrast of any text (WCAG 2.1, 1.4.3)."""


def test_the_page_loads_nothing_from_elsewhere_and_data_is_never_markup(watched: Watched, serve: Serve) -> None:
    page = (ROOT / "firmware_py" / "dashboard" / "page.html").read_text()
    assert not re.findall(
        r"https?://|//\w|innerHTML|insertAdjacentHTML|document\.write|eval\(", page.replace("<!doctype", "")
    )
    head = get(serve(), "/").split(b"\r\n\r\n")[0].decode()
    assert "default-src 'none'" in head and "unsafe" not in head and "frame-ancestors 'none'" in head
    nonces = {re.search(r"nonce-([\w-]+)", get(serve(), "/").decode()).group(1) for _ in range(2)}  # type: ignore[union-attr]
    assert len(nonces) == 2


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/%2e%2e/etc/passwd", "//etc/passwd", "/page.html", "/events/..", "/metrics", "/\0"]
)
def test_nothing_else_is_served(serve: Serve, path: str) -> None:
    answer = get(serve(), path)
    assert answer.split(b" ")[1] in (b"404", b"400") and b"root:" not in answer


@pytest.mark.parametrize(
    "data", [b"POST / HTTP/1.0\r\n\r\n", b"PUT /x HTTP/1.0\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"GET\r\n"]
)
def test_only_get(serve: Serve, data: bytes) -> None:
    assert request(serve(), data).split(b"\r\n")[0][:12] not in (b"HTTP/1.0 200", b"HTTP/1.1 200")


def test_a_token_is_asked_for(serve: Serve) -> None:
    server = serve("s3cret-token")
    assert server.url.endswith("?token=s3cret-token")
    for path in ("/", "/events", "/?token=wrong", "/?token=", "/?token=s3cret-toke%C3%A9", "/?tokens=s3cret-token"):
        assert get(server, path).split(b" ")[1] == b"403", path
    assert get(server, "/", "Authorization: Bearer nope").split(b" ")[1] == b"403"
    assert get(server, "/?token=s3cret-token", host="elsewhere").split(b" ")[1] == b"200"
    assert get(server, "/", "Authorization: Bearer s3cret-token").split(b" ")[1] == b"200"


def test_without_a_token_only_this_machines_own_name_is_served(serve: Serve) -> None:
    server = serve()
    for host, code in (
        ("localhost", b"200"),
        ("127.0.0.1:80", b"200"),
        ("evil.example", b"403"),
        ("evil.example:localhost", b"403"),
        ("", b"403"),
        ("127.0.0.1.evil.example:80", b"403"),
    ):
        assert get(server, "/", host=host).split(b" ")[1] == code, host


def test_the_address_it_is_bound_to_is_its_own_name(serve: Serve) -> None:
    server = serve(bound="127.0.0.2")
    assert server.url == f"http://127.0.0.2:{server.server_port}/"
    assert get(server, "/", host=f"127.0.0.2:{server.server_port}").split(b" ")[1] == b"200"
    assert get(server, "/", host="127.0.0.3").split(b" ")[1] == b"403"
    assert get(serve(), "/", host="127.0.0.2").split(b" ")[1] == b"403"


def test_listening_everywhere_names_addresses_that_a_phone_can_open(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not [a for a in server_module.own_addresses() if is_loopback(a) or a == "0.0.0.0"]
    server = serve("s3cret", "0.0.0.0")
    monkeypatch.setattr(server_module, "own_addresses", lambda: ["192.0.2.1", "198.51.100.7"])
    assert [url.split("/")[2].split(":")[0] for url in server.urls] == ["192.0.2.1", "198.51.100.7"]
    assert all(url.endswith(f":{server.server_port}/?token=s3cret") for url in server.urls)
    monkeypatch.setattr(server_module, "own_addresses", list)
    assert server.urls == [f"http://{socket.gethostname()}:{server.server_port}/?token=s3cret"]


@pytest.mark.parametrize("host", ["a" * 70, "a..b", "192.0.2.300"])
def test_a_host_that_is_none_is_said_before_a_service_is_looked_for(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", "--host", host, "--socket", "/nonexistent/x.sock"]) == 69
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"dashboard on {host}:" in said and "no socket" not in said


def test_many_who_look_are_bounded_and_leave_nothing_behind(serve: Serve) -> None:
    server = serve()
    looking = [stream(server) for _ in range(MOST_CLIENTS)]
    for connection in looking:
        assert b"200 OK" in connection.recv(4096)
    eventually(lambda: get(server, "/events").split(b" ")[1] == b"503", "one too many")
    assert get(server, "/").split(b" ")[1] == b"200", "the page still comes"
    idle = [
        socket.create_connection(("127.0.0.1", server.server_port), 5) for _ in range(MOST_CONNECTIONS - MOST_CLIENTS)
    ]
    eventually(lambda: b"503" in get(server, "/"), "all connections are taken")
    for connection in (*looking, *idle):
        connection.close()
    eventually(lambda: b"200" in get(server, "/").split(b"\r\n")[0], "they are free again", 30)


def test_a_request_that_dawdles_is_cut_off(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "REQUEST_S", 0.3)
    server = serve()
    with socket.create_connection(("127.0.0.1", server.server_port), 20) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n")
        assert connection.recv(100) == b""


def test_a_reader_that_does_not_read_costs_the_others_nothing() -> None:
    slow = Client()
    for number in range(10_000):
        slow.put("status", str(number))
        slow.put("notice", str(number))
    found = slow.take(0)
    assert found[0] == ("status", "9999") and len(found) == 1 + NOTICES and found[-1] == ("notice", "9999")
    assert slow.take(0) == []


def test_the_service_is_asked_only_while_somebody_looks(watched: Watched, serve: Serve) -> None:
    server = serve()
    time.sleep(0.3)
    assert watched.controls.asked == 0
    connection = stream(server)
    eventually(lambda: watched.controls.asked >= 2, "it is asked", 20)
    connection.close()
    server.feed.close()


def test_a_service_that_is_away_is_said_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "AWAY_S", 0.01)
    monkeypatch.setattr(feed_module, "LOOK_S", 0.01)
    away = [True]

    def ask(command: str, argument: str) -> dict[str, Any]:
        if away[0]:
            raise Unavailable("no rtva is running here")
        return {"counts": {"turns": 1}, "since_s": 5} if command == "status" else {"traces": []}

    def follow() -> Iterator[dict[str, Any]]:
        yield from ()

    feed = Feed(ask, follow)
    client = feed.join()
    assert client is not None
    eventually(lambda: any("no rtva" in data for _, data in client.take(1)), "its error")
    away[0] = False
    eventually(lambda: any(name == "turns" for name, _ in client.take(1)), "its turns")
    feed.close()


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.1.2", False),
        ("board", False),
    ],
)
def test_what_loopback_is(host: str, is_local: bool) -> None:
    assert is_loopback(host) is is_local


def test_the_command_prints_where_it_is_and_asks_for_a_token_beyond_this_machine(watched: Watched) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "firmware_py", "dashboard", "--socket", str(watched.path), "--port", "0", "--json"]
    for more, has_token in (([], False), (["--host", "0.0.0.0"], True), (["--token"], True)):
        process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        try:
            assert process.stdout is not None
            assert ("?token=" in json.loads(process.stdout.readline())["url"]) is has_token
        finally:
            process.terminate()
            process.wait(20)
            process.stdout and process.stdout.close()
