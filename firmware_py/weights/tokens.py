"""The byte-level vocabulary of a Whisper checkpoint directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firmware_py.errors import BadWeights

END_OF_TEXT = "<|endoftext|>"
COUNT = 50257
"""whisper.cpp knows the special tokens by their numbers, which follow these."""

FILES = ("vocabulary.json", "vocabulary.txt", "vocab.json", "tokenizer.json")


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's bijection: a printable byte stands for itself, the others for U+0100 onwards in order."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(hidden)}


def _by_number(numbers: dict[str, int], origin: Path) -> list[str]:
    if sorted(numbers.values()) != list(range(len(numbers))):
        raise BadWeights(f"{origin}: token numbers are not 0..{len(numbers) - 1}")
    return sorted(numbers, key=numbers.__getitem__)


def _strings(path: Path) -> list[str]:
    """The tokens as the file spells them, by number."""
    if path.suffix == ".txt":
        return path.read_text(encoding="utf-8").split("\n")
    data: Any = json.loads(path.read_text(encoding="utf-8"))
    if path.name == "tokenizer.json":
        data = data["model"]["vocab"]
    words = list(data) if isinstance(data, list) else _by_number(dict(data), path)
    if not all(isinstance(word, str) for word in words):
        raise TypeError("a token is not a text")
    return words


def read(directory: Path) -> tuple[bytes, ...]:
    """The plain tokens of a checkpoint directory as bytes, by number.

    The table ends as those of whisper.cpp's own files do: an English-only one with ``<|endoftext|>`` (50256), a
    multilingual one with the empty string (50256) that stands before it. Raises BadWeights when no vocabulary
    file is there or one cannot be read, naming it.
    """
    path = next((directory / name for name in FILES if (directory / name).is_file()), None)
    if path is None:
        raise BadWeights(f"{directory}: no vocabulary; expected one of {', '.join(FILES)}")
    alphabet = _byte_alphabet()
    try:
        words = _strings(path)
        plain = words[: words.index(END_OF_TEXT)] if END_OF_TEXT in words else words
        tokens = [bytes(alphabet[c] for c in word) for word in plain]
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BadWeights(f"{path}: not a byte-level vocabulary ({type(error).__name__}: {error})") from error
    if not tokens or tokens[-1] != b"":
        tokens.append(END_OF_TEXT.encode())
    if len(tokens) != COUNT:
        raise BadWeights(f"{path}: {len(tokens)} tokens, expected {COUNT}: truncated or not Whisper's")
    return tuple(tokens)
