"""Units of measure: what each is worth, exactly, in the base unit of its kind.

Values are those of the international agreement of 1959 (yard, pound) and of US customary measures for cooking: a cup is
236.5882365 ml. Temperatures have an offset as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

_F = Fraction


@dataclass(frozen=True)
class Unit:
    """``worth`` base units of ``kind`` each, and ``offset`` base units at its zero."""

    kind: str
    worth: Fraction
    many: str
    one: str
    offset: Fraction = Fraction(0)


_LENGTH = {
    "millimeter": "0.001", "centimeter": "0.01", "meter": "1", "kilometer": "1000", "inch": "0.0254", "yard": "0.9144",
    "mile": "1609.344",
}  # fmt: skip
_MASS = {"milligram": "0.000001", "gram": "0.001", "kilogram": "1", "tonne": "1000", "ounce": "0.028349523125"}
_MASS |= {"pound": "0.45359237", "stone": "6.35029318"}
_VOLUME = {
    "milliliter": "0.001",
    "centiliter": "0.01",
    "deciliter": "0.1",
    "liter": "1",
    "teaspoon": "0.00492892159375",
}
_VOLUME |= {"tablespoon": "0.01478676478125", "fluid ounce": "0.0295735295625", "cup": "0.2365882365"}
_VOLUME |= {"pint": "0.473176473", "quart": "0.946352946", "gallon": "3.785411784"}
_TIME = {"second": "1", "minute": "60", "hour": "3600", "day": "86400", "week": "604800"}


def _plain(kind: str, table: dict[str, str]) -> dict[str, Unit]:
    return {name: Unit(kind, _F(worth), f"{name}s", name) for name, worth in table.items()}


UNITS: dict[str, Unit] = {
    **_plain("length", _LENGTH),
    **_plain("mass", _MASS),
    **_plain("volume", _VOLUME),
    **_plain("time", _TIME),
    "inch": Unit("length", _F("0.0254"), "inches", "inch"),
    "foot": Unit("length", _F("0.3048"), "feet", "foot"),
    "stone": Unit("mass", _F("6.35029318"), "stone", "stone"),
    "meters per second": Unit("speed", _F(1), "meters per second", "meter per second"),
    "kilometers per hour": Unit("speed", _F(1000, 3600), "kilometers per hour", "kilometer per hour"),
    "miles per hour": Unit("speed", _F("1609.344") / 3600, "miles per hour", "mile per hour"),
    "knot": Unit("speed", _F(1852, 3600), "knots", "knot"),
    "celsius": Unit("temperature", _F(1), "degrees Celsius", "degree Celsius", _F("273.15")),
    "fahrenheit": Unit("temperature", _F(5, 9), "degrees Fahrenheit", "degree Fahrenheit", _F("459.67") * 5 / 9),
}
"""The slot's value -> the unit."""


def convert(amount: Fraction, source: Unit, target: Unit) -> Fraction:
    """The same amount in another unit. Raises ValueError between kinds, and below absolute zero."""
    if source.kind != target.kind:
        raise ValueError(f"{source.many} cannot be {target.many}")
    base = amount * source.worth + source.offset
    if source.kind == "temperature" and base < 0:
        raise ValueError("nothing is colder than absolute zero")
    return (base - target.offset) / target.worth
