"""Checkpoint directories in every form become the same ggml file; whatever is not one is refused by name."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import weights_lab as lab
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.errors import BadWeights, NotFound
from firmware_py.weights import ct2, ggml, hf, tokens, whisper
from firmware_py.weights.checkpoints import open_directory


@pytest.fixture(scope="module")
def tensors() -> lab.Tensors:
    return lab.whisper_tensors()


@pytest.fixture(scope="module")
def ct2_folder(tensors: lab.Tensors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lab.write_ct2(tmp_path_factory.mktemp("ct2"), tensors)


@pytest.fixture(scope="module")
def hf_folder(tensors: lab.Tensors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lab.write_hf(tmp_path_factory.mktemp("hf"), tensors)


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    return lambda folder: Path(shutil.copytree(folder, tmp_path / "copy"))


def converted(folder: Path, kind: str = "f16") -> bytes:
    out = io.BytesIO()
    ggml.write(open_directory(folder), kind, out)
    return out.getvalue()


def test_both_forms_give_every_tensor(ct2_folder: Path, hf_folder: Path, tensors: lab.Tensors) -> None:
    for folder in (ct2_folder, hf_folder):
        checkpoint = open_directory(folder)
        assert {name for name, _ in whisper.layout(checkpoint.dims)} == set(tensors)
        for name, value in checkpoint.tensors():
            assert np.array_equal(value, tensors[name]), name


def test_both_forms_give_the_same_file(ct2_folder: Path, hf_folder: Path) -> None:
    assert converted(ct2_folder, "q8_0") == converted(hf_folder, "q8_0")


def test_float32_and_bfloat16_safetensors_are_read(tmp_path: Path, tensors: lab.Tensors) -> None:
    """Values that bfloat16 holds exactly, written in both types."""
    bits = {name: (value.astype("<f4").view("<u4") >> 16).astype("<u2") for name, value in tensors.items()}
    exact = {name: (value.astype("<u4") << 16).view("<f4") for name, value in bits.items()}
    lab.write_hf(tmp_path / "f32", exact)
    lab.write_hf(tmp_path / "bf16", bits)
    for folder in ("f32", "bf16"):
        checkpoint = hf.open_checkpoint(tmp_path / folder)
        assert all(np.array_equal(value, exact[name]) for name, value in checkpoint.tensors())


def test_sharded_safetensors_without_the_prefix_are_read(tmp_path: Path, hf_folder: Path, tensors: lab.Tensors) -> None:
    shutil.copy(hf_folder / "config.json", tmp_path)
    shutil.copy(hf_folder / "vocab.json", tmp_path)
    names = list(tensors)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, part in parts.items():
        shard = {lab.hf_name(name).removeprefix("model."): tensors[name] for name in part}
        (tmp_path / file).write_bytes(lab.safetensors_bytes(shard))
    where = {lab.hf_name(name): file for file, part in parts.items() for name in part}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    assert converted(tmp_path) == converted(hf_folder)


def test_an_int8_ctranslate2_model_is_scaled_back(tmp_path: Path, tensors: lab.Tensors, ct2_folder: Path) -> None:
    """CTranslate2 stores round(value * scale) with one scale a row; the value is the quotient."""
    variables = {}
    for name, value in lab.ct2_variables(tensors).items():
        if name.endswith("weight") and value.ndim == 2:
            scale = (127 / np.abs(value.astype(np.float32)).max(axis=1)).astype(np.float32)
            variables[f"{name}_scale"] = scale
            value = np.rint(value * scale[:, None]).astype(np.int8)
        variables[name] = value
    folder = Path(shutil.copytree(ct2_folder, tmp_path / "int8"))
    (folder / "model.bin").write_bytes(lab.ct2_bytes(variables))
    for name, value in open_directory(folder).tensors():
        step = np.abs(tensors[name].astype(np.float32)).max() / 127
        assert np.abs(value - tensors[name].astype(np.float32)).max() <= 0.5 * step + 1e-6, name


# What is refused, and how it is said


def refused(folder: Path) -> str:
    with pytest.raises(BadWeights) as caught:
        converted(folder)
    assert str(folder) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.5, 0.999])
@pytest.mark.parametrize("file", ["model.bin", "model.safetensors"])
def test_a_truncated_model_is_refused(
    copied: Callable[[Path], Path], ct2_folder: Path, hf_folder: Path, file: str, share: float
) -> None:
    folder = copied(ct2_folder if file == "model.bin" else hf_folder)
    data = (folder / file).read_bytes()
    (folder / file).write_bytes(data[: int(len(data) * share)])
    assert file in refused(folder)


def test_a_directory_that_is_none_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing"):
        open_directory(tmp_path / "nothing")


@pytest.mark.parametrize("form", ["ct2", "hf"])
def test_a_missing_config_is_named(
    copied: Callable[[Path], Path], ct2_folder: Path, hf_folder: Path, form: str
) -> None:
    folder = copied(ct2_folder if form == "ct2" else hf_folder)
    (folder / "config.json").unlink()
    assert "config.json: missing" in refused(folder)


def test_a_directory_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert "neither model.bin" in refused(tmp_path)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02.")
    assert "a pickle, which runs code when opened" in refused(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("model_type", "bert", "model_type is 'bert', expected 'whisper'"),
        ("d_model", None, "d_model is None, expected a whole number"),
        ("d_model", 10**9, "n_audio_state is 1000000000"),
        ("encoder_layers", 0, "n_audio_layer is 0"),
        ("encoder_attention_heads", 3, "width 64 does not split into 3 heads"),
        ("vocab_size", 1000, "a vocabulary of 1000"),
        ("d_model", 128, "has shape (1500, 64), expected (1500, 128)"),
        ("decoder_layers", 2, "no tensor decoder.layers.1"),
    ],
)
def test_a_config_that_lies_is_refused(
    copied: Callable[[Path], Path], hf_folder: Path, key: str, value: object, says: str
) -> None:
    folder = copied(hf_folder)
    (folder / "config.json").write_text(json.dumps(lab.HF_CONFIG | {key: value}))
    error = refused(folder)
    assert says in error or "has shape" in error


@pytest.mark.parametrize(
    ("spec", "version", "says"),
    [("TransformerSpec", 6, "a TransformerSpec, not a Whisper model"), ("WhisperSpec", 99, "binary version 4 to 6")],
)
def test_another_ctranslate2_model_is_refused(
    copied: Callable[[Path], Path], ct2_folder: Path, tensors: lab.Tensors, spec: str, version: int, says: str
) -> None:
    folder = copied(ct2_folder)
    (folder / "model.bin").write_bytes(lab.ct2_bytes(lab.ct2_variables(tensors), spec, version))
    assert says in refused(folder)


def test_a_missing_variable_is_named(copied: Callable[[Path], Path], ct2_folder: Path, tensors: lab.Tensors) -> None:
    folder = copied(ct2_folder)
    variables = lab.ct2_variables(tensors)
    del variables["encoder/conv2/bias"]
    (folder / "model.bin").write_bytes(lab.ct2_bytes(variables))
    assert "no variable encoder/conv2/bias" in refused(folder)


def test_keys_with_a_bias_are_refused(copied: Callable[[Path], Path], ct2_folder: Path, tensors: lab.Tensors) -> None:
    """It would be lost on the way, and the model would mishear without a word."""
    folder = copied(ct2_folder)
    variables = lab.ct2_variables(tensors)
    bias = variables["encoder/layer_0/self_attention/linear_0/bias"].copy()
    bias[lab.STATE] = 1
    variables["encoder/layer_0/self_attention/linear_0/bias"] = bias
    (folder / "model.bin").write_bytes(lab.ct2_bytes(variables))
    assert "key.weight has a bias" in refused(folder)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_damaged_model_bin_is_read_or_refused(
    ct2_folder: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Never another exception, whatever bytes of its tables are changed."""
    whole = bytearray((ct2_folder / "model.bin").read_bytes()[:4000] + bytes(64))
    for _ in range(3):
        whole[data.draw(st.integers(0, 200))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("bad") / "model.bin"
    path.write_bytes(whole)
    with pytest.raises(BadWeights, match=r"model\.bin"):
        ct2.Model(path)


@settings(max_examples=80, deadline=None)
@given(
    st.binary(max_size=200)
    | st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=3)).map(
        lambda table: len(json.dumps(table)).to_bytes(8, "little") + json.dumps(table).encode()
    )
)
def test_any_bytes_are_safetensors_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("st") / "model.safetensors"
    path.write_bytes(data)
    try:
        file = hf.SafeTensors(path)
        for name in file.tensors:
            file.tensor(name)
    except BadWeights as error:
        assert "model.safetensors" in str(error)


# Vocabularies


@pytest.mark.parametrize("form", ["vocabulary.json", "vocabulary.txt", "vocab.json", "tokenizer.json"])
def test_every_form_of_a_vocabulary_is_read(tmp_path: Path, form: str) -> None:
    words = lab.spelled_vocabulary()
    numbers = {word: i for i, word in enumerate(words[: lab.PLAIN + 1])}
    text = {
        "vocabulary.json": json.dumps(words),
        "vocabulary.txt": "\n".join(words) + "\n",
        "vocab.json": json.dumps(dict(reversed(numbers.items()))),
        "tokenizer.json": json.dumps({"model": {"type": "BPE", "vocab": numbers}}),
    }[form]
    (tmp_path / form).write_text(text, encoding="utf-8")
    assert tokens.read(tmp_path) == (*lab.vocabulary(), b"<|endoftext|>")


def test_a_multilingual_table_ends_with_the_empty_string(tmp_path: Path) -> None:
    words = [*map(lab.spelled, lab.vocabulary()), "", "<|endoftext|>", "<|startoftranscript|>"]
    assert len(lab.vocabulary()) == 50256
    (tmp_path / "vocabulary.json").write_text(json.dumps(words))
    assert tokens.read(tmp_path)[-2:] == (lab.vocabulary()[-1], b"")


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2]", '{"a": 5}', '{"a": 0, "b": 0}', '["\\u4e2d"]', '{"a": "x"}', "[[]]", "null"]
)
def test_a_vocabulary_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "vocabulary.json").write_text(text)
    with pytest.raises(BadWeights, match=r"vocabulary\.json"):
        tokens.read(tmp_path)


def test_a_truncated_vocabulary_is_refused(tmp_path: Path) -> None:
    """It would give every word after the cut the wrong number, without an error."""
    (tmp_path / "vocabulary.txt").write_text("\n".join(lab.spelled_vocabulary()[:40000]), encoding="utf-8")
    with pytest.raises(BadWeights, match=r"vocabulary\.txt: 40001 tokens, expected 50257"):
        tokens.read(tmp_path)


def test_no_vocabulary_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"no vocabulary; expected one of vocabulary\.json"):
        tokens.read(tmp_path)
