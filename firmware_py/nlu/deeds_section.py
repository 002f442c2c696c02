"""The ``actions`` of a template file: what is done when an intent of the user's own was understood.

Only shape is judged here, with file and line; doing it is the room ``actions``. ``{slot}`` in a text is replaced by the
slot's value, each text by itself: a value never becomes two arguments, another key, or a shell's word.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from firmware_py.events import Action
from firmware_py.nlu.templates import Where
from firmware_py.nlu.yaml_nodes import Item

SLOT = re.compile(r"\{\s*([^{}\s:]+)\s*\}")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_ACTIONS = 10
MAX_VALUE_CHARS = 500
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
SWITCHED = ("on", "off", "true", "false", "1", "0", "high", "low", "open", "close", "closed", "yes", "no")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Deeds:
    """What is done for an intent, in order. ``confirm``: only after the person said yes."""

    where: Where
    actions: tuple[Action, ...]
    wheres: tuple[Where, ...] = ()
    confirm: bool = False


def fill(deeds: Deeds, slots: Mapping[str, Any]) -> tuple[Action, ...]:
    """The actions with the values of the slots in their texts; what was not said leaves nothing."""
    found = []
    for action in deeds.actions:
        arguments = {key: _filled(value, slots) for key, value in action.arguments.items()}
        if action.name == "program":
            pairs = zip(action.arguments["run"], arguments["run"], strict=True)
            arguments["run"] = [_argument(written, filled) for written, filled in pairs]
        if action.name == "http":
            arguments["url"] = _url_with(action.arguments["url"], slots)
        found.append(Action(action.name, arguments))
    return tuple(found)


def _argument(written: str, filled: Any) -> str:
    """What was said cannot become an option: a dash that only a slot's text brings in front is taken off."""
    text = str(filled)
    is_said = written.startswith("{") and isinstance(filled, str)
    return text.lstrip("-") if is_said else text


def _url_with(written: str, slots: Mapping[str, Any]) -> str:
    """A value stays one part of a path or one value of a query: "a&b=c" or "../x" is no other request."""

    def quoted(found: re.Match[str]) -> str:
        text = urllib.parse.quote(plain(slots.get(found[1], "")), safe="")
        return text.replace(".", "%2E") if set(text) == {"."} else text

    return SLOT.sub(quoted, written)


def slots_of(value: Any) -> Iterable[str]:
    """The slots that an argument names."""
    if isinstance(value, str):
        yield from SLOT.findall(value)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from slots_of(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from slots_of(part)


def _filled(value: Any, slots: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        whole = SLOT.fullmatch(value)
        if whole and isinstance(slots.get(whole[1]), (int, float)):
            return slots[whole[1]]  # in JSON a number stays a number
        return SLOT.sub(lambda m: plain(slots.get(m[1], "")), value)
    if isinstance(value, list):
        return [_filled(part, slots) for part in value]
    if isinstance(value, dict):
        return {key: _filled(part, slots) for key, part in value.items()}
    return value


def plain(value: Any) -> str:
    """A slot's value as text: no control characters, of bounded length, a whole float without its ".0"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _UNSAFE.sub(" ", str(value))[:MAX_VALUE_CHARS]


@dataclass
class Reader:
    """Reads the ``actions`` section of one file."""

    at: Callable[[Item], Where]
    found: dict[str, Deeds] = field(default_factory=dict)

    def read(self, section: Item) -> dict[str, Deeds]:
        for intent, item in section.map("actions"):
            self.found[intent] = self.deeds(intent, item)
        return self.found

    def deeds(self, intent: str, item: Item) -> Deeds:
        confirm, steps = False, item
        if item.is_map:
            parts = dict(item.map(f"actions of {intent!r}"))
            if "do" not in parts or set(parts) - {"do", "confirm"}:
                raise item.mistake(f"actions of {intent!r} are a list, or a mapping with 'do' and 'confirm'")
            steps, confirm = parts["do"], parts["confirm"].flag("confirm") if "confirm" in parts else False
        entries = steps.seq(f"actions of {intent!r}")
        if not 1 <= len(entries) <= MAX_ACTIONS:
            raise item.mistake(f"intent {intent!r} has {len(entries)} actions; allowed: 1 to {MAX_ACTIONS}")
        actions = tuple(self.action(intent, entry) for entry in entries)
        return Deeds(self.at(item), actions, tuple(self.at(entry) for entry in entries), confirm)

    def action(self, intent: str, item: Item) -> Action:
        pairs = list(item.map(f"an action of {intent!r}"))
        if len(pairs) != 1 or pairs[0][0] not in KINDS:
            names = ", ".join(k for k, _ in pairs)
            raise item.mistake(f"an action of {intent!r} is one of {', '.join(KINDS)}; here: {names or 'nothing'}")
        kind, body = pairs[0]
        keys = KINDS[kind] | {"timeout_s": _timeout}
        arguments: dict[str, Any] = {}
        for key, value in body.map(f"action {kind!r}"):
            if key not in keys:
                raise value.mistake(f"unknown key {key!r} in action {kind!r}; allowed: {', '.join(keys)}")
            arguments[key] = keys[key](value)
        missing = [key for key in REQUIRED[kind] if key not in arguments]
        if missing:
            raise body.mistake(f"action {kind!r} needs {', '.join(repr(k) for k in missing)}")
        if "body" in arguments and "json" in arguments:
            raise body.mistake(f"action {kind!r} has both 'body' and 'json'; one is sent")
        return Action(kind, arguments)


def _text(item: Item) -> str:
    return item.text("the value")


def _path(item: Item) -> str:
    text = item.text("a path")
    if not PurePosixPath(text).is_absolute() or SLOT.search(text):
        raise item.mistake(f"must be an absolute path without slots, not {text!r}")
    return text


def _whole(low: int, high: int) -> Callable[[Item], int]:
    def check(item: Item) -> int:
        number = item.integer("the value")
        if not low <= number <= high:
            raise item.mistake(f"must be {low} to {high}, not {number}")
        return number

    return check


def _timeout(item: Item) -> float:
    seconds = item.number("timeout_s")
    if not 0.1 <= seconds <= 30:
        raise item.mistake(f"timeout_s must be 0.1 to 30, not {seconds:g}")
    return seconds


def _url(item: Item) -> str:
    text = item.text("a url")
    scheme, _, rest = text.partition("://")
    host = rest.partition("/")[0]
    if scheme not in ("http", "https") or not host or SLOT.search(host):
        raise item.mistake(f"a url begins with http:// or https:// and a host without slots, not {text!r}")
    try:
        _ = urllib.parse.urlsplit(f"//{host}").port
    except ValueError:
        raise item.mistake(f"no port of a url: {host!r}") from None
    return text


def _switched(item: Item) -> str:
    text = item.text("value")
    if not SLOT.search(text) and text.strip().lower() not in SWITCHED:
        raise item.mistake(f"value must be one of {', '.join(SWITCHED)}, or a slot, not {text!r}")
    return text


def _topic(item: Item) -> str:
    text = item.text("topic")
    if not text or any(c in text for c in "+#\0"):
        raise item.mistake(f"a topic to publish to is not empty and has no wildcard (+ or #), not {text!r}")
    return text


def _method(item: Item) -> str:
    text = item.text("method").upper()
    if text not in METHODS:
        raise item.mistake(f"method must be one of {', '.join(METHODS)}, not {text!r}")
    return text


def _command(item: Item) -> list[str]:
    parts = item.seq("run")
    if not parts:
        raise item.mistake("run is a list: the program, then its arguments")
    return [_path(parts[0]), *(part.text("an argument") for part in parts[1:])]


def _texts(item: Item) -> dict[str, str]:
    found = {key: value.text(key) for key, value in item.map("headers")}
    for key, text in found.items():
        if not _HEADER.fullmatch(key) or _UNSAFE.search(text):
            raise item.mistake(f"header {key!r} is no name of a header, or has control characters in its value")
    return found


KINDS: dict[str, dict[str, Callable[[Item], Any]]] = {
    "gpio": {"chip": _path, "line": _whole(0, 511), "value": _switched, "active_low": lambda i: i.flag("active_low")},
    "http": {"url": _url, "method": _method, "headers": _texts, "body": _text, "json": lambda i: i.plain()},
    "mqtt": {
        "topic": _topic, "payload": _text, "host": _text, "port": _whole(1, 65535),
        "retain": lambda i: i.flag("retain"), "qos": _whole(0, 2), "username": _text, "password_file": _path,
    },
    "serial": {"device": _path, "baud": _whole(300, 4_000_000), "text": _text},
    "program": {"run": _command},
}  # fmt: skip
"""Kind -> its keys and what judges each."""

REQUIRED = {
    "gpio": ("chip", "line", "value"),
    "http": ("url",),
    "mqtt": ("topic", "payload"),
    "serial": ("device", "text"),
    "program": ("run",),
}
