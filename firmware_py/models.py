"""Weights: what exists, what is here, and how it gets here verified.

Whatever an engine loads comes out of :func:`resolve_stt`, :func:`resolve_voice` or :func:`resolve_vad`, which read
the whole file and compare size and sha256 first. Missing weights raise Unavailable with the command that brings
them, wrong ones BadWeights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from firmware_py.errors import BadWeights, RtvaError, Unavailable
from firmware_py.weights import adding, manifest
from firmware_py.weights.coqui import CoquiFiles, checked_coqui
from firmware_py.weights.library import FORMAT_OF, Library, Wanted, command_for, file_of, type_of
from firmware_py.weights.store import bundled, home

__all__ = [
    "FORMAT_OF",
    "CoquiFiles",
    "Fetched",
    "Status",
    "SttWeights",
    "VoiceWeights",
    "convert",
    "fetch",
    "grammar_folders",
    "home",
    "library",
    "listing",
    "resolve",
    "resolve_coqui",
    "resolve_llm",
    "resolve_stt",
    "resolve_substitute",
    "resolve_vad",
    "resolve_voice",
    "speech_folder",
    "speech_key",
    "verify",
]

HERE = Path(__file__).resolve().parent
Say = Callable[[str], None]


def speech_key(engine: str, arguments: dict[str, Any]) -> str:
    """What rendered speech depends on beside its text: the engine, its voice, and the files that it is made of."""
    files = [value for value in arguments.values() if isinstance(value, Path)]
    states = [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return " ".join([engine, str(arguments.get("voice", "")), *states])


def speech_folder() -> Path:
    """Where rendered speech is kept between runs."""
    return home() / "cache" / "speech"


def grammar_folders() -> tuple[Path, Path]:
    """Where the automaton of the templates is kept: this machine's own folder, and what the installation brought."""
    return home() / "cache" / "grammar", bundled().parent / "grammar"


@dataclass(frozen=True)
class SttWeights:
    """A verified ggml file. ``language`` is set when a stand-in must be told it; ``note`` says what was replaced."""

    path: Path
    model: str
    language: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class VoiceWeights:
    """A verified Piper voice, the ONNX graph and its JSON configuration; ``note`` says what was replaced."""

    onnx: Path
    config: Path
    note: str | None = None


@dataclass(frozen=True)
class Fetched:
    """The files that are new, and a line for each model that was replaced by another."""

    paths: list[Path]
    notes: list[str]


@dataclass(frozen=True)
class Status:
    """One file of the store: ``state`` is ``good``, ``missing`` or ``bad``, and then ``error`` says why."""

    name: str
    file: str
    path: Path
    state: str
    error: str | None = None


def _quiet(_: str) -> None:
    pass


def shipped_manifest() -> Path:
    """The checkout's ``models/manifest.toml`` when this is one (a copy made at build could be older), else the copy."""
    checkout = HERE.parent / "models" / "manifest.toml"
    return checkout if checkout.is_file() and (HERE.parent / "setup.py").is_file() else HERE / "manifest.toml"


def library(root: Path | None = None) -> Library:
    """The shipped manifest over the store in ``root`` (default: :func:`home`)."""
    return Library(shipped_manifest(), root)


# What engines load


def resolve(name: str, compute_type: str = "int8") -> Path:
    """The verified ggml file of exactly this model and type, nothing in its place."""
    books = library()
    return books.verified(books.entry(name), file_of(compute_type))


def resolve_stt(model: str, compute_type: str = "int8") -> SttWeights:
    """The verified weights of a model, or of the best stand-in that is here.

    ``model`` is a name, ``custom:NAME`` for one added by ``rtva models convert``, or the path of a ggml file, of
    which the structure alone can be checked.
    """
    if "/" in model:
        return SttWeights(adding.checked_ggml(Path(model)), model)
    books = library()
    entry = books.model(model)
    name = file_of(compute_type)
    if books.store.path(entry, name).exists():
        note = "whisper.cpp has no float32: using float16" if compute_type == "float32" else None
        return SttWeights(books.verified(entry, name), entry.name, note=note)
    if not entry.sources and entry.results:
        only = next(iter(entry.results))
        return SttWeights(books.verified(entry, only), entry.name, note=f"{entry.name} is here as {only}: using that")
    return _stand_in(books, entry, name)


def _stand_in(books: Library, entry: manifest.Entry, name: str) -> SttWeights:
    for other in map(books.entry, entry.stand_ins):
        if books.store.path(other, name).exists():
            language = "en" if entry.name.endswith(".en") and not other.name.endswith(".en") else None
            told = " with language en" if language else ""
            note = f"{entry.name} is not here: using {other.name}{told} ('{command_for(entry, name)}' brings it)"
            return SttWeights(books.verified(other, name), other.name, language, note)
    raise Unavailable(f"{entry.name}: {name} is not here; run '{command_for(entry, name)}'")


def resolve_voice(voice: str) -> VoiceWeights:
    """A voice by name, by the URL it was fetched from, or by the path of an ``.onnx`` with its ``.onnx.json``.

    A name that is not here is replaced by a default voice that is. A path is the user's own file: it must exist,
    and nothing says what its sha256 should be.
    """
    if "/" in voice and not manifest.is_url(voice):
        return VoiceWeights(*adding.checked_voice(Path(voice)))
    books = library()
    name = adding.voice_name(urlsplit(voice).path) if manifest.is_url(voice) else voice
    for each in [name, *_default_voices(books)]:
        entry = books.shipped.get(each) or books.local.get(each)
        if entry is None or entry.kind != "tts" or not all(books.store.path(entry, f).exists() for f in entry.results):
            continue
        note = (
            None if each == name else f"voice {name} is not here: using {each} ('rtva models fetch {voice}' brings it)"
        )
        onnx = next(file for file in entry.results if file.endswith(".onnx"))
        return VoiceWeights(books.verified(entry, onnx), books.verified(entry, f"{onnx}.json"), note)
    raise Unavailable(f"voice {name} is not here; run 'rtva models fetch {voice}'")


def resolve_substitute(voice: str) -> VoiceWeights:
    """The Piper voice that speaks in place of another engine: ``voice`` where it names one, else a default one."""
    books = library()
    is_piper = voice in books.shipped or voice in books.local or voice.endswith(".onnx")
    return resolve_voice(voice if is_piper else _default_voices(books)[0])


def resolve_coqui(voice: str) -> CoquiFiles:
    """The files of the Coqui model at the path ``voice``, looked at, not loaded. Raises Unavailable, BadWeights."""
    if "/" not in voice:
        needs = "its extra (pip install 'rtva[coqui]') and in tts.voice the path of a model's folder or .pth"
        raise Unavailable(f"tts.voice {voice!r} is no Coqui model; coqui needs {needs}")
    return checked_coqui(Path(voice))


def _default_voices(books: Library) -> list[str]:
    return [each.name for each in books.shipped.values() if each.kind == "tts" and each.is_default]


def resolve_vad(name: str = "silero") -> Path:
    """The verified ONNX graph of a voice activity detector."""
    books = library()
    entry = books.entry(name)
    return books.verified(entry, next(iter(entry.results)))


def resolve_llm(model: str) -> Path:
    """The verified GGUF file of a language model by name, or the user's own by its path, looked at, not loaded."""
    if "/" in model:
        return adding.checked_gguf(Path(model))
    books = library()
    entry = books.entry(model)
    if entry.kind != "llm":
        raise Unavailable(f"{model}: a {entry.kind} entry, not a language model; or the path of a GGUF file")
    return books.verified(entry, next(iter(entry.results)))


# What `rtva models` does


def fetch(names: Iterable[str], compute_type: str = "int8", say: Say = _quiet) -> Fetched:
    """Brings entries by name, or voices by URL or path; without names the default set.

    A model that cannot be reached is replaced by its first stand-in that can. All are tried; when some fail, one
    error holds all reasons, BadWeights when one of them is.
    """
    books = library()
    chosen = list(names) or [each.name for each in books.shipped.values() if each.is_default]
    fetched = Fetched([], [])
    errors: list[RtvaError] = []
    for name in chosen:
        try:
            _fetch_one(books, name, compute_type, say, fetched)
        except (Unavailable, BadWeights) as error:
            errors.append(error)
    if errors:
        kind = BadWeights if any(isinstance(each, BadWeights) for each in errors) else Unavailable
        raise kind("; ".join(map(str, [*fetched.notes, *errors])))
    return fetched


def _fetch_one(books: Library, name: str, compute_type: str, say: Say, fetched: Fetched) -> None:
    if "/" in name:
        fetched.paths.extend(adding.add_voice(books, name, say))
        return
    entry = books.entry(name.removeprefix("custom:"))
    try:
        fetched.paths.extend(books.fetch(books.wanted(entry.name, compute_type), say))
    except Unavailable as error:
        for other in entry.stand_ins:
            try:
                fetched.paths.extend(books.fetch(books.wanted(other, compute_type), say))
            except Unavailable:
                continue
            fetched.notes.append(f"{error}: {other} is here in its place")
            return
        raise


def convert(
    path: Path, name: str | None = None, compute_type: str | None = None, say: Say = _quiet
) -> tuple[str, Path]:
    """Adds a Whisper checkpoint directory or a ready ggml file to the store, for ``stt.model: custom:NAME``.

    Returns NAME and the new file. Raises NotFound, BadWeights naming what is wrong, or UsageError.
    """
    books = library()
    made = adding.add_model(books, path, name, compute_type, say)
    return made.entry.name, books.store.path(made.entry, made.name)


def verify(names: Iterable[str] = ()) -> list[Status]:
    """Reads files whole: those of the named entries, or everything that is here and the default set."""
    books = library()
    chosen = list(names)
    entries = [books.entry(name) for name in chosen or books.names()]
    return [
        _status(books, Wanted(entry, file))
        for entry in entries
        for file in _to_verify(books, entry, bool(chosen) or entry.is_default)
    ]


def _to_verify(books: Library, entry: manifest.Entry, is_needed: bool) -> list[str]:
    """What is here of an entry; when that is nothing and something is needed, what a plain fetch would bring."""
    here = [name for name in entry.results if books.store.path(entry, name).exists()]
    if entry.kind == "stt" and here:
        return here
    return [each.name for each in books.wanted(entry.name)] if here or is_needed else []


def _status(books: Library, wanted: Wanted) -> Status:
    path = books.store.path(wanted.entry, wanted.name)
    try:
        books.verified(wanted.entry, wanted.name)
    except Unavailable as error:
        return Status(wanted.entry.name, wanted.name, path, "missing", str(error))
    except BadWeights as error:
        return Status(wanted.entry.name, wanted.name, path, "bad", str(error))
    return Status(wanted.entry.name, wanted.name, path, "good")


def listing() -> list[dict[str, Any]]:
    """Every entry as plain data, with its files and whether they are here (answered without reading them again)."""
    books = library()
    return [_described(books, books.entry(name)) for name in books.names()]


def _described(books: Library, entry: manifest.Entry) -> dict[str, Any]:
    files = [
        {
            "file": name,
            "compute_type": type_of(name),
            "path": str(books.store.path(entry, name)),
            "present": books.has(Wanted(entry, name)),
            "size": pin.size,
            "sha256": pin.sha256,
        }
        for name, pin in entry.results.items()
    ]
    return {
        "name": entry.name,
        "kind": entry.kind,
        "licence": entry.licence,
        "description": entry.description,
        "default": entry.is_default,
        "local": not entry.sources,
        "stand_ins": list(entry.stand_ins),
        "sources": [[piece.origin for piece in source.pieces] for source in entry.sources],
        "files": files,
    }
