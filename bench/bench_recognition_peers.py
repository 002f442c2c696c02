"""pocketsphinx with a JSGF grammar of the same templates: the closed recogniser that stands beside ours.

It is no part of rtva. This puts it, with its en-us model, where it is looked for; else the measurement leaves it out:

    .venv/bin/python -m pip install --no-deps --target build/peers pocketsphinx==5.1.1

vosk's packages bring no model.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from firmware_py.nlu.engine import Engine
from firmware_py.nlu.graph import Graph, Slot
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.nlu.normalize import words as normal_words
from firmware_py.nlu.phonetic import phones

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
    """A decoder over the grammar of ``understanding``'s first engine."""

    def __init__(self, understanding: HassilUnderstanding) -> None:
        import pocketsphinx

        self.decoder = pocketsphinx.Decoder(loglevel="FATAL", samprate=16_000)
        grammar, said = jsgf(understanding.engines[0])
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


def jsgf(engine: Engine) -> tuple[str, set[str]]:
    """An engine's templates as a JSGF grammar, and its words: a rule a state of the word graphs, a rule a list."""
    rules, lists = [], {}
    said: set[str] = set()
    for number, graph in enumerate(engine.graphs):
        rules += _graph_rules(number, graph, lists, said)
    for name, slot in lists.values():
        ways = _ways(slot, engine)
        said.update(w for way in ways for w in way)
        rules.append(f"<{name}> = {' | '.join(' '.join(way) for way in ways)};")
    top = " | ".join(f"<g{n}s0>" for n in range(len(engine.graphs)))
    return "\n".join(["#JSGF V1.0;", "grammar templates;", f"public <top> = {top};", *rules, ""]), said


def _graph_rules(number: int, graph: Graph, lists: dict[int, tuple[str, Slot]], said: set[str]) -> list[str]:
    rules = []
    for state, arcs in enumerate(graph.arcs):
        ways = ["<NULL>"] if state in graph.final else []
        for label, to in arcs:
            if isinstance(label, Slot):
                name = lists.setdefault(id(label.source), (f"list{len(lists)}", label))[0]
                ways.append(f"<{name}> <g{number}s{to}>")
            else:
                said.add(label)
                ways.append(f"{label} <g{number}s{to}>")
        rules.append(f"<g{number}s{state}> = {' | '.join(ways) or '<VOID>'};")
    return rules


def _ways(slot: Slot, engine: Engine) -> Sequence[Sequence[str]]:
    numbers = slot.source.numbers
    if numbers is not None:
        return [normal_words(str(n)) for n in range(numbers.first, numbers.last + 1, numbers.step)]
    if slot.source.is_wildcard:
        raise SystemExit(f"{{{slot.name}}}: pocketsphinx has no open words in a grammar")
    return [words for words, _ in engine.values.said[id(slot.source)]]
