"""A coin and dice."""

from __future__ import annotations

from firmware_py.respond.phrases import join
from firmware_py.respond.request import Answer, Handler, Request

ABILITY = "flip a coin or roll dice"
ABILITY_ORDER = 40
SAID_ONE_BY_ONE = 6
"""More dice than this are said as their sum alone."""
COIN = ("Heads.", "Tails.")
PHRASES = (*COIN, *(f"{eyes}." for eyes in range(1, 7)))


def coin(request: Request) -> Answer:
    return Answer(request.rng.choice(COIN))


def dice(request: Request) -> Answer:
    if "low" in request.slots:
        low, high = sorted((int(request.slots["low"]), int(request.slots["high"])))
        return Answer(f"{request.rng.randint(low, high)}.")
    count, sides = int(request.slots.get("count", 1)), int(request.slots.get("sides", 6))
    rolls = [request.rng.randint(1, sides) for _ in range(count)]
    if count == 1:
        return Answer(f"{rolls[0]}.")
    if count > SAID_ONE_BY_ONE:
        return Answer(f"{sum(rolls)} in all.")
    return Answer(f"{join(map(str, rolls))}, which makes {sum(rolls)}.")


HANDLERS: dict[str, Handler] = {"coin": coin, "dice": dice}
