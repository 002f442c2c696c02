"""The automaton kept on the disk: never another's, never a damaged one, and the same as one made now."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py._grammar import Vocabulary
from firmware_py.nlu import kept_grammar
from firmware_py.nlu.grammar import compile_understanding
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.nlu.kept_grammar import MOST_KEPT, SUFFIX, guidance, key_of

TEMPLATES = """\
language: en
intents:
  Light:
    data:
      - sentences: ["light {where}", "dim to {level}"]
lists:
  where: {values: [hall]}
  level: {range: {from: 0, to: 5}}
pronunciations:
  hall: haul
"""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The languages for which an automaton was compiled."""
    compiled: list[str] = []

    def compile_it(understanding: HassilUnderstanding, *, language: str) -> Any:
        compiled.append(language)
        return compile_understanding(understanding, language=language)

    monkeypatch.setattr(kept_grammar, "compile_understanding", compile_it)
    return compiled


def understanding(folder: Path, text: str = TEMPLATES, name: str = "own.yaml") -> HassilUnderstanding:
    path = folder / name
    path.write_text(text)
    return HassilUnderstanding([path], builtin=False)


def test_a_second_start_reads_what_the_first_has_made(tmp_path: Path, made: list[str]) -> None:
    own, kept = understanding(tmp_path), tmp_path / "a" / "kept"
    first = guidance(own, "en", (kept,))
    assert made == ["en"] and first == compile_understanding(own).data()
    assert guidance(understanding(tmp_path), "en", (kept,)) == first and made == ["en"]
    assert [path.suffix for path in kept.iterdir()] == [SUFFIX], "no part is left behind"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("hall]", "hall, attic]"),
        lambda text: text.replace("to: 5", "to: 6"),
        lambda text: text.replace("haul", "hole"),
        lambda text: text.replace("dim to", "dim it to"),
        lambda text: text.replace("language: en", "language: en-GB"),
    ],
)
def test_whatever_changes_in_a_template_file_is_heard(
    tmp_path: Path, made: list[str], change: Callable[[str], str]
) -> None:
    guidance(understanding(tmp_path), "en", (tmp_path,))
    changed = understanding(tmp_path, change(TEMPLATES))
    (language,) = changed.languages
    assert guidance(changed, language, (tmp_path,)) == compile_understanding(changed).data()
    assert len(made) == 2


def test_a_change_of_the_code_is_another_automaton(
    tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = understanding(tmp_path)
    guidance(own, "en", (tmp_path,))
    monkeypatch.setattr(kept_grammar, "_code", lambda: "another")
    guidance(own, "en", (tmp_path,))
    monkeypatch.setattr(kept_grammar, "_code", lambda: None)
    guidance(own, "en", (tmp_path,))
    assert len(made) == 3 and len(list(tmp_path.glob(f"*{SUFFIX}"))) == 2, "without sources nothing is kept"


def test_the_code_is_every_file_of_the_room_and_the_compiled_core() -> None:
    names = {path.name for path in kept_grammar._code_files()}
    assert {
        "grammar.py",
        "grammar_spelling.py",
        "graph.py",
        "template_file.py",
        "numbers.py",
        "parse_expression.py",
    } <= names
    assert any(name.startswith("_grammar.") for name in names)


def test_the_order_and_the_grouping_of_files_count(tmp_path: Path) -> None:
    a, b = tmp_path / "a.yaml", tmp_path / "b.yaml"
    a.write_text(TEMPLATES)
    b.write_text(TEMPLATES.replace("Light", "Lamp").replace("light", "lamp"))
    keys = {key_of(HassilUnderstanding(files, builtin=False), "en") for files in ([a], [b], [a, b], [b, a])}
    assert len(keys) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
        lambda data: data.replace(b"rtva-grammar-1", b"rtva-grammar-0"),
        lambda data: b"\0" * len(data),
    ],
)
def test_a_damaged_file_is_made_again_and_told(
    tmp_path: Path, made: list[str], damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    own = understanding(tmp_path)
    good = guidance(own, "en", (tmp_path,))
    (file,) = tmp_path.glob(f"*{SUFFIX}")
    file.write_bytes(damage(file.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert guidance(own, "en", (tmp_path,)) == good
    assert made == ["en", "en"] and "is damaged" in caplog.text
    assert guidance(own, "en", (tmp_path,)) == good and len(made) == 2


def test_a_file_under_anothers_name_is_not_taken(tmp_path: Path, made: list[str]) -> None:
    own = understanding(tmp_path)
    guidance(own, "en", (tmp_path,))
    (file,) = tmp_path.glob(f"*{SUFFIX}")
    other = understanding(tmp_path, TEMPLATES.replace("hall]", "hall, attic]"))
    key = key_of(other, "en")
    assert key is not None
    file.rename(tmp_path / (key + SUFFIX))
    assert guidance(other, "en", (tmp_path,))["words"] == compile_understanding(other).data()["words"]
    assert len(made) == 2


def test_what_the_installation_brought_is_taken_and_nothing_is_written(tmp_path: Path, made: list[str]) -> None:
    own, shipped, state = understanding(tmp_path), tmp_path / "shipped", tmp_path / "state"
    guidance(own, "en", (shipped,))
    assert guidance(own, "en", (state, shipped)) == guidance(own, "en", ())
    assert made == ["en", "en"] and not state.exists()


def test_where_nothing_can_be_written_it_is_made_each_time(
    tmp_path: Path, made: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    own = understanding(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert guidance(own, "en", (tmp_path / "file" / "below",)) == guidance(
            own, "en", (tmp_path / "file" / "below",)
        )
    assert made == ["en", "en"] and "cannot write" in caplog.text


def test_old_ones_and_what_a_killed_writer_left_go(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "new.part").touch()
    (kept / "old.part").touch()
    (kept / "somebody's.txt").touch()
    os.utime(kept / "old.part", (0, 0))
    for number in range(MOST_KEPT + 2):
        guidance(understanding(tmp_path, TEMPLATES.replace("hall]", f"hall, room {number}]")), "en", (kept,))
        for file in kept.glob(f"*{SUFFIX}"):
            os.utime(file, (time.time() - 100 + number,) * 2) if file.stat().st_mtime > time.time() - 50 else None
    assert len(list(kept.glob(f"*{SUFFIX}"))) == MOST_KEPT
    assert sorted(path.name for path in kept.iterdir() if path.suffix != SUFFIX) == ["new.part", "somebody's.txt"]


def test_what_is_kept_is_plain_data(tmp_path: Path) -> None:
    guidance(understanding(tmp_path), "en", (tmp_path,))
    (file,) = tmp_path.glob(f"*{SUFFIX}")
    assert json.loads(file.read_bytes().partition(b"\n")[2])["language"] == "en"
    assert file.stat().st_mode & 0o777 == 0o644


def test_most_tokens_are_folded_the_short_way_to_the_same(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import re

    from firmware_py import models
    from firmware_py.stt import guided
    from firmware_py.stt.native import Native

    texts = Native(models.resolve_stt("tiny.en", "int8").path, threads=1, language="en").texts
    plain = [guided._PLAIN.fullmatch(text) is not None for text in texts]
    assert sum(plain) > len(texts) / 2
    short = {language: [guided._folded(text, language) for text in texts] for language in ("en", "de")}
    monkeypatch.setattr(guided, "_PLAIN", re.compile(rb"(?!)"))
    for language, folded in short.items():
        assert folded == [guided._folded(text, language) for text in texts]


def test_a_vocabulary_of_nothing_and_of_the_same_word_twice() -> None:
    from firmware_py._grammar import Automaton

    def admitted(*texts: bytes) -> list[int]:
        first, symbol, target = np.array([0, 1, 2, 2]), np.array([ord("a"), ord("b")]), np.array([1, 2])
        automaton = Automaton(first, symbol, target, 2)
        tokens: list[int] = automaton.mask(Vocabulary(list(texts)), automaton.start)[0].tolist()
        return sorted(tokens)

    assert admitted() == admitted(b"", b"c") == []
    assert admitted(b"ab", b"a", b"", b"ab", b"b") == [0, 1, 3]
