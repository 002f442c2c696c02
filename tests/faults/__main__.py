"""``python -m faults [COUNT] [--only NUMBER ...] [--out FILE]``: injects every fault COUNT times, prints the table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from faults import engines, microphone, peers, service, state
from faults.lab import HEAD, Row, render, run
from faults.live import Live


def named() -> list[Row]:
    """Every row, to be looked at only."""
    return all_rows(cast(Live, None), (0, 0))


def all_rows(live: Live, before: tuple[int, int]) -> list[Row]:
    """In the order in which they are injected; ``before`` is what the service held."""
    faces = service.rows(live)
    crash = [each for each in faces if each.number == "24"]
    rest = [each for each in faces if each.number != "24"]
    leak = service.leak_row(live, before)
    return [
        *microphone.rows(live),
        *rest,
        leak,
        *service.hang_rows(live),
        *crash,
        *state.ROWS,
        *engines.ROWS,
        *peers.ROWS,
    ]


def lines(count: int, only: list[str], say: Callable[[str], None]) -> Iterator[tuple[str, bool]]:
    """The lines of the table, and whether every injection was survived."""
    live = Live()
    try:
        for each in all_rows(live, (live.threads(), live.descriptors())):
            if only and each.number not in only:
                continue
            started = time.monotonic()
            tally = run(each, count)
            say(f"{each.number} {each.fault}: {tally.survived}/{tally.injected} in {time.monotonic() - started:.0f} s")
            is_good = tally.survived == tally.injected and (each.inject is None or tally.injected > 0)
            yield render(each, tally), is_good
    finally:
        live.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    started, table, is_good = time.monotonic(), [HEAD], True
    for line, good in lines(options.count, options.only, lambda text: print(text, file=sys.stderr, flush=True)):
        table.append(line)
        is_good &= good
    text = "\n".join(table) + "\n"
    print(text)
    print(f"{options.count} injections of each, {time.monotonic() - started:.0f} s", file=sys.stderr)
    if options.out:
        options.out.write_text(text)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
