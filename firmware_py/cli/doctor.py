"""``rtva doctor``: what is wrong with this board, microphone, build."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from firmware_py import config as configuration
from firmware_py.cli import common
from firmware_py.doctor import Case, Finding, examine
from firmware_py.errors import EX_UNAVAILABLE, RtvaError

SIGNS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL", "skip": "-   "}


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("doctor", help="what is wrong with this machine", description=__doc__)
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    found: list[Finding] = []
    for finding in examine(make_case(args)):
        found.append(finding)
        if not args.json:
            show(finding)
    count = Counter(finding.status for finding in found)
    if args.json:
        common.emit({"ok": not count["fail"], "checks": [finding.as_json() for finding in found]})
    else:
        print(f"{count['ok']} good, {count['warn']} warnings, {count['fail']} failures, {count['skip']} skipped")
    return EX_UNAVAILABLE if count["fail"] else 0


def make_case(args: argparse.Namespace) -> Case:
    """The configuration in force, or why there is none."""
    try:
        return Case(configuration.effective(args.config, args.preset))
    except RtvaError as error:
        return Case(config_error=str(error))


def show(finding: Finding) -> None:
    print(f"{SIGNS[finding.status]}  {finding.name:20} {finding.message}", flush=True)
    if finding.advice:
        print(f"{'':27}-> {finding.advice}", flush=True)
