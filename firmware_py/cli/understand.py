"""``rtva understand TEXT... [--intents F]``: text to intent."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from firmware_py.actions.kinds import described
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
    """One object a line, or one line for people and one for each action of the user's own. What is asked about first is
    not understood yet."""
    is_sure = understood.unsure is None
    parts = understood.parts or (understood,)
    actions = [action for part in parts for action in part.actions]
    if as_json:
        fields: dict[str, Any] = {
            "text": understood.text,
            "intent": understood.intent if is_sure else None,
            "slots": dict(understood.slots) if is_sure else {},
            "score": round(understood.score, 4),
        }
        if actions and is_sure:
            fields["actions"] = [{action.name: dict(action.arguments)} for action in actions]
        common.emit(fields if is_sure else {**fields, "unsure": understood.unsure})
        return
    slots = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in understood.slots.items())
    asks = "" if understood.unsure is None else "asks whether {1} is meant by {0}: ".format(*understood.unsure)
    what = f"{asks}{understood.intent or 'not understood'} {slots}"
    print(f"{understood.text}: {what} ({understood.score:.2f})", flush=True)
    after = ", after a yes" if understood.confirm or not is_sure else ""
    for action in actions:
        print(f"  would{after}: {described(action.name, action.arguments)}", flush=True)
