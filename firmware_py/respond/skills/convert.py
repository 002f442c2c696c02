"""Unit conversion: length, weight, volume, temperature, speed, time."""

from __future__ import annotations

from fractions import Fraction

from firmware_py.respond.arithmetic import spoken
from firmware_py.respond.request import Answer, Handler, Request
from firmware_py.respond.units import UNITS, Unit
from firmware_py.respond.units import convert as work_out

ABILITY = "convert units"
ABILITY_ORDER = 27


def convert(request: Request) -> Answer:
    slots = request.slots
    source, target = UNITS[str(slots["unit"])], UNITS[str(slots["target"])]
    amount = Fraction(str(slots.get("amount", 1)))
    if source is UNITS["ounce"] and target.kind == "volume":
        source = UNITS["fluid ounce"]  # nobody says "fluid" in a kitchen
    if target is UNITS["ounce"] and source.kind == "volume":
        target = UNITS["fluid ounce"]
    try:
        result = work_out(amount, source, target)
    except ValueError as error:
        text = str(error)
        return Answer(f"{text[0].upper()}{text[1:]}.", cacheable=True)
    asked = _said(amount, source)
    return Answer(
        f"{asked[0].upper() if amount in _THIRDS else asked[0]}{asked[1:]} is {_said(result, target)}.", cacheable=True
    )


_THIRDS = {Fraction(1, 3): "a third", Fraction(2, 3): "two thirds"}
"""What two decimals say badly."""


def _said(amount: Fraction, unit: Unit) -> str:
    """Two decimals are enough for a kitchen; small amounts keep what counts."""
    if amount in _THIRDS:
        return f"{_THIRDS[amount]} of {'an' if unit.one[0] in 'aeiou' else 'a'} {unit.one}"
    rounded = round(amount, 2) if abs(amount) >= 1 else amount
    number = spoken(amount) if rounded == amount else f"about {spoken(rounded)}"
    return f"{number} {unit.one if number == '1' else unit.many}"


HANDLERS: dict[str, Handler] = {"convert": convert}
