"""Engines made ready, one while the caller makes another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def warm(engine: Any) -> None:
    """Has an engine pay for its first use now; not every engine has one to pay for."""
    first_use = getattr(engine, "warm", None)
    if first_use is not None:
        first_use()


@contextmanager
def beside(work: Callable[[], None], name: str) -> Iterator[None]:
    """Has ``work`` done in a thread of its own during the block, and waits for it. What it raises is raised here,
    unless the block raises."""
    raised: list[BaseException] = []

    def do() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=do, name=name)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if raised:
        raise raised.pop()
