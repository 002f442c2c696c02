"""Which kinds there are: each a module with ``perform(arguments, timeout_s)``, imported when it is first needed.

``perform`` blocks for about ``timeout_s`` seconds at most, raises :class:`ActionFailed` with one line that says what
went wrong, and is called by one thread at a time.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from firmware_py.errors import RtvaError

KINDS = ("gpio", "http", "mqtt", "serial", "program")
NEED_NETWORK = frozenset({"http", "mqtt"})
TIMEOUT_S = 5.0


class ActionFailed(RtvaError):
    """An action of the user's own did not work."""


def performer(kind: str) -> Callable[[Mapping[str, Any], float], None]:
    """The function that does a kind."""
    module = importlib.import_module(f"firmware_py.actions.{kind}_action")
    perform: Callable[[Mapping[str, Any], float], None] = module.perform
    return perform
