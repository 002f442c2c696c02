"""The real voice cut in four: what windows give is what the whole gives; what is kept is checked."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_py import models
from firmware_py.tts import parts as parts_of
from firmware_py.tts.cut import cut
from firmware_py.tts.graph import Graph
from firmware_py.tts.parts import FILES, TOLERANCE, Feed, make_parts, open_parts, parts_folder, window_error
from firmware_py.tts.phonemes import Phonemes
from firmware_py.tts.piper import feed_of
from firmware_py.tts.sessions import Net, session_options
from firmware_py.tts.split_voice import Context, Latent, Parts
from firmware_py.tts.voice import read_voice
from firmware_py.tts.wire import field, fields, integer

SENTENCE = "The kitchen is at nineteen degrees, and the window is open."


@pytest.fixture(scope="module")
def voice(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the voice, so that what is made beside it is ours."""
    found = models.resolve_voice("en_US-joe-medium")
    copy = tmp_path_factory.mktemp("voice") / "joe.onnx"
    shutil.copy(found.onnx, copy)
    shutil.copy(found.config, copy.with_name("joe.onnx.json"))
    return copy


@pytest.fixture(scope="module")
def feed(voice: Path) -> Feed:
    info = read_voice(voice.with_name("joe.onnx.json"))
    return feed_of(Phonemes(info).ids(SENTENCE), info)


@pytest.fixture(scope="module")
def opened(voice: Path, feed: Feed) -> Parts:
    return open_parts(voice, feed, 1)


@pytest.fixture(scope="module")
def whole(voice: Path) -> Net:
    """The uncut voice that also tells its latent."""
    return Net(cut(voice.read_bytes()).whole, session_options(1))


@pytest.mark.parametrize("window", [1, 7, 16, 64, 10_000])
def test_windows_give_the_sound_of_the_whole(opened: Parts, whole: Net, feed: Feed, window: int) -> None:
    """For the same latent, which holds the noise: within 1e-4 of full scale (issue: identical to the whole)."""
    outputs = dict(zip(whole.outputs, whole(*feed), strict=True))
    latent, samples = outputs[opened.front.outputs[0]], outputs[whole.outputs[0]].reshape(-1)
    assert np.abs(samples).max() > 0.1
    if window == 1:  # a window of one frame costs its context: a second of speech is enough
        reach = sum(vars(opened.context).values())  # the last frame's own context must lie within the piece
        latent, samples = latent[:, :, : 60 + reach], samples[: 60 * 256]
        head = list(_windows(opened, latent, 1, 60))
        assert np.abs(np.concatenate(head) - samples).max() <= TOLERANCE
        return
    assert window_error(opened, latent, samples, window) <= TOLERANCE


@pytest.mark.parametrize(
    "text",
    [
        "Yes.",
        "The living room lamp is on.",
        "I have set a timer for ten minutes, it ends at noon.",
        "Today is the twenty second of November. It is five minutes past three, and your next alarm is tomorrow "
        "morning at half past six.",
    ],
)
def test_sentences_of_any_length_are_those_of_the_whole(voice: Path, opened: Parts, whole: Net, text: str) -> None:
    """In the chunks that are really played, growing from the first."""
    info = read_voice(voice.with_name("joe.onnx.json"))
    outputs = dict(zip(whole.outputs, whole(*feed_of(Phonemes(info).ids(text), info)), strict=True))
    latent, samples = outputs[opened.front.outputs[0]], outputs[whole.outputs[0]].reshape(-1)
    found, at, piece = [], 0, Latent(opened, latent)
    for size in (16, 24, 64, 160, 160, 160, 160, 160):
        end = min(at + size, piece.frames)
        found.append(piece.samples(at, end) if end > at else samples[:0])
        at = end
    assert at == piece.frames
    assert np.abs(np.concatenate(found) - samples).max() <= TOLERANCE


def _windows(opened: Parts, latent: np.ndarray, size: int, end: int) -> Iterator[np.ndarray]:
    piece = Latent(opened, latent)
    return (piece.samples(at, at + size) for at in range(0, end, size))


def test_too_little_context_is_seen(opened: Parts, whole: Net, feed: Feed) -> None:
    """The comparison can fail: with half the context the windows are far from the whole."""
    outputs = dict(zip(whole.outputs, whole(*feed), strict=True))
    latent, samples = outputs[opened.front.outputs[0]], outputs[whole.outputs[0]].reshape(-1)
    for context in (Context(28, 5, 1), Context(8, 10, 1), Context(28, 10, 0)):
        assert window_error(replace(opened, context=context), latent, samples) > TOLERANCE


def test_the_parts_are_kept_and_used_again(
    voice: Path, feed: Feed, opened: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {p.name for p in parts_folder(voice).iterdir()} == {*FILES, "parts.json"}
    info = json.loads((parts_folder(voice) / "parts.json").read_text())
    assert info["largest_error"] <= TOLERANCE
    assert not list(voice.parent.glob(".*"))
    monkeypatch.setattr(parts_of, "make_parts", None)  # would fail if it were asked
    assert open_parts(voice, feed, 1).context == opened.context


@pytest.mark.parametrize("damage", ["a wrong bit", "no file", "no index", "another voice"])
def test_parts_that_do_not_fit_are_not_used(voice: Path, opened: Parts, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "joe.onnx"
    os.link(voice, copy)
    shutil.copytree(parts_folder(voice), parts_folder(copy))
    assert parts_of._stored(parts_folder(copy), copy) == opened.context
    target = parts_folder(copy) / "flow.onnx"
    if damage == "a wrong bit":
        data = bytearray(target.read_bytes())
        data[len(data) // 2] ^= 1
        target.write_bytes(data)
    elif damage == "no file":
        target.unlink()
    elif damage == "no index":
        (parts_folder(copy) / "parts.json").write_text("{")
    else:
        copy.unlink()
        copy.write_bytes(voice.read_bytes()[:-1] + b"\0")
    if damage == "another voice":
        assert parts_of._stored(parts_folder(copy), copy) is None
    else:
        with pytest.raises(parts_of.Damaged):
            parts_of._stored(parts_folder(copy), copy)


@pytest.mark.parametrize("name", [*FILES, "parts.json"])
def test_a_damaged_part_is_cut_again_and_that_is_said(
    voice: Path, feed: Feed, opened: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    copy = tmp_path / "joe.onnx"
    os.link(voice, copy)
    shutil.copytree(parts_folder(voice), parts_folder(copy))
    whole = {file: (parts_folder(copy) / file).read_bytes() for file in FILES}
    (parts_folder(copy) / name).write_bytes(b"{")
    found = tuple(whole.values()), parts_of.Verified(opened.context, 0.0)
    monkeypatch.setattr(parts_of, "make_parts", lambda onnx, feed: found)  # what a cut gives, without its seconds
    again = open_parts(copy, feed, 1)
    assert again.note is not None and name in again.note and str(parts_folder(copy)) in again.note
    assert "\n" not in again.note
    assert {file: (parts_folder(copy) / file).read_bytes() for file in FILES} == whole
    assert open_parts(copy, feed, 1).note is None


def test_where_nothing_can_be_written_the_cut_is_made_in_memory(
    voice: Path, feed: Feed, opened: Parts, tmp_path: Path
) -> None:
    copy = tmp_path / "joe.onnx"
    os.link(voice, copy)
    parts_folder(copy).write_text("a file where the folder should be")
    found = open_parts(copy, feed, 1)
    assert found.front(*feed)[0].shape[1] == 192
    assert found.note is not None and "cut at every start" in found.note
    assert parts_folder(copy).is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["joe.onnx", "joe.parts"]


def edited(message: memoryview, number: int, old: str, new: str) -> bytes:
    """The message with each text field ``number`` that is ``old`` replaced."""
    return b"".join(
        field(number, new.encode()) if p.number == number and bytes(p.payload) == old.encode() else bytes(p.raw)
        for p in fields(message)
    )


def with_speakers(voice: bytes) -> bytes:
    """The voice with a speaker input whose bias on the decoder is zero, placed as voices with a table have it."""
    out = next(n for n in Graph(voice).nodes if n.op == "Conv" and n.inputs[1] == "dec.conv_pre.weight").outputs[0]
    to_float = field(5, field(1, b"to") + integer(3, 1) + integer(20, 2))
    bias = [
        field(1, field(1, b"sid") + field(2, b"sid_float") + field(4, b"Cast") + to_float),
        field(1, field(1, b"sid_float") + field(1, b"sid_float") + field(2, b"zero") + field(4, b"Sub")),
        field(1, field(1, out.encode()) + field(1, b"zero") + field(2, b"biased") + field(4, b"Add")),
    ]
    speaker = field(1, b"sid") + field(2, field(1, integer(1, 7) + field(2, field(1, integer(1, 1)))))
    graph: list[bytes] = []
    for item in fields(next(p.payload for p in fields(memoryview(voice)) if p.number == 7)):
        body = edited(item.payload, 1, "sid", "embedding") if item.number == 1 else bytes(item.payload)
        body = edited(item.payload, 8, "sid", "embedding") if item.number == 5 else body
        if item.number == 1 and edited(memoryview(body), 1, out, "biased") != body:
            graph += bias
            body = edited(memoryview(body), 1, out, "biased")
        graph.append(field(item.number, body))
    rest = [bytes(p.raw) for p in fields(memoryview(voice)) if p.number != 7]
    return b"".join([*rest, field(7, b"".join([*graph, field(11, speaker)]))])


def test_a_voice_with_several_speakers_is_cut_too(voice: Path, feed: Feed, tmp_path: Path) -> None:
    """No such voice is at hand, so the real one is given a speaker input."""
    many = tmp_path / "many.onnx"
    many.write_bytes(with_speakers(voice.read_bytes()))
    pieces, verified = make_parts(many, feed)
    assert [Net(p, session_options(1)).has_speaker for p in pieces] == [False, False, True, False]
    assert verified.largest_error <= TOLERANCE
