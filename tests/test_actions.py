"""What the user's own commands do, on real parts: a web server, a broker's side of the wire, a pty, programs."""

from __future__ import annotations

import gc
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from firmware_py.actions import gpio_action, runner
from firmware_py.actions.kinds import KINDS, ActionFailed, performer
from firmware_py.actions.runner import Runner
from firmware_py.events import Action


class Seen(BaseHTTPRequestHandler):
    """Notes requests; answers 200, or what stands in the path as /answer/500."""

    requests: list[tuple[str, str, str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.requests.append((self.command, self.path, self.headers.get("Content-Type", ""), body))
        answer = re.search(r"/answer/(\d+)", self.path)
        self.send_response(int(answer[1]) if answer else 200)
        self.end_headers()

    do_GET = do_POST  # noqa: N815

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[tuple[str, list[tuple[str, str, str, str]]]]:
    handler = type("Handler", (Seen,), {"requests": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler.requests
        server.shutdown()


def do(kind: str, timeout_s: float = 5.0, **arguments: Any) -> None:
    performer(kind)(arguments, timeout_s)


def test_http(web: tuple[str, list[tuple[str, str, str, str]]]) -> None:
    url, seen = web
    do("http", url=f"{url}/lamp?name=living room")
    do("http", url=f"{url}/x", json={"state": "on", "level": 40})
    do("http", url=f"{url}/x", method="POST", body="on", headers={"Content-Type": "text/plain"})
    assert seen[0][:2] == ("GET", "/lamp?name=living%20room")
    assert seen[1][0] == "POST" and json.loads(seen[1][3]) == {"state": "on", "level": 40}
    assert seen[2] == ("POST", "/x", "text/plain", "on")
    with pytest.raises(ActionFailed, match="answered 500"):
        do("http", url=f"{url}/answer/500")
    with pytest.raises(ActionFailed, match="Connection refused"):
        do("http", url="http://127.0.0.1:1/")


@pytest.mark.parametrize("code", [301, 307, 308])
def test_http_that_moved_was_not_done_and_keys_stay_out_of_the_journal(
    web: tuple[str, list[tuple[str, str, str, str]]], code: int
) -> None:
    with pytest.raises(ActionFailed, match=f"answered {code}") as caught:
        do("http", url=f"{web[0]}/answer/{code}?apikey=hunter2")
    assert "hunter2" not in str(caught.value)


def test_http_keys_stay_out_of_the_journal_when_nobody_is_there() -> None:
    with pytest.raises(ActionFailed, match=r"http http://127\.0\.0\.1:1/lamp: ") as caught:
        do("http", url="http://127.0.0.1:1/lamp?apikey=hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_device_that_answers_no_http_is_a_failure_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            line.recv(1000)
            line.sendall(b"SSH-2.0-x\r\n\r\n")
            line.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ActionFailed, match=r"http http://127\.0\.0\.1:\d+/lamp: "):
            do("http", url=f"http://127.0.0.1:{server.getsockname()[1]}/lamp")


def test_http_ends_when_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(ActionFailed, match="timed out"):
        do("http", timeout_s=0.2, url=f"http://127.0.0.1:{server.getsockname()[1]}/")


def broker(server: socket.socket, got: list[bytes]) -> None:
    """The broker's side of MQTT 3.1.1, as far as one message needs it: CONNACK, PUBACK."""
    client, _ = server.accept()
    with client:
        client.recv(1024)
        client.sendall(bytes([0x20, 2, 0, 0]))
        packet = client.recv(1024)
        got.append(packet)
        topic_size = int.from_bytes(packet[2:4], "big")
        client.sendall(bytes([0x40, 2]) + packet[4 + topic_size : 6 + topic_size])
        client.recv(1024)


def test_mqtt() -> None:
    pytest.importorskip("paho.mqtt", reason="pip install paho-mqtt")
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=broker, args=(server, got), daemon=True).start()
        do("mqtt", host="127.0.0.1", port=server.getsockname()[1], topic="home/lamp", payload="on")
    assert b"home/lamp" in got[0] and got[0].endswith(b"on")
    with pytest.raises(ActionFailed, match="refused"):
        do("mqtt", host="127.0.0.1", port=1, topic="home/lamp", payload="on")
    with pytest.raises(ActionFailed, match="wildcard"):
        do("mqtt", topic="home/#", payload="on")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A real broker that wants a name and a password: its port, and the file of the password."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
    maker = shutil.which("mosquitto_passwd")
    if program is None or maker is None:
        pytest.skip("no mosquitto here; apt-get install mosquitto runs this")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    users, password = tmp_path / "users", tmp_path / "password"
    users.touch(0o600)
    subprocess.run([maker, "-b", str(users), "rtva", "a secret"], check=True)
    password.write_text("a secret\n")
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\npassword_file {users}\nuser root\n")
    broker = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    until(lambda: _answers(port))
    yield port, password
    broker.kill()
    broker.wait()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_mqtt_on_a_real_broker(mosquitto: tuple[int, Path], tmp_path: Path) -> None:
    paho = pytest.importorskip("paho.mqtt.client", reason="pip install paho-mqtt")
    port, password = mosquitto
    got: list[tuple[str, str, int]] = []
    listener = paho.Client(paho.CallbackAPIVersion.VERSION2)
    listener.username_pw_set("rtva", "a secret")
    listener.on_message = lambda client, data, message: got.append(
        (message.topic, message.payload.decode(), message.qos)
    )
    ready = threading.Event()
    listener.on_subscribe = lambda *about: ready.set()
    listener.connect("127.0.0.1", port)
    listener.subscribe("home/#", 2)
    listener.loop_start()
    assert ready.wait(30)
    where: dict[str, Any] = {"host": "127.0.0.1", "port": port, "topic": "home/lamp"}
    for qos, payload in enumerate(("on", "off", "gedämpft")):
        do("mqtt", **where, payload=payload, qos=qos, username="rtva", password_file=str(password))
    until(lambda: len(got) == 3)
    assert got == [("home/lamp", "on", 0), ("home/lamp", "off", 1), ("home/lamp", "gedämpft", 2)]
    (tmp_path / "wrong").write_text("sesame")
    for login in ({}, {"username": "rtva", "password_file": str(tmp_path / "wrong")}):
        with pytest.raises(ActionFailed, match=f"mqtt 127.0.0.1:{port}: Not authorized"):
            do("mqtt", **where, payload="on", **login)
    listener.loop_stop()
    assert len(got) == 3


def test_a_broker_that_refuses_says_why_at_once() -> None:
    pytest.importorskip("paho.mqtt", reason="pip install paho-mqtt")

    def refuse(server: socket.socket) -> None:
        client, _ = server.accept()
        with client:
            client.recv(1024)
            client.sendall(bytes([0x20, 2, 0, 5]))
            client.recv(1024)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=refuse, args=(server,), daemon=True).start()
        with pytest.raises(ActionFailed, match=r"mqtt 127\.0\.0\.1:\d+: Not authorized"):
            do("mqtt", host="127.0.0.1", port=server.getsockname()[1], topic="home/lamp", payload="on")


def test_the_sockets_of_an_action_that_failed_are_closed_without_a_collection() -> None:
    pytest.importorskip("paho.mqtt", reason="pip install paho-mqtt")
    told: list[str] = []
    hands = Runner(on_failure=told.append)
    gc.collect()
    gc.disable()
    try:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            arguments = {"host": "127.0.0.1", "port": silent.getsockname()[1], "topic": "lamp", "payload": "on"}
            before = len(list(Path("/proc/self/fd").iterdir()))
            hands.perform(Action("mqtt", {**arguments, "timeout_s": 0.2}))
            until(lambda: told)
            until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)
    finally:
        gc.enable()
        hands.close()


def test_serial() -> None:
    mine, theirs = os.openpty()
    try:
        device = os.ttyname(theirs)
        do("serial", device=device, text="LAMP on\n")
        do("serial", device=device, text="LAMP off\n")
        with open(mine, "rb", buffering=0, closefd=False) as line:
            assert [line.readline().strip() for _ in range(2)] == [b"LAMP on", b"LAMP off"]
    finally:
        os.close(mine)
        os.close(theirs)
    with pytest.raises(ActionFailed, match="serial /dev/nothing-here"):
        do("serial", device="/dev/nothing-here", text="x")


def test_a_program_gets_its_arguments_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = f"import json,os,sys; open({str(out)!r}, 'w').write(json.dumps([sys.argv[1:], sorted(os.environ)]))"
    do("program", run=[sys.executable, "-c", code, "on; rm -rf /", "$HOME", ""])
    arguments, names = json.loads(out.read_text())
    assert arguments == ["on; rm -rf /", "$HOME"] and {"HOME", "USER"}.isdisjoint(names)


def test_a_program_that_fails_or_takes_too_long(tmp_path: Path) -> None:
    with pytest.raises(ActionFailed, match="exit code 3 no lamp"):
        do("program", run=[sys.executable, "-c", "import sys; print('no lamp', file=sys.stderr); sys.exit(3)"])
    with pytest.raises(ActionFailed, match="No such file"):
        do("program", run=["/nothing/here"])
    mark = tmp_path / "child"
    child = f"import time; time.sleep(2); open({str(mark)!r}, 'w')"
    code = f"import subprocess,sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(ActionFailed, match="not done within"):
        do("program", timeout_s=0.3, run=[sys.executable, "-c", code])
    time.sleep(2.2)
    assert not mark.exists()  # what it started was killed with it


def test_a_program_that_writes_without_end_costs_no_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ActionFailed, match=r"not done within 0\.5 s, killed"):
        do("program", 0.5, run=["/bin/sh", "-c", "exec yes wolf >&2"])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_a_program_may_leave_something_running(tmp_path: Path) -> None:
    do("program", 0.9, run=["/bin/sh", "-c", f"(sleep 1; echo x > {tmp_path}/later) & exit 0"])
    wait_until = time.monotonic() + 5
    while not (tmp_path / "later").exists() and time.monotonic() < wait_until:
        time.sleep(0.05)
    assert (tmp_path / "later").exists()


def test_the_last_line_of_a_program_that_fails_is_told() -> None:
    with pytest.raises(ActionFailed, match="exit code 3 no such lamp"):
        do("program", run=["/bin/sh", "-c", "seq 100000 >&2; echo no such lamp >&2; exit 3"])


def test_gpio_without_the_library_or_a_chip_says_so() -> None:
    with pytest.raises(ActionFailed, match="gpio"):
        do("gpio", chip="/dev/gpiochip99", line=4, value="on")


def test_gpio_keeps_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording stand-in for libgpiod: what is requested, and what is set on the line that is held."""
    done: list[tuple[str, Any]] = []
    line = SimpleNamespace(
        Value=SimpleNamespace(ACTIVE="active", INACTIVE="inactive"), Direction=SimpleNamespace(OUTPUT="output")
    )

    def request_lines(chip: str, consumer: str, config: Any) -> Any:
        done.append((chip, config[17]["output_value"]))
        return SimpleNamespace(set_value=lambda number, value: done.append((number, value)))

    fake = ModuleType("gpiod")
    fake.__dict__.update(line=line, LineSettings=dict, request_lines=request_lines)
    monkeypatch.setitem(sys.modules, "gpiod", fake)
    monkeypatch.setattr(gpio_action, "_requests", {})
    for value in ("on", "OFF", 1):
        do("gpio", chip="/dev/gpiochip0", line=17, value=value)
    assert done == [("/dev/gpiochip0", "active"), (17, "inactive"), (17, "active")]
    with pytest.raises(ActionFailed, match="'purple'"):
        do("gpio", chip="/dev/gpiochip0", line=17, value="purple")


def until(happens: Any) -> None:
    deadline = time.monotonic() + 60
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert happens()


def test_the_runner_works_beside_the_walk_in_order(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = f"import sys,time; time.sleep(0.05); open({str(out)!r}, 'a').write(sys.argv[1])"
    hands = Runner([sys.executable])
    for letter in "abc":
        hands.perform(Action("program", {"run": [sys.executable, "-c", code, letter], "timeout_s": 30}))
    assert not out.exists()
    until(lambda: hands.counts.done == 3)
    hands.close()
    hands.close()
    assert out.read_text() == "abc"


def test_a_failure_is_told_and_counted_and_the_next_goes_on() -> None:
    told: list[str] = []
    hands = Runner([sys.executable], told.append)
    hands.perform(Action("program", {"run": ["/bin/rm", "x"]}))
    hands.perform(Action("program", {"run": [sys.executable, "-c", "1/0"], "timeout_s": 30}))
    hands.perform(Action("program", {"run": [sys.executable, "-c", "pass"], "timeout_s": 30}))
    until(lambda: hands.counts.done == 1)
    hands.close()
    assert hands.counts.failed == 2 and "not in nlp.programs" in told[0] and "ZeroDivisionError" in told[1]


def test_too_much_at_once_is_refused_and_what_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()
    monkeypatch.setattr(runner, "GRACE_S", 0.05)
    monkeypatch.setattr(runner, "MOST_WAITING", 2)
    monkeypatch.setattr(runner, "performer", lambda kind: lambda arguments, timeout_s: held.wait(10))
    told: list[str] = []
    hands = Runner((), told.append)
    for _ in range(12):
        hands.perform(Action("mqtt", {"timeout_s": 0.1}))
    until(lambda: any("wait already" in t for t in told) and any("not done within" in t for t in told))
    held.set()
    hands.close()


def test_every_kind_has_its_file() -> None:
    assert all(callable(performer(kind)) for kind in KINDS)
