"""What the parts of the voice cost, as they are and as they were: one decoder or two, over time or in a plane.

    .venv/bin/python bench/bench_tts_parts.py [--rounds 25]

Processor time of one thread in milliseconds, least and median of interleaved rounds (other programs on the machine
disturb it little): the front; the first 16 frames behind it; and all of a sentence in growing chunks.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from firmware_py import models
from firmware_py.tts.cut import cut
from firmware_py.tts.graph import Graph, tensor_info
from firmware_py.tts.parts import open_parts, parts_folder
from firmware_py.tts.phonemes import Phonemes
from firmware_py.tts.piper import feed_of
from firmware_py.tts.planar import planar
from firmware_py.tts.sessions import Floats, Net, session_options
from firmware_py.tts.split_voice import Given, Latent, Parts, Stage
from firmware_py.tts.voice import read_voice

TEXT = "I have set a timer for ten minutes, it ends at noon."
CHUNKS = (16, 16, 48, 160, 160, 160)


class OneDecoder(Latent):
    """Decoded as before the decoder was cut: every stage sees all of the context."""

    decoder: Net

    def __init__(self, parts: Parts, latent: Floats) -> None:
        super().__init__(parts, latent)
        flow = Stage(self._flow, Given(latent), self.frames, parts.context.flow)
        self._fine = Stage(lambda w: self.decoder(w)[0].reshape(1, 1, -1), flow, self.frames, parts.context.coarse)


def streamed(latent: Latent, chunks: tuple[int, ...]) -> None:
    at = 0
    for size in chunks:
        end = min(at + size, latent.frames)
        if end > at:
            latent.samples(at, end)
        at = end


def arms() -> dict[str, Callable[[], object]]:
    voice = models.resolve_voice("en_US-joe-medium")
    info = read_voice(voice.config)
    feed = feed_of(Phonemes(info).ids(TEXT), info)
    plane, model = open_parts(voice.onnx, feed, 1), voice.onnx.read_bytes()
    made, options = cut(model), session_options(1)
    front, flow = plane.front, plane.flow
    over_time = replace(plane, coarse=Net(made.coarse, options), fine=Net(made.fine, options))
    front_in_a_plane = Net(planar((parts_folder(voice.onnx) / "front.onnx").read_bytes()), options)
    graph, acoustic = Graph(model), flow.outputs[0]
    samples = {name: bytes(raw) for name, raw in graph.outputs.items()}
    OneDecoder.decoder = Net(graph.extract(samples, {acoustic: tensor_info(acoustic, [1, 192, "frames"])}), options)
    latent = front(*feed)[0]
    print(f"{feed[0].size} phoneme ids, {latent.shape[2]} frames")
    ways = {"one decoder": (OneDecoder, over_time), "two": (Latent, over_time), "two, in a plane": (Latent, plane)}
    found: dict[str, Callable[[], object]] = {
        "front": lambda: front(*feed),
        "front, in a plane": lambda: front_in_a_plane(*feed),
    }
    for name, (kind, parts) in ways.items():
        found[f"first chunk, {name}"] = lambda kind=kind, parts=parts: streamed(kind(parts, latent), CHUNKS[:1])
        found[f"all, {name}"] = lambda kind=kind, parts=parts: streamed(kind(parts, latent), CHUNKS)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    args = parser.parse_args()
    contenders, spent = arms(), defaultdict(list)
    for _ in range(args.rounds):
        for name, run in contenders.items():
            begun = time.thread_time()
            run()
            spent[name].append((time.thread_time() - begun) * 1e3)
    for name, times in spent.items():
        print(f"{name:<32} least {min(times):7.1f}   median {np.median(times):7.1f}")


if __name__ == "__main__":
    main()
