"""``rtva models``: which weights there are, fetching, verifying and converting them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from firmware_py.cli import common
from firmware_py.errors import EX_DATAERR, EX_UNAVAILABLE, UsageError

TYPES = ("int8", "float16", "float32", "int4")


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("models", help="list, fetch, verify, convert weights", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=type(parser))
    one = commands.add_parser("list", help="every entry of the manifest, and what is here")
    _finish(one, show)
    one = commands.add_parser("fetch", help="bring weights, verified and converted; without names the default set")
    one.add_argument("names", nargs="*", metavar="NAME", help="an entry, or the https URL or path of a voice's .onnx")
    one.add_argument("--all", action="store_true", help="everything in the manifest")
    one.add_argument("--type", choices=TYPES, default="int8", help="precision of Whisper weights (default: int8)")
    one.add_argument("--quiet", action="store_true", help="say only what went wrong")
    _finish(one, fetch)
    one = commands.add_parser("verify", help="read every file that is here and compare its sha256")
    one.add_argument("names", nargs="*", metavar="NAME", help="entries; default: all that are here and the default set")
    _finish(one, verify)
    one = commands.add_parser("convert", help="add a Whisper checkpoint directory or a ggml file of your own")
    one.add_argument("path", type=Path, help="a Hugging Face or CTranslate2 directory, or a ready ggml file")
    one.add_argument("--name", metavar="N", help="name to give it (default: that of the directory or file)")
    one.add_argument("--type", choices=TYPES, help="precision to convert to (default: int8; a quantised file stays)")
    _finish(one, convert)


def _finish(parser: argparse.ArgumentParser, run: Any) -> None:
    common.add_json(parser)
    parser.set_defaults(run=run)


def _say(line: str) -> None:
    print(f"rtva: {line}", file=sys.stderr, flush=True)


def show(args: argparse.Namespace) -> int:
    from firmware_py import models

    for entry in models.listing():
        if args.json:
            common.emit(entry)
            continue
        here = [f for f in entry["files"] if f["present"]]
        what = ", ".join(f["compute_type"] or f["file"] for f in here) if entry["kind"] == "stt" else "here"
        size = sum(f["size"] for f in here) / 1e6
        state = f"{what} ({size:.0f} MB)" if here else "-"
        print(f"{entry['name']:18} {entry['kind']:4} {entry['licence']:10} {state:24} {entry['description']}")
    return 0


def fetch(args: argparse.Namespace) -> int:
    from firmware_py import models

    if args.all and args.names:
        raise UsageError("give names or --all, not both (see 'rtva models fetch --help')")
    names = [str(entry["name"]) for entry in models.listing() if not entry["local"]] if args.all else args.names
    fetched = models.fetch(names, args.type, (lambda _: None) if args.quiet else _say)
    common.note(fetched.notes)
    for path in fetched.paths:
        if args.json:
            common.emit({"file": str(path), "size": path.stat().st_size})
        elif not args.quiet:
            print(path)
    return 0


def verify(args: argparse.Namespace) -> int:
    from firmware_py import models

    found = models.verify(args.names)
    for each in found:
        if args.json:
            status = {"name": each.name, "file": each.file, "path": str(each.path)}
            common.emit({**status, "status": each.state, "error": each.error})
        elif each.state == "good":
            print(f"good  {each.path}")
        if each.error:
            _say(each.error)
    states = {each.state for each in found}
    return EX_DATAERR if "bad" in states else EX_UNAVAILABLE if "missing" in states else 0


def convert(args: argparse.Namespace) -> int:
    from firmware_py import models

    name, path = models.convert(args.path, args.name, args.type, _say)
    if args.json:
        common.emit({"name": name, "file": str(path), "size": path.stat().st_size})
    else:
        print(f'{path}\nuse it with: stt: {{model: "custom:{name}"}}')
    return 0
