"""The guide's answers to trouble, each a look at the real board and the running service that names the knob to turn.

``TOPICS`` has the guide's four headings (Troubleshooting Performance Issues) and under each its five answers, in its
order. An answer returns ok when that knob is where it should be, warn with the knob when it is worth turning.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from firmware_py import cores
from firmware_py.doctor import Case, Finding, ok, skip, warn
from firmware_py.doctor.probe import probe
from firmware_py.doctor.processes import busiest
from firmware_py.telemetry.goals import GOALS_MS, grade

Answer = Callable[[Case], Finding]
RIGHT_CHUNK, RIGHT_BUFFER = (512, 1024), (1024, 2048)
"""The guide's small buffers: 512 to 1024 samples in, and what its presets use out (3. Audio Configuration)."""
QUANTIZED = ("int8", "int4")
CACHE_MUCH, HISTORY_MUCH = 10_000, 20
LOAD_HIGH = 1.5
"""Runnable processes a core."""
ASK_CUDA = (
    "import json; from firmware_py.stt import device as d; found = d.cuda_devices(); print(json.dumps("
    "{'devices': found, 'is_built': d.has_cuda_build(), 'missing': '' if found else d.missing()}))"
)
NO_SERVICE = "no service is running here to look at"


def stages(case: Case) -> Finding:
    """High latency 1: check component latencies with the profiler."""
    latency = case.service().get("latency_ms", {})
    goals = {name: "total" if name == "answer" else name for name in latency}
    slow = {
        name: spread["p95"]
        for name, spread in latency.items()
        if goals[name] in GOALS_MS and grade(goals[name], spread["p95"]) == "needs improvement"
    }
    if not latency:
        return skip(f"{NO_SERVICE}, or nobody spoke in five minutes; 'rtva profile' measures here")
    if slow:
        worst = max(slow, key=lambda name: slow[name] / GOALS_MS[goals[name]][1])
        said = ", ".join(f"{name} {ms:.0f} ms" for name, ms in slow.items())
        knob = STAGE_KNOBS.get(worst, "see 'rtva trace last'")
        if worst == "stt" and case.config.stt.model.startswith("tiny"):
            knob = "run 'make native' (the model is the smallest there is); see background"
        return warn(f"beyond the guide's acceptable at P95: {said}", knob)
    return ok("every stage is within the guide's acceptable at P95")


STAGE_KNOBS = {
    "audio": "lower audio.input.chunk_size",
    "vad": "set vad.engine to webrtc",
    "stt": "set stt.model to tiny.en, or run 'make native'",
    "nlu": "raise nlp.repair_threshold, or have fewer templates in nlp.intents",
    "reply": "set response_generation.cache.enabled",
    "tts_first": "set tts.streaming and tts.sentence_splitting",
}


def latency_model(case: Case) -> Finding:
    """High latency 2: reduce model sizes."""
    p95 = case.service().get("latency_ms", {}).get("stt", {}).get("p95")
    model = case.config.stt.model
    if p95 is None:
        return _smaller(case) if model.startswith(("small", "medium")) else ok(f"{model}; no turns to judge it by")
    word = grade("stt", p95)
    if word == "needs improvement" and not model.startswith("tiny"):
        return warn(f"{model}: recognition takes {p95:.0f} ms at P95", "set stt.model to a smaller one (tiny.en)")
    return ok(f"{model}: {p95:.0f} ms at P95, {word}")


def _smaller(case: Case) -> Finding:
    return warn(f"{case.config.stt.model} is made for offline work on a board", "set stt.model to base.en or tiny.en")


def gpu(case: Case) -> Finding:
    """High latency 3, high CPU 1: use GPU acceleration."""
    there, chosen = find_gpu(case), case.config.stt.optimization.device
    if not there:
        return ok("there is no GPU that whisper.cpp can use")
    found = cuda()
    knob = "" if chosen != "cpu" else "set stt.optimization.device to auto"
    if not found["devices"]:
        build = "" if found["is_built"] else "run 'make native-cuda'"
        return warn(f"{there}, and {found['missing']}", "; ".join(filter(None, (build, knob))) or "see 'nvidia-smi'")
    if knob:
        return warn(f"{there}, and stt.optimization.device is cpu", knob)
    return ok(f"{there}; stt.optimization.device is {chosen}: CUDA on {', '.join(found['devices'])}")


def cuda() -> dict[str, Any]:
    """What the build of whisper.cpp says of CUDA, in a process of its own: ``devices``, ``is_built``, ``missing``.
    Raises ProbeError.
    """
    found: dict[str, Any] = probe(ASK_CUDA)
    return found


def find_gpu(case: Case) -> str:
    """The NVIDIA GPU of this machine in words, "" without one."""
    model = case.read("/proc/device-tree/model").rstrip("\0")
    if "Jetson" in model or "Orin" in model:
        return model
    cards = sorted((case.root / "proc/driver/nvidia/gpus").glob("*/information"))
    for card in cards:
        for line in card.read_text("utf-8", "replace").splitlines():
            if line.startswith("Model:"):
                return line.partition(":")[2].strip()
    return "an NVIDIA GPU" if cards or (case.root / "dev/nvidia0").exists() else ""


def small_buffers(case: Case) -> Finding:
    """High latency 4: reduce buffer sizes."""
    audio = case.config.audio
    said = _buffers(case)
    large = [
        f"{key} to {most}"
        for key, value, most in (
            ("audio.input.chunk_size", audio.input.chunk_size, RIGHT_CHUNK[1]),
            ("audio.output.buffer_size", audio.output.buffer_size, RIGHT_BUFFER[1]),
        )
        if value > most
    ]
    return warn(f"{said}: large", f"set {' and '.join(large)}") if large else ok(said)


def features(case: Case) -> Finding:
    """High latency 5: disable unnecessary features."""
    config, found = case.config, []
    if config.stt.partial_results:
        found.append("stt.partial_results costs a recognition every half second: set it to false unless it is read")
    if config.vad.hangover_ms > 700:
        found.append(f"vad.hangover_ms {config.vad.hangover_ms} is waited for in every turn: set it to 500")
    if config.pipeline.processing.mode == "sync":
        found.append("pipeline.processing.mode is sync: async drafts the answer in the pause")
    if config.stt.language == "auto":
        found.append("stt.language auto guesses the language in every turn: name it")
    return warn("on, and slow", "; ".join(found)) if found else ok("nothing is on that an answer waits for")


def large_buffers(case: Case) -> Finding:
    """Drop-outs 1: increase buffer sizes."""
    counts, said = case.service().get("counts", {}), _buffers(case)
    if not counts:
        return skip(f"{NO_SERVICE}; {said}")
    lost = counts.get("lost_samples", 0)
    if lost:
        return warn(f"the device lost {lost} samples; {said}", "double audio.input.chunk_size")
    return ok(f"no sample lost; {said}")


def listener(case: Case) -> Finding:
    """Drop-outs 2: reduce CPU usage (the listener was too late)."""
    counts = case.service().get("counts", {})
    if not counts:
        return skip(NO_SERVICE)
    overrun = counts.get("overrun_samples", 0)
    if overrun:
        return warn(f"the listener missed {overrun} samples", "fewer stt.optimization.num_workers; vad.engine webrtc")
    return ok("the listener kept up")


def background(case: Case) -> Finding:
    """Drop-outs 3, checklist 8: close background applications."""
    load, here = case.read("/proc/loadavg").split(), cores.available()
    if not load:
        return skip("no /proc/loadavg")
    others = [f"{name} {share:.0%}" for name, share in busiest(case.root) if share >= 0.1]
    said = f"load {load[0]} on {here} cores" + (f"; busy beside rtva: {', '.join(others)}" if others else "")
    if float(load[0]) > LOAD_HIGH * here or others:
        return warn(said, "end or move what is not needed here (systemctl list-units --state=running)")
    return ok(said)


def driver(case: Case) -> Finding:
    """Drop-outs 4: check the audio driver's settings."""
    opened = case.service().get("counts", {}).get("microphone_opened", 0)
    rate, device = case.config.audio.input.sample_rate, case.config.audio.input.device
    if opened > 1:
        return warn(f"the microphone was opened {opened} times", "its driver or cable fails: see 'dmesg', another port")
    if device.startswith(("plughw:", "hw:")):
        return ok(f"{device} at {rate} Hz, straight to the driver")
    return ok(f"{device} at {rate} Hz, through alsa-lib's configuration; 'hw:' or 'plughw:' takes fewer buffers")


def wired(case: Case) -> Finding:
    """Drop-outs 5: a wired connection, not Bluetooth."""
    audio = case.config.audio
    devices = tuple(dict.fromkeys((audio.input.device, audio.output.device)))
    named = [d for d in devices if "blue" in d.lower()]
    cards = case.read("/proc/asound/cards").lower()
    if named:
        return warn(f"{', '.join(named)} is Bluetooth: its radio loses blocks", "set audio.*.device to a wired one")
    if not cards or "no soundcards" in cards:
        return skip("no sound card")
    if unknown := [d for d in devices if not re.search(r"hw:|card=", d.lower())]:
        return skip(f"{', '.join(unknown)}: the name does not show what it leads to ('aplay -L' has names that do)")
    return ok("wired" + (": USB" if "usb" in cards else ""))


def memory_model(case: Case) -> Finding:
    """High memory 1: use smaller models."""
    workers = case.service().get("workers", [])
    share = _memory_share(case)
    if share is None:
        return skip("no /proc/meminfo")
    said = (
        ", ".join(f"{w['kind']} {w['rss_bytes'] / 1e6:.0f} MB" for w in workers) or f"stt.model {case.config.stt.model}"
    )
    if share > 0.9:
        return warn(f"{share:.0%} of the memory is in use; {said}", "set stt.model to a smaller one (tiny.en)")
    return ok(f"{share:.0%} of the memory is in use; {said}")


def quantized(case: Case) -> Finding:
    """High memory 2: enable quantization."""
    kind = case.config.stt.optimization.compute_type
    if kind not in QUANTIZED:
        served = "float32 is served by float16, which" if kind == "float32" else kind
        return warn(f"{served} takes 1.15 to 1.20 times the memory of int8",
                    "set stt.optimization.compute_type to int8")  # fmt: skip
    return ok(kind)


def cache_size(case: Case) -> Finding:
    """High memory 3: reduce cache sizes."""
    size = case.config.response_generation.cache.size
    if size > CACHE_MUCH:
        return warn(f"{size} replies may be kept", "set response_generation.cache.size to 2000 (the guide's large one)")
    return ok(f"at most {size} replies")


def history(case: Case) -> Finding:
    """High memory 4: limit context history."""
    context = case.config.nlp.context_manager
    if context.max_history > HISTORY_MUCH:
        return warn(f"{context.max_history} turns are remembered", "set nlp.context_manager.max_history to 5")
    return ok(f"{context.max_history} turns for {context.context_timeout:g} s")


def cache_age(case: Case) -> Finding:
    """High memory 5: clear caches periodically."""
    ttl = case.config.response_generation.cache.ttl
    if ttl > 7 * 86_400:
        return warn(f"replies are kept {ttl / 86_400:.0f} days", "set response_generation.cache.ttl to 7200")
    return ok(f"a reply is dropped after {ttl:g} s; 'rtva cache clear' drops all")


def sample_rate(case: Case) -> Finding:
    """High CPU 2: reduce the sample rate."""
    rate = case.config.audio.input.sample_rate
    if rate > 16_000:
        return warn(f"the microphone is asked for {rate} Hz, and resampled", "set audio.input.sample_rate to 16000")
    return ok(f"{rate} Hz")


def cpu_buffers(case: Case) -> Finding:
    """High CPU 3: increase buffer sizes."""
    chunk, cpu = case.config.audio.input.chunk_size, _cpu_percent(case)
    if chunk < RIGHT_CHUNK[0] and (cpu is None or cpu > 80):
        return warn(f"{chunk} samples a period wake the processor {16_000 / chunk:.0f} times a second",
                    "set audio.input.chunk_size to 1024")  # fmt: skip
    return ok(_buffers(case))


def cpu_model(case: Case) -> Finding:
    """High CPU 4: use simpler models."""
    cpu = _cpu_percent(case)
    if cpu is None:
        return skip(NO_SERVICE)
    if cpu > 80:
        knobs = [] if case.config.stt.model.startswith("tiny") else ["stt.model to tiny.en"]
        knobs += ["vad.engine to webrtc"] if case.config.vad.engine == "silero" else []
        advice = f"set {' and '.join(knobs)}" if knobs else "the models are the simplest there are; see background"
        return warn(f"processors {cpu:.0f} % busy over a minute", advice)
    return ok(f"processors {cpu:.0f} % busy over a minute")


def concurrency(case: Case) -> Finding:
    """High CPU 5: limit concurrent processing."""
    threads, here = case.config.stt.optimization.num_workers, cores.available()
    if threads is not None and threads > here:
        return ok(f"stt.optimization.num_workers {threads}, of which the {here} cores here allow {here}")
    cpu = _cpu_percent(case)
    if threads == here and here > 1 and cpu is not None and cpu > 80:
        return warn(f"recognition takes all {here} cores", f"set stt.optimization.num_workers to {here - 1}")
    return ok(f"{threads or 'as many as useful'} threads on {here} cores")


TOPICS: dict[str, tuple[tuple[str, Answer], ...]] = {
    "latency": (("stages", stages), ("model size", latency_model), ("GPU", gpu), ("small buffers", small_buffers),
                ("features", features)),
    "drop-outs": (("large buffers", large_buffers), ("late listener", listener), ("background", background),
                  ("driver", driver), ("wired", wired)),
    "memory": (("model size", memory_model), ("quantization", quantized), ("cache size", cache_size),
               ("history", history), ("cache age", cache_age)),
    "cpu": (("GPU", gpu), ("sample rate", sample_rate), ("buffers", cpu_buffers), ("models", cpu_model),
            ("concurrency", concurrency)),
}  # fmt: skip


def answers(case: Case, topic: str) -> Iterator[Finding]:
    """The five findings of one topic, named ``topic: answer``; raises nothing."""
    for name, look in TOPICS[topic]:
        try:
            found = look(case)
        except Exception as error:
            found = warn(f"could not be checked: {type(error).__name__}: {' '.join(str(error).split())}")
        yield replace(found, name=f"{topic}: {name}")


def summary(case: Case, topic: str) -> Finding:
    """One finding for all five: the knobs that are worth turning."""
    found = list(answers(case, topic))
    wrong = [f for f in found if f.status in ("warn", "fail")]
    hint = f"'rtva doctor --trouble {topic}' has the rest"
    if wrong:
        return warn(f"{len(wrong)} of 5 worth a look: {wrong[0].message}", f"{wrong[0].advice}; {hint}")
    looked = sum(f.status == "ok" for f in found)
    return ok(f"{looked} of 5 looked at, nothing to turn")


def _buffers(case: Case) -> str:
    return f"{case.config.audio.input.chunk_size} samples in, {case.config.audio.output.buffer_size} out"


def _cpu_percent(case: Case) -> float | None:
    value = case.service().get("machine", {}).get("cpu_percent")
    return None if value is None else float(value)


def _memory_share(case: Case) -> float | None:
    fields = dict(line.split(":", 1) for line in case.read("/proc/meminfo").splitlines() if ":" in line)
    try:
        return 1 - int(fields["MemAvailable"].split()[0]) / int(fields["MemTotal"].split()[0])
    except (KeyError, ValueError, ZeroDivisionError):
        return None


def environment_level(root: Path, pid: int | str) -> str:
    """``RTVA_LOG`` of a process, "" where it has none or may not be read."""
    try:
        pairs = (root / f"proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return os.environ.get("RTVA_LOG", "") if pid == "self" else ""
    return next((p.partition(b"=")[2].decode("utf-8", "replace") for p in pairs if p.startswith(b"RTVA_LOG=")), "")
