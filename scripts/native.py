#!/usr/bin/env python3
"""Builds whisper.cpp for this very processor into .venv, or goes back to the wheel.

    .venv/bin/python scripts/native.py build     make native
    .venv/bin/python scripts/native.py cuda 87   make native-cuda ARCH=87: with CUDA for one GPU architecture
    .venv/bin/python scripts/native.py generic   make generic
    .venv/bin/python scripts/native.py ensure    make setup: what was chosen last still holds (silent when it does)
    .venv/bin/python scripts/native.py wheel     make install: the file of the build in use, or nothing

The library is built apart and loaded, and has to hear the same words as the one in use, before anything in .venv
changes. What was chosen and measured stands in ``.venv/.whisper.json``, which ``rtva doctor`` reads.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent))
import cuda  # scripts/cuda.py

ROOT = Path(__file__).resolve().parent.parent
MARK = Path(sys.prefix) / ".whisper.json"
STORE = ROOT / "build" / "native"
BESIDE: list[str] = []  # packages that the build needs beside it, of which pip is told
SENTENCE = "Turn on the lamp in the living room."
ROUNDS = 2
FLAGS = {
    "GGML_NATIVE": "ON",
    "GGML_LLAMAFILE": "ON",
    # The libraries lie side by side in site-packages; without this they do not find each other.
    "CMAKE_BUILD_WITH_INSTALL_RPATH": "ON",
    "CMAKE_INSTALL_RPATH": "$ORIGIN",
}
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
# Processor time of all threads, none of which spins: another job on the machine does not change it.
HEAR = """
import json, sys, time
from firmware_py.stt.whisper_cpp import WhisperCpp  # before the library: it tells OpenMP not to spin
import _pywhispercpp as library
from firmware_py import _whisper, models
from firmware_py.audio.recording import load
result = {"file": library.__file__, "version": _whisper.open_library(), "text": "", "ms": []}
if len(sys.argv) > 1:
    engine, sound = WhisperCpp(models.resolve_stt("tiny.en", "int8").path), load(sys.argv[1])
    engine.warm()
    for _ in range(3):
        started = time.process_time()
        result["text"] = engine.transcribe(sound).text
        result["ms"].append(round((time.process_time() - started) * 1000, 2))
print(json.dumps(result))
"""


class Failed(Exception):
    """What went wrong, in one line; nothing in .venv was changed."""


def main() -> int:
    what, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    steps = {"build": build, "cuda": build, "generic": generic, "ensure": ensure, "wheel": wheel}
    if what not in steps or len(arguments) != (what == "cuda"):
        print("usage: native.py build|cuda ARCH|generic|ensure|wheel", file=sys.stderr)
        return 64
    try:
        if what == "cuda":
            use_cuda(arguments[0])
        elif what in ("ensure", "wheel") and recall().get("cuda"):
            use_cuda(str(recall()["cuda"]))
        steps[what]()
    except Failed as problem:
        print(f"native: {problem}", file=sys.stderr)
        return 69
    return 0


def build() -> None:
    """Builds, compares with what is in use, installs."""
    file = built_wheel()
    folder = file.parent / "lib"
    if not folder.is_dir():
        run([*PIP, "install", "--no-deps", "--target", str(folder), str(file)])
    measured = compared(folder)
    install(str(file), *BESIDE)
    hear(None, None)
    remember(native=file.parent.name, cuda=FLAGS.get("CMAKE_CUDA_ARCHITECTURES"), **measured)
    noted = recall()
    figures = (
        f" ({noted['native_ms']:g} ms of processor time a command, wheel {noted['generic_ms']:g})"
        if "generic_ms" in noted
        else ""
    )
    say(f"whisper.cpp for this processor is in {sys.prefix}{figures}; 'make generic' goes back")


def use_cuda(arch: str) -> None:
    """Makes this run's build one with CUDA. Failed without nvcc, or for an architecture that it does not know."""
    try:
        nvcc = cuda.known_compiler(arch)
        home = cuda.home_of(nvcc)
        if not cuda.has_cublas(home):
            home = cuda.completed(nvcc, STORE, lambda arguments: run([*PIP, *arguments]))
            BESIDE.extend(cuda.packages(nvcc))
    except cuda.Lacking as problem:
        raise Failed(str(problem)) from problem
    FLAGS.update(cuda.flags(arch, home))


def generic() -> None:
    """The wheel again. The measurement stays, so that doctor can say what the wheel costs."""
    install(requirement())
    remember(native=None, cuda=None)
    say(f"the generic build of whisper.cpp is in {sys.prefix}")


def ensure() -> None:
    """After new packages, another processor or a new .venv: builds again if that was chosen."""
    wanted = recall().get("native")
    if wanted is not None and (wanted != key() or not is_native()):
        say("whisper.cpp is to be built for this processor")
        build()


def wheel() -> None:
    """Prints what make install takes along, the wheel and what it needs; nothing where the generic build is in use."""
    if recall().get("native") is not None and is_native():
        print(*BESIDE, next((STORE / str(recall()["native"])).glob("*.whl"), ""), sep="\n")


def built_wheel() -> Path:
    """The wheel for this processor and Python, built unless it was before."""
    target = STORE / key()
    found = sorted(target.glob("*.whl"))
    if found:
        return found[0]
    need_compiler()
    where, time = "processor", "one to ten minutes"
    if "GGML_CUDA" in FLAGS:
        where, time = "processor and its GPU", "ten minutes to an hour"
    say(f"building whisper.cpp for this {where} ({time})")
    shutil.rmtree(target, ignore_errors=True)
    environment = {**os.environ, **FLAGS, "CMAKE_BUILD_PARALLEL_LEVEL": str(builders())}
    # No cache: pip would hand a wheel that was built with other flags to this build, and this one to others.
    command = [*PIP, "wheel", "--no-deps", "--no-cache-dir", "--no-binary", "pywhispercpp"]
    run([*command, "--wheel-dir", str(target), requirement()], environment)
    return next(iter(target.glob("*.whl")))


def need_compiler() -> None:
    """CMake and ninja come from the package index, compilers do not."""
    missing = [name for name in ("cc", "c++") if shutil.which(name) is None]
    if missing:
        raise Failed(f"no C++ compiler ({', '.join(missing)}): apt-get install g++")


def builders() -> int:
    """Compilers at once: no more than there is memory for (500 MB each)."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(os.cpu_count() or 1, memory // 500_000_000))


def key() -> str:
    """Names a build: another version, processor or Python is another one."""
    cpu = Path("/proc/cpuinfo").read_text(errors="replace") if Path("/proc/cpuinfo").exists() else ""
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", cpu, re.MULTILINE)
    parts = [requirement(), platform.machine(), sys.version, json.dumps(FLAGS)]
    parts.append(" ".join(sorted(flags[1].split())) if flags else platform.processor())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def requirement() -> str:
    """``pywhispercpp`` in the version of ``constraints.txt``."""
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line.startswith("pywhispercpp=="):
            return line.strip()
    raise Failed("constraints.txt names no pywhispercpp")


def compared(folder: Path) -> dict[str, float]:
    """Has both builds hear the same sentence, in turns; Failed when the new one hears other words.

    {} without weights or voice: then it is only loaded.
    """
    sound = a_sentence()
    if sound is None:
        hear(folder, None)
        say("it loads; without weights nothing was transcribed with it")
        return {}
    rounds = [(hear(None, sound), hear(folder, sound)) for _ in range(ROUNDS)]
    old, new = rounds[-1]
    if words(old["text"]) != words(new["text"]):
        raise Failed(f"the new build hears {new['text']!r} where the one in use hears {old['text']!r}")
    measured = {"native_ms": median(r[1] for r in rounds)}
    if not is_native():
        measured["generic_ms"] = median(r[0] for r in rounds)
    return measured


def a_sentence() -> Path | None:
    """A check sentence in the default voice, None when its weights are not here."""
    STORE.mkdir(parents=True, exist_ok=True)
    sound = STORE / "sentence.wav"
    command = [sys.executable, "-m", "firmware_py", "say", SENTENCE, "--out", str(sound)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT)
    return sound if done.returncode == 0 else None


def hear(folder: Path | None, sound: Path | None) -> dict[str, Any]:
    """Loads the library in ``folder`` (None: the one in .venv) in a process of its own, and has it hear ``sound``."""
    environment = dict(os.environ)
    if folder is not None:
        environment["PYTHONPATH"] = str(folder)
    command = [sys.executable, "-c", HEAR, *([str(sound)] if sound else [])]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise Failed(f"the library does not run: {last}")
    heard: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if folder is not None and not Path(heard["file"]).is_relative_to(folder):
        raise Failed(f"{heard['file']} was loaded instead of the new build")
    return heard


def median(results: Any) -> float:
    return round(statistics.median(ms for result in results for ms in result["ms"]), 1)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def install(what: str, *beside: str) -> None:
    command = [*PIP, "install", "--no-deps", "--constraint", str(ROOT / "constraints.txt")]
    if beside:
        run([*command, *beside])
    run([*command, "--force-reinstall", what])


def is_native() -> bool:
    """Whether the installed package came from a wheel file of ours; pip notes where a file came from."""
    try:
        origin = importlib.metadata.distribution("pywhispercpp").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return False
    return origin is not None and STORE.as_uri() in origin


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        STORE.mkdir(parents=True, exist_ok=True)
        log = STORE / "log.txt"
        log.write_text(done.stderr)
        lines = [line.strip() for line in done.stderr.splitlines() if "rror" in line]
        raise Failed(f"{(lines or ['it failed'])[0]} (all of it: {log.relative_to(ROOT)})")


def recall() -> dict[str, Any]:
    try:
        noted: dict[str, Any] = json.loads(MARK.read_text())
    except (OSError, ValueError):
        return {}
    return noted


def remember(**what: Any) -> None:
    text = json.dumps({k: v for k, v in {**recall(), **what}.items() if (k, v) != ("cuda", None)})
    beside = MARK.with_suffix(".new")
    beside.write_text(text + "\n")
    beside.replace(MARK)


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
