"""pocketsphinx with a JSGF grammar of the same templates: the closed recogniser that stands beside ours.

It is no part of rtva. This puts it, with its en-us model, where it is looked for; else the measurement leaves it out:

    .venv/bin/python -m pip install --no-deps --target build/peers pocketsphinx==5.1.1

vosk's packages bring no model.
"""

from __future__ import annotations

import functools
import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np
from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    TextChunk,
)

from firmware_py.nlu.graph import value_sentences
from firmware_py.nlu.normalize import words as normal_words
from firmware_py.nlu.phonetic import phones
from firmware_py.nlu.template_file import load
from firmware_py.nlu.templates import Grammar

FOLDER = Path(__file__).resolve().parents[1] / "build" / "peers"
_ARPABET_TEXT = """i=IY I=IH e=EY E=EH a=AE A=AA O=AO o=OW U=UH u=UW V=AH @=AH 3=ER Y=AY W=AW Q=OY T=TH S=SH Z=ZH C=CH
J=JH N=NG j=Y h=HH"""
_ARPABET = dict(pair.split("=") for pair in _ARPABET_TEXT.split())


def is_there() -> bool:
    """Whether pocketsphinx can be imported."""
    if FOLDER.is_dir() and str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    try:
        import pocketsphinx  # noqa: F401
    except ImportError:
        return False
    return True


class Sphinx:
    """A decoder over the grammar of a template file."""

    def __init__(self, templates: Path) -> None:
        import pocketsphinx

        self.decoder = pocketsphinx.Decoder(loglevel="FATAL", samprate=16_000)
        grammar, said = jsgf(load([templates], "en")[0])
        for word in sorted(said):
            if self.decoder.lookup_word(word) is None:
                self.decoder.add_word(word, " ".join(_ARPABET.get(p, p.upper()) for p in phones(word)), False)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "grammar.jsgf"
            path.write_text(grammar)
            self.decoder.add_jsgf_file("templates", str(path))
        self.decoder.activate_search("templates")

    def transcribe(self, audio: np.ndarray) -> str:
        """The sentence of the grammar that was heard, "" for none."""
        self.decoder.start_utt()
        self.decoder.process_raw((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        self.decoder.end_utt()
        found = self.decoder.hyp()
        return found.hypstr if found else ""


def jsgf(templates: Grammar) -> tuple[str, set[str]]:
    """Templates as a JSGF grammar, and its words. Permutations become their orders, and lists rules of their own."""
    writer = _Writer(templates)
    for number, template in enumerate(templates.templates):
        writer.rules[f"t{number}"] = writer.body(template.body)
    top = " | ".join(f"<t{n}>" for n in range(len(templates.templates)))
    rules = [f"<{name}> = {body};" for name, body in writer.rules.items()]
    return "\n".join(["#JSGF V1.0;", "grammar templates;", f"public <top> = {top};", *rules, ""]), writer.words


class _Writer:
    def __init__(self, templates: Grammar) -> None:
        self.scope = templates.scope
        self.rules: dict[str, str] = {}
        self.words: set[str] = set()

    def body(self, body: Expression) -> str:
        if isinstance(body, TextChunk):
            said = normal_words(body.original_text)
            self.words.update(said)
            return " ".join(said)
        if isinstance(body, ListReference):
            return self.list(body.list_name)
        if isinstance(body, RuleReference):
            name = f"r_{body.rule_name}"
            if name not in self.rules:
                self.rules[name] = self.body(self.scope.rules[body.rule_name].body)
            return f"<{name}>"
        assert isinstance(body, Group)
        items = [text for text in map(self.body, body.items) if text.strip()]
        if isinstance(body, Permutation):
            orders = (" ".join(order) for order in itertools.permutations(items))
            return f"({' | '.join(orders)})"
        if isinstance(body, Alternative):
            return f"[{' | '.join(items)}]" if body.is_optional else f"({' | '.join(items)})"
        return f"({' '.join(items)})" if items else ""

    def list(self, list_name: str) -> str:
        source = self.scope.lists[list_name]
        if source.is_wildcard:
            raise SystemExit(f"{{{list_name}}}: pocketsphinx has no open words in a grammar")
        if source.numbers is not None:
            whole = range(source.numbers.first, source.numbers.last + 1, source.numbers.step)
            ways = [tuple(normal_words(str(n))) for n in whole]
        else:
            normal = functools.partial(normal_words, language="en")
            ways = [w for v in source.values for w in value_sentences(v.said, self.scope, v.where, normal)]
        self.words.update(word for way in ways for word in way)
        self.rules.setdefault(f"l_{list_name}", " | ".join(" ".join(way) for way in ways))
        return f"<l_{list_name}>"
