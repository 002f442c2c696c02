"""What the subcommands share: configuration options, JSON lines, files that fail one by one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from firmware_py import config as configuration
from firmware_py.config import Config
from firmware_py.errors import BadInput, ConfigError, NotFound, RtvaError


def add_config(parser: argparse.ArgumentParser) -> None:
    """``--config F`` and ``--preset P``."""
    parser.add_argument("--config", type=Path, metavar="F", help="configuration file")
    parser.add_argument("--preset", metavar="P", help=f"one of: {', '.join(configuration.PRESETS)}")


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``: one object a line on stdout."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")


def load_config(args: argparse.Namespace) -> Config:
    """The configuration that ``--config``, ``--preset`` and the usual places give."""
    return configuration.load(args.config, args.preset)


def with_intents(config: Config, file: Path | None) -> Config:
    """``config`` with the templates of ``file`` beside its own."""
    if file is None:
        return config
    if not file.exists():
        raise NotFound(f"{file}: no such file")
    return config.with_values({"nlp.intents": [*map(str, config.nlp.intent_paths()), str(file)]})


def emit(fields: dict[str, Any]) -> None:
    """One JSON object, one line, at once."""
    print(json.dumps(fields, ensure_ascii=False), flush=True)


def complain(message: object) -> None:
    """One line on stderr, whatever the message holds."""
    print("rtva: " + " ".join(str(message).split()), file=sys.stderr)


def note(lines: Iterable[str]) -> None:
    """Substitutions and the like, on stderr."""
    for line in lines:
        print(f"rtva: {line}", file=sys.stderr)


def bad_intents(error: ConfigError) -> BadInput:
    """A mistake in a file that was given with ``--intents`` is bad input, not bad configuration."""
    return BadInput(str(error))


def each_file(files: Iterable[str], work: Callable[[str], None], report: Callable[[str, str], None]) -> int:
    """Does ``work`` on every file, named as the user named it; a bad one is reported and the others are done.

    Returns the worst exit code.
    """
    worst = 0
    for file in files:
        try:
            work(file)
        except RtvaError as error:
            complain(error)
            report(file, str(error))
            worst = max(worst, error.exit_code)
    return worst
