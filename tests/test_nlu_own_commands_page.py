"""What ``docs/your-own-commands.md`` shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware_py.events import Action
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.respond.responder import Responder

PAGE = (Path(__file__).parent.parent / "docs" / "your-own-commands.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def understanding(tmp_path: Path, block: int) -> HassilUnderstanding:
    file = tmp_path / "page.yaml"
    file.write_text(BLOCKS[block])
    return HassilUnderstanding([file], builtin=False)


def test_the_ten_lines_are_ten() -> None:
    assert len(BLOCKS[0].splitlines()) == 10 and len(BLOCKS) == 5


def test_the_lamp(tmp_path: Path) -> None:
    ours = understanding(tmp_path, 0)
    understood = ours.understand("Turn on the kitchen light!")
    assert (understood.intent, dict(understood.slots)) == ("switch_lamp", {"state": "on", "lamp": "kitchen"})
    assert Responder().prepare(understood).text == "The kitchen lamp is on."
    other = ours.understand("switch the kitchen lamp of")
    assert other.intent is None and f"not understood  ({other.score:.2f})" in PAGE


@pytest.mark.parametrize(
    ("sentence", "slots"),
    [
        ("Set the shutters to 45%", {"device": "cover.living_room", "level": 45, "source": "voice"}),
        ("Play Für Elise in the study", {"title": "Für Elise", "room": "study", "source": "voice"}),
        ("set the heating to twenty and a half degrees", {"degrees": 20.5}),
    ],
)
def test_lists(tmp_path: Path, sentence: str, slots: dict[str, object]) -> None:
    assert dict(understanding(tmp_path, 1).understand(sentence).slots) == slots


def test_rules_and_repair(tmp_path: Path) -> None:
    ours = understanding(tmp_path, 2)
    exact = ours.understand("Can I get a dark-roast, small latte?")
    repaired = ours.understand("Give me a large a Mary Connor")
    assert dict(exact.slots) == {"roast": "dark roast", "size": "small", "drink": "latte"}
    assert dict(repaired.slots) == {"size": "large", "drink": "americano"}


@pytest.mark.parametrize(
    ("heard", "person"),
    [
        ("Call chevron.", "Siobhan"),
        ("call shivawn", "Siobhan"),
        ("call win", "Nguyen"),
        ("call my walker", "my quokka"),
    ],
)
def test_pronunciations(tmp_path: Path, heard: str, person: str) -> None:
    assert dict(understanding(tmp_path, 3).understand(heard).slots) == {"person": person}


def test_actions(tmp_path: Path) -> None:
    lamp = understanding(tmp_path, 0).understand("turn on the kitchen light").actions
    assert lamp == (Action("gpio", {"chip": "/dev/gpiochip0", "line": 17, "value": "on"}),)
    ours = understanding(tmp_path, 4)
    (mqtt,) = ours.understand("Turn off the sitting room lamp").actions
    assert (mqtt.arguments["topic"], mqtt.arguments["payload"]) == ("home/living_room/light", "off")
    assert ours.understand("dim the desk lamp to 30%").actions[0].arguments["json"] == {"level": 30}
    assert ours.understand("open the door").confirm
    serial, program = ours.understand("water the garden for ten minutes").actions
    assert serial.arguments["text"] == "WATER 10\n"
    assert program.arguments["run"] == ["/usr/local/bin/water-log", "--minutes", "10"]
