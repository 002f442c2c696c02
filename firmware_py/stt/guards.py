"""What keeps Whisper honest: pure functions on text, tokens and durations.

Whisper with a shortened audio context now and then repeats a sentence until it runs out of tokens, and it
describes noise in brackets. Nothing here listens to audio; :mod:`firmware_py.stt.whisper_cpp` applies it.
"""

from __future__ import annotations

import re

ENCODER_FRAMES_PER_S = 50
FULL_CONTEXT = 1500
CONTEXT_FLOOR = 384
CONTEXT_MARGIN = 128
"""``max(384, 50*s + 128)`` looped in 2 of 40 recordings at 0.21 of the full context's time, ``50*s + 64`` in
10 of 40 at 0.16 (measured on real commands, tiny.en)."""

CONTEXT_STEP = 64
"""Few different sizes, so that buffers and kernels are reused."""

OPEN_FLOOR, OPEN_MARGIN, OPEN_STEP = 256, 96, 32
"""Without templates, where a loop costs little: its first copy is kept when it is sound (:func:`first_copy`). The
operating point of recognition along templates was measured with the larger context, so that one keeps it."""

TOKENS_BASE = 8
TOKENS_PER_S = 7
"""Fast English is about 4 words, 6 tokens a second; eight more for the shortest clips."""

_BRACKETED = re.compile(r"\[[^\]]*(?:\]|$)|\([^)]*(?:\)|$)|\{[^}]*(?:\}|$)|\*[^*]*(?:\*|$)|<\|[^|]*\|>|[♪♫♬♩]+")
_NO_WORD = re.compile(r"^[\W_]*$")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

INVENTED = frozenset(
    {
        "you",
        "thank you",
        "thanks",
        "thank you very much",
        "thank you so much",
        "thanks for watching",
        "thank you for watching",
        "thanks for listening",
        "please subscribe",
        "bye",
        "bye bye",
        "so",
        "oh",
        "uh",
        "um",
        "hmm",
        "mm",
        "mhm",
        "ah",
        "the",
        "i'm sorry",
        "i'm going to go",
        "okay",
        "i'm not going to do that",
        "i'm going to make a little bit of this",
    }
)
"""Sentences that Whisper was trained to see under noise and silence (subtitles' credits and fillers). They
are dropped only together with a second sign that nobody spoke."""


def audio_context(seconds: float, *, is_open: bool = False) -> int:
    """Encoder frames for an utterance of ``seconds``: floor and margin, whole steps, at most the full 1500.

    ``is_open``: there are no templates to follow.
    """
    floor, margin, step = (CONTEXT_FLOOR, CONTEXT_MARGIN, CONTEXT_STEP)
    if is_open:
        floor, margin, step = OPEN_FLOOR, OPEN_MARGIN, OPEN_STEP
    wanted = max(floor, int(ENCODER_FRAMES_PER_S * seconds) + margin)
    return min(FULL_CONTEXT, -(-wanted // step) * step)


def token_cap(seconds: float) -> int:
    """Most tokens that ``seconds`` of speech can hold; bounds what a loop can cost."""
    return TOKENS_BASE + int(TOKENS_PER_S * seconds)


def strip_annotations(text: str) -> str:
    """``text`` without bracketed annotations, music signs and special tokens; "" when nothing is left.

    An annotation that the token cap cut short (no closing bracket) goes too.
    """
    text = _BRACKETED.sub(" ", text)
    text = " ".join(text.split())
    return "" if _NO_WORD.match(text) else text


def words(text: str) -> list[str]:
    """Words of ``text`` in lower case, for comparisons only."""
    return [w.lower().replace("’", "'") for w in _WORD.findall(text)]


def is_invented(text: str) -> bool:
    """Whether ``text`` is one of the sentences Whisper invents in noise."""
    return " ".join(words(text)) in INVENTED


def first_repeat(items: list[str], *, longest: int = 24) -> int | None:
    """Where a loop begins: the index of the second copy of a phrase repeated back to back, else None.

    One word counts after four copies ("no no no" is speech), two words after three, three or more words
    after two. ``items`` are lower-case words.
    """
    for start in range(len(items)):
        for length in range(1, min(longest, (len(items) - start) // 2) + 1):
            copies = _copies(items, start, length)
            if copies >= (4 if length == 1 else 3 if length == 2 else 2):
                return start + length
    return None


def first_copy(text: str) -> str | None:
    """The first copy of a loop whose copies are whole sentences and all of ``text``, with its own mark; else None.

    Whisper that loops has nearly always written the sentence rightly once, and the copies begin after its end.
    """
    found = list(_WORD.finditer(text))
    said = [m.group().lower() for m in found]
    at = first_repeat(said)
    if at is None or at < 3 or any(word != said[i % at] for i, word in enumerate(said)):
        return None
    sentence = text[: found[at].start()].rstrip()
    return sentence if sentence.endswith((".", "?", "!")) else None


def _copies(items: list[str], start: int, length: int) -> int:
    phrase = items[start : start + length]
    copies = 1
    while items[start + copies * length : start + (copies + 1) * length] == phrase:
        copies += 1
    return copies


def cut_loop(text: str) -> tuple[str, bool]:
    """``text`` up to the end of the first copy of a repeated phrase, and whether there was one.

    A phrase that the token cap cut in the middle of its second copy does not count: it cannot be told from
    speech that begins the same way.
    """
    found = list(_WORD.finditer(text))
    at = first_repeat([m.group().lower() for m in found])
    if at is None:
        return text, False
    return text[: found[at - 1].end()].rstrip(" ,;-") + ".", True
