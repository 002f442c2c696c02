"""The conversation with a language model, made from its section of the configuration."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from firmware_py import backends, cores, models
from firmware_py.config import Config
from firmware_py.errors import BadWeights, Unavailable

MakeEngine = Callable[[str, str, dict[str, Any]], Any]
LIBRARY = "llama_cpp"


def make_model(config: Config, make_engine: MakeEngine) -> Any:
    """The adapter that ``llm.engine`` names. Raises Unavailable where its library or file is not there, BadWeights;
    asks no server. An embedded engine is made by ``make_engine``, and may still be loading."""
    llm = config.llm
    common = {"max_tokens": llm.max_tokens, "temperature": llm.temperature}
    if llm.engine == "endpoint":
        arguments = {"url": llm.url, "model": llm.model, "key_file": llm.key_file, **common}
        return backends.load("llm", "endpoint")(**arguments)
    if not has_library():
        raise Unavailable(
            f"llm.engine {llm.engine!r} is not installed; pip install 'rtva[llm]' (it is built from source)"
        )
    threads = llm.threads or cores.voice_threads(cores.available())
    path = models.resolve_llm(llm.model)
    own = {"path": path, "threads": threads, "context_tokens": llm.context_tokens}
    return backends.load("llm", "embedded")(make_engine("llama", "llama_cpp", {**own, **common}))


def has_library() -> bool:
    """Whether an embedded model can be loaded; the library itself is loaded by its worker alone."""
    return importlib.util.find_spec(LIBRARY) is not None


def make_chat(
    config: Config,
    on_outcome: Callable[[str | None], None],
    make_engine: MakeEngine,
    note: Callable[[str], None] = lambda line: None,
) -> Any:
    """A ``respond.talk.Chat``, None where it is off; ``on_outcome`` is told why there was no answer, or None.

    Where the model cannot be had, ``note`` is told so, and it is as if it were off: every command still works.
    """
    llm = config.llm
    if not llm.enabled:
        return None
    try:
        model = make_model(config, make_engine)
    except (Unavailable, BadWeights) as error:
        note(f"no language model: {error}")
        on_outcome(str(error))
        return None
    limits = {
        "first_s": llm.first_token_s,
        "total_s": llm.total_s,
        "filler_s": llm.filler_s,
        "confidence": llm.min_confidence,
    }
    make = backends.load("chat", "talk")
    return make(model, system=llm.system, tools=llm.tools, on_outcome=on_outcome, **limits)
