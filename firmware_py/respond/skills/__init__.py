"""Skills: each module of this folder answers some intents.

A skill module has ``HANDLERS`` (intent name -> handler) and may have ``ABILITY``, the words that complete "I can
...", ``ABILITY_ORDER`` for its place among them, and ``PHRASES``, the replies that it gives word for word. A new
file is a new skill; nothing else is edited.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from firmware_py.respond.request import Handler


@dataclass(frozen=True)
class Skills:
    """What was found: the handler of each intent, what can be asked, in the order to say it, and fixed replies."""

    handlers: Mapping[str, Handler]
    abilities: tuple[str, ...]
    phrases: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def discover() -> Skills:
    """Imports every module of this folder. Raises ValueError for an intent that two of them answer."""
    handlers: dict[str, Handler] = {}
    abilities: list[tuple[int, str]] = []
    phrases: list[str] = []
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        for intent, handler in module.HANDLERS.items():
            if intent in handlers:
                raise ValueError(f"two skills answer {intent}: {handler.__module__} and {handlers[intent].__module__}")
            handlers[intent] = handler
        if hasattr(module, "ABILITY"):
            abilities.append((getattr(module, "ABILITY_ORDER", 50), module.ABILITY))
        phrases += getattr(module, "PHRASES", ())
    return Skills(handlers, tuple(text for _, text in sorted(abilities)), tuple(phrases))
