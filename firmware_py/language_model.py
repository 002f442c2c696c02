"""The conversation with a language model, made from its section of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firmware_py import backends
from firmware_py.config import Config


def make_model(config: Config) -> Any:
    """The adapter that ``llm.engine`` names. Raises Unavailable where its library is not there; asks no server."""
    llm = config.llm
    arguments = {
        "url": llm.url,
        "model": llm.model,
        "key_file": llm.key_file,
        "max_tokens": llm.max_tokens,
        "temperature": llm.temperature,
    }
    return backends.load("llm", llm.engine)(**arguments)


def make_chat(config: Config, on_outcome: Callable[[str | None], None]) -> Any:
    """A ``respond.talk.Chat``, None where it is off; ``on_outcome`` is told why there was no answer, or None."""
    llm = config.llm
    if not llm.enabled:
        return None
    limits = {
        "first_s": llm.first_token_s,
        "total_s": llm.total_s,
        "filler_s": llm.filler_s,
        "confidence": llm.min_confidence,
    }
    make = backends.load("chat", "talk")
    return make(make_model(config), system=llm.system, tools=llm.tools, on_outcome=on_outcome, **limits)
