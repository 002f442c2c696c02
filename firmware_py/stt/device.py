"""Whether recognition can run on an NVIDIA GPU here: the build has CUDA, and the driver shows it a device.

ggml, the library under whisper.cpp, keeps a list of devices; those of its CUDA part are called CUDA0, CUDA1 ...
(``ggml-cuda.cu``). Asking for the list does not fail on a machine without a GPU or a driver: it is then the list
without them.
"""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

from firmware_py.errors import Unavailable
from firmware_py.stt import library

NAMES = ("cpu", "cuda", "auto")
MAPS = Path("/proc/self/maps")


def cuda_devices() -> list[str]:
    """What CUDA devices are called, "" for one without a description; empty without a CUDA build, driver or device."""
    try:
        library.bring()
        from firmware_py import _whisper

        with contextlib.suppress(ImportError, OSError):
            _whisper.open_library()  # ggml names its devices on stderr when first asked, unless it was told not to
    except ImportError:
        return []
    registry, base = _loaded("libggml"), _loaded("libggml-base")
    if registry is None or base is None:
        return []
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    for name in ("ggml_backend_dev_name", "ggml_backend_dev_description"):
        getattr(base, name).restype = ctypes.c_char_p
    devices = [
        ctypes.c_void_p(registry.ggml_backend_dev_get(ctypes.c_size_t(n)))
        for n in range(registry.ggml_backend_dev_count())
    ]
    return [
        (base.ggml_backend_dev_description(device) or b"").decode(errors="replace")
        for device in devices
        if (base.ggml_backend_dev_name(device) or b"").startswith(b"CUDA")
    ]


def has_cuda_build() -> bool:
    """Whether whisper.cpp was built with CUDA, whatever devices there are."""
    try:
        built_with = library.system_info()
    except ImportError:
        return False
    return "CUDA :" in built_with or _loaded("libggml-cuda") is not None


def uses_gpu(device: str) -> bool:
    """Whether ``device`` (``cpu``, ``cuda``, ``auto``) means the GPU here.

    Raises Unavailable for ``cuda`` where there is none, saying which half is missing, and for another name.
    """
    if device not in NAMES:
        raise Unavailable(f"no device {device!r}; there are: {', '.join(NAMES)}")
    if device == "cpu":
        return False
    if cuda_devices():
        return True
    if device == "cuda":
        raise Unavailable(f"stt.optimization.device is cuda, and {missing()}; set it to auto or cpu")
    return False


def missing() -> str:
    """Which half of CUDA is not there."""
    if not has_cuda_build():
        return "this build of whisper.cpp has no CUDA ('make native-cuda' builds one)"
    return "no CUDA device is to be seen: no NVIDIA GPU, or no driver for it"


def _loaded(name: str) -> ctypes.CDLL | None:
    """A library of ggml's that is in the process already, by its name without version and hash."""
    try:
        lines = MAPS.read_text().splitlines()
    except OSError:
        return None
    for path in {line.split(maxsplit=5)[5] for line in lines if line.count("/") and len(line.split(maxsplit=5)) == 6}:
        if _plain(Path(path).name) == name:
            try:
                return ctypes.CDLL(path)
            except OSError:
                return None
    return None


def _plain(file: str) -> str:
    """``libggml-base-319ad4fb.so.0.13.1`` is libggml-base: auditwheel puts a hash of eight digits behind the name."""
    stem = file.partition(".so")[0]
    head, _, tail = stem.rpartition("-")
    is_hash = len(tail) == 8 and all(c in "0123456789abcdef" for c in tail)
    return head if head and is_hash else stem
