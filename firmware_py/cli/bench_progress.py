"""A bar on stderr while something long runs; nothing at all where stderr is not a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

WIDTH = 30


def draw(label: str, done: float, of: float) -> None:
    """The bar at ``done`` of ``of`` (turns, or seconds); at the end it is taken away again."""
    if not sys.stderr.isatty():
        return
    share = min(1.0, done / of) if of else 1.0
    full = int(share * WIDTH)
    line = f"\r{label} [{'#' * full}{'.' * (WIDTH - full)}] {share:4.0%}"
    sys.stderr.write(line if share < 1.0 else "\r" + " " * len(line) + "\r")
    sys.stderr.flush()


def counted(items: Iterable[T], of: int, label: str) -> Iterator[T]:
    """``items`` under a bar of their number."""
    for number, item in enumerate(items):
        draw(label, number, of)
        yield item
    draw(label, of, of)


def for_seconds(seconds: float, label: str) -> Iterator[float]:
    """The seconds that have passed, again and again until they are ``seconds``; at least once."""
    began = time.monotonic()
    passed = 0.0
    while True:
        draw(label, passed, seconds)
        yield passed
        passed = time.monotonic() - began
        if passed >= seconds:
            break
    draw(label, seconds, seconds)
