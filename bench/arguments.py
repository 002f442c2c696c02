"""What the measurements are asked with, and how they tell and keep what they found."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import Part

Measure = Callable[[bool, int, Path], Part]
"""A part of ``make bench``: quick or not, threads for every arm, a folder for scratch files."""


def parser_for(doc: str | None, quick: str = "fewer rounds") -> argparse.ArgumentParser:
    """``--quick`` and ``--json``, which all have, under the script's own description."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


def part_parser(doc: str | None) -> argparse.ArgumentParser:
    """:func:`parser_for` with ``--threads``."""
    parser = parser_for(doc)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    return parser


def run_part(args: argparse.Namespace, measure: Measure) -> None:
    """Measures one part by itself: its rows to stdout, all of it to ``--json``."""
    with tempfile.TemporaryDirectory() as scratch:
        part = measure(args.quick, args.threads, Path(scratch))
    for row in part.rows:
        print(json.dumps(row.__dict__))
    if args.json:
        part.save(args.json)


def report_parser(doc: str | None, quick: str) -> argparse.ArgumentParser:
    """:func:`parser_for` with ``--out`` for a report of its own."""
    parser = parser_for(doc, quick)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the report as Markdown")
    return parser


def tell(args: argparse.Namespace, text: str, results: Any) -> None:
    """A report to stdout and ``--out``, what it is made of to ``--json``."""
    print(text)
    if args.out:
        args.out.write_text(text)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
