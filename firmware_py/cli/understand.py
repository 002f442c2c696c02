"""``rtva understand TEXT... [--intents F]``: text to intent."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from firmware_py.cli import common
from firmware_py.errors import BadInput
from firmware_py.events import Understood


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("understand", help="text to intent", description=__doc__)
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="one sentence each")
    parser.add_argument(
        "--intents", type=Path, metavar="F", help="sentence templates (hassil YAML) beside the built-in"
    )
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py import backends

    nlp = common.load_config(args).nlp
    understanding_of = partial(backends.load("understanding", "hassil"), repair_threshold=nlp.repair_threshold)
    own = tuple(nlp.intent_paths())
    if own or args.intents is None:
        understanding = understanding_of(own)
    if args.intents is not None:
        understanding = understanding_of((*own, args.intents), error=BadInput)
    for text in args.texts:
        show(understanding.understand(text), as_json=args.json)
    return 0


def show(understood: Understood, *, as_json: bool) -> None:
    """One object a line, or one line for people."""
    if as_json:
        common.emit(
            {
                "text": understood.text,
                "intent": understood.intent,
                "slots": dict(understood.slots),
                "score": round(understood.score, 4),
            }
        )
        return
    slots = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in understood.slots.items())
    print(f"{understood.text}: {understood.intent or 'not understood'} {slots} ({understood.score:.2f})", flush=True)
