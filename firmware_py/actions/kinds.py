"""Which kinds there are: each a module with ``perform(arguments, timeout_s)``, imported when it is first needed.

``perform`` blocks for about ``timeout_s`` seconds at most, raises :class:`ActionFailed` with one line that says what
went wrong, and is called by one thread at a time.
"""

from __future__ import annotations

import importlib
import json
import sys
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from firmware_py.errors import Unavailable

KINDS = ("gpio", "http", "mqtt", "serial", "program")
NEED_NETWORK = frozenset({"http", "mqtt"})
TIMEOUT_S = 5.0


class ActionFailed(Unavailable):
    """An action of the user's own did not work."""


def performer(kind: str) -> Callable[[Mapping[str, Any], float], None]:
    """The function that does a kind."""
    module = importlib.import_module(f"firmware_py.actions.{kind}_action")
    perform: Callable[[Mapping[str, Any], float], None] = module.perform
    return perform


def how_to_install(package: str) -> str:
    """The command that brings a package to the interpreter that runs here."""
    return f"{sys.executable} -m pip install {package}"


_TARGETS = {"gpio": "chip", "http": "url", "mqtt": "topic", "serial": "device", "program": "run"}


def target(kind: str, arguments: Mapping[str, Any]) -> str:
    """The kind and what it is done to, for the journal."""
    value = arguments.get(_TARGETS[kind], "")
    where = value[0] if isinstance(value, list) else shown_url(value) if kind == "http" else value
    return f"{kind} {where}".rstrip()


def described(kind: str, arguments: Mapping[str, Any]) -> str:
    """An action in one line, as it would be done; of headers their names alone."""
    told = {**arguments, "headers": list(arguments["headers"])} if "headers" in arguments else arguments
    words = (f"{key}={v if isinstance(v, str) and v else json.dumps(v, ensure_ascii=False)}" for key, v in told.items())
    return " ".join([kind, *words])


def shown_url(url: str) -> str:
    """A URL for the journal: without a name and password, and without the query, which may hold a key."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
