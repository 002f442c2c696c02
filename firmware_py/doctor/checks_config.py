"""The configuration, and what of it this version does not use."""

from __future__ import annotations

from firmware_py import models
from firmware_py.config import describe
from firmware_py.doctor import Case, Finding, check, fail, ok, skip, warn
from firmware_py.errors import RtvaError
from firmware_py.language_model import has_library
from firmware_py.telemetry.host import memory_available_mb

NETWORK_DROP_IN = "etc/systemd/system/rtva.service.d/network.conf"
MEMORY_OF_FILE = 1.5
"""Resident memory of an embedded language model over the size of its file, measured with 2,048 tokens of context."""


@check("configuration")
def configuration(case: Case) -> Finding:
    if case.config_error:
        return fail(case.config_error, "'rtva config explain' says what is allowed")
    if case.effective.path is None:
        return ok("no file; the defaults are in force")
    return ok(f"{case.effective.path}")


@check("own commands")
def own_commands(case: Case) -> Finding:
    """Templates and actions of the user's own: whether they can be read, and may use the network they need."""
    from firmware_py.nlu.hassil import HassilUnderstanding

    nlp = case.config.nlp
    paths = [path for path in nlp.intent_paths() if path.exists()]
    if not paths:
        return skip("none; docs/your-own-commands.md says how")
    try:
        own = HassilUnderstanding(paths, builtin=False)
        own.check_programs([str(path) for path in nlp.programs])
    except RtvaError as error:
        return fail(str(error), "'rtva config check' says the same after a change")
    needs_network = own.action_kinds & {"http", "mqtt"}
    unit, drop_in = case.root / "etc/systemd/system/rtva.service", NETWORK_DROP_IN
    if needs_network and unit.exists() and not (case.root / drop_in).exists():
        return warn(f"{' and '.join(sorted(needs_network))} actions, and the service has no network", f"add {drop_in}")
    return ok(f"{len(own.intents)} intents, actions: {', '.join(sorted(own.action_kinds)) or 'none'}")


@check("language model")
def language_model(case: Case) -> Finding:
    """Whether the server of the fallback can be reached, and whether the service may. Nothing is asked of the model."""
    from firmware_py.llm.endpoint import reach

    llm = case.config.llm
    if not llm.enabled:
        return skip("llm.enabled is off; docs/language-model.md says how")
    if llm.engine == "embedded":
        return _embedded_model(case)
    unit, drop_in = case.root / "etc/systemd/system/rtva.service", NETWORK_DROP_IN
    if unit.exists() and not (case.root / drop_in).exists():
        return warn("llm.enabled, and the service has no network", f"add {drop_in}")
    if llm.key_file is not None and not llm.key_file.is_file():
        return fail(f"llm.key_file: {llm.key_file}: no such file", "the server would refuse every question")
    try:
        reach(llm.url)
    except RtvaError as error:
        return warn(str(error), "start the server, or correct llm.url; until then it is said that there is no answer")
    if llm.tells_key_in_clear:
        return warn(f"the key goes to {llm.url} over plain http", "use https, or mean it")
    if not case.config.wake.enabled:
        return warn("without wake.enabled whatever is said in the room goes to it", "set wake.enabled, or mean it")
    return ok(f"{llm.url} can be reached")


def _embedded_model(case: Case) -> Finding:
    """Whether its library and its file are there, and whether the memory is; nothing is loaded."""
    if not has_library():
        return fail("llm.engine embedded: its library is not here", "pip install 'rtva[llm]'")
    try:
        path = models.resolve_llm(case.config.llm.model)
    except RtvaError as error:
        return fail(f"llm.model: {error}", "until then rtva says that it did not understand")
    needed_mb, free_mb = path.stat().st_size * MEMORY_OF_FILE / 1e6, memory_available_mb(case.root)
    if free_mb is not None and free_mb < needed_mb:
        return warn(f"{path.name} wants about {needed_mb:.0f} MB, {free_mb:.0f} MB are free", "take a smaller one")
    if not case.config.wake.enabled:
        return warn("without wake.enabled whatever is said in the room goes to it", "set wake.enabled, or mean it")
    return ok(f"{path.name}, about {needed_mb:.0f} MB")


@check("unused keys")
def unused_keys(case: Case) -> Finding:
    planned = {key for key, knob in describe().items() if knob.is_planned}
    written = [key for key, origin in case.effective.origins.items() if key in planned and origin != "default"]
    if written:
        return warn(f"set, but not used yet: {', '.join(written)}", "they change nothing in this version")
    return ok("every key that is set is used")
