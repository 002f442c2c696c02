"""Every key of the schema as a row: name, default, what is allowed, what it is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from firmware_py.settings.base import Section
from firmware_py.settings.schema import Settings


@dataclass(frozen=True)
class Knob:
    """One key. ``guide`` is the section of the performance guide, "" for a key of ours.

    ``is_planned``: accepted already, but nothing reads it yet.
    """

    key: str
    default: Any
    allowed: str
    text: str
    guide: str = ""
    is_planned: bool = False


@cache
def knobs() -> dict[str, Knob]:
    """All keys by their dotted name, in the order of the schema."""
    return {knob.key: knob for knob in _walk(Settings, "")}


def children(section: str) -> list[str]:
    """The names right below a section ("" for the top), in the order of the schema."""
    prefix = f"{section}." if section else ""
    return list(dict.fromkeys(key[len(prefix) :].split(".")[0] for key in knobs() if key.startswith(prefix)))


def plain(value: Any) -> Any:
    """A value of the configuration as JSON has it: paths become text, tuples lists."""
    if isinstance(value, Path):
        return str(value)
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def _walk(section: type[Section], prefix: str) -> Iterator[Knob]:
    properties = section.model_json_schema()["properties"]
    for name, field in section.model_fields.items():
        key = f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _walk(field.annotation, f"{key}.")
            continue
        schema = properties[name]
        yield Knob(
            key=key,
            default=plain(field.default),
            allowed=schema["allowed"] or allowed(schema),
            text=field.description or "",
            guide=schema["guide"],
            is_planned=schema["planned"],
        )


def allowed(schema: dict[str, Any]) -> str:
    """What a JSON schema lets through, in a few words."""
    if "anyOf" in schema:
        return ", or ".join(allowed(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(name) for name in schema["enum"])
    kind = str(schema.get("type", ""))
    if kind == "array":
        return f"a list of {allowed(schema.get('items', {}))}"
    words = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text"}
    return words.get(kind, kind) + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    if schema.get("minLength"):
        return ", not empty"
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if low is None or high is None:
        return ""
    above = "above " if "exclusiveMinimum" in schema else ""
    return f", {above}{low:g} to {high:.10g}"
