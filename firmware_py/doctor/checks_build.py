"""The interpreter, the compiled core, the libraries, and how whisper.cpp was built."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import pkgutil
import platform
import struct
import sys
from pathlib import Path

import firmware_py
from firmware_py.doctor import Case, Finding, check, fail, ok, skip, warn
from firmware_py.doctor.probe import ProbeError, probe

CORE = ("_endpoint", "_ring")
LIBRARIES = ("numpy", "pydantic", "yaml", "soxr", "soundfile", "alsaaudio", "webrtcvad", "pywhispercpp", "onnxruntime",
             "piper", "hassil", "rapidfuzz")  # fmt: skip

GGML_FLAGS = {
    "avx": "AVX",
    "avx2": "AVX2",
    "avx_vnni": "AVX_VNNI",
    "avx512f": "AVX512",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "amx_int8": "AMX_INT8",
    "asimd": "NEON",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
    "asimdhp": "FP16_VA",
    "sve": "SVE",
}
"""A flag of ``/proc/cpuinfo`` -> what ``whisper_print_system_info`` calls the code for it (ggml, ``ggml-cpu.cpp``)."""

ADVICE = "'make native' builds it for this processor, 'make generic' goes back"
NATIVE_SHARE = 0.6
"""Of the generic build's time, on an x86-64 with AVX-512: ``bench/results/stt.md``."""

SYSTEM_INFO = "import json; from firmware_py.stt import library; print(json.dumps(library.system_info()))"


@check("python")
def python(case: Case) -> Finding:
    version = platform.python_version()
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        return fail(f"Python {version}", "3.10 to 3.13 are supported: PYTHON=/path/to/python3.11 make setup")
    return ok(f"Python {version}, {struct.calcsize('P') * 8} bit, {platform.machine()}")


@check("compiled core")
def compiled_core(case: Case) -> Finding:
    there = {
        m.name for m in pkgutil.iter_modules(firmware_py.__path__) if m.name.startswith("_") and m.name != "__main__"
    }
    broken: list[str] = []
    for name in sorted(there | set(CORE)):
        try:
            importlib.import_module(f"firmware_py.{name}")
        except ImportError as error:
            broken.append(f"{name} ({error})")
    if broken:
        return fail(f"not importable: {'; '.join(broken)}", "run 'make setup'")
    if is_stale(Path(firmware_py.__path__[0]).parent, Path(sys.prefix) / ".core"):
        return warn("built from other sources than those that lie here", "run 'make setup'")
    return ok(", ".join(sorted(there)))


def is_stale(checkout: Path, stamp: Path) -> bool:
    """Whether the core in a checkout is not that of its sources: ``stamp`` has the hash that ``scripts/setup.sh`` saw;
    without it the times of the files decide. False where there are no sources.
    """
    sources = [each for kind in ("pyx", "pxd", "h") for each in sorted((checkout / "ext").glob(f"*.{kind}"))]
    if not sources or not (checkout / "setup.py").is_file():
        return False
    built = [each.stat().st_mtime for each in (checkout / "firmware_py").glob("_*.so")]
    if not stamp.is_file():
        return bool(built) and max(each.stat().st_mtime for each in sources) > min(built)
    first = [checkout / name for name in ("setup.py", "pyproject.toml", "models/manifest.toml")]
    whole = b"".join(each.read_bytes() for each in [*first, *sources])
    return hashlib.sha256(whole).hexdigest() != stamp.read_text().strip()


@check("libraries")
def libraries(case: Case) -> Finding:
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        return fail(f"not installed: {', '.join(missing)}", "run 'make setup'")
    return ok(f"{len(LIBRARIES)} of {len(LIBRARIES)} installed")


@check("whisper.cpp")
def whisper_cpp(case: Case) -> Finding:
    """Whether the library runs here, and which of the processor's faster instructions it leaves alone."""
    try:
        built_for = enabled(probe(SYSTEM_INFO))
    except ProbeError as error:
        advice = "this build is for another processor; build pywhispercpp from source" if "SIGILL" in str(error) else ""
        return fail(f"does not run: {error}", advice or "run 'make setup'")
    flags = case.cpu_flags()
    if not flags:
        return skip("no processor flags to compare with")
    names = {ggml for flag, ggml in GGML_FLAGS.items() if flag in flags}
    unused = sorted(names - built_for)
    shown = ", ".join(sorted(built_for & (set(GGML_FLAGS.values()) | {"F16C", "FMA", "CUDA"})))
    if unused:
        cost = native_saves(Path(sys.prefix) / ".whisper.json")
        return warn(f"generic build ({shown}); {cost}; leaves unused: {', '.join(unused)}", ADVICE)
    return ok(f"uses all this processor has ({shown})")


def native_saves(mark: Path) -> str:
    """What the generic build costs: as ``scripts/native.py`` measured it here, else as it was measured elsewhere."""
    try:
        noted = json.loads(mark.read_text())
        share = float(noted["native_ms"]) / float(noted["generic_ms"])
        return f"the native build took {share:.2f} of its processor time here ({noted['generic_ms']:g} ms a command)"
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return f"a native build took {NATIVE_SHARE:g} of its processor time on an x86-64 with AVX-512"


def enabled(system_info: str) -> set[str]:
    """The names that are 1 in ``whisper_print_system_info``, such as ``AVX2 = 1 | FMA = 1``, sections left out."""
    pairs = (part.rpartition(":")[2].partition("=") for part in system_info.split("|"))
    return {name.strip() for name, _, value in pairs if value.strip() not in ("", "0")}
