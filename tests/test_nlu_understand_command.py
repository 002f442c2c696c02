"""``rtva understand``: its JSON, its words for people, its exit codes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from firmware_py.cli import understand
from firmware_py.errors import BadInput, NotFound


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # away from any config/config.yaml


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    understand.register(parser.add_subparsers())
    args = parser.parse_args(["understand", *arguments])
    return int(args.run(args))


def test_one_object_a_sentence_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    sentences = ["What's  twelve times seven? ", "blah blah", "", "Volume 40%"]
    assert run(*sentences, "--json") == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [o["text"] for o in objects] == sentences
    assert [o["intent"] for o in objects] == ["calculate", None, None, "volume_set"]
    assert [o["slots"] for o in objects] == [{"expression": "12 * 7"}, {}, {}, {"percent": 40}]
    assert objects[0]["score"] == 1.0 and all(0 <= o["score"] <= 1 for o in objects)
    assert all(set(o) == {"text", "intent", "slots", "score"} for o in objects)


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("volume 40", "gibberish") == 0
    one, two = capsys.readouterr().out.splitlines()
    assert "volume_set" in one and "percent=40" in one and "not understood" in two


def test_own_templates_beside_the_built_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.yaml"
    file.write_text('intents: {wave: {data: [{sentences: ["wave to {who}"]}]}}\nlists: {who: {values: [mum, dad]}}\n')
    assert run("Wave to Dad!", "what time is it", "--intents", str(file), "--json") == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(o["intent"], o["slots"]) for o in objects] == [("wave", {"who": "dad"}), ("time", {})]


def test_a_bad_file_of_intents_is_bad_input(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("intents: {}\nnonsense: 1\n")
    with pytest.raises(BadInput, match=r"own\.yaml:2: unknown key 'nonsense'") as caught:
        run("x", "--intents", str(file))
    assert caught.value.exit_code == 65
    with pytest.raises(NotFound, match="gone"):
        run("x", "--intents", str(tmp_path / "gone.yaml"))
