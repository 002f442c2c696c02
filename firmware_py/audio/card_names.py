"""A sound card by its name instead of its number: the number is what changes when it is unplugged and comes back."""

from __future__ import annotations

import re
from pathlib import Path

CARDS = Path("/proc/asound")
NUMBERED = re.compile(r"(hw|plughw|dsnoop|dmix|sysdefault):(\d+)(?:,(\d+))?(?:,(\d+))?")


def by_name(device: str, cards: Path = CARDS) -> str:
    """``plughw:1,0`` as ``plughw:CARD=Device,DEV=0``, by the card that has that number now.

    Every other name as it is, and so one whose card is not there. Two cards of the same make are told apart by the
    kernel alone, in the order in which it finds them.
    """
    match = NUMBERED.fullmatch(device)
    if match is None:
        return device
    plugin, card, number, part = match.groups()
    try:
        name = (cards / f"card{card}" / "id").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return device
    if not name:
        return device
    more = [f"DEV={number}"] * (number is not None) + [f"SUBDEV={part}"] * (part is not None)
    return f"{plugin}:{','.join([f'CARD={name}', *more])}" if plugin != "sysdefault" else f"{plugin}:CARD={name}"
