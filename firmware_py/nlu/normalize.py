"""Text to words: what a recogniser wrote and what a template says meet here.

Case, punctuation, hyphens, digits, symbols and contractions are folded: "What's 25% of 1,000?" and "what is
twenty-five percent of one thousand" become the same words. Folding is idempotent: the words of the words are
the words. English has its own tables (:mod:`.english`); other languages get case, punctuation, and digits
spelled by Unicode's own rules (CLDR RBNF, through hassil's ``unicode_rbnf``) where those know the language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from firmware_py.nlu import english
from firmware_py.numerals import NUMBER_WORDS

_CHUNK = re.compile(r"\S+")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "′": "'"})
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−﹣－", "-"))
_FRACTIONS = {"½": " one half ", "¼": " one quarter ", "¾": " three quarters ", "²": " squared ", "³": " cubed "}
_PARTS = {"1/2": "½", "1/4": "¼", "3/4": "¾"}
_LETTER = r"[^\W\d_]"
_TAIL = r"(?:[^\W\d_]|[^\x00-\x7f×÷√°£€]|')"  # combining marks are no \w in Python's re, yet belong to their letter
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_PIECE = re.compile(
    r"(?P<time>\d{1,2}:\d{2})(?!\d)"
    r"|(?P<ordinal>\d{1,3}(?:st|nd|rd|th))(?![^\W_])"
    rf"|(?P<money>[$£€])(?P<amount>{_NUMBER})"
    rf"|(?P<number>{_NUMBER})"
    rf"|(?P<initials>(?:{_LETTER}\.){{2,}})"
    rf"|(?P<word>{_LETTER}{_TAIL}*|'s(?!{_LETTER}))"
    r"|(?P<symbol>[%°+&√÷×\-*/^])"
)
_WITH_PART = re.compile(r"(?<![\d/.,])(\d+) (1/2|1/4|3/4)(?![\d/])")
"""A mixed number as recognisers write it: "2 1/2"."""
_HYPHEN = re.compile(r"(?<=[^\W\d_])-|-(?=[^\W\d_])")  # beside a letter it joins words; else it may be a minus
_MAX_DIGITS = 15


@dataclass(frozen=True)
class Token:
    """One normal word and the span ``start .. end`` of the source text that it came from."""

    word: str
    start: int
    end: int


@lru_cache(maxsize=32)
def _speller(language: str) -> Callable[[int], list[str]] | None:
    """How a language spells whole numbers, None when Unicode's rules do not know the language."""
    if language.split("-")[0].split("_")[0] == "en":
        return english.spell
    from hassil.numbers import get_rbnf_engine

    try:
        engine = get_rbnf_engine(language)
    except ValueError:
        return None

    def spell(number: int) -> list[str]:
        text = engine.format_number(number).text.replace("\u00ad", "").replace("-", " ")
        return [_bare(w) for w in text.casefold().split()]

    return spell


def _bare(word: str) -> str:
    return "".join(c for c in word if c.isalnum() or unicodedata.category(c).startswith("M"))


def _digits(text: str, language: str) -> list[str]:
    """A run of digits, perhaps with a decimal point and thousands separators, as words."""
    whole, _, decimals = text.replace(",", "").partition(".")
    spell = _speller(language)
    if spell is None:
        return [c for c in (whole, decimals) if c]
    if len(whole) > _MAX_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        words = [w for c in whole for w in spell(int(c))]
    else:
        words = spell(int(whole or "0"))
    if decimals:
        point = "point" if spell is english.spell else "."
        words = [*words, *([point] if point != "." else []), *(w for c in decimals for w in spell(int(c)))]
    return words


def _clock(text: str, language: str) -> list[str]:
    hours, minutes = (int(p) for p in text.split(":"))
    spell = _speller(language)
    if spell is not english.spell:
        return [*_digits(str(hours), language), *(_digits(str(minutes), language) if minutes else [])]
    if minutes == 0:
        return [*spell(hours), "oclock"]
    return [*spell(hours), *(["oh"] if minutes < 10 else []), *spell(minutes)]


def _word(text: str, is_english: bool) -> list[str]:
    if is_english:
        known = english.SPELLINGS.get(text.rstrip("'"))
        if known:
            return list(known)
        if text == "'s":
            return [text]
        if text.endswith("'s"):
            return [*_word(text[:-2], True), "'s"]
    word = text.replace("'", "")
    return [word if word.isascii() else unicodedata.normalize("NFKC", word)]  # an accent behind what went away


def _piece(match: re.Match[str], language: str, is_english: bool) -> list[str]:
    kind, text = match.lastgroup, match.group()
    if kind == "word":
        return _word(text, is_english)
    if kind == "number":
        return _digits(text, language)
    if kind == "time":
        return _clock(text, language)
    if kind == "initials":
        return _word(text.replace(".", ""), is_english)
    if kind == "ordinal":
        return english.spell_ordinal(int(text[:-2])) if is_english else _digits(text[:-2], language)
    if kind == "amount":
        amount = match["amount"]
        return [*_digits(amount, language), english.MONEY[match["money"]][amount != "1"]]
    return english.SYMBOLS[text].split() if text in english.SYMBOLS and is_english else [text]


@lru_cache(maxsize=4096)
def _fold(chunk: str, language: str) -> tuple[str, ...]:
    """The words of one run of characters without white space; symbols are still in place."""
    is_english = language.startswith("en")
    text = chunk.translate(_APOSTROPHES).translate(_DASHES)
    for character, words in _FRACTIONS.items():
        if character in text:
            is_part = is_english and character in "½¼¾"
            text = re.sub(rf"(?<=\d){character}", f" and{words}" if is_part else words, text)
            text = text.replace(character, words)
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    if "-" in text:
        text = _HYPHEN.sub(" ", text) if text.count("-") < 2 else text.replace("-", " ")
    if not text.isascii():
        text = "".join(c if _is_kept(c) else " " for c in text)
    elif text.isalpha():
        return tuple(_word(text, is_english))
    return tuple(w for m in _PIECE.finditer(text) for w in _piece(m, language, is_english))


def _is_kept(character: str) -> bool:
    return character.isascii() or character in "×÷√°£€" or unicodedata.category(character)[0] in "LMN"


def tokenize(text: str, language: str = "en") -> list[Token]:
    """The normal words of ``text`` with the spans they came from. Never raises on any text."""
    if "/" in text:
        text = _WITH_PART.sub(lambda m: f"{m[1]}{_PARTS[m[2]]}\xad\xad\xad", text)  # as long as it was
    tokens = [Token(word, m.start(), m.end()) for m in _CHUNK.finditer(text) for word in _fold(m.group(), language)]
    said = {t.word for t in tokens}
    if not said.isdisjoint(english.BETWEEN_NUMBERS):
        tokens = _between_numbers(tokens, said & english.BETWEEN_NUMBERS.keys() - {"x"})
        tokens = _between_numbers(tokens, {"x"}) if "x" in said else tokens  # signs that are nothing are gone by now
    if "cent" in said and "per" in said:
        tokens = _joined(tokens, "per", "cent")
    return tokens


def _joined(tokens: list[Token], first: str, second: str) -> list[Token]:
    """Writes two words as one wherever the second follows the first."""
    out: list[Token] = []
    for token in tokens:
        if token.word == second and out and out[-1].word == first:
            out[-1] = Token(first + second, out[-1].start, token.end)
        else:
            out.append(token)
    return out


def _between_numbers(tokens: list[Token], signs: set[str]) -> list[Token]:
    """Reads "12 x 7" as times and "5 - 3" as minus, and drops such signs elsewhere ("-5" is minus five)."""
    out: list[Token] = []
    for i, token in enumerate(tokens):
        said = english.BETWEEN_NUMBERS[token.word] if token.word in signs else None
        if said is None:
            out.append(token)
            continue
        before = i > 0 and tokens[i - 1].word in NUMBER_WORDS
        after = i + 1 < len(tokens) and tokens[i + 1].word in NUMBER_WORDS
        if before and after:
            out += [Token(w, token.start, token.end) for w in said]
        elif token.word == "x":
            out.append(token)
        elif token.word == "-" and after and (i == 0 or tokens[i - 1].end < token.start):
            out.append(Token("minus", token.start, token.end))
    return out


def words(text: str, language: str = "en") -> list[str]:
    """The normal words of ``text``."""
    return [t.word for t in tokenize(text, language)]
