"""Text to normal words, and numbers in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.nlu.normalize import tokenize, words
from firmware_py.nlu.numbers import spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What's the time?", "what is the time"),
        ("what’s the time", "what is the time"),
        ("WHATS the TIME!!", "what is the time"),
        ("12-ounce dark-roast", "twelve ounce dark roast"),
        ("twenty-five", "twenty five"),
        ("1,000", "one thousand"),
        ("25%", "twenty five percent"),
        ("25 per cent", "twenty five percent"),
        ("12 x 7", "twelve times seven"),
        ("12×7", "twelve times seven"),
        ("5 - 3", "five minus three"),
        ("-5 plus 3", "minus five plus three"),
        ("5-3", "five minus three"),
        ("10/2", "ten divided by two"),
        ("2^10", "two to the power of ten"),
        ("√81", "square root of eighty one"),
        ("3.14", "three point one four"),
        (".5", "zero point five"),
        ("007", "zero zero seven"),
        ("21st", "twenty first"),
        ("today's 3rd", "today 's third"),
        ("7:30 p.m.", "seven thirty pm"),
        ("3:05", "three oh five"),
        ("at 7:00", "at seven oclock"),
        ("5 o'clock", "five oclock"),
        ("$5", "five dollars"),
        ("$1", "one dollar"),
        ("O.K., okay, OK", "ok ok ok"),
        ("can't cannot", "can not can not"),
        ("don't", "do not"),
        ("rock & roll", "rock and roll"),
        ("2026-11-22", "two thousand twenty six eleven twenty two"),
        ("½", "one half"),
        ("2½", "two and one half"),
        ("2 1/2 cups", "two and one half cups"),
        ("1/2", "one divided by two"),
        ("5²", "five squared"),
        ("ﬁne ＣＡＦÉ", "fine café"),
        ("-- … ?! «»", ""),
        ("हिन्दी में", "हिन्दी में"),
        ("0X/0", "zero times zero"),
        ("A'\u0300", "\xe0"),
        ("x / 3 x", "x three x"),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert " ".join(words(text)) == expected


@pytest.mark.parametrize(("text", "expected"), [("25 Grad", "fünfundzwanzig grad"), ("Größe", "grösse")])
def test_words_of_another_language(text: str, expected: str) -> None:
    assert " ".join(words(text, "de")) == expected


PIECES = "12 x - 5% $3 7:05 's it's O.K. 1st 0.5 times per cent"
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.sampled_from("aB 019.,:;-'’%$+x×*/^°s&²½\u0301ß"), max_size=30),
    st.lists(st.sampled_from(PIECES.split()), max_size=6).map(" ".join),
)


@given(TEXTS, st.sampled_from(["en", "de", "xx"]))
def test_any_text_gives_words_and_their_words_are_themselves(text: str, language: str) -> None:
    found = words(text, language)
    assert words(" ".join(found), language) == found
    assert all(w and not any(c.isspace() for c in w) for w in found)


@given(st.text(max_size=40))
def test_spans_are_in_the_text_and_in_order(text: str) -> None:
    tokens = tokenize(text)
    assert all(0 <= t.start < t.end <= len(text) for t in tokens)
    assert [t.start for t in tokens] == sorted(t.start for t in tokens)


@given(st.integers(0, 10**14))
def test_a_whole_number_reads_as_itself(number: int) -> None:
    said = words(str(number))
    assert spans(said, 0)[0] == (len(said), number)
    assert words(f"{number:,}") == said


@given(st.integers(0, 999), st.integers(0, 999))
def test_decimals_and_signs(whole: int, thousandths: int) -> None:
    said = words(f"-{whole}.{thousandths:03d}")
    assert spans(said, 0)[0] == (len(said), pytest.approx(-float(f"{whole}.{thousandths:03d}")))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("one hundred and five", 105),
        ("a hundred", 100),
        ("twelve hundred", 1200),
        ("two thousand and one", 2001),
        ("a thousand two hundred thirty four", 1234),
        ("three and a half", 3.5),
        ("two million three thousand", 2_003_000),
        ("minus seven", -7),
        ("point five", 0.5),
    ],
)
def test_numbers_as_people_say_them(text: str, value: float) -> None:
    said = text.split()
    assert spans(said, 0)[0] == (len(said), value)


@pytest.mark.parametrize("text", ["twenty thirty", "five twenty", "hundred", "and", "ten one", "minus"])
def test_what_is_no_number_as_a_whole(text: str) -> None:
    said = text.split()
    assert all(end < len(said) for end, _ in spans(said, 0))
