"""The configuration: found, read, validated, and the presets of the guide and for boards.

What is in force comes in three layers: the defaults of the schema, over them a preset, over that the keys
that a file writes. A key that stands in a file therefore wins over ``--preset``; leave out of a file what a
preset shall decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from typing_extensions import Self

from firmware_py.boards import BOARDS
from firmware_py.errors import ConfigError, UsageError
from firmware_py.presets import PRESETS as GUIDE_PRESETS
from firmware_py.settings import problems
from firmware_py.settings.document import Document, parse, read
from firmware_py.settings.knobs import Knob, knobs
from firmware_py.settings.schema import MODEL_NAMES, Settings

__all__ = ["MODEL_NAMES", "PRESETS", "Config", "Effective", "Knob", "check", "describe", "effective", "find", "load"]

C = TypeVar("C", bound=Settings)

PRESETS: dict[str, Mapping[str, Any]] = {**GUIDE_PRESETS, **{name: board.values for name, board in BOARDS.items()}}
"""The guide's, then those for boards."""

PLACES = (Path("config/config.yaml"), Path("/etc/rtva/config.yaml"))
"""Where a configuration is looked for, in this order, when none is named."""


class Config(Settings):
    """The validated configuration; frozen. Attributes are the keys: ``config.audio.input.chunk_size``."""

    @classmethod
    def default(cls) -> Self:
        """No file and no preset: tiny.en int8 and Piper."""
        return cls()

    def value(self, key: str) -> Any:
        """The value of a dotted key. Raises ConfigError for an unknown one."""
        if key not in knobs():
            raise ConfigError(f"{key}: {problems.unknown_key(key)}")
        value: Any = self
        for name in key.split("."):
            value = getattr(value, name)
        return value

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A copy with the dotted keys of ``values`` replaced, validated like a file. Raises ConfigError."""
        tree = self.model_dump()
        for key, value in values.items():
            self.value(key)
            *sections, name = key.split(".")
            node = tree
            for section in sections:
                node = node[section]
            node[name] = value
        return _validated(type(self), tree, Document())


@dataclass(frozen=True)
class Effective:
    """A configuration, the file it came from (None without one), and where each key's value stands.

    ``origins`` maps a dotted key to ``default``, ``preset NAME`` or ``FILE:LINE``.
    """

    config: Config
    path: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)


def find() -> Path | None:
    """The first of :data:`PLACES` that exists."""
    return next((path for path in PLACES if path.exists()), None)


def load(path: Path | None = None, preset: str | None = None) -> Config:
    """The configuration in ``path``, else in the first of :data:`PLACES`, else the defaults.

    Raises NotFound when ``path`` does not exist, UsageError for an unknown preset, ConfigError for any
    mistake in the file.
    """
    return effective(path, preset).config


def effective(path: Path | None = None, preset: str | None = None) -> Effective:
    """Like :func:`load`, and says where each value comes from."""
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}; there are: {', '.join(PRESETS)}")
    found = path if path is not None else find()
    document = read(found) if found is not None else Document()
    below: Mapping[str, Any] = PRESETS[preset] if preset else {}
    config = _validated(Config, _merged(below, document.values), document)
    return Effective(config, found, _origins(document, preset))


def check(path: Path) -> Config:
    """The configuration that ``path`` alone gives; raises like :func:`load`."""
    return load(path)


def from_text(text: str, path: Path | None = None) -> Config:
    """The configuration in a YAML text, judged as if it stood in ``path``. Raises ConfigError."""
    document = parse(text, path)
    return _validated(Config, document.values, document)


def describe() -> dict[str, Knob]:
    """Every key by its dotted name: default, what is allowed, meaning, the guide's section."""
    return dict(knobs())


def _validated(kind: type[C], values: Mapping[str, Any], document: Document) -> C:
    base = document.path.absolute().parent if document.path else Path()
    try:
        return kind.model_validate(values, context={"base": base})
    except ValidationError as error:
        raise ConfigError(problems.line(error, document)) from error


def _merged(below: Any, above: Any) -> Any:
    """``above`` over ``below``, mapping by mapping; an empty section hides nothing."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return below if above is None and isinstance(below, Mapping) else above
    merged = {key: below[key] for key in below if key not in above}
    return merged | {key: _merged(below.get(key), value) for key, value in above.items()}


def _origins(document: Document, preset: str | None) -> dict[str, str]:
    origins: dict[str, str] = {}
    for key in knobs():
        parts = tuple(key.split("."))
        if parts in document.lines:
            origins[key] = document.where(parts)
        elif preset and _contains(PRESETS[preset], parts):
            origins[key] = f"preset {preset}"
        else:
            origins[key] = "default"
    return origins


def _contains(tree: Any, parts: tuple[str, ...]) -> bool:
    for part in parts:
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return True
