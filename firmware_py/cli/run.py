"""``rtva run``: the appliance, until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from typing import Any

from firmware_py.cli import common
from firmware_py.events import TurnTrace

_log = logging.getLogger("rtva")


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("run", help="the appliance", description=__doc__)
    common.add_config(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py import app
    from firmware_py.pipeline import VoicePipeline

    logging.getLogger("rtva").setLevel(logging.INFO)
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    with VoicePipeline(common.load_config(args)) as pipeline:
        microphone, speaker = app.open_microphone(pipeline), app.open_speaker(pipeline)
        pipeline.initialize_components()
        common.note(pipeline.notes)
        with app.running(pipeline, microphone, speaker, app.Observers(on_turn=log_turn)) as appliance:
            _log.info("listening")
            while not stop.wait(0.5):
                if appliance.failure is not None:
                    raise appliance.failure
                if appliance.capture.error is not None:
                    raise appliance.capture.error
    return 0


def log_turn(trace: TurnTrace) -> None:
    """One line a turn in the log."""
    if trace.transcript:
        _log.info("heard %r, meant %s, said %r", trace.transcript, trace.intent, trace.reply)
