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
    target = UNITS[str(slots["target"])]
    parts = [(Fraction(str(slots.get("amount", 1))), UNITS[str(slots["unit"])])]
    if "amount2" in slots:
        smaller = slots.get("unit2") or _SMALLER.get(str(slots["unit"]))
        if smaller is None:
            return Answer(f"{slots['amount2']} of what?")
        parts.append((Fraction(str(slots["amount2"])), UNITS[str(smaller)]))
    if target.kind == "volume":  # nobody says "fluid" in a kitchen
        parts = [(amount, UNITS["fluid ounce"] if unit is UNITS["ounce"] else unit) for amount, unit in parts]
    if target is UNITS["ounce"] and parts[0][1].kind == "volume":
        target = UNITS["fluid ounce"]
    try:
        result = sum((work_out(amount, unit, target) for amount, unit in parts), Fraction(0))
    except ValueError as error:
        text = str(error)
        return Answer(f"{text[0].upper()}{text[1:]}.", cacheable=True)
    if len(parts) > 1 and target.kind == "temperature":
        return Answer("Temperatures don't add up.", cacheable=True)
    asked = " and ".join(_said(*part) for part in parts)
    begins_in_words = parts[0][0] in _THIRDS
    return Answer(
        f"{asked[0].upper() if begins_in_words else asked[0]}{asked[1:]} is {_said(result, target)}.", cacheable=True
    )


_SMALLER = {"foot": "inch", "yard": "inch", "pound": "ounce", "stone": "pound", "hour": "minute", "minute": "second"}
"""What a number behind a unit counts: "five foot ten"."""
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
