"""Abbreviations written out and acronyms spelled."""

from __future__ import annotations

import re

from firmware_py.tts.lexicon import ABBREVIATIONS, PRONOUNCED, SPELLED
from firmware_py.tts.rules import Rule, one_of, rewrite, rule

_FILE_KINDS = (
    "py yaml yml json toml txt wav flac mp conf service sh md onnx log pdf html png jpg csv zip cfg ini bin gz so"
)


def _end(match: re.Match[str], said: str) -> str:
    """``said``, with the point that the abbreviation shares with the end of a sentence."""
    rest = match.string[match.end() :][:2]
    return said + ("." if not rest.strip() or (rest[0] == " " and rest[1].isupper()) else "")


def _initials(match: re.Match[str]) -> str:
    said = " ".join(c for c in match.group() if c.isalpha())
    return said + ("." if not match.string[match.end() :].strip() else " " if match.group().endswith(" ") else "")


def abbreviations(text: str) -> str:
    """``Dr.``, ``e.g.``, ``St.`` and their like in full."""
    return rewrite(text, _ABBREVIATIONS)


def acronyms(text: str) -> str:
    """``CPU`` as "C P U"; acronyms that are words (``RAM``) and words in capitals (``STOP``) stay."""
    return _ACRONYM.sub(_acronym, text)


def _acronym(match: re.Match[str]) -> str:
    word, suffix = match.group(1), match.group(2) or ""
    if word in PRONOUNCED:
        return PRONOUNCED[word] + suffix
    is_spelled = word in SPELLED or (word.isupper() and len(word) > 1 and not re.search("[AEIOUY]", word))
    return " ".join(word) + ("'s" if suffix else "") if is_spelled else match.group()


_ACRONYM = re.compile(rf"(?<![^\W\d_])(?<!')({one_of(list(PRONOUNCED))}|[A-Z][A-Z]{{1,7}})('?s)?(?![^\W\d_])(?!')")
_ABBREVIATIONS: tuple[Rule, ...] = (
    rule(r"\b[Ee]\.[ ]?[Gg]\.,?", "for example,"),
    rule(r"\b[Ii]\.[ ]?[Ee]\.,?", "that is,"),
    rule(r"\betc\.", lambda m: _end(m, "et cetera")),
    rule(r"(?<!slash )\betc\b", "et cetera"),
    rule(r"\bPh\.? ?D\b\.?", lambda m: _end(m, "P H D") if m.group().endswith(".") else "P H D"),
    rule(r"\b([AaPp])\.[Mm]\.", lambda m: _end(m, m.group(1).upper() + " M")),
    rule(r"\bCO2\b", "C O 2"),
    rule(r"\bAT&T\b", "A T and T"),
    rule(r"\bvs\b\.?", "versus"),
    rule(r"\bw/o\b", "without"),
    rule(r"\bw/(?=\s)", "with"),
    rule(r"\b[Nn]os?\.\s?(?=[0-9])", "number "),
    rule(r"(?<=[0-9])( (?:[A-Z]\w{1,20} ){1,3})St\.", lambda m: m.group(1) + _end(m, "Street")),
    rule(r"(?<=[0-9])( (?:[A-Z]\w{1,20} ){1,3})Dr\.", lambda m: m.group(1) + _end(m, "Drive")),
    rule(r"\bSt\.(?=\s[A-Z])", "Saint"),
    rule(r"\bSt\.", lambda m: _end(m, "Street")),
    rule(r"\bDr\b\.?(?=\s[A-Z])", "Doctor"),
    rule(r"\bDr\.", lambda m: _end(m, "Drive")),
    rule(r"\b(Mr|Mrs|Ms|Prof|Capt|Sgt|Gen|Rev|Mt)\b\.?(?=\s[A-Z])", lambda m: ABBREVIATIONS[m.group(1)]),
    rule(rf"\b({one_of(list(ABBREVIATIONS))})\.", lambda m: _end(m, ABBREVIATIONS[m.group(1)])),
    rule(r"\bmin\.(?=\s[a-z0-9])", "minimum"),
    rule(r"\b(?:[A-Z]\.){2,8}|\b(?:[A-Z]\.[ ]){2,8}(?=[A-Z])", _initials),
    rule(r"(?<=[a-z][ ])([A-Z])\.(?=[ ][A-Z][a-z])", r"\1"),
    rule(rf"(?<=\w)\.(?=(?:{one_of(_FILE_KINDS.split())})[0-9]?\b(?!\.\w))", " dot "),
    rule(r"(?<=[a-z])\.(?=[a-z])", " dot "),
    rule(r"(?<=[a-z])\.(?=[A-Z][a-z])", ". "),
)
