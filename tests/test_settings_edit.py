"""Values change, every other line of the file stays: on the annotated example, on odd layouts, on made-up files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.errors import ConfigError
from firmware_py.settings.document import parse
from firmware_py.settings.edit import changed

ROOT = Path(__file__).resolve().parent.parent


def edit(text: str, values: dict[str, Any]) -> str:
    return changed(parse(text), text, values)


def test_the_annotated_example_keeps_every_line_but_those() -> None:
    text = (ROOT / "config" / "config.yaml").read_text("utf-8")
    values = {"audio.input.device": "plughw:CARD=Array,DEV=0", "audio.input.channel": 3, "audio.output.volume": 70}
    new = edit(text, values)
    assert yaml.safe_load(new)["audio"] == {
        "input": {"device": "plughw:CARD=Array,DEV=0", "channel": 3},
        "output": {"volume": 70},
    }
    differing = [(a, b) for a, b in zip(text.splitlines(), new.splitlines(), strict=True) if a != b]
    assert [a.lstrip(" #").split(":")[0] for a, _ in differing] == ["device", "channel", "volume"]


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("", "a:\n  b: 1\n"),
        ("# only a remark", "# only a remark\na:\n  b: 1\n"),
        ("x: 2\n", "x: 2\na:\n  b: 1\n"),
        ("x: 2", "x: 2\na:\n  b: 1\n"),
        ("a:", "a:\n  b: 1\n"),
        ("a: # why\n  # b: 0\nx: 2\n", "a: # why\n  b: 1\nx: 2\n"),
        ("a:\n    c: 2  # kept\n", "a:\n    b: 1\n    c: 2  # kept\n"),
        ("a: {c: 2, b: 0}  # kept\n", "a: {c: 2, b: 1}  # kept\n"),
        ("a: {c: 2}\n", "a: {b: 1, c: 2}\n"),
        ("a: {}\n", "a: {b: 1}\n"),
        ("{x: 2}\n", "{a: {b: 1}, x: 2}\n"),
        ("a:\n  b: [1,\n    2]  # kept\n", "a:\n  b: 1  # kept\n"),
        ("a:\n  b:  # kept\n  c: 2\n", "a:\n  b: 1  # kept\n  c: 2\n"),
        ("a:\n  b: 'one # two'\r\n  c: 2\r\n", "a:\n  b: 1\r\n  c: 2\r\n"),
        ("a:\n  d:\n    # b: 7\n", "a:\n  b: 1\n  d:\n    # b: 7\n"),
        ("a:\n  b: |\n    text\n  c: 2\n", None),
        ("a: &x {b: 0}  # kept\n", "a: &x {b: 1}  # kept\n"),
        ("a: &x {c: 0}\n", "a: &x {b: 1, c: 0}\n"),
        ("a: &x {b: 0}\nc: *x\n", None),
        ("a: &x {c: 0}\nc: *x\n", None),
        ("a: 7\n", None),
        ("a:\n  b:\n    c: 2\n", None),
    ],
)
def test_layouts(text: str, new: str | None) -> None:
    if new is None:
        with pytest.raises(ConfigError, match="by hand"):
            edit(text, {"a.b": 1})
    else:
        assert edit(text, {"a.b": 1}) == new


NAMES = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8)
TREES = st.recursive(SCALARS, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)


@given(st.dictionaries(NAMES, TREES, max_size=4), st.lists(NAMES, min_size=1, max_size=3), SCALARS, st.booleans())
def test_whatever_comes_out_has_the_value_and_nothing_else_changed(
    tree: dict[str, Any], parts: list[str], value: Any, flow: bool
) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True) if tree else ""
    before = parse(text).values
    try:
        after = parse(edit(text, {".".join(parts): value})).values
    except ConfigError:
        return
    for part in parts[:-1]:
        after = after[part]
    assert after[parts[-1]] == value
    if len(parts) == 1:
        rest = {k: v for k, v in before.items() if k != parts[0]}
        assert rest == {k: v for k, v in after.items() if k != parts[0]}
