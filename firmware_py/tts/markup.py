"""What is on the page but is not said: markdown, tags, pictographs, typographic variants; and addresses.

After :func:`plain` a text is letters, ASCII digits and known signs, one space at most, with sentence ends
where the page had line ends.
"""

from __future__ import annotations

import re
import unicodedata

from firmware_py.tts.lexicon import SYMBOLS
from firmware_py.tts.numbers import digits
from firmware_py.tts.rules import MAX_TOKEN, Rule, rewrite, rule

_QUOTES = dict.fromkeys("‘’‚‛′`´ʼ", "'") | dict.fromkeys("“”„‟″«»", '"')
_DASHES = {"—": " - ", "―": " - ", "–": "–", "−": "-", "‐": "-", "‑": "-"}
_KEEP = set(SYMBOLS) | set("\n .,;:!?'\"-–/*#_~^`")
_LONG_TOKEN = re.compile(rf"\S{{{MAX_TOKEN}}}")


class _Characters(dict[int, str]):
    """Translation table that fills itself: each character's form, "" or " " for one that is not said."""

    def __missing__(self, codepoint: int) -> str:
        form = self[codepoint] = _form(chr(codepoint))
        return form


def _form(char: str) -> str:
    for table in (_QUOTES, _DASHES):
        if char in table:
            return table[char]
    if char in _KEEP or (char.isascii() and char.isalnum()):
        return char
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category[0] == "L" or (category[0] == "M" and not 0xFE00 <= ord(char) <= 0xFE0F):
        return char
    return "" if category == "Cf" else " "


_CHARACTERS = _Characters()
_BEFORE_NFKC = str.maketrans({"²": "^2", "³": "^3", "…": "... ", "½": " 1/2", "¼": " 1/4", "¾": " 3/4"})
_RUNS: tuple[Rule, ...] = (
    rule(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n"),
    rule(r"[^\S\n]+", " "),
    rule(r" ?\n[ \n]*", lambda m: "\n\n" if m.group().count("\n") > 1 else "\n"),
    rule(r"([^A-Za-z0-9\s])\1{7,}", r"\1\1\1"),
)
_MARKDOWN: tuple[Rule, ...] = (
    rule(r"```[a-z]{0,20}", " "),
    rule(r"!?\[([^\[\]\n]{1,200})\]\([^()\s]{0,200}\)", r"\1"),
    rule(r"</?[a-zA-Z][^<>\n]{0,100}>", " "),
    rule(r"&(?:nbsp|amp|lt|gt|quot);", " "),
    rule(r"(?m)^(?:#{1,6}|[-*+•>]|[0-9]{1,2}[.)]) (?=\S)", "\n"),
    rule(r"(?m)^[ |:+=*_-]{3,200}$", "\n"),
    rule(r"(?<![\w*)])\*{1,3}(?=[^\s*])|(?<=[^\s*])\*{1,3}(?![\w*(])|(?<!\w)_{1,3}(?=\w)|(?<=\w)_{1,3}(?!\w)", ""),
    rule(r"~~|__|(?<![0-9)])\*\*|`", " "),
)
_SPACES = re.compile(r" {2,}")
_LINE_END = re.compile(r" ?\n\s*")
_DOMAINS = "com|org|net|edu|gov|mil|io|dev|ai|app|info|uk|de|fr|eu|us|ca|au|jp|ch|nl|local|lan"
_URL = re.compile(
    r"\b(?:https?|ftp)://[^\s<>\"']{1,200}|\bwww\.[^\s<>\"']{1,200}"
    rf"|(?<![\w@.-])(?:[A-Za-z0-9-]{{1,63}}\.){{1,5}}(?:{_DOMAINS})\b(?!\.\w)(?:/[^\s<>\"']{{0,200}})?"
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,10}\b")
_IP = re.compile(
    r"(?<![\w.])(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?!\.?[0-9])"
)
_MAC = re.compile(r"\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b")
_PATH = re.compile(r"(?<![^\s(\"'])(?:~|\.{1,2})?/[\w.][^\s\"']{0,200}|(?<![^\s(\"'])\w{1,40}/\w{1,40}/[^\s\"']{1,200}")
_PORT = re.compile(r":([0-9]{1,5})(?=[/?#]|$)")
_SPOKEN_SIGNS = {
    ".": " dot ",
    "/": " slash ",
    "-": " dash ",
    "_": " underscore ",
    ":": " colon ",
    "?": " question mark ",
    "=": " equals ",
    "&": " and ",
    "#": " hash ",
    "@": " at ",
    "+": " plus ",
    "%": " percent ",
    "~": " tilde ",
}
MAX_SAID_ADDRESS = 60
"""A longer web address is said as its host alone: nobody can follow the rest by ear."""


def plain(text: str) -> str:
    """The text without markup and pictographs, in one Unicode form, as one line."""
    bound = 2 * len(text) + 64  # one ligature can become 18 characters
    text = unicodedata.normalize("NFKC", text.translate(_BEFORE_NFKC))[:bound]
    text = rewrite(text.replace("⁄", "/"), _RUNS)
    text = rewrite(_LONG_TOKEN.sub(r"\g<0> ", text), _MARKDOWN)
    return _LINE_END.sub(_line_end, _SPACES.sub(" ", text.translate(_CHARACTERS)))


def _line_end(match: re.Match[str]) -> str:
    """A line end is a sentence's end, unless the line wraps or has its own punctuation."""
    text, start, end = match.string, match.start(), match.end()
    is_wrapped = match.group().count("\n") == 1 and text[end : end + 1].islower()
    return " " if is_wrapped or start == 0 or text[start - 1] in ".!?:;," else ". "


def addresses(text: str) -> str:
    """Web, mail, network and hardware addresses as they are read out."""
    text = _EMAIL.sub(lambda m: _signs(m.group()), text)
    text = _URL.sub(_url, text)
    text = _PATH.sub(_path, text)
    text = _MAC.sub(lambda m: ", ".join(" ".join(c.upper() for c in part) for part in m.group().split(":")), text)
    return _IP.sub(lambda m: " dot ".join(digits(part) for part in m.group().split(".")), text)


def _signs(address: str) -> str:
    return " ".join("".join(_SPOKEN_SIGNS.get(c, c) for c in address).split())


def _path(match: re.Match[str]) -> str:
    whole = match.group()
    if re.fullmatch(r"[0-9/]*", whole):
        return whole
    path = whole.rstrip(".,;:!?)")
    return _signs(path) + whole[len(path) :]


def _url(match: re.Match[str]) -> str:
    whole = match.group()
    address = whole.rstrip(".,;:!?)'*_")
    tail = whole[len(address) :]
    _, _, rest = address.rpartition("://")
    rest = rest.rstrip("/")
    if len(rest) > MAX_SAID_ADDRESS:
        rest = re.split(r"[/?#]", rest)[0]
    if rest.startswith("www."):
        rest = "W W W." + rest[4:]
    return _signs(_PORT.sub(lambda m: f": {digits(m.group(1))}", rest, count=1)) + tail
