"""Keys and values as YAML text, for ``config show`` and the annotated example."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from firmware_py.settings.knobs import Knob

INDENT = "  "


def scalar(value: Any) -> str:
    """A value of :func:`firmware_py.settings.knobs.plain` as a reader of YAML and of the guide expects it."""
    return json.dumps(value, ensure_ascii=False)


def value_lines(rows: Iterable[tuple[str, Any, str]]) -> Iterator[str]:
    """``(dotted key, plain value, remark)`` as nested YAML, the remark behind each value."""
    shown: list[str] = []
    for key, value, remark in rows:
        *sections, name = key.split(".")
        yield from _headings(shown, sections)
        line = f"{INDENT * len(sections)}{name}: {scalar(value)}"
        yield f"{line:44}# {remark}"
        shown = sections


def annotated_lines(knobs: Iterable[Knob]) -> Iterator[str]:
    """Every key at its default, commented out, with what it does; sections stand open."""
    shown: list[str] = []
    for knob in knobs:
        *sections, name = knob.key.split(".")
        if sections[:1] != shown[:1]:
            yield ""
        yield from _headings(shown, sections)
        indent = INDENT * len(sections)
        planned = " (Not used yet.)" if knob.is_planned else ""
        yield f"{indent}# {knob.text}{planned} [{knob.allowed}]"
        yield f"{indent}# {name}: {scalar(knob.default)}"
        shown = sections


def _headings(shown: list[str], sections: list[str]) -> Iterator[str]:
    same = 0
    while same < min(len(shown), len(sections)) and shown[same] == sections[same]:
        same += 1
    for depth in range(same, len(sections)):
        yield f"{INDENT * depth}{sections[depth]}:"
