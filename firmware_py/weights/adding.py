"""Weights of the user's own: a Whisper checkpoint to convert, a ready ggml file, a Piper voice by URL or path."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from firmware_py.errors import BadWeights, NotFound, Unavailable, UsageError
from firmware_py.weights.library import ADDED_FROM, FORMAT_OF, Library, Wanted, file_of
from firmware_py.weights.manifest import Entry, is_name, is_url

Say = Callable[[str], None]
_MAX_CONFIG = 4 << 20


def _named(books: Library, name: str, kind: str, description: str) -> Entry:
    """A new local entry. Raises UsageError when the name cannot be one or is taken by a shipped entry."""
    if not is_name(name):
        raise UsageError(f"{name!r} cannot name weights: letters, digits, '.', '_' and '-' (choose one with --name)")
    if name in books.shipped:
        raise UsageError(f"{name!r} is one of the shipped weights (choose another name with --name)")
    return Entry(name, kind, "not stated", description)


# Speech to text


def checked_ggml(path: Path) -> Path:
    """A user's own ggml file, its structure checked from end to end. Raises Unavailable or BadWeights."""
    from firmware_py.weights.ggml_reader import GgmlFile

    if not path.is_file():
        hint = f"; 'rtva models convert {path}' makes one of a checkpoint directory" if path.is_dir() else ""
        raise Unavailable(f"{path}: no such ggml file{hint}")
    if GgmlFile(path).kind == "f32":
        raise BadWeights(
            f"{path}: whisper.cpp aborts on float32 files; 'rtva models convert {path}' makes a usable one"
        )
    return path


def checked_gguf(path: Path) -> Path:
    """A user's own language model: that it is there and begins as a GGUF file does. Raises Unavailable, BadWeights."""
    if not path.is_file():
        raise Unavailable(f"{path}: no such GGUF file")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise BadWeights(f"{path}: not a GGUF file")
    return path


def add_model(books: Library, path: Path, name: str | None, compute_type: str | None, say: Say) -> Wanted:
    """Converts (or, for a ready ggml file of the right type, copies) a model into the store and pins it.

    A ready file that is quantised is kept as it is; anything else becomes ``compute_type``, int8 by default.
    Raises NotFound, BadWeights naming the file, or UsageError.
    """
    from firmware_py.weights import checkpoints, ggml
    from firmware_py.weights.ggml_reader import GgmlFile

    chosen = name or (path.stem.removeprefix("ggml-") if path.is_file() else path.resolve().name)
    entry = _named(books, chosen, "stt", f"{ADDED_FROM}{path.absolute()}")
    ready = GgmlFile(path) if path.is_file() else None
    is_quantised = ready is not None and ready.kind not in ("f16", "f32")
    if ready and is_quantised and compute_type and FORMAT_OF[compute_type] != ready.kind:
        raise UsageError(f"{path}: is {ready.kind} and cannot become {compute_type} (give an f16 or f32 file)")
    target = f"ggml-{ready.kind}.bin" if ready and is_quantised else file_of(compute_type or "int8")
    checkpoint = ready.checkpoint() if ready else checkpoints.open_directory(path)
    with books.store.writing(say) as work:
        say(f"converting {path} to {target}")
        if ready and target == f"ggml-{ready.kind}.bin":
            shutil.copyfile(path, work / target)
        else:
            with (work / target).open("wb") as out:
                ggml.write(checkpoint, target.removeprefix("ggml-").removesuffix(".bin"), out)
        books.replace_local(entry, target)
        books.keep(entry, work / target)
    return Wanted(books.entry(entry.name), target)


# Text to speech


def voice_name(path: str) -> str:
    """The name under which a voice is kept: its file name without ``.onnx``."""
    return Path(path).name.removesuffix(".onnx")


def checked_voice(onnx: Path) -> tuple[Path, Path]:
    """A voice's two files by the path of the first. Raises Unavailable or BadWeights naming the file."""
    config = onnx.with_name(f"{onnx.name}.json")
    for path in (onnx, config):
        if not path.is_file():
            raise Unavailable(f"{path}: no such voice file")
    _check_voice(onnx, config)
    return onnx, config


def _check_voice(onnx: Path, config: Path) -> None:
    """What can be seen without loading. Raises BadWeights naming the file."""
    _check_onnx(onnx)
    try:
        if config.stat().st_size > _MAX_CONFIG:
            raise ValueError("too large")
        data = json.loads(config.read_text(encoding="utf-8"))
        if not isinstance(data["audio"]["sample_rate"], int) or not isinstance(data["phoneme_id_map"], dict):
            raise ValueError("audio.sample_rate or phoneme_id_map is wrong")
    except (ValueError, KeyError, TypeError) as error:
        raise BadWeights(
            f"{config}: not the configuration of a Piper voice ({type(error).__name__}: {error})"
        ) from error


def _check_onnx(onnx: Path) -> None:
    """An ONNX file begins with its ir_version (protobuf field 1), and its last field ends where the file does."""
    size = onnx.stat().st_size
    with onnx.open("rb") as file:
        if file.read(1) != b"\x08":
            raise BadWeights(f"{onnx}: not an ONNX file")
        file.seek(0)
        while (at := file.tell()) < size:
            kind = _varint(file) & 7
            if kind == 2:
                file.seek(_varint(file), os.SEEK_CUR)
            elif kind == 0:
                _varint(file)
            else:
                raise BadWeights(f"{onnx}: not an ONNX file (damaged at byte {at})")
    if at > size:
        raise BadWeights(f"{onnx}: cut short: it has {size} bytes of {at}")


def _varint(file: BinaryIO) -> int:
    """A protobuf integer; at the end of the file it ends too."""
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1) or b"\0"
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            break
    return value


def add_voice(books: Library, origin: str, say: Say) -> list[Path]:
    """Brings a voice from a URL or a path, with ``.json`` after it, and pins what came.

    Nothing says beforehand what its sha256 should be; that is said. A voice that is here already is left alone.
    """
    if not origin.endswith(".onnx") or (not is_url(origin) and "://" in origin):
        raise UsageError(
            f"{origin}: a voice is an https URL or a path that ends in .onnx (see 'rtva models fetch --help')"
        )
    name = voice_name(urlsplit(origin).path if is_url(origin) else origin)
    known = books.local.get(name)
    if known and all(books.has(Wanted(known, file)) for file in known.results):
        return []
    entry = _named(books, name, "tts", f"Piper voice {ADDED_FROM}{origin}")
    with books.store.writing(say) as work:
        onnx, config = (work / f"{name}.onnx{end}" for end in ("", ".json"))
        for end, target in (("", onnx), (".json", config)):
            _bring(f"{origin}{end}", books.store.incoming / "partial", target, say)
        _check_voice(onnx, config)
        books.replace_local(entry, *(() if known is None else known.results))
        made = [books.keep(entry, config), books.keep(entry, onnx)]
    sha256 = books.local[name].results[onnx.name].sha256
    say(f"{name}: no sha256 was known before; pinned what came, {sha256}")
    return made


def _bring(origin: str, partial: Path, target: Path, say: Say) -> None:
    if is_url(origin):
        from firmware_py.weights import downloads

        downloads.download(origin, partial, say).replace(target)
    elif Path(origin).is_file():
        shutil.copyfile(origin, target)
    else:
        raise NotFound(f"{origin}: no such file")
