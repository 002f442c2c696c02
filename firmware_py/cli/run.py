"""``rtva run``: the appliance, until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import signal
from typing import Any

from firmware_py.cli import common


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("run", help="the appliance", description=__doc__)
    common.add_config(parser)
    parser.add_argument("--wait", action="store_true", help="wait for a microphone that is not there yet")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py.service.lifecycle import RunOptions, Service
    from firmware_py.telemetry import journal

    log = journal.set_up()
    logging.getLogger("rtva").setLevel(logging.INFO)
    service = Service(RunOptions(lambda: common.load_config(args), is_patient=args.wait))
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: service.stop())
    signal.signal(signal.SIGHUP, lambda *_: service.ask_reload())
    try:
        service.run()
    finally:
        log.flush()  # what is said behind it, about what ended it, comes last
    return 0
