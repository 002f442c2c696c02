"""The ggml container: checked against whisper.cpp's own code and files, and against every kind of damage."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import weights_lab as lab
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from firmware_py.errors import BadWeights
from firmware_py.weights import ct2, ggml, mel
from firmware_py.weights.ggml_reader import GgmlFile


def library() -> ctypes.CDLL:
    """ggml as pywhispercpp carries it."""
    spec = importlib.util.find_spec("_pywhispercpp")
    assert spec is not None and spec.origin is not None
    path = next(Path(spec.origin).parent.rglob("libggml-base*"), None)
    if path is None:
        pytest.skip("this build of pywhispercpp has no separate libggml-base")
    return ctypes.CDLL(str(path))


def quantised_by_ggml(values: NDArray[np.float32], element: int, block_bytes: int) -> bytes:
    quantise = library().ggml_quantize_chunk
    quantise.restype = ctypes.c_size_t
    quantise.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    rows, columns = values.shape
    out = ctypes.create_string_buffer(rows * columns // 32 * block_bytes)
    size = quantise(element, values.ctypes.data, out, 0, rows, columns, None)
    return out.raw[:size]


blocks = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.sampled_from([32, 64])),
    elements=st.floats(-60000, 60000, width=16) | st.sampled_from([0.0, -0.0, 0.5, 127.0, -127.0, 63.5, 1e-7]),
)


@settings(max_examples=200, deadline=None)
@given(blocks)
def test_q8_0_is_ggml_s_to_the_bit(values: NDArray[np.float32]) -> None:
    assert ggml.q8_0(values) == quantised_by_ggml(values, 8, 34)


@settings(max_examples=200, deadline=None)
@given(blocks)
def test_q4_0_is_ggml_s_to_the_bit(values: NDArray[np.float32]) -> None:
    assert ggml.q4_0(values) == quantised_by_ggml(values, 2, 18)


def test_more_blocks_than_a_batch_are_in_order() -> None:
    values = np.random.default_rng(1).standard_normal((3 * ggml._BATCH // 2, 64)).astype(np.float32)
    assert ggml.q8_0(values) == quantised_by_ggml(values, 8, 34)


def test_the_filter_bank_has_whisper_s_shape() -> None:
    """Slaney's bank: 391 weights, triangles whose neighbours meet at their peaks, nothing at 0 Hz. Whole files
    that hold it are compared with whisper.cpp's in test_models_real."""
    bank = mel.filter_bank(80)
    assert bank.shape == (80, 201) and bank.dtype == np.float32
    assert np.count_nonzero(bank) == 391
    assert not np.signbit(bank).any(), "a negative zero would make files that differ from upstream's"
    peaks = bank.argmax(axis=1)
    assert (np.diff(peaks) >= 0).all() and peaks[-1] < 201
    # 1/width of the first filter at its centre: 2 / (third edge - first edge)
    assert bank[0, 1] == pytest.approx(0.02486259490251541)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lab.write_ct2(tmp_path_factory.mktemp("ct2"), lab.whisper_tensors())


@pytest.fixture(scope="module")
def files(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("ggml")
    for kind in ggml.FORMATS:
        with (folder / f"{kind}.bin").open("wb") as out:
            ggml.write(ct2.open_checkpoint(checkpoint), kind, out)
    return {kind: folder / f"{kind}.bin" for kind in ggml.FORMATS}


@pytest.mark.parametrize("kind", list(ggml.FORMATS))
def test_a_written_file_is_read_back(files: dict[str, Path], kind: str) -> None:
    file = GgmlFile(files[kind])
    assert file.kind == kind
    assert file.dims.n_vocab == lab.VOCAB and file.dims.n_audio_state == lab.STATE
    assert file.tokens == (*lab.vocabulary(), b"<|endoftext|>")


def test_the_f16_tensors_are_the_checkpoint_s(files: dict[str, Path]) -> None:
    file = GgmlFile(files["f16"])
    for name, value in lab.whisper_tensors().items():
        assert np.array_equal(file.tensor(name), value), name


@pytest.mark.parametrize("kind", list(ggml.FORMATS))
@pytest.mark.parametrize("ready", ["f16", "f32"])
def test_a_ready_file_converts_to_what_the_checkpoint_does(
    files: dict[str, Path], tmp_path: Path, kind: str, ready: str
) -> None:
    path = files["f16"]
    if ready == "f32":
        path = tmp_path / "f32.bin"
        path.write_bytes(lab.ggml_f32(lab.whisper_tensors()))
    out = io.BytesIO()
    ggml.write(GgmlFile(path).checkpoint(), kind, out)
    assert out.getvalue() == files[kind].read_bytes()


LOAD_AND_ANSWER = """
import sys
import numpy as np
from pywhispercpp.model import Model

model = Model(sys.argv[1], redirect_whispercpp_logs_to=None, context_params={"flash_attn": False})
noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
model.transcribe(noise, language="en", max_tokens=4, audio_ctx=64, temperature_inc=0.0, print_progress=False)
print("answered")
"""


@pytest.mark.parametrize("kind", list(ggml.FORMATS))
def test_whisper_cpp_loads_it_and_answers(files: dict[str, Path], kind: str) -> None:
    """In a process of its own: whisper.cpp aborts on what it does not like."""
    done = subprocess.run([sys.executable, "-c", LOAD_AND_ANSWER, files[kind]], capture_output=True, text=True)
    assert done.returncode == 0 and "answered" in done.stdout, done.stderr[-500:]


def test_a_quantised_file_is_no_checkpoint(files: dict[str, Path]) -> None:
    with pytest.raises(BadWeights, match="q8_0 cannot be converted"):
        ggml.write(GgmlFile(files["q8_0"]).checkpoint(), "f16", io.BytesIO())


def damaged(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "damaged.bin"
    path.write_bytes(data)
    return path


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_truncated_file_is_refused(
    files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = files["q8_0"].read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    path = damaged(tmp_path_factory.mktemp("cut"), whole[:cut])
    with pytest.raises(BadWeights, match=r"damaged.bin: "):
        GgmlFile(path)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_changed_header_is_read_or_refused(
    files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Never another exception, and never an allocation by a number that the file made up."""
    whole = bytearray(files["q4_0"].read_bytes())
    at = data.draw(st.integers(0, 13)) * 4
    whole[at : at + 4] = struct.pack("<i", data.draw(st.integers(-(2**31), 2**31 - 1)))
    try:
        GgmlFile(damaged(tmp_path_factory.mktemp("head"), bytes(whole)))
    except BadWeights as error:
        assert "damaged.bin: " in str(error)


def test_trailing_bytes_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"damaged.bin"):
        GgmlFile(damaged(tmp_path, files["f16"].read_bytes() + b"\0" * 40))


def test_rows_that_do_not_divide_into_blocks_are_refused_by_name() -> None:
    with pytest.raises(BadWeights, match="rows of 48, not a multiple of 32: use float16"):
        ggml._encode("w.weight", np.zeros((4, 48), np.float16), ggml.FORMATS["q8_0"], "x")


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_values_that_are_not_numbers_are_refused(value: float, dtype: type) -> None:
    tensor = np.zeros((2, 32), dtype)
    tensor[1, 5] = value
    for form in ggml.FORMATS.values():
        with pytest.raises(BadWeights, match=r"w.weight holds values that are not finite"):
            ggml._encode("w.weight", tensor, form, "x")


def test_a_float32_value_that_float16_cannot_hold_is_refused() -> None:
    tensor = np.full((2, 32), 70000.0, np.float32)
    with pytest.raises(BadWeights, match="too large"):
        ggml._encode("w.weight", tensor, ggml.FORMATS["f16"], "x")


def test_conversion_gives_the_same_bytes_every_time(checkpoint: Path, files: dict[str, Path]) -> None:
    out = io.BytesIO()
    ggml.write(ct2.open_checkpoint(checkpoint), "q8_0", out)
    assert hashlib.sha256(out.getvalue()).digest() == hashlib.sha256(files["q8_0"].read_bytes()).digest()
