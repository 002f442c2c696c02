"""The ``actions`` of template files: mistakes are named with their line, slots are filled one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firmware_py.errors import ConfigError
from firmware_py.events import Action
from firmware_py.nlu.context import ContextManager
from firmware_py.nlu.deeds_section import KINDS, SWITCHED
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.respond.responder import Responder
from firmware_py.respond.world import DryActuator

HEAD = """language: en
intents:
  lamp:
    data:
      - sentences: ["lamp {state} [at {level} percent] [for {who}]"]
lists:
  state: {values: [on, off]}
  level: {range: {from: 0, to: 100}}
  who: {wildcard: true}
actions:
"""


def understanding(tmp_path: Path, actions: str) -> HassilUnderstanding:
    file = tmp_path / "lamp.yaml"
    file.write_text(HEAD + actions)
    return HassilUnderstanding([file], builtin=False)


def actions(tmp_path: Path, text: str, sentence: str) -> tuple[Action, ...]:
    return understanding(tmp_path, text).understand(sentence).actions


def test_slots_go_into_texts(tmp_path: Path) -> None:
    text = """  lamp:
    - gpio: {chip: /dev/gpiochip0, line: 17, value: "{state}"}
    - http: {url: "http://hub/lamp/{state}", json: {level: "{level}", by: ["{who}", x]}, timeout_s: 2}
    - program: {run: [/usr/bin/lamp, "--state={state}", "{level}", "{who}"]}
"""
    gpio, http, program = actions(tmp_path, text, "Lamp on at 40% for Ann & Bob; --rm")
    assert gpio == Action("gpio", {"chip": "/dev/gpiochip0", "line": 17, "value": "on"})
    assert http.arguments["url"] == "http://hub/lamp/on" and http.arguments["timeout_s"] == 2
    assert http.arguments["json"] == {"level": 40, "by": ["Ann & Bob; --rm", "x"]}
    assert program.arguments["run"] == ["/usr/bin/lamp", "--state=on", "40", "Ann & Bob; --rm"]
    (_, _, program) = actions(tmp_path, text, "lamp off for --force")
    assert program.arguments["run"] == ["/usr/bin/lamp", "--state=off", "", "force"]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("  heater: [{serial: {device: /dev/x, text: a}}]\n", ":11: actions for 'heater', which has no sentences"),
        (
            "  lamp: [{serial: {device: /dev/x, text: '{stat}'}}]\n",
            ":11: an action of 'lamp' names {stat}; its slots: ",
        ),
        (
            "  lamp: [{shell: 'rm'}]\n",
            ":11: an action of 'lamp' is one of gpio, http, mqtt, serial, program; here: shell",
        ),
        ("  lamp: [{gpio: {chip: /dev/gpiochip0}}]\n", ":11: action 'gpio' needs 'line', 'value'"),
        ("  lamp:\n    - gpio:\n        line: 900\n", ":13: must be 0 to 511, not 900"),
        ("  lamp:\n    - program: {run: [lamp]}\n", ":12: must be an absolute path without slots, not 'lamp'"),
        ("  lamp:\n    - program: {run: ['/{state}']}\n", ":12: must be an absolute path without slots"),
        ("  lamp:\n    - http: {url: 'ftp://x'}\n", ":12: a url begins with http:// or https://"),
        ("  lamp:\n    - http: {url: 'http://{state}/'}\n", ":12: a url begins with http:// or https:// and a host"),
        ("  lamp:\n    - mqtt: {topic: a, payload: b, broker: c}\n", ":12: unknown key 'broker' in action 'mqtt'"),
        ("  lamp:\n    - serial: {device: /dev/x, text: a, timeout_s: 90}\n", ":12: timeout_s must be 0.1 to 30"),
        ("  lamp: {confirm: true}\n", ":11: actions of 'lamp' are a list, or a mapping with 'do' and 'confirm'"),
        ("  lamp:\n    - gpio: {chip: /dev/x, line: 1, value: maybe}\n", ":12: value must be one of on, off"),
        ("  lamp:\n    - mqtt: {topic: 'home/#', payload: b}\n", ":12: a topic to publish to"),
        ('  lamp:\n    - http: {url: "http://x/", headers: {"A\\nB": "c"}}\n', ":12: header 'A\\nB' is no name"),
        ('  lamp:\n    - http: {url: "http://x/", headers: {A: "c\\r\\nB: d"}}\n', ":12: header 'A' is no name"),
        (
            "  lamp:\n    - http: {url: 'http://x/', body: a, json: {b: c}}\n",
            ":12: action 'http' has both 'body' and 'json'",
        ),
        ("  lamp:\n    - http: {url: 'http://x:99999/'}\n", ":12: no port of a url: 'x:99999'"),
        ("  lamp: []\n", ":11: intent 'lamp' has 0 actions"),
    ],
)
def test_mistakes_have_a_line(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(ConfigError) as error:
        understanding(tmp_path, text)
    assert f"lamp.yaml{mistake}" in str(error.value)


def test_programs_must_be_allowed(tmp_path: Path) -> None:
    ours = understanding(tmp_path, "  lamp: [{program: {run: [/usr/bin/lamp]}}]\n")
    ours.check_programs(["/usr/bin/lamp"])
    with pytest.raises(ConfigError, match=r"lamp.yaml:11: program /usr/bin/lamp is not in nlp.programs \(none\)"):
        ours.check_programs([])


def test_what_a_line_is_set_to_is_what_the_kind_knows() -> None:
    from firmware_py.actions.gpio_action import OFF, ON

    assert set(SWITCHED) == ON | OFF


def test_actions_wait_for_the_commit_and_are_said_done(tmp_path: Path) -> None:
    ours = understanding(tmp_path, "  lamp: [{serial: {device: /dev/x, text: '{state}'}}]\n")
    actuator = DryActuator()
    responder = Responder(actuator=actuator)
    reply = responder.prepare(ours.understand("lamp on"))
    assert reply.text == "Okay." and actuator.performed == []
    responder.commit(reply)
    assert actuator.performed == [Action("serial", {"device": "/dev/x", "text": "on"})]


def test_every_kind_is_read(tmp_path: Path) -> None:
    from firmware_py.actions.kinds import KINDS as DONE

    assert set(KINDS) == set(DONE)


def test_config_check_and_doctor_read_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from firmware_py.__main__ import main
    from firmware_py.config import effective
    from firmware_py.doctor import Case
    from firmware_py.doctor.checks_config import own_commands

    def finding(root: Path) -> Any:
        return own_commands(Case(effective=effective(config, None), root=root))

    (tmp_path / "lamp.yaml").write_text(HEAD + "  lamp: [{http: {url: 'http://hub/{state}'}}]\n")
    config = tmp_path / "config.yaml"
    config.write_text("nlp: {intents: [lamp.yaml]}\n")
    assert main(["config", "check", str(config)]) == 0
    assert "network.conf" in capsys.readouterr().err
    assert finding(tmp_path).status == "ok"
    unit = tmp_path / "etc/systemd/system/rtva.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    assert finding(tmp_path).status == "warn" and "network" in finding(tmp_path).message
    (tmp_path / "lamp.yaml").write_text(HEAD + "  lamp: [{gpio: {}}]\n")
    assert main(["config", "check", str(config)]) == 78
    assert "lamp.yaml:11: action 'gpio' needs" in capsys.readouterr().err
    assert finding(tmp_path).status == "fail"


def test_what_is_said_is_no_other_request(tmp_path: Path) -> None:
    ours = HassilUnderstanding([_file(tmp_path)])
    (action,) = ours.understand("play AT&T?x=1#../y").actions
    assert action.arguments["url"] == "http://hub/play?what=AT%26T%3Fx%3D1%23..%2Fy&room=hall"


def _file(folder: Path) -> Path:
    file = folder / "play.yaml"
    file.write_text(
        "language: en\nintents: {play: {data: [{sentences: ['play {what}']}]}}\nlists: {what: {wildcard: true}}\n"
        "actions: {play: [{http: {url: 'http://hub/play?what={what}&room=hall'}}]}\n"
    )
    return file


def test_a_yes_counts_for_half_a_minute(tmp_path: Path) -> None:
    ours = understanding(tmp_path, "  lamp: {confirm: true, do: [{serial: {device: /dev/x, text: '{state}'}}]}\n")
    now, done = [0.0], DryActuator()
    responder = Responder(actuator=done, history=ContextManager(clock=lambda: now[0]), exact=ours.exact)
    for wait_s, count in ((40.0, 0), (20.0, 1)):
        responder.commit(responder.prepare(ours.understand("lamp on")))
        now[0] += wait_s
        responder.commit(responder.prepare(ours.understand("yes")))
        assert len(done.performed) == count


def test_a_doubted_yes_must_be_surer_than_a_doubted_no(tmp_path: Path) -> None:
    ours = understanding(tmp_path, "  lamp: {confirm: true, do: [{serial: {device: /dev/x, text: '{state}'}}]}\n")
    now = [0.0]
    responder = Responder(actuator=DryActuator(), history=ContextManager(clock=lambda: now[0]), exact=ours.exact)
    assert responder.expects("Yes.") is None, "nothing was asked"
    responder.commit(responder.prepare(ours.understand("lamp on")))
    yes, no = responder.expects("Yes."), responder.expects("No.")
    assert yes is not None and no is not None and yes > no > 0.28 and responder.expects("It does not matter.") is None
    now[0] += 40.0
    assert responder.expects("Yes.") is None
