"""Works out the formulas that understanding makes of spoken arithmetic. No eval: a small descent parser.

A formula has decimal numbers, ``+ - * / ^``, ``N% of X``, ``sqrt(X)``, ``cbrt(X)`` and brackets, read with the
usual precedence (``^`` binds tightest and to the right; a leading minus binds looser than ``^``, but a negative
number that was said, as in ``-3 ^ 2``, is squared whole because speech says it first).
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, DecimalException, localcontext
from fractions import Fraction

_TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|% of|sqrt|cbrt|[-+*/^()])")
_MAX_EXPONENT = 1_000
_MAX_DIGITS = 200
_PRECISION = 40
MAX_SPOKEN = 10**15

Number = Fraction | Decimal


class SumError(ValueError):
    """A formula without an answer; the message is a sentence to say."""


def work_out(formula: str) -> Number:
    """The value: exact where it is rational, else to 40 digits.

    Raises SumError with something polite to say for a division by zero, a root of a negative number, and
    results beyond any use.
    """
    parser = _Parser(formula)
    value = parser.sum()
    if parser.token is not None:
        raise SumError("Sorry, I can't work that out.")
    return value


def spoken(value: Number) -> str:
    """A result as text for speech: whole numbers as they are, others to at most six decimals, "about" if rounded."""
    with localcontext(Context(prec=_PRECISION + 20)):
        exact = Decimal(value.numerator) / Decimal(value.denominator) if isinstance(value, Fraction) else value
        if abs(exact) >= MAX_SPOKEN:
            mantissa, _, exponent = f"{exact:.3e}".partition("e")
            times = "" if _trim(mantissa) == "1" else f"{_trim(mantissa)} times "
            return f"about {times}10 to the power of {int(exponent)}"
        places = 2 if abs(exact) >= 1 else 6
        rounded = exact if _has_few_places(exact) else round(exact, places)
        is_exact = isinstance(value, Fraction) and Fraction(rounded) == value
        text = _trim(f"{rounded:f}")
        return text if is_exact else f"about {text}"


def _has_few_places(value: Decimal) -> bool:
    exponent = value.normalize().as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -6


def _trim(text: str) -> str:
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _power(base: Number, exponent: Number) -> Number:
    if base == 0 and exponent < 0:
        raise SumError("I can't divide by zero.")
    size = _decimal(exponent).copy_abs()
    if size > _MAX_EXPONENT or _digits(base) * max(Decimal(1), size) > _MAX_DIGITS:
        raise SumError("That number is too big for me.")
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        return Fraction(base ** int(exponent))
    if base < 0:
        raise SumError("That has no real answer.")
    with localcontext(Context(prec=_PRECISION)):
        return _decimal(base) ** _decimal(exponent)


def _digits(value: Number) -> int:
    if isinstance(value, Fraction):
        return max(len(str(abs(value.numerator))), len(str(value.denominator)))
    return _PRECISION


def _decimal(value: Number) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator) if isinstance(value, Fraction) else value


def _root(value: Number, degree: int) -> Number:
    """The exact root where there is one, else to 40 digits."""
    if value < 0 and degree % 2 == 0:
        raise SumError("A negative number has no square root.")
    if value < 0:
        return -_root(-value, degree)
    if isinstance(value, Fraction):
        top, bottom = (_whole_root(n, degree) for n in (value.numerator, value.denominator))
        if top is not None and bottom is not None:
            return Fraction(top, bottom)
    with localcontext(Context(prec=_PRECISION)):
        return _decimal(value) ** (Decimal(1) / degree) if value else Decimal(0)


def _whole_root(value: int, degree: int) -> int | None:
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high) // 2
        if middle**degree < value:
            low = middle + 1
        else:
            high = middle
    return low if low**degree == value else None


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.token: str | None = None
        self._depth = 0
        self._next()

    def _next(self) -> str | None:
        taken = self.token
        rest = self._text[self._at :]
        match = _TOKEN.match(rest)
        if match is None and rest.strip():
            raise SumError("Sorry, I can't work that out.")
        self.token = match[1] if match else None
        self._at += match.end() if match else 0
        return taken

    def sum(self) -> Number:
        value = self.product()
        while self.token in ("+", "-"):
            sign = 1 if self._next() == "+" else -1
            value = _combine(value, self.product(), "+", sign)
        return value

    def product(self) -> Number:
        value = self.power()
        while self.token in ("*", "/", "% of"):
            operator = self._next()
            right = self.power()
            if operator == "/" and right == 0:
                raise SumError("I can't divide by zero.")
            value = _combine(value, right, operator or "")
        return value

    def power(self) -> Number:
        base = self.atom()
        if self.token != "^":
            return base
        self._next()
        self._depth += 1
        if self._depth > 20:
            raise SumError("That number is too big for me.")
        return _power(base, self.power())

    def atom(self) -> Number:
        token = self._next()
        if token == "-":
            return -self.atom()
        if token in ("sqrt", "cbrt"):
            self._expect("(")
            value = self.sum()
            self._expect(")")
            return _root(value, 2 if token == "sqrt" else 3)
        if token == "(":
            value = self.sum()
            self._expect(")")
            return value
        if token is None or not token[0].isdigit():
            raise SumError("Sorry, I can't work that out.")
        return Fraction(token)

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise SumError("Sorry, I can't work that out.")


def _combine(left: Number, right: Number, operator: str, sign: int = 1) -> Number:
    try:
        if isinstance(left, Fraction) and isinstance(right, Fraction):
            return _fractions(left, right, operator, sign)
        with localcontext(Context(prec=_PRECISION)):
            a, b = _decimal(left), _decimal(right)
            return {"+": a + sign * b, "*": a * b, "/": a / b if b else a, "% of": a * b / 100}[operator]
    except DecimalException:
        raise SumError("That number is too big for me.") from None


def _fractions(left: Fraction, right: Fraction, operator: str, sign: int) -> Fraction:
    if operator == "+":
        return left + sign * right
    if operator == "*":
        return left * right
    return left / right if operator == "/" else left * right / 100
