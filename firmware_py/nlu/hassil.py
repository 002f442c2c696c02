"""Understanding through hassil's sentence templates: built-in intents, and the ones people write themselves.

hassil reads the templates; they are compiled to word graphs (:mod:`.graph`), matched to the letter of their
normal words (:mod:`.match`), and, where no template matches, repaired (:mod:`.repair`).
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from firmware_py.errors import ConfigError, NotFound, RtvaError
from firmware_py.events import Understood
from firmware_py.nlu.engine import Engine, Reading
from firmware_py.nlu.several import Exact, Several
from firmware_py.nlu.template_file import files_in, load
from firmware_py.nlu.yaml_nodes import TemplateError

BUILT_IN = Path(__file__).parent / "intents"
REPAIR_THRESHOLD = 0.78
"""Least score of a repaired sentence; measured by ``bench/repair_threshold.py`` (docs/decisions/0005)."""

_BELOW = 0.1
"""Repairs are looked for down to this much under the threshold, so that a rejected sentence has a score too."""
MOST_CHARS = 5_000
"""Longer texts are not looked at: nobody says so much to an appliance."""
_LEAST_FLOOR = 0.3
_MOST_REPAIRED = 0.99


class HassilUnderstanding:
    """Text to intent.

    ``templates`` are files (or folders of them) of the user's own; their intents come before the built-in ones of
    ``language``, which ``builtin=False`` leaves out. A file without ``language`` is in ``language``; others are
    tried in their own. A repaired sentence is accepted at a score of ``repair_threshold`` or more (0..1, 1.0
    repairs nothing). A mistake in a file raises ``error`` (ConfigError) with ``file:line: what``; a missing file
    raises NotFound.
    """

    def __init__(
        self,
        templates: Sequence[Path] = (),
        *,
        language: str = "en",
        repair_threshold: float | None = None,
        builtin: bool = True,
        error: type[RtvaError] = ConfigError,
    ) -> None:
        self.repair_threshold = REPAIR_THRESHOLD if repair_threshold is None else repair_threshold
        built_in = sorted((BUILT_IN / language.split("-")[0]).glob("*.yaml")) if builtin else []
        try:
            with without_collections():
                grammars = [*load(_files(templates), language), *load(built_in, language)]
                self._engines = [Engine(grammar) for grammar in grammars]
            self._several = Several(lambda text: self._match(text, self._read(text)))
        except TemplateError as mistake:
            raise error(f"{mistake.path}:{mistake.line}: {mistake.what}") from None
        except FileNotFoundError as missing:
            raise NotFound(f"{missing.filename}: no such template file") from None
        except OSError as problem:
            raise error(f"{problem.filename}: {problem.strerror}") from None

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The compiled templates, one engine a language and origin, the user's own first."""
        return tuple(self._engines)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the templates, the user's own first."""
        return tuple(dict.fromkeys(engine.language for engine in self._engines))

    @property
    def intents(self) -> tuple[str, ...]:
        """The names of all intents, the user's own first."""
        return tuple(dict.fromkeys(name for engine in self._engines for name in engine.intents))

    @property
    def responses(self) -> tuple[str, ...]:
        """The response templates of all intents, the user's own first."""
        return tuple(dict.fromkeys(text for engine in self._engines for text in engine.responses))

    def check_programs(self, allowed: Collection[str]) -> None:
        """Raises ConfigError for an action that runs a program which is not among ``allowed``."""
        for deeds in (d for engine in self._engines for d in engine.deeds.values()):
            for action, where in zip(deeds.actions, deeds.wheres, strict=True):
                if action.name == "program" and action.arguments["run"][0] not in allowed:
                    listed = ", ".join(allowed) or "none"
                    raise ConfigError(
                        f"{where}: program {action.arguments['run'][0]} is not in nlp.programs ({listed})"
                    )

    @property
    def action_kinds(self) -> frozenset[str]:
        """The kinds of actions that the templates have."""
        return frozenset(a.name for engine in self._engines for d in engine.deeds.values() for a in d.actions)

    def exact(self, text: str) -> Understood:
        """As :meth:`understand`, without repair: the sentence fits to the letter or is unknown."""
        found = self._match(text, self._read(text))
        return found.command if found else Understood(text=text)

    def _read(self, text: str) -> list[Reading]:
        """The sentence as each engine reads it, once a language."""
        found: dict[str, Reading] = {}
        for engine in self._engines:
            if engine.language not in found:
                found[engine.language] = engine.read(text)
        return [found[engine.language] for engine in self._engines]

    def _match(self, text: str, readings: Sequence[Reading]) -> Exact | None:
        for engine, reading in zip(self._engines, readings, strict=True):
            match = engine.match(reading)
            if match is not None:
                found, open_text = match
                return Exact(_understood(text, found, 1.0), open_text)
        return None

    def warm(self) -> None:
        """Has repair pay for its first use now, unless nothing is repaired."""
        if self.repair_threshold < 1:
            for engine in self._engines:
                engine.warm()

    def understand(self, text: str) -> Understood:
        """The intent of one sentence; ``intent`` is None when it is unknown. Never raises."""
        if len(text) > MOST_CHARS:
            return Understood(text=text)
        readings = self._read(text)
        whole = self._match(text, readings)
        matched = self._several.find(text, whole) or (whole.command if whole else None)
        if matched is not None:
            return matched
        if self.repair_threshold >= 1:
            return Understood(text=text)
        floor = max(_LEAST_FLOOR, self.repair_threshold - _BELOW)
        best: tuple[float, dict[str, Any]] = (0.0, {})
        for engine, reading in zip(self._engines, readings, strict=True):
            score, found = engine.repair(reading, max(floor, best[0]))
            if found is not None and score > best[0]:
                best = (score, found)
        score, found = best
        if found and score >= self.repair_threshold:
            return _understood(text, found, min(score, _MOST_REPAIRED))
        return Understood(text=text, score=score)


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Holds Python's cycle collector while templates are compiled: it would walk a million live objects, and find none
    that are dead (0.3 of the time for 10,000 sentences)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _files(templates: Sequence[Path]) -> list[Path]:
    """Files as they come, and what there is of a folder."""
    return [file for path in map(Path, templates) for file in (files_in(path) if path.is_dir() else [path])]


def _understood(text: str, found: dict[str, Any], score: float) -> Understood:
    return Understood(text=text, score=round(score, 4), **found)


__all__ = ["HassilUnderstanding", "Reading"]
