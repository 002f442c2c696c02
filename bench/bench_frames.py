"""What a 10 ms frame costs, beside the peers' voice detectors, with how well they tell speech from the rest.

    .venv/bin/python bench/bench_frames.py [--quick] [--json FILE]

Front end, detector and endpointer as the listen thread calls them, on speech, in processor time of a thread that does
nothing else. Peers: ``silero-vad``'s own Python (torch, and its onnx form; 32 ms frames, so its cost is divided by
3.2) and ``webrtcvad``. Guard: area under the ROC curve of each detector's score on frames with known marks
(``vad_material.py``, clean and with kitchen noise at 5 dB).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from arguments import part_parser, run_part
from measure import RECORDINGS, Part, Row, middle
from numpy.typing import NDArray
from peer import Peer
from vad_material import mixed, noises, recordings

from firmware_py import models
from firmware_py._endpoint import Endpointer
from firmware_py._front import FrontEnd
from firmware_py.audio.wav import write_wav
from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Pcm16
from firmware_py.vad.silero import SileroVad
from firmware_py.vad.webrtc import WebRtcVad

PEERS = ("silero-vad", "silero-vad onnx", "webrtcvad")


def stations_us(make_vad: Any, sound: Pcm16) -> float:
    """Processor microseconds a frame through front end, detector and endpointer."""
    front, vad, endpointer = FrontEnd(), make_vad(), Endpointer()
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    clean = np.empty(FRAME_SAMPLES, np.int16)
    began = time.thread_time_ns()
    for frame in frames:
        front.process(frame, clean)
        endpointer.push(vad.push(clean), front.is_active)
    return (time.thread_time_ns() - began) / 1e3 / len(frames)


def auc(scores: NDArray[np.float64], is_speech: NDArray[np.bool_]) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties shared."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = int(is_speech.sum())
    return float((ranks[is_speech].sum() - n * (n + 1) / 2) / (n * (is_speech.size - n)))


def by_frame(answer: dict[str, Any], frames: int) -> NDArray[np.float64]:
    """A peer's scores, one a 10 ms frame: that of the window the frame's middle lies in."""
    at = ((np.arange(frames) + 0.5) * 10 / answer["frame_ms"]).astype(int)
    return np.asarray(answer["scores"])[np.minimum(at, len(answer["scores"]) - 1)]


def verdicts(make_vad: Any, sound: Pcm16) -> NDArray[np.float64]:
    """Our detectors' score a frame: the probability where there is one, else the verdict."""
    vad, scores = make_vad(), []
    for frame in sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES):
        verdict = vad.push(frame)
        scores.append(float(getattr(vad, "probability", verdict)))
    return np.asarray(scores)


def measure(quick: bool, threads: int, scratch: Path) -> Part:
    model = models.resolve_vad("silero")
    makers: dict[str, Any] = {"rtva webrtc": lambda: WebRtcVad(2), "rtva silero": lambda: SileroVad(model, 2)}
    spoken = recordings(RECORDINGS, 30 if quick else 8)
    kitchen = noises(RECORDINGS)["kitchen +0 dB"]
    peers = {name: Peer(name, threads) for name in PEERS}
    cost: dict[str, list[float]] = {name: [] for name in (*makers, *PEERS)}
    scores: dict[str, list[NDArray[np.float64]]] = {f"{n} {c}": [] for n in cost for c in ("clean", "5 dB")}
    truth: list[NDArray[np.bool_]] = []
    for one in spoken:
        known = one.voiced | one.quiet
        truth.append(one.voiced[known])
        for condition, sound in (("clean", one.sound), ("5 dB", mixed(one, kitchen, 5))):
            wav = scratch / "sound.wav"
            write_wav(wav, RATE_HZ, [sound])
            for name, make in makers.items():
                cost[name].append(stations_us(make, sound))
                scores[f"{name} {condition}"].append(verdicts(make, sound)[: known.size][known])
            for name, peer in peers.items():
                answer = peer.ask(wav=str(wav))
                cost[name].append(answer["us"] * 10 / answer["frame_ms"])
                scores[f"{name} {condition}"].append(by_frame(answer, known.size)[known])
    for peer in peers.values():
        peer.__exit__()
    is_speech = np.concatenate(truth)
    curves = {name: auc(np.concatenate(found), is_speech) for name, found in scores.items()}
    return report(cost, curves, len(spoken))


def report(cost: dict[str, list[float]], curves: dict[str, float], count: int) -> Part:
    part = Part("frames", f"{count} recordings, clean and in noise", data={"us": cost, "auc": curves})
    for name, values in cost.items():
        share = middle(values) / 10_000
        guard = f"AUC {curves[f'{name} clean']:.3f} clean, {curves[f'{name} 5 dB']:.3f} at 5 dB"
        figure = f"{middle(values):.1f} us a frame, {share:.2%} of a core (least {min(values):.1f} us)"
        if name == "rtva webrtc":
            title = "front end, VAD (webrtc) and endpointer a 10 ms frame"
            part.rows.append(Row(title, "<= 0.5 % of a core", figure, share <= 0.005, guard))
        else:
            title = f"front end, VAD and endpointer, {name}" if name.startswith("rtva") else f"VAD alone, {name}"
            part.rows.append(Row(title, "", figure, None, guard))
    return part


if __name__ == "__main__":
    run_part(part_parser(__doc__).parse_args(), measure)
