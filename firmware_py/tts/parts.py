"""The parts of a voice on disk: cut once, verified against the whole voice, kept beside it.

``NAME.onnx`` gets a folder ``NAME.parts/`` with the graphs and ``parts.json``, which says of which file they
are parts, by which onnxruntime, how much context a window needs, how far the parts were from the whole, and the
sha256 of each. Anything that does not fit is cut again. Where nothing can be written the cut is made in memory.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadInput
from firmware_py.tts.cut import Cut, cut
from firmware_py.tts.planar import planar
from firmware_py.tts.sessions import Floats, Net, session_options
from firmware_py.tts.split_voice import Context, Latent, Parts

FORMAT = 3
INDEX = "parts.json"
FILES = ("front.onnx", "flow.onnx", "coarse.onnx", "fine.onnx")
TOLERANCE = 1e-4
"""Largest difference of a sample (-1..1) between the parts and the whole for the same latent."""
CONTEXTS = (Context(28, 10, 1), Context(36, 13, 3), Context(48, 16, 4), Context(48, 24, 8))
"""Tried in this order; the first is what a medium voice's kernels reach."""
STALE_S = 3600
Feed = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Verified:
    """A cut that gives what the whole gives. ``largest_error`` is the difference found, in samples of -1..1."""

    context: Context
    largest_error: float


def parts_folder(onnx: Path) -> Path:
    """Where the parts of a voice are kept."""
    return onnx.with_suffix(".parts")


def open_parts(onnx: Path, feed: Feed, num_threads: int = 0) -> Parts:
    """The parts of the voice ``onnx``, cut now if they are not there. ``feed`` is a sentence to verify with.

    Stored parts that are damaged are cut again, and ``note`` says so. Raises ValueError when the voice cannot be cut
    (another shape of graph, or parts that differ from the whole), Unavailable or BadInput when it cannot be loaded
    at all.
    """
    folder, note = parts_folder(onnx), None
    try:
        context = _stored(folder, onnx)
    except Damaged as damage:
        context, note = None, f"{folder}: {damage}: the voice is cut again"
    if context is None:
        pieces, verified = make_parts(onnx, feed)
        context = verified.context
        refused = _store(folder, onnx, pieces, verified)
        if refused:
            note = f"{folder}: cannot be kept ({refused}): the voice is cut at every start"
            return replace(_load(pieces, context, num_threads, str(onnx)), note=note)
    return replace(_load([folder / name for name in FILES], context, num_threads), note=note)


class Damaged(ValueError):
    """Stored parts that are not what was stored."""


def _load(models: Sequence[Path | bytes], context: Context, num_threads: int = 0, label: str = "") -> Parts:
    front, flow, coarse, fine = (Net(model, session_options(num_threads), label) for model in models)
    return Parts(front, flow, coarse, fine, context)


def make_parts(onnx: Path, feed: Feed) -> tuple[tuple[bytes, ...], Verified]:
    """Cut, optimise what is slow to optimise at every start, put the decoder into a plane, and verify.

    Front and flow stay over time: a plane costs them 60 MB of memory for 3 ms. Raises ValueError.
    """
    made = cut(onnx.read_bytes())
    pieces = (_optimised(made.front), made.flow, planar(made.coarse), planar(made.fine))
    try:
        verified = verify(made, _load(pieces, Context(0, 0, 0), label=str(onnx)), feed)
    except BadInput as error:
        raise ValueError(f"a part of it cannot be loaded: {error}") from error
    return pieces, verified


def verify(made: Cut, parts: Parts, feed: Feed) -> Verified:
    """Compare with the whole voice on one sentence, and find the context that windows need.

    The whole voice gives its samples and the latent they came from, so the noise is the same on both sides; the
    front is compared with all noise at zero. Raises ValueError when a part differs by more than
    :data:`TOLERANCE`.
    """
    whole = Net(made.whole, session_options(), "the whole voice")
    at = whole.outputs.index(parts.front.outputs[0])
    quiet = (feed[0], feed[1], feed[2] * np.array([0, 1, 0], np.float32))
    error = _distance(parts.front(*quiet)[0], whole(*quiet)[at])
    if error > TOLERANCE:
        raise ValueError(f"its front differs from the whole by {error:.1e}")
    outputs = whole(*feed)
    latent, samples = outputs[at], outputs[0].reshape(-1)
    error = window_error(parts, latent, samples, latent.shape[2])
    if error > TOLERANCE:
        raise ValueError(f"its parts differ from the whole by {error:.1e}")
    for context in CONTEXTS:
        error = window_error(replace(parts, context=context), latent, samples)
        if error <= TOLERANCE / 2:
            return Verified(context, error)
    raise ValueError(f"windows of it differ from the whole by {error:.1e}")


def window_error(parts: Parts, latent: Floats, samples: Floats, size: int = 16) -> float:
    """The largest difference between decoding ``latent`` in windows of ``size`` frames and ``samples``."""
    piece = Latent(parts, latent)
    found = [piece.samples(at, min(at + size, piece.frames)) for at in range(0, piece.frames, size)]
    return _distance(np.concatenate(found), samples)


def _distance(left: Floats, right: Floats) -> float:
    return float(np.abs(left - right).max()) if left.shape == right.shape and left.size else float("inf")


def _optimised(model: bytes) -> bytes:
    """The graph after onnxruntime's portable optimisations: its 2,000 small nodes take most of the loading time."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "optimised.onnx"
        options = session_options()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(target)
        Net(model, options, "the front of the voice")
        return target.read_bytes()


def _runtime() -> str:
    import onnxruntime

    return str(onnxruntime.__version__)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _stored(folder: Path, onnx: Path) -> Context | None:
    """The context of the parts in ``folder`` when they are of this voice, else None. Raises Damaged."""
    try:
        info = json.loads((folder / INDEX).read_text())
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise Damaged("not a folder") from None
    except (OSError, ValueError) as error:
        raise Damaged(f"parts.json cannot be read ({error})") from error
    try:
        if info["format"] != FORMAT or info["onnxruntime"] != _runtime() or not _is_source(info["source"], onnx):
            return None
        for name in FILES:
            if _digest((folder / name).read_bytes()) != info["files"][name]:
                raise Damaged(f"{name} is damaged")
        return Context(**info["context"])
    except FileNotFoundError as missing:
        raise Damaged(f"{Path(missing.filename).name} is missing") from missing
    except (OSError, KeyError, TypeError) as error:
        raise Damaged(f"not parts of a voice ({type(error).__name__}: {error})") from error


def _is_source(source: Any, onnx: Path) -> bool:
    state = onnx.stat()
    if [source["size"], source["mtime_ns"]] == [state.st_size, state.st_mtime_ns]:
        return True
    return bool(source["size"] == state.st_size and source["sha256"] == _digest(onnx.read_bytes()))


def _store(folder: Path, onnx: Path, pieces: tuple[bytes, ...], verified: Verified) -> str | None:
    """Write everything beside the voice and put it in place at once; where that cannot be, why."""
    try:
        for left in folder.parent.glob(f".{folder.name}.*"):
            if time.time() - left.stat().st_mtime > STALE_S:  # a writer was killed there
                shutil.rmtree(left, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        return error.strerror or str(error)
    try:
        for name, piece in zip(FILES, pieces, strict=True):
            (new / name).write_bytes(piece)
        (new / INDEX).write_text(json.dumps(_index(onnx, pieces, verified), indent=2) + "\n")
        new.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        return None if _is_stored(folder, onnx) else error.strerror or str(error)
    return None


def _is_stored(folder: Path, onnx: Path) -> bool:
    """Whether another process has put the parts there meanwhile."""
    try:
        return _stored(folder, onnx) is not None
    except Damaged:
        return False


def _index(onnx: Path, pieces: tuple[bytes, ...], verified: Verified) -> dict[str, Any]:
    """What ``parts.json`` says."""
    state = onnx.stat()
    return {
        "format": FORMAT,
        "source": {
            "size": state.st_size,
            "mtime_ns": state.st_mtime_ns,
            "sha256": _digest(onnx.read_bytes()),
        },
        "onnxruntime": _runtime(),
        "files": {name: _digest(piece) for name, piece in zip(FILES, pieces, strict=True)},
        **asdict(verified),
    }
