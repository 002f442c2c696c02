"""Commands of one's own while they are written: what editors leave beside them, what a trial shows, what failed."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from firmware_py.__main__ import main
from firmware_py.actions.kinds import described, target
from firmware_py.audio.wav import write_wav
from firmware_py.cli import status as status_command
from firmware_py.config import from_text
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.replay.session import intent_texts
from firmware_py.service.reload import Reloader, fingerprint
from firmware_py.service.renewal import Renewal

LAMP = """language: en
intents:
  lamp: {data: [{sentences: ["turn {state} the kitchen light"]}]}
lists: {state: {values: [on, off]}}
actions:
  lamp: [{http: {url: "http://127.0.0.1:PORT/lamp?key=hunter2", json: {state: "{state}"}, headers: {X-Key: hunter3}}}]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of templates with what an editor, another system and a second folder leave in it."""
    folder = tmp_path / "intents"
    folder.mkdir()
    (folder / "lamps.yaml").write_text(LAMP.replace("PORT", "1"))
    (folder / "._lamps.yaml").write_bytes(b"\x00\x05\x16\x07\xff\xfe")
    (folder / ".#lamps.yaml").symlink_to("me@here.1234:5678")
    (folder / "lamps.yaml~").write_text("intents: [")
    (folder / "older").mkdir()
    (folder / "older" / "lamps.yaml").write_text("intents: [")
    return folder


def test_hidden_files_are_no_templates(own: Path) -> None:
    config = from_text(f"nlp: {{intents: [{own}]}}")
    assert HassilUnderstanding([own], builtin=False).intents == ("lamp",)
    before = fingerprint(config)
    assert [name for name, _, _ in before] == [str(own / "lamps.yaml")]
    (own / ".#lamps.yaml").unlink()
    assert fingerprint(config) == before
    assert list(intent_texts(config)) == ["000-lamps.yaml"]


def test_a_trial_on_text_shows_what_would_be_done(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["understand", "Turn on the kitchen light!", "what time is it", "--intents", str(own)]) == 0
    lamp, would, time = capsys.readouterr().out.splitlines()
    assert lamp.startswith("Turn on the kitchen light!: lamp") and time.startswith("what time is it: time")
    assert would.startswith("  would: http url=http://127.0.0.1:1/lamp?key=hunter2")
    assert 'json={"state": "on"}' in would and 'headers=["X-Key"]' in would and "hunter3" not in would
    assert main(["understand", "turn off the kitchen light", "--intents", str(own), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["actions"][0]["http"]["json"] == {"state": "off"}


def test_what_is_asked_about_first_is_shown_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "door.yaml"
    text = 'intents: {door: {data: [{sentences: ["open the door"]}]}}\n'
    file.write_text(text + "actions: {door: {confirm: true, do: [{serial: {device: /dev/ttyX, text: 'O\\n'}}]}}\n")
    assert main(["understand", "open the door", "--intents", str(file)]) == 0
    assert "\n  would, after a yes: serial device=/dev/ttyX" in capsys.readouterr().out


def test_what_is_done_and_fails_is_told_of_by_its_target_without_keys() -> None:
    url = "http://me:secret@hub.local/lamp?key=hunter2"
    assert target("http", {"url": url}) == "http http://hub.local/lamp"
    assert target("program", {"run": ["/usr/bin/lamp", "on"]}) == "program /usr/bin/lamp"
    assert target("mqtt", {"topic": "home/lamp", "payload": "on"}) == "mqtt home/lamp"
    assert described("gpio", {"chip": "/dev/gpiochip0", "line": 17, "value": ""}) == (
        'gpio chip=/dev/gpiochip0 line=17 value=""'
    )


def spoken(text: str, file: Path) -> Path:
    from firmware_py.pipeline import VoicePipeline

    with VoicePipeline() as pipeline:
        sound = np.concatenate(list(pipeline.tts.synthesize(text)))
        write_wav(file, 16_000, [np.rint(soxr.resample(sound, pipeline.tts.rate_hz, 16_000)).astype(np.int16)])
    return file


def test_a_trial_on_a_recording_does_it_and_ends_badly_where_that_failed(
    weights: Path, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(spoken("Turn on the kitchen light.", tmp_path / "lamp.wav"))
    assert main(["ask", file, "--intents", str(own)]) == 0
    assert "\n  would  http url=http://127.0.0.1:1/lamp" in capsys.readouterr().out
    assert main(["ask", file, "--intents", str(own), "--act", "--json"]) == 69
    out, errors = capsys.readouterr()
    (turn,) = map(json.loads, out.splitlines())
    assert turn["intent"] == "lamp" and turn["actions"][0]["http"]["json"] == {"state": "on"}
    (failed,) = turn["failed"]
    assert failed.startswith("http http://127.0.0.1:1/lamp: ") and errors == f"rtva: {file}: {failed}\n"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            client.recv(4096)
            client.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            client.close()

        threading.Thread(target=answer, daemon=True).start()
        (own / "lamps.yaml").write_text(LAMP.replace("PORT", str(server.getsockname()[1])))
        assert main(["ask", file, "--intents", str(own), "--act"]) == 0
    out, errors = capsys.readouterr()
    assert "\n  does   http url=" in out and errors == ""


class Walk:
    """Does what is to be done between two turns when it is told to."""

    def __init__(self) -> None:
        self.jobs: list[Any] = []
        self.pipeline, self.is_busy = None, True

    def between_turns(self, job: Any) -> None:
        self.jobs.append(job)
        if not self.is_busy:
            threading.Thread(target=job, daemon=True).start()


def test_a_reload_says_whether_it_is_in_force(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = from_text(f"nlp: {{intents: [{own}]}}")
    walk: Any = Walk()
    renewal = Renewal(walk, lambda name, value: None)
    renewed: list[bool] = []
    monkeypatch.setattr(renewal, "change", lambda how, warms: renewed.append(warms))
    reloader = Reloader(config, lambda: config, walk, lambda new: None, renewal)
    assert reloader.reload(10) == {"applied": [], "needs_restart": [], "is_waiting": False}
    (own / "more.yaml").write_text("intents: {wave: {data: [{sentences: [wave]}]}}\n")
    assert reloader.reload(0.05) == {"applied": ["nlp.intents"], "needs_restart": [], "is_waiting": True}
    assert not renewed, "a turn goes on"
    walk.is_busy = False
    (own / "more.yaml").unlink()
    assert reloader.reload(60) == {"applied": ["nlp.intents"], "needs_restart": [], "is_waiting": False}
    assert renewed == [True]


def test_config_check_warns_of_a_sentence_that_takes_the_place_of_a_built_in_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.yaml").write_text(
        "intents:\n  gate: {data: [{sentences: [stop, 'stop the gate']}]}\n  time: {data: [{sentences: [clock]}]}\n"
    )
    config = tmp_path / "config.yaml"
    config.write_text("nlp: {intents: [own.yaml]}\n")
    assert main(["config", "check", str(config), "--json"]) == 0
    (warning,) = json.loads(capsys.readouterr().out)["warnings"]
    assert warning == "nlp.intents: 'stop' is 'gate' now, and not what rtva does with it"


def told(**about: Any) -> list[str]:
    """The lines of ``rtva status``."""
    base: dict[str, Any] = {
        "version": "1", "state": "idle", "since_s": 1.0, "microphone": "open", "volume": 50, "is_silent": False,
        "level_db": None, "alerts": {}, "counts": {}, "totals": {}, "faces": {}, "workers": [], "latency_ms": {},
        "turns": [],
    }  # fmt: skip
    return list(status_command.view({**base, **about}))


def test_status_counts_what_own_commands_did() -> None:
    counts = {"done": 4, "failed": 1, "waiting": 0}
    assert "own commands: 4 done, 1 failed, 0 waiting" in told(own_commands=counts)
    assert not any("own" in line for line in told(own_commands=dict.fromkeys(counts, 0)))


def test_status_tells_near_misses_of_the_wake_word() -> None:
    wake = {"is_open": False, "words": {"hey_jarvis": {"heard": 12, "near": 3}}, "unused": 1}
    assert "wake word waited for: hey_jarvis 12 heard, 3 near; 1 unused" in told(wake=wake)
    assert not any("wake" in line for line in told(wake={}))
