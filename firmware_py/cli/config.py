"""``rtva config check [FILE]``, ``show``, ``explain [KEY]``: the configuration."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from firmware_py import config as configuration
from firmware_py import models
from firmware_py.cli import common
from firmware_py.config import Config
from firmware_py.errors import RtvaError, UsageError
from firmware_py.settings import problems
from firmware_py.settings.knobs import Knob, plain
from firmware_py.settings.render import scalar, value_lines

EVERYBODY_SAYS = ("stop", "cancel", "what time is it", "set a timer for five minutes", "volume up", "repeat that")
BUILT_IN = frozenset({"cancel", "time", "timer_start", "volume_up", "repeat"})


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("config", help="the configuration", description=__doc__)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    checker = actions.add_parser("check", help="judge a file by the schema alone", description=check.__doc__)
    checker.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the one that would be used")
    common.add_json(checker)
    checker.set_defaults(run=check)

    shower = actions.add_parser("show", help="every value in force and where it stands", description=show.__doc__)
    common.add_config(shower)
    common.add_json(shower)
    shower.set_defaults(run=show)

    explainer = actions.add_parser("explain", help="what a key does", description=explain.__doc__)
    explainer.add_argument("key", nargs="?", metavar="KEY", help="a dotted key or a section; default: all")
    common.add_json(explainer)
    explainer.set_defaults(run=explain)


def check(args: argparse.Namespace) -> int:
    """Says whether a configuration file is right, and the templates of your own commands that it names if they are
    there; nothing else that it names need be installed. Files of your own that are not there are warned of, and values
    that undo others."""
    file = args.file or configuration.find()
    warnings: list[str] = []
    if file is not None:
        config = configuration.check(file)
        taken = check_templates(config)
        check_language_model(config)
        warnings = missing_files(config) + contradictions(config) + taken
        common.note(f"{file}: warning: {line}" for line in warnings)
    if args.json:
        common.emit({"file": None if file is None else str(file), "ok": True, "warnings": warnings})
    elif file is None:
        print("no configuration file: the defaults are in force")
    else:
        print(f"{file}: good")
    return 0


def missing_files(config: Config) -> list[str]:
    """``key: file`` and why, for a file of the user's own (model, voice, wake word, templates, program) that is not on
    this machine."""
    model, voice = config.stt.model, config.tts.voice
    lines = [
        f"{key}: {value}: no such file"
        for key, value in (
            ("stt.model", model),
            ("tts.voice", voice),
            ("llm.key_file", str(config.llm.key_file or "")),
            ("llm.model", config.llm.own_file),
            *(("wake.words", word) for word in config.wake.words),
            *(("nlp.intents", str(path.absolute())) for path in config.nlp.intents or ()),
            *(("nlp.programs", str(path.absolute())) for path in config.nlp.programs),
        )
        if "/" in value and "://" not in value and not Path(value).exists()
    ]
    if model.startswith("custom:"):
        try:
            models.library().model(model)
        except RtvaError as error:
            lines.append(f"stt.model: {error}")
    return lines


def contradictions(config: Config) -> list[str]:
    """``key: value`` and why, for a value that is allowed and does not do what it says."""
    lines = []
    if config.interruption.by == "wake_word" and not config.wake.enabled:
        lines.append("interruption.by: wake_word: wake.enabled is off, so nothing ends an answer")
    if config.llm.enabled and config.llm.tells_key_in_clear:
        lines.append("llm.url: the key of llm.key_file goes to another machine over plain http; https hides it")
    return lines


def check_templates(config: Config) -> list[str]:
    """Reads the user's own commands, those that are there, and tells which take the place of what everybody says.
    Raises ConfigError with file and line."""
    from firmware_py.nlu.hassil import HassilUnderstanding

    paths = [path for path in config.nlp.intent_paths() if path.exists()]
    own = HassilUnderstanding(paths, builtin=False)
    own.check_programs([str(path) for path in config.nlp.programs])
    if own.action_kinds & {"http", "mqtt"}:
        common.note(["http and mqtt actions: as a service they need the drop-in network.conf (docs/service.md)"])
    meant = {said: own.exact(said).intent for said in EVERYBODY_SAYS}
    return [
        f"nlp.intents: {said!r} is {intent!r} now, and not what rtva does with it"
        for said, intent in meant.items()
        if intent is not None and intent not in BUILT_IN
    ]


def check_language_model(config: Config) -> None:
    """Says what a language model needs, and what goes to it."""
    if not config.llm.enabled:
        return
    is_far = config.llm.engine == "endpoint"
    lines = ["llm: as a service it needs the drop-in network.conf (docs/service.md)"] if is_far else []
    if not config.wake.enabled:
        where = config.llm.url if is_far else config.llm.model
        lines.append(f"llm without wake.enabled: whatever is said in the room goes to {where}")
    common.note(lines)


def show(args: argparse.Namespace) -> int:
    """Prints the configuration in force, as YAML, with the origin of each value."""
    found = configuration.effective(args.config, args.preset)
    rows = [(key, plain(found.config.value(key)), found.origins[key]) for key in configuration.describe()]
    if args.json:
        for key, value, origin in rows:
            common.emit({"key": key, "value": value, "from": origin})
        return 0
    print(f"# {found.path or 'no configuration file'}")
    for line in value_lines(rows):
        print(line)
    return 0


def explain(args: argparse.Namespace) -> int:
    """Says what a key does, its default, what is allowed, and where the performance guide speaks of it."""
    knobs = configuration.describe()
    key = args.key or ""
    chosen = [knob for name, knob in knobs.items() if not key or name == key or name.startswith(f"{key}.")]
    if not chosen:
        raise UsageError(f"{key}: {problems.unknown_key(key)}")
    for knob in chosen:
        if args.json:
            common.emit(_fields(knob))
        else:
            print("\n".join(_paragraph(knob)))
    return 0


def _fields(knob: Knob) -> dict[str, Any]:
    return {
        "key": knob.key,
        "default": knob.default,
        "allowed": knob.allowed,
        "text": knob.text,
        "guide": knob.guide or None,
        "in_use": not knob.is_planned,
    }


def _paragraph(knob: Knob) -> list[str]:
    lines = [f"{knob.key}: {scalar(knob.default)}", f"    {knob.text}", f"    allowed: {knob.allowed}"]
    if knob.guide:
        lines.append(f"    guide: {knob.guide}")
    if knob.is_planned:
        lines.append("    not used yet")
    return lines
