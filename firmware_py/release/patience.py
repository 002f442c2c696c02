"""``--deadline-scale``: what ``workers.deadline_scale`` is to the engines, for installing and updating."""

from __future__ import annotations

import argparse

LARGEST = 1000.0


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--deadline-scale", type=scale, default=1.0, metavar="N",
        help=f"every limit of time N times as long, 1 to {LARGEST:g}: for an emulated machine (default: 1)",
    )  # fmt: skip


def scale(text: str) -> float:
    """Raises argparse.ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1.0 <= value <= LARGEST:
        raise argparse.ArgumentTypeError(f"1 to {LARGEST:g}, not {text!r}")
    return value
