"""A Piper voice cut into four parts, found by the shape of its graph and not by the names in it.

::

    phoneme ids -> FRONT (text encoder, durations) -> latent -> FLOW -> acoustic
    acoustic -> COARSE (first stage of the HiFi-GAN decoder) -> upsampled -> FINE (the others) -> samples

Front runs once for a piece of text; the others are convolutions over time, so that a window of frames with
enough context on both sides gives what the whole would have given, and the first sound does not wait for
the last. The decoder is cut because its first stage needs nearly all of the context and the others, at higher rates
and dearer, hardly any. The voice's noise is drawn in the front part: a latent fixes every sample.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_py.tts.graph import Graph, Node, tensor_info
from firmware_py.tts.sessions import SPEAKER

INPUTS = ("input", "input_lengths", "scales")
"""What every Piper voice is fed; one with several speakers also takes :data:`SPEAKER`."""


@dataclass(frozen=True)
class Cut:
    """Models as bytes. ``whole`` is the uncut voice with the outputs samples, latent, acoustic."""

    front: bytes
    flow: bytes
    coarse: bytes
    fine: bytes
    whole: bytes


def cut(model: bytes) -> Cut:
    """Cut a voice. Raises ValueError when it is not a model, or not shaped like a VITS voice."""
    graph = Graph(model)
    if not set(INPUTS) <= set(graph.inputs) or len(graph.outputs) != 1:
        raise ValueError(f"its inputs are {', '.join(graph.inputs) or 'none'}")
    samples, samples_info = next((name, bytes(raw)) for name, raw in graph.outputs.items())
    first, second = _upsamplers(graph, samples)
    conv = _first_decoder_conv(graph, first)
    upsampled = second.inputs[0]
    acoustic, channels = conv.inputs[0], graph.dims(conv.inputs[1])[1]
    latent = _latent(graph, acoustic)
    mask = _mask(graph, acoustic, latent)
    frames = tensor_info(acoustic, [1, channels, "frames"])
    latent_info, mask_info = tensor_info(latent, [1, channels, "frames"]), tensor_info(mask, [1, 1, "frames"])
    given = {latent: latent_info, mask: mask_info}
    finer = tensor_info(upsampled, [1, graph.dims(second.inputs[1])[0], "steps"])
    _only_takes(graph, upsampled, {acoustic})
    _only_takes(graph, samples, {upsampled})
    _only_takes(graph, acoustic, set(given))
    return Cut(
        front=graph.extract({latent: latent_info}, {}),
        flow=graph.extract({acoustic: frames}, given),
        coarse=graph.extract({upsampled: finer}, {acoustic: frames}),
        fine=graph.extract({samples: samples_info}, {upsampled: finer}),
        whole=graph.extract({samples: samples_info, latent: latent_info, acoustic: frames}, {}),
    )


def _upsamplers(graph: Graph, samples: str) -> tuple[Node, Node]:
    """The first two ConvTranspose, which begin the decoder's stages."""
    needed = graph.needed(samples)
    found = [n for n in graph.nodes if n.op == "ConvTranspose" and needed & set(n.outputs)]
    if len(found) < 2:
        raise ValueError("it has no HiFi-GAN decoder")
    return found[0], found[1]


def _first_decoder_conv(graph: Graph, first: Node) -> Node:
    """The Conv in front of the first ConvTranspose: between them are only activations and a speaker's bias."""
    name = first.inputs[0]
    while name in graph.producer:
        node = graph.producer[name]
        if node.op == "Conv":
            return node
        if node.op not in ("LeakyRelu", "Add"):
            break
        name = node.inputs[0]
    raise ValueError("it has no HiFi-GAN decoder")


def _latent(graph: Graph, acoustic: str) -> str:
    """The sum of the means and the last noise of the graph (the noise before it draws the durations)."""
    needed = graph.needed(acoustic)
    noises = [n for n in graph.nodes if n.op == "RandomNormalLike" and needed & set(n.outputs)]
    name = noises[-1].outputs[0] if noises else ""
    for _ in range(4):
        users = [n for n in graph.nodes if name in n.inputs and needed & set(n.outputs)]
        if len(users) != 1 or users[0].op not in ("Mul", "Add"):
            break
        name = users[0].outputs[0]
        if users[0].op == "Add":
            return name
    raise ValueError("it draws no noise before its decoder")


def _mask(graph: Graph, acoustic: str, latent: str) -> str:
    """The one other tensor of the front that the flow takes: which frames exist (all, for one text at a time)."""
    front = graph.needed(latent)
    flow = graph.needed(acoustic, {latent}) - front
    shared = {
        name
        for node in graph.nodes
        if flow & set(node.outputs)
        for name in node.needs & front
        if name != latent and name not in graph.weights and _depends_on_text(graph, name)
    }
    if len(shared) != 1:
        raise ValueError(f"its flow takes {len(shared) + 1} tensors from its front")
    return shared.pop()


def _depends_on_text(graph: Graph, name: str) -> bool:
    return bool(graph.needed(name) & set(graph.inputs) - {SPEAKER})


def _only_takes(graph: Graph, target: str, given: set[str]) -> None:
    feeds = graph.needed(target, given) & set(graph.inputs) - {SPEAKER}
    if feeds:
        raise ValueError(f"its parts overlap at {', '.join(sorted(feeds))}")
