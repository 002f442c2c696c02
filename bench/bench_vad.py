"""The two voice activity detectors at each aggressiveness: false alarms, misses, delays, cost.

    .venv/bin/python bench/bench_vad.py [--every 3] [--json build/bench/vad.json]
    python bench/plot_vad.py build/bench/vad.json     (wants matplotlib, which the project does not depend on)

Detectors alone: verdicts every 10 ms against the marks of ``vad_material.py``. End to end: the same sound through the
listener (front end, detector, endpointer) with its default knobs. Times are the recording's, so they do not depend
on the machine; cost is processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vad_material import Spoken, mixed, noises, recordings, to_int16, words

from firmware_py import models
from firmware_py._ring import Ring
from firmware_py.events import FRAME_MS, FRAME_SAMPLES, Kind, Pcm16, TurnEvent
from firmware_py.listen import Listener, ListenSettings
from firmware_py.ports import Vad
from firmware_py.vad.silero import SileroVad
from firmware_py.vad.webrtc import WebRtcVad

ROOT = Path(__file__).resolve().parent.parent
SNRS_DB = (20, 10, 5)
LATE_FRAMES = 150
SILENCE = np.zeros(FRAME_SAMPLES * 200, np.int16)
Verdicts = NDArray[np.int8]


def detectors() -> dict[str, Any]:
    """Name -> a function that makes one at an aggressiveness."""
    model = models.resolve_vad("silero")
    return {
        "webrtc": WebRtcVad,
        "silero": lambda level: SileroVad(model, level),
        "silero-30ms": lambda level: SileroVad(model, level, chains=1),
    }


def verdicts_of(vad: Vad, sound: Pcm16) -> Verdicts:
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return np.array([vad.push(frame) for frame in frames], np.int8)


def delays_of(recording: Spoken, verdicts: Verdicts) -> tuple[list[float], list[float]]:
    """Milliseconds from the reference to the detector, at each start and each end; starts that are missed left out.

    A start is the end of the second positive frame in a row (what the endpointer believes), an end that of the last
    positive frame before the next segment, at most 1.5 s later.
    """
    starts, ends = [], []
    is_speech = verdicts == 1
    for number, (start, end) in enumerate(recording.segments):
        later = [a for a, _ in recording.segments[number + 1 :]]
        until = min([end + LATE_FRAMES, verdicts.size, *later])
        pairs = np.flatnonzero(is_speech[max(0, start - 10) : end - 1] & is_speech[max(0, start - 10) + 1 : end])
        if pairs.size:
            starts.append(float(FRAME_MS * (max(0, start - 10) + pairs[0] + 2 - start)))
            last = np.flatnonzero(is_speech[start:until])[-1] + start + 1
            ends.append(float(FRAME_MS * (last - end)))
    return starts, ends


def alone(make: Any, level: int, sounds: Iterable[tuple[Spoken, Pcm16]]) -> dict[str, Any]:
    """The detector without the endpointer on recordings."""
    voiced = missed = quiet = false = segments = 0
    starts: list[float] = []
    ends: list[float] = []
    for recording, sound in sounds:
        verdicts = verdicts_of(make(level), sound)
        voiced += int(recording.voiced.sum())
        missed += int((recording.voiced & (verdicts == 0)).sum())
        quiet += int(recording.quiet.sum())
        false += int((recording.quiet & (verdicts == 1)).sum())
        segments += len(recording.segments)
        s, e = delays_of(recording, verdicts)
        starts, ends = starts + s, ends + e
    return {
        "voiced_missed": missed / voiced,
        "quiet_called_speech": false / quiet,
        "segments": segments,
        "starts_missed": segments - len(starts),
        "start_ms": starts,
        "end_ms": ends,
    }


def events_of(vad: Vad, sound: Pcm16) -> list[TurnEvent]:
    """All turn events of a sound, two seconds of silence behind it."""
    ring = Ring(1 << 19)
    listener = Listener(ring, vad, ListenSettings(), lambda position: position)
    events: list[TurnEvent] = []
    for block in np.array_split(np.concatenate([sound, SILENCE]), max(1, sound.size // 16_000)):
        ring.write(np.ascontiguousarray(block))
        events += listener.drain()
    return events


def end_to_end(make: Any, level: int, sounds: Iterable[tuple[Spoken, Pcm16]]) -> dict[str, Any]:
    """Through the listener. A turn that touches no reference segment is a false one; a recording is split when it
    gives more turns than its own pauses of over half a second would."""
    heard = false = split = count = 0
    marks: dict[str, list[float]] = {"start_ms": [], "end_ms": [], "pause_ms": [], "endpoint_ms": []}
    for recording, sound in sounds:
        events = events_of(make(level), sound)
        turns = [e for e in events if e.kind in (Kind.ENDPOINT, Kind.TOO_LONG)]
        spans = joined(recording.segments, ListenSettings().hangover_ms // FRAME_MS)
        touching = [t for t in turns if any(touches(t, span) for span in spans)]
        count, heard = count + 1, heard + bool(touching)
        false, split = false + len(turns) - len(touching), split + (len(touching) > len(spans))
        if touching:
            first, last = spans[0][0] * FRAME_SAMPLES, recording.segments[-1][1] * FRAME_SAMPLES
            pauses = [e.at for e in events if e.kind is Kind.PAUSE and e.at <= touching[-1].at]
            marks["start_ms"].append((touching[0].speech_start - first) / 16)
            marks["end_ms"].append((touching[-1].speech_end - last) / 16)
            marks["endpoint_ms"].append((touching[-1].at - last) / 16)
            if pauses:
                marks["pause_ms"].append((pauses[-1] - last) / 16)
    return {"recordings": count, "heard": heard, "split": split, "false_turns": false, **marks}


def joined(segments: Iterable[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for start, end in segments:
        if spans and start - spans[-1][1] < gap:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def touches(turn: TurnEvent, span: tuple[int, int]) -> bool:
    return turn.speech_start < span[1] * FRAME_SAMPLES and turn.speech_end > span[0] * FRAME_SAMPLES


def on_noise(make: Any, level: int, sound: Pcm16) -> dict[str, float]:
    """Share of frames called speech, and turns that begin, a minute."""
    events = events_of(make(level), sound)
    return {
        "called_speech": float((verdicts_of(make(level), sound) == 1).mean()),
        "turns_a_minute": sum(e.kind is Kind.SPEECH for e in events) / (sound.size / 16_000 / 60),
    }


def cost_us(make: Any, sound: Pcm16) -> float:
    """Processor microseconds a frame, the best of five rounds of a second of sound."""
    vad, frames, best = make(2), sound[: FRAME_SAMPLES * 300].reshape(-1, FRAME_SAMPLES), float("inf")
    for _ in range(5):
        begun = time.process_time()
        for frame in frames:
            vad.push(frame)
        best = min(best, (time.process_time() - begun) / len(frames) * 1e6)
    return best


def measure(folder: Path, every: int) -> dict[str, Any]:
    spoken, quiet = recordings(folder, every), noises(folder)
    kitchen = quiet["kitchen +0 dB"]
    conditions = {"clean": [(r, r.sound) for r in spoken]}
    conditions |= {f"{snr} dB": [(r, mixed(r, kitchen, snr)) for r in spoken] for snr in SNRS_DB}
    conditions["30 dB softer"] = [(r, to_int16(r.sound * 10.0**-1.5)) for r in spoken]
    short = words()
    conditions["short words"] = [(r, r.sound) for r in short]
    conditions["short words, 15 dB"] = [(r, mixed(r, kitchen, 15)) for r in short]
    result: dict[str, Any] = {"recordings": len(spoken), "cost_us": {}, "alone": {}, "walk": {}, "noise": {}}
    for name, make in detectors().items():
        result["cost_us"][name] = cost_us(make, spoken[0].sound)
        for level in (2,) if name == "silero-30ms" else range(4):
            key = f"{name} {level}"
            print(key, flush=True)
            result["alone"][key] = {c: alone(make, level, sounds) for c, sounds in conditions.items()}
            result["walk"][key] = {c: end_to_end(make, level, sounds) for c, sounds in conditions.items()}
            result["noise"][key] = {n: on_noise(make, level, sound) for n, sound in quiet.items()}
    return result


def middle(values: list[float]) -> str:
    return f"{np.median(values):.0f} / {np.percentile(values, 95):.0f}" if values else "-"


def report(result: dict[str, Any]) -> str:
    """The tables of the decision page; delays as median / 95th percentile in ms."""
    lines = [f"{result['recordings']} recordings. Cost a 10 ms frame, us: {result['cost_us']}", ""]
    lines += ["| detector | sound | voiced frames missed | quiet called speech | start ms | end ms | starts missed |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for key, by_sound in result["alone"].items():
        for name, r in by_sound.items():
            shares = f"{r['voiced_missed']:.1%} | {r['quiet_called_speech']:.1%}"
            delays = f"{middle(r['start_ms'])} | {middle(r['end_ms'])} | {r['starts_missed']} of {r['segments']}"
            lines.append(f"| {key} | {name} | {shares} | {delays} |")
    lines += ["", "| walk | sound | heard | split | false turns | start ms | end ms | pause ms | endpoint ms |"]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    for key, by_sound in result["walk"].items():
        for name, r in by_sound.items():
            counts = f"{r['heard']} of {r['recordings']} | {r['split']} | {r['false_turns']}"
            times = " | ".join(middle(r[m]) for m in ("start_ms", "end_ms", "pause_ms", "endpoint_ms"))
            lines.append(f"| {key} | {name} | {counts} | {times} |")
    keys = list(result["noise"])
    lines += [
        "",
        "| noise: share called speech (turns a minute) | " + " | ".join(keys) + " |",
        "|---" * (len(keys) + 1) + "|",
    ]
    for name in result["noise"][keys[0]]:
        cells = (result["noise"][k][name] for k in keys)
        lines.append(
            f"| {name} | " + " | ".join(f"{c['called_speech']:.0%} ({c['turns_a_minute']:.0f})" for c in cells) + " |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--every", type=int, default=3, help="take every n-th of the recordings")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "vad.json")
    options = parser.parse_args()
    folder = Path(os.environ.get("RTVA_RECORDINGS", ROOT.parent / "shared" / "speech"))
    result = measure(folder, options.every)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result))
    print(report(result))


if __name__ == "__main__":
    main()
