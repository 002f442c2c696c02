"""What the tests of the weights share: small Whisper checkpoints in every form, wheels, and a little web server.

The checkpoints are random, so nothing they transcribe means anything, but they are Whisper in every dimension that
whisper.cpp looks at. The writers here follow the formats' own descriptions and share no code with the readers.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import struct
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STATE, HEADS, LAYERS, MELS = 64, 2, 1, 80
VOCAB = 51864
PLAIN = 50256
"""Plain tokens before ``<|endoftext|>`` in an English-only vocabulary."""

Tensors = dict[str, NDArray[Any]]


def whisper_tensors(dtype: Any = np.float16, seed: int = 0) -> Tensors:
    """A one-layer Whisper by OpenAI's names."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> NDArray[Any]:
        return (rng.standard_normal(shape) * 0.05).astype(dtype)

    def linear(name: str, out: int, into: int, bias: bool = True) -> Tensors:
        return {f"{name}.weight": some(out, into)} | ({f"{name}.bias": some(out)} if bias else {})

    def norm(name: str) -> Tensors:
        return {f"{name}.weight": (1 + some(STATE)).astype(dtype), f"{name}.bias": some(STATE)}

    def attention(name: str) -> Tensors:
        parts = norm(f"{name}_ln") | linear(f"{name}.key", STATE, STATE, bias=False)
        for part in ("query", "value", "out"):
            parts |= linear(f"{name}.{part}", STATE, STATE)
        return parts

    def block(name: str) -> Tensors:
        mlp = linear(f"{name}.mlp.0", 4 * STATE, STATE) | linear(f"{name}.mlp.2", STATE, 4 * STATE)
        return norm(f"{name}.mlp_ln") | mlp | attention(f"{name}.attn")

    tensors = {
        "encoder.positional_embedding": some(1500, STATE),
        "decoder.positional_embedding": some(448, STATE),
        "decoder.token_embedding.weight": some(VOCAB, STATE),
        "encoder.conv1.weight": some(STATE, MELS, 3),
        "encoder.conv1.bias": some(STATE),
        "encoder.conv2.weight": some(STATE, STATE, 3),
        "encoder.conv2.bias": some(STATE),
    }
    tensors |= norm("encoder.ln_post") | norm("decoder.ln")
    for i in range(LAYERS):
        tensors |= block(f"encoder.blocks.{i}") | block(f"decoder.blocks.{i}")
        tensors |= attention(f"decoder.blocks.{i}.cross_attn")
    return tensors


KEPT = [b for b in range(256) if chr(b).isprintable() and b not in (0x20, 0xAD)]
MOVED = {b: 256 + i for i, b in enumerate(b for b in range(256) if b not in KEPT)}


def spelled(token: bytes) -> str:
    """GPT-2's spelling of a byte string, by the rule of its own encoder: unprintable bytes move up from U+0100."""
    return "".join(chr(MOVED.get(b, b)) for b in token)


def vocabulary() -> list[bytes]:
    """Plain tokens: every byte, then pairs of bytes."""
    single = [bytes([b]) for b in range(256)]
    pairs = [bytes([a, b]) for a in range(256) for b in range(256)]
    return [*single, *pairs[: PLAIN - 256]]


def spelled_vocabulary() -> list[str]:
    """All 51864 entries, the special ones included."""
    words = [spelled(token) for token in vocabulary()]
    return [*words, "<|endoftext|>", *(f"<|special{i}|>" for i in range(VOCAB - PLAIN - 1))]


# CTranslate2


def ct2_variables(tensors: Tensors) -> Tensors:
    """OpenAI's tensors under CTranslate2's names, with its fused projections."""

    def get(name: str) -> NDArray[Any]:
        return tensors[name]

    def norm(ours: str, theirs: str) -> Tensors:
        return {f"{theirs}/gamma": get(f"{ours}.weight"), f"{theirs}/beta": get(f"{ours}.bias")}

    def linear(ours: list[str], theirs: str) -> Tensors:
        zeros = np.zeros(STATE, get(f"{ours[0]}.weight").dtype)
        weight = np.concatenate([get(f"{each}.weight") for each in ours])
        return {
            f"{theirs}/weight": weight,
            f"{theirs}/bias": np.concatenate([tensors.get(f"{o}.bias", zeros) for o in ours]),
        }

    out: Tensors = {"decoder/embeddings/weight": get("decoder.token_embedding.weight")}
    for half, heads in (("encoder", HEADS), ("decoder", HEADS)):
        out[f"{half}/num_heads"] = np.array(heads, np.int16)
        out[f"{half}/position_encodings/encodings"] = get(f"{half}.positional_embedding")
        out |= norm("encoder.ln_post" if half == "encoder" else "decoder.ln", f"{half}/layer_norm")
        for i in range(LAYERS):
            ours, theirs = f"{half}.blocks.{i}", f"{half}/layer_{i}"
            out |= norm(f"{ours}.mlp_ln", f"{theirs}/ffn/layer_norm")
            out |= norm(f"{ours}.attn_ln", f"{theirs}/self_attention/layer_norm")
            out |= linear([f"{ours}.mlp.0"], f"{theirs}/ffn/linear_0") | linear(
                [f"{ours}.mlp.2"], f"{theirs}/ffn/linear_1"
            )
            fused = [f"{ours}.attn.{part}" for part in ("query", "key", "value")]
            out |= linear(fused, f"{theirs}/self_attention/linear_0")
            out |= linear([f"{ours}.attn.out"], f"{theirs}/self_attention/linear_1")
            if half == "decoder":
                cross = f"{ours}.cross_attn"
                out |= norm(f"{cross}_ln", f"{theirs}/attention/layer_norm")
                out |= linear([f"{cross}.query"], f"{theirs}/attention/linear_0")
                out |= linear([f"{cross}.key", f"{cross}.value"], f"{theirs}/attention/linear_1")
                out |= linear([f"{cross}.out"], f"{theirs}/attention/linear_2")
    for conv in ("conv1", "conv2"):
        out |= {f"encoder/{conv}/{part}": get(f"encoder.{conv}.{part}") for part in ("weight", "bias")}
    return out


def ct2_bytes(variables: Tensors, spec: str = "WhisperSpec", version: int = 6) -> bytes:
    """A ``model.bin``."""
    types = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}

    def string(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    parts = [struct.pack("<I", version), string(spec), struct.pack("<II", 3, len(variables))]
    for name, value in sorted(variables.items()):
        data = value.tobytes()
        parts += [string(name), struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)]
        parts += [struct.pack("<BI", types[value.dtype.name], len(data)), data]
    alias = string("decoder/projection/weight") + string("decoder/embeddings/weight")
    return b"".join([*parts, struct.pack("<I", 1), alias])


def write_ct2(folder: Path, tensors: Tensors) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.bin").write_bytes(ct2_bytes(ct2_variables(tensors)))
    (folder / "config.json").write_text("{}")
    (folder / "vocabulary.json").write_text(json.dumps(spelled_vocabulary()))
    return folder


# Hugging Face

HF_CONFIG = {
    "model_type": "whisper",
    "vocab_size": VOCAB,
    "d_model": STATE,
    "encoder_layers": LAYERS,
    "decoder_layers": LAYERS,
    "encoder_attention_heads": HEADS,
    "decoder_attention_heads": HEADS,
    "max_source_positions": 1500,
    "max_target_positions": 448,
    "num_mel_bins": MELS,
}

_HF_PARTS = {
    "attn": "self_attn",
    "cross_attn": "encoder_attn",
    "attn_ln": "self_attn_layer_norm",
    "cross_attn_ln": "encoder_attn_layer_norm",
    "mlp_ln": "final_layer_norm",
}
_HF_TOP = {
    "encoder.positional_embedding": "encoder.embed_positions.weight",
    "decoder.positional_embedding": "decoder.embed_positions.weight",
    "decoder.token_embedding.weight": "decoder.embed_tokens.weight",
    "encoder.ln_post.weight": "encoder.layer_norm.weight",
    "encoder.ln_post.bias": "encoder.layer_norm.bias",
    "decoder.ln.weight": "decoder.layer_norm.weight",
    "decoder.ln.bias": "decoder.layer_norm.bias",
}


def hf_name(name: str) -> str:
    if name in _HF_TOP or ".conv" in name:
        return f"model.{_HF_TOP.get(name, name)}"
    half, _, layer, *rest = name.split(".")
    if rest[0] == "mlp":
        inner = f"fc{1 if rest[1] == '0' else 2}"
    elif rest[0].endswith("_ln"):
        inner = _HF_PARTS[rest[0]]
    else:
        short = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "out": "out_proj"}
        inner = f"{_HF_PARTS[rest[0]]}.{short[rest[1]]}"
    return f"model.{half}.layers.{layer}.{inner}.{rest[-1]}"


def safetensors_bytes(tensors: Tensors) -> bytes:
    kinds = {"float32": "F32", "float16": "F16", "uint16": "BF16"}
    table: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    chunks = []
    at = 0
    for name, value in tensors.items():
        raw = value.tobytes()
        table[name] = {"dtype": kinds[value.dtype.name], "shape": value.shape, "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        chunks.append(raw)
    data = b"".join(chunks)
    head = json.dumps(table).encode()
    return struct.pack("<Q", len(head)) + head + data


def write_hf(folder: Path, tensors: Tensors) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    named = {hf_name(name): value for name, value in tensors.items()}
    (folder / "model.safetensors").write_bytes(safetensors_bytes(named))
    (folder / "config.json").write_text(json.dumps(HF_CONFIG))
    words = {word: i for i, word in enumerate(spelled_vocabulary()[: PLAIN + 1])}
    (folder / "vocab.json").write_text(json.dumps(words))
    return folder


# ggml


def ggml_f32(tensors: Tensors) -> bytes:
    """A ready float32 file, as whisper.cpp's conversion script writes one when it is told to."""
    words = [*vocabulary(), b"<|endoftext|>"]
    dims = (VOCAB, 1500, STATE, HEADS, LAYERS, 448, STATE, HEADS, LAYERS, MELS)
    out = [struct.pack("<12i", 0x67676D6C, *dims, 0), struct.pack("<2i", MELS, 201), bytes(4 * MELS * 201)]
    out.append(struct.pack("<i", len(words)))
    out += [struct.pack("<i", len(word)) + word for word in words]
    for name, value in tensors.items():
        shape = (*value.shape, 1) if ".conv" in name and name.endswith("bias") else value.shape
        out.append(struct.pack(f"<{3 + len(shape)}i", len(shape), len(name), 0, *reversed(shape)) + name.encode())
        out.append(value.astype("<f4").tobytes())
    return b"".join(out)


# Packages, manifests, a web server


def pin(data: bytes) -> str:
    return f'size = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}"'


def write_wheel(folder: Path, name: str, files: dict[str, bytes], version: str = "1.0.0") -> Path:
    """A wheel that pip takes: the files, and the metadata it looks at."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    path = folder / f"{module}-{version}-py3-none-any.whl"
    info = f"{module}-{version}.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for inside, data in files.items():
            wheel.writestr(inside, data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


class Site:
    """Files by path, with the faults that a test asks for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.etag: str | None = '"v1"'
        self.redirect: str | None = None
        self.stop_after: int | None = None
        self.hold = 0.0
        self.release = threading.Event()
        self.requests: list[tuple[str, str | None]] = []
        self.url = ""


def _handler(site: Site) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.requests.append((self.path, wanted))
            data = site.files.get(self.path)
            if site.redirect or data is None:
                self.send_response(302 if site.redirect else 404)
                self.send_header("Location", site.redirect or "")
                self.end_headers()
                return
            start = 0
            if wanted and self.headers.get("If-Range") == site.etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(data):
                    self.send_error(416)
                    return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            if site.etag:
                self.send_header("ETag", site.etag)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start : None if site.stop_after is None else start + site.stop_after])
            if site.hold:  # the transfer stalls, the connection stays
                self.wfile.flush()
                site.release.wait(site.hold)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def entry_text(name: str, kind: str, form: str, files: list[tuple[str, str, bytes]], **more: Any) -> str:
    """One ``[[weights]]``. ``files`` are (from, as, data); ``more``: ``results`` (name -> data) and plain keys."""
    results = more.pop("results", {})
    lines = ["[[weights]]", f'name = "{name}"', f'kind = "{kind}"', 'licence = "MIT"', 'description = "for a test"']
    lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
    pieces = ",\n".join(f'  {{ from = "{origin}", as = "{target}", {pin(data)} }}' for origin, target, data in files)
    lines += ["[[weights.sources]]", f'form = "{form}"', f"files = [\n{pieces}\n]"]
    if results:
        lines += ["[weights.results]", *(f'"{file}" = {{ {pin(data)} }}' for file, data in results.items())]
    return "\n".join(lines) + "\n"


@contextmanager
def served(host: str = "127.0.0.1") -> Iterator[Site]:
    """A :class:`Site` on this machine's loopback."""
    site = Site()
    server = http.server.ThreadingHTTPServer((host, 0), _handler(site))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://{host}:{server.server_address[1]}"
    try:
        yield site
    finally:
        site.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
