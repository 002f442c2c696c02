"""Log lines as the journal wants them: a priority in front (``sd-daemon(3)``), then words and ``key=value`` pairs."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any, TextIO

from firmware_py.telemetry.line_writer import LineWriter

PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))


class FactsFormatter(logging.Formatter):
    """``rtva.serial: serial line on /dev/ttyUSB0``; a record's ``facts`` follow as pairs, a traceback as lines.

    For the journal each line begins with ``<N>``, its priority.
    """

    def __init__(self, for_journal: bool) -> None:
        super().__init__()
        self.for_journal = for_journal

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        facts = getattr(record, "facts", None)
        if facts:
            message = f"{message} {pairs(facts)}"
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        number = next((number for level, number in PRIORITIES if record.levelno >= level), 7)
        head = f"<{number}>{record.name}" if self.for_journal else f"rtva: {record.levelname}"
        return "\n".join(f"{head}: {line}" for line in message.splitlines() or [""])


def pairs(facts: dict[str, Any]) -> str:
    """``key=value`` with values that hold blanks, quotes or nothing in JSON's quotes."""
    return " ".join(f"{key}={_value(value)}" for key, value in facts.items())


def _value(value: Any) -> str:
    if value is None:
        return "-"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    is_plain = text and text.isprintable() and not set(text) & set(' "=')
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def is_journal(stream: TextIO = sys.stderr) -> bool:
    """Whether a stream goes to the journal: systemd names its device and inode in ``$JOURNAL_STREAM``."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{status.st_dev}:{status.st_ino}"


def set_up(stream: TextIO = sys.stderr) -> logging.Handler:
    """Lets the root logger write to ``stream``, with priorities where that is the journal; nobody who logs waits for
    who reads it."""
    for_journal = is_journal(stream)
    head = "<4>rtva" if for_journal else "rtva: WARNING"
    handler: logging.Handler
    try:
        handler = LineWriter(stream.fileno(), lambda count: f"{head}: {count} log lines were dropped: nobody took them")
    except (OSError, ValueError):  # memory, as in a test: nobody reads it and nobody is waited for
        handler = logging.StreamHandler(stream)
    handler.setFormatter(FactsFormatter(for_journal))
    logging.getLogger().handlers[:] = [handler]
    return handler


def dropped() -> int:
    """Log lines that nobody took."""
    return sum(each.dropped for each in logging.getLogger().handlers if isinstance(each, LineWriter))
