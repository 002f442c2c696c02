"""``rtva doctor``: what is wrong with this board, microphone, build."""

from __future__ import annotations

import argparse
import functools
from collections import Counter
from collections.abc import Iterable
from typing import Any

from firmware_py import config as configuration
from firmware_py.cli import common, control
from firmware_py.doctor import Case, Finding, examine
from firmware_py.errors import EX_UNAVAILABLE, RtvaError

SIGNS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL", "skip": "-   "}
BOXES = {"ok": "[x]", "warn": "[ ]", "fail": "[ ]", "skip": "[-]"}
TOPICS = ("latency", "drop-outs", "memory", "cpu")
TEXT = """What is wrong with this board, microphone, build, and with the running service. --trouble shows the guide's
five answers to one of its troubles, --checklist its ten lines; --measure plays two short sweeps and listens: level,
clipping, DC offset, rate drift, echo delay (eight seconds; the service must not hold the devices)."""


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("doctor", help="what is wrong with this machine", description=TEXT)
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--trouble", choices=(*TOPICS, "all"), help="the guide's answers to a trouble, and which knob to turn"
    )
    one.add_argument("--checklist", action="store_true", help="the guide's performance checklist, looked at")
    one.add_argument("--measure", action="store_true", help="play and record: level, clipping, offset, drift, delay")
    one.add_argument("--board", action="store_true", help="which board this is, its preset, and why")
    control.add_socket(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    found: list[Finding] = []
    for finding in look(args, make_case(args)):
        found.append(finding)
        if not args.json:
            (tick if args.checklist else show)(finding)
    count = Counter(finding.status for finding in found)
    if args.json:
        common.emit({"ok": not count["fail"], "checks": [finding.as_json() for finding in found]})
    else:
        print(f"{count['ok']} good, {count['warn']} warnings, {count['fail']} failures, {count['skip']} skipped")
    return EX_UNAVAILABLE if count["fail"] else 0


def look(args: argparse.Namespace, case: Case) -> Iterable[Finding]:
    """What was asked for."""
    if args.checklist:
        from firmware_py.doctor import checklist

        return checklist.run(case)
    if args.board:
        from firmware_py.doctor import board

        return board.look(case)
    if args.trouble:
        from firmware_py.doctor import trouble

        topics = TOPICS if args.trouble == "all" else (args.trouble,)
        return (finding for topic in topics for finding in trouble.answers(case, topic))
    if args.measure:
        from firmware_py.doctor import measure

        return measure.examine(case)
    return examine(case)


def make_case(args: argparse.Namespace) -> Case:
    """The configuration in force, or why there is none; and the running service, asked once, when it is needed.

    Only the plain list has a line for a configuration that cannot be read; what else is asked for raises its error.
    """

    @functools.cache
    def service() -> dict[str, Any]:
        try:
            return control.ask("status", "", control.find(args))
        except RtvaError:
            return {}

    try:
        return Case(configuration.effective(args.config, args.preset), read_service=service)
    except RtvaError as error:
        if args.checklist or args.trouble or args.measure or args.board:
            raise
        return Case(config_error=str(error))


def show(finding: Finding) -> None:
    print(f"{SIGNS[finding.status]}  {finding.name:24} {finding.message}", flush=True)
    if finding.advice:
        print(f"{'':31}-> {finding.advice}", flush=True)


def tick(finding: Finding) -> None:
    """A line of the checklist: ticked, open, or not for this machine."""
    print(f"{BOXES[finding.status]} {finding.name}\n      {finding.message}", flush=True)
    if finding.advice:
        print(f"      -> {finding.advice}", flush=True)
