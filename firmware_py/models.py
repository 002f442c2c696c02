"""Weights: what exists, what is here, and how it gets here verified.

Everything an engine loads comes out of :func:`resolve` or its siblings, which read the whole file and compare size
and sha256 first. :class:`Library` holds one manifest and one store; the module's functions use the default one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from firmware_py.errors import BadWeights, ConfigError, Unavailable
from firmware_py.weights import checkpoints, ggml, manifest, sources, store
from firmware_py.weights.manifest import Entry, Pin, Source

FORMAT_OF = {"int8": "q8_0", "int4": "q4_0", "float16": "f16", "float32": "f32"}
"""``stt.optimization.compute_type`` -> the ggml format that serves it."""

HERE = Path(__file__).resolve().parent

Say = Callable[[str], None]


@dataclass(frozen=True)
class SttWeights:
    """A verified ggml file. ``language`` is set when a stand-in must be told it; ``note`` says what was replaced."""

    path: Path
    model: str
    language: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class VoiceWeights:
    """A verified Piper voice: the ONNX graph and its JSON configuration."""

    onnx: Path
    config: Path
    note: str | None = None


@dataclass(frozen=True)
class Wanted:
    """One file of an entry that should be in the store."""

    entry: Entry
    name: str

    def __str__(self) -> str:
        return f"{self.entry.name} ({self.name})"


def _quiet(_: str) -> None:
    pass


def shipped_manifest() -> Path:
    """The checkout's ``models/manifest.toml`` when this is one (a copy made at build could be older), else the copy."""
    checkout = HERE.parent / "models" / "manifest.toml"
    return checkout if checkout.is_file() and (HERE.parent / "setup.py").is_file() else HERE / "manifest.toml"


def file_of(compute_type: str) -> str:
    """The store's file name for a compute type. Raises Unavailable naming those that exist."""
    if compute_type not in FORMAT_OF:
        raise Unavailable(f"no compute type {compute_type!r}; there are: {', '.join(FORMAT_OF)}")
    return f"ggml-{FORMAT_OF[compute_type]}.bin"


class Library:
    """One manifest over one store."""

    def __init__(self, root: Path | None = None, manifest_path: Path | None = None) -> None:
        self.store = store.Store(root)
        self.local_path = self.store.root / "user.toml"
        self.shipped = _load(manifest_path or shipped_manifest())
        self.local = _load(self.local_path) if self.local_path.is_file() else {}

    def entry(self, name: str) -> Entry:
        """An entry by name, with the pins that this store made itself. Raises Unavailable naming what exists."""
        shipped, local = self.shipped.get(name), self.local.get(name)
        if shipped and local:
            return dataclasses.replace(shipped, results={**local.results, **shipped.results})
        found = shipped or local
        if found is None:
            raise Unavailable(f"no weights named {name!r}; there are: {', '.join(self.names())}")
        return found

    def names(self) -> list[str]:
        return [*self.shipped, *(name for name in self.local if name not in self.shipped)]

    # What is here

    def verified(self, entry: Entry, name: str) -> Path:
        """The path of a file after reading it whole. Raises Unavailable when missing, BadWeights when wrong."""
        path = self.store.path(entry, name)
        pin = entry.results.get(name)
        if pin is None or not path.is_file():
            raise Unavailable(f"{entry.name}: {name} is not here; run '{_how(entry, name)}'")
        store.check(path, pin)
        return path

    def has(self, wanted: Wanted) -> bool:
        """Whether a file is here and good, answered quickly (see :meth:`Store.looks_good`)."""
        pin = wanted.entry.results.get(wanted.name)
        return pin is not None and self.store.looks_good(self.store.path(wanted.entry, wanted.name), pin)

    def present(self) -> list[Wanted]:
        """Every file of the store that has a pin, good or not."""
        each = [Wanted(entry, file) for entry in map(self.entry, self.names()) for file in entry.results]
        return [wanted for wanted in each if self.store.path(wanted.entry, wanted.name).exists()]

    # Bringing it here

    def wanted(self, name: str, compute_type: str = "int8") -> list[Wanted]:
        """What ``fetch NAME`` should leave in the store."""
        entry = self.entry(name)
        files = [file_of(compute_type)] if entry.kind == "stt" else list(entry.results)
        return [Wanted(entry, each) for each in files]

    def fetch(self, wanted: Iterable[Wanted], say: Say = _quiet) -> list[Path]:
        """Brings what is missing or damaged; returns the new files. Raises Unavailable or BadWeights."""
        missing = [each for each in wanted if not self.has(each)]
        if not missing:
            return []
        made: list[Path] = []
        with self.store.writing() as work:
            fetcher = sources.Fetcher(work, self.store.incoming / "partial", say)
            for name in dict.fromkeys(each.entry.name for each in missing):
                files = [each.name for each in missing if each.entry.name == name]
                made += self._obtain(self.entry(name), files, fetcher, work, say)
        return made

    def _obtain(self, entry: Entry, files: list[str], fetcher: sources.Fetcher, work: Path, say: Say) -> list[Path]:
        """The first source that works; when none does, the error of each, in order."""
        errors: list[Exception] = []
        for number, source in enumerate(entry.sources):
            try:
                folder = fetcher.obtain(source, work / f"{entry.name}.{number}")
                return [self._produce(entry, source, folder, name, say) for name in files]
            except (Unavailable, BadWeights) as error:
                errors.append(error)
                if number + 1 < len(entry.sources):
                    say(f"{error}; trying the next source")
        if not errors:
            raise Unavailable(f"{entry.name}: {', '.join(files)} came from this machine and is gone; add it again")
        kind = BadWeights if any(isinstance(each, BadWeights) for each in errors) else Unavailable
        raise kind(f"{entry.name}: " + "; ".join(map(str, errors)))

    def _produce(self, entry: Entry, source: Source, folder: Path, name: str, say: Say) -> Path:
        ready = folder / name
        if not ready.is_file():
            say(f"converting {entry.name} to {name}")
            checkpoint = checkpoints.open_source(source.form, folder)
            self._convert(checkpoint, name, ready)
        return self._keep(entry, ready)

    def _convert(self, checkpoint: checkpoints.Checkpoint, name: str, out: Path) -> None:
        kind = name.removeprefix("ggml-").removesuffix(".bin")
        with out.open("wb") as file:
            ggml.write(checkpoint, kind, file)

    def _keep(self, entry: Entry, ready: Path) -> Path:
        """Moves a finished file into the store, after comparing it with its pin or giving it one."""
        pin = store.digest(ready)
        expected = entry.results.get(ready.name)
        if expected is not None and pin != expected:
            found, right = pin.sha256[:12], expected.sha256[:12]
            raise BadWeights(f"{entry.name}: {ready.name} has sha256 {found}..., expected {right}...: refused")
        target = self.store.path(entry, ready.name)
        self.store.keep(ready, target, pin)
        if expected is None:
            self._record(entry, ready.name, pin, ready.parent)
        return target

    def _record(self, entry: Entry, name: str, pin: Pin, work: Path) -> None:
        """Pins a file that the shipped manifest does not pin, in the store's own manifest."""
        known = self.local.get(entry.name, dataclasses.replace(entry, sources=(), results={}, stand_in=None))
        self.local[entry.name] = dataclasses.replace(known, results={**known.results, name: pin})
        self.store.write_text(work, self.local_path, manifest.render(list(self.local.values())))


def _load(path: Path) -> manifest.Manifest:
    try:
        return manifest.parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8") from error


def _how(entry: Entry, name: str) -> str:
    """The command that brings a file."""
    kind = name.removeprefix("ggml-").removesuffix(".bin")
    types = [each for each, form in FORMAT_OF.items() if form == kind]
    option = f" --type {types[0]}" if types and types[0] != "int8" else ""
    return f"rtva models fetch {entry.name}{option}"
