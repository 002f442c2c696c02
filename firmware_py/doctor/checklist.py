"""The guide's Performance Checklist, ten lines, each with a real look behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from firmware_py.doctor import Case, Finding, checks, ok, skip, trouble, warn
from firmware_py.doctor.trend import newest

QUIET_DB = -45.0
"""A noise floor above this is a noisy room (the kitchen of the recordings stands at -40 dB)."""
WEEK_S = 8 * 86_400


def model(case: Case) -> Finding:
    """The model fits into the memory, and recognition is in time."""
    fits, quick = checks()["memory"](case), trouble.latency_model(case)
    return fits if fits.status == "warn" else quick


def buffers(case: Case) -> Finding:
    """As small as the guide says, as large as it takes to lose nothing."""
    lost, large = trouble.large_buffers(case), trouble.small_buffers(case)
    return lost if lost.status == "warn" else large


def streaming(case: Case) -> Finding:
    """Every stage works while the one before it still does."""
    config = case.config
    wanted = {
        "stt.streaming": config.stt.streaming,
        "tts.streaming": config.tts.streaming,
        "tts.sentence_splitting": config.tts.sentence_splitting,
        "pipeline.processing.mode async": config.pipeline.processing.mode == "async",
    }
    off = [key for key, is_on in wanted.items() if not is_on]
    return warn(f"off: {', '.join(off)}", f"set {', '.join(off)}") if off else ok(", ".join(wanted))


def caching(case: Case) -> Finding:
    cache = case.config.response_generation.cache
    if not cache.enabled:
        return warn("response_generation.cache.enabled is false", "set it to true")
    return ok(f"{cache.size} replies for {cache.ttl:g} s")


def vad(case: Case) -> Finding:
    """The guide: 3 for noisy environments, 2 for quiet; silero is the default because it was measured so."""
    vad, floor = case.config.vad, case.service().get("floor_db")
    said = f"{vad.engine}, aggressiveness {vad.aggressiveness}, padding {vad.padding_duration_ms} ms"
    if floor is not None and floor > QUIET_DB and vad.engine == "webrtc" and vad.aggressiveness < 3:
        return warn(
            f"{said}, and the room stands at {floor:.0f} dB", "set vad.aggressiveness to 3, or vad.engine to silero"
        )
    if vad.padding_duration_ms < 100:
        return warn(f"{said}: words may begin cut off", "set vad.padding_duration_ms to 300")
    return ok(said + (f"; the room stands at {floor:.0f} dB" if floor is not None else ""))


def logging(case: Case) -> Finding:
    """Of the service where it runs, else of this shell."""
    pid = case.service().get("pid", "self")
    level = trouble.environment_level(case.root, pid).upper()
    if level == "DEBUG":
        return warn("RTVA_LOG is DEBUG", "take it out of the environment (systemctl edit rtva)")
    for name in ("capture", "record"):
        if case.service().get(name, {}).get("is_on"):
            return warn(f"{name} is on: what is said is stored", f"'rtva {name} off'")
    return ok("a line a turn, warnings and errors" if case.service() else "nothing below a warning")


def watched(case: Case) -> Finding:
    """Somebody sees when the machine runs short."""
    metrics = case.config.metrics
    ways = [name for name in ("socket", "port", "textfile") if getattr(metrics, name) is not None]
    if ways:
        return ok(f"metrics.{', metrics.'.join(ways)}; and the service raises alerts itself")
    if case.service():
        return ok("the service raises alerts itself; nobody collects metrics (metrics.textfile)")
    return warn(
        "no service watches this machine, and no metrics are configured", "systemctl start rtva; metrics.textfile"
    )


def profiled(case: Case) -> Finding:
    """The weekly profile's trend has a fresh entry."""
    entry = newest()
    advice = "systemctl enable --now rtva-profile.timer, or 'rtva profile --trend' by hand"
    if entry is None:
        return warn("no profile was ever kept", advice)
    age_s = time.time() - entry["at"]
    said = f"the last one is {age_s / 86_400:.1f} days old, {entry['total_ms']:.0f} ms in all"
    return ok(said) if age_s < WEEK_S else warn(said, advice)


def gpu(case: Case) -> Finding:
    found = trouble.gpu(case)
    return skip(found.message) if found.message.startswith("there is no GPU") else found


LINES: tuple[tuple[str, Callable[[Case], Finding]], ...] = (
    ("Using appropriate model size for use case", model),
    ("GPU acceleration enabled (if available)", gpu),
    ("Audio buffer sizes optimized", buffers),
    ("Streaming enabled at all stages", streaming),
    ("Caching enabled", caching),
    ("VAD properly configured", vad),
    ("No unnecessary logging in production", logging),
    ("Background processes minimized", trouble.background),
    ("System resources monitored", watched),
    ("Regular profiling performed", profiled),
)
"""The guide's words, in its order."""


def run(case: Case) -> Iterator[Finding]:
    """A finding a line; raises nothing."""
    for words, look in LINES:
        try:
            found = look(case)
        except Exception as error:
            found = warn(f"could not be checked: {type(error).__name__}: {' '.join(str(error).split())}")
        yield replace(found, name=words)
