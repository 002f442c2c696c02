"""Cutting a text into pieces that are said one after the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.tts.sentences import CLAUSE_PAUSE_MS, SENTENCE_PAUSE_MS, Limits, Piece, split, whole

WORDS = st.text("abcdefghij", min_size=1, max_size=12)
TEXTS = st.lists(WORDS | st.sampled_from([".", "!", "?", ",", ";", "Dr.", "e.g.", "P M", "\n"]), max_size=120).map(
    " ".join
)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It is ten P M. Good night.", ["It is ten P M.", "Good night."]),
        ("Ask Dr. Smith. Now.", ["Ask Dr. Smith.", "Now."]),
        ("Tea, e.g. green. Yes.", ["Tea, e.g. green.", "Yes."]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("no end", ["no end"]),
        ("first line\nsecond line", ["first line", "second line"]),
        ("... !!! ???", []),
        ("", []),
    ],
)
def test_a_text_is_cut_at_its_sentences(text: str, pieces: list[str]) -> None:
    assert [piece.text for piece in split(text)] == pieces


def test_a_long_sentence_is_cut_at_its_clauses() -> None:
    text = (
        "one two three four five six seven eight, nine ten eleven twelve thirteen fourteen, fifteen sixteen seventeen"
    )
    found = list(split(text, Limits(clause_words=8)))
    assert [p.text.split()[-1] for p in found] == ["eight,", "fourteen,", "seventeen"]
    assert [p.pause_ms for p in found] == [CLAUSE_PAUSE_MS, CLAUSE_PAUSE_MS, 0]


def test_silence_stands_between_sentences_and_not_after_the_last() -> None:
    assert [p.pause_ms for p in split("One. Two. Three.")] == [SENTENCE_PAUSE_MS, SENTENCE_PAUSE_MS, 0]


@given(TEXTS, st.integers(2, 40), st.integers(13, 200))
def test_no_word_is_lost_and_no_piece_is_too_long(text: str, max_words: int, max_chars: int) -> None:
    limits = Limits(clause_words=max_words, max_words=max_words, max_piece_chars=max_chars)
    found = list(split(text, limits))
    assert [w for p in found for w in p.text.split() if any(c.isalnum() for c in w)] == [
        w for w in text.split() if any(c.isalnum() for c in w)
    ]
    assert all(len(p.text.split()) <= max_words and len(p.text) <= max_chars for p in found)


@given(st.text(max_size=400))
def test_any_text_gives_only_pieces_that_can_be_said(text: str) -> None:
    assert all(any(c.isalnum() for c in p.text) for p in [*split(text), *whole(text)])


def test_ten_megabytes_cost_no_more_than_the_cap() -> None:
    limits = Limits(max_chars=500)
    assert sum(len(p.text) for p in split("word. " * 2_000_000, limits)) <= 500
    assert sum(len(p.text) for p in split("w" * 10_000_000, limits)) <= 500


def test_without_splitting_a_text_stays_in_one_piece_up_to_the_cap() -> None:
    assert list(whole("One. Two! Three, four.")) == [Piece("One. Two! Three, four.")]
    assert len(list(whole("word " * 1000))) > 1
