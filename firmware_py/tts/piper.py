"""Text to speech with a Piper voice through onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadInput, Unavailable
from firmware_py.events import Pcm16
from firmware_py.tts.phonemes import Phonemes
from firmware_py.tts.sentences import DEFAULT_LIMITS, Limits, Piece, split, whole
from firmware_py.tts.spoken import spoken
from firmware_py.tts.voice import read_voice

WARM_TEXT = "Ready when you are."
EDGE_FADE_MS = 4
"""Both ends of a piece are faded over this long, so that a join with silence never clicks."""


def session_options(num_threads: int) -> Any:
    """onnxruntime's options for a voice on a machine that listens at the same time.

    Half the cores at least one (0), no spinning: a spinning pool burns the cores that the listener needs.
    The memory pattern is off because every text has another shape.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads or max(1, (os.cpu_count() or 1) // 2)
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return options


class Piper:
    """A :class:`~firmware_py.ports.TextToSpeech` in the voice ``onnx`` with its JSON ``config``.

    ``num_threads`` 0 is half the cores. Without ``sentence_splitting`` a text is said in one go (up to a hard
    cap). The constructor loads and warms the voice. Raises Unavailable when a file or a library is missing,
    BadInput when a file is not a Piper voice; both name the file.
    """

    def __init__(
        self,
        onnx: Path,
        config: Path,
        *,
        num_threads: int = 0,
        sentence_splitting: bool = True,
        streaming: bool = True,
    ) -> None:
        self._voice = read_voice(config)
        self.rate_hz = self._voice.rate_hz
        self._split = split if sentence_splitting else whole
        self._phonemes = Phonemes(self._voice)
        self._session = load_session(onnx, num_threads)
        self._inputs = {i.name for i in self._session.get_inputs()}
        if not {"input", "input_lengths", "scales"} <= self._inputs:
            raise BadInput(f"{onnx} is not a Piper voice: its inputs are {', '.join(sorted(self._inputs))}")
        self.warm()

    def warm(self) -> None:
        """One short sentence through everything, so that the first real one is not slower than the next."""
        for _ in self.synthesize(WARM_TEXT):
            pass
        self._phonemes.forget()

    def synthesize(self, text: str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Pcm16]:
        """Mono int16 chunks at :attr:`rate_hz`; none for a text without anything to say.

        ``limits`` bound how much of the text is said; closing the iterator stops the synthesis.
        """
        left = int(limits.max_audio_s * self.rate_hz)
        for piece in self._split(spoken(text[: limits.max_chars]), limits):
            for chunk in self._say(piece):
                yield chunk[:left]
                left -= chunk.size
                if left <= 0:
                    return

    def close(self) -> None:
        """Nothing to do: the session goes with the object."""

    def _say(self, piece: Piece) -> Iterator[Pcm16]:
        sentences = self._phonemes.ids(piece.text)
        for ids in sentences:
            yield self._to_pcm(self._infer(ids))
        if sentences and piece.pause_ms:
            yield np.zeros(self.rate_hz * piece.pause_ms // 1000, np.int16)

    def _infer(self, ids: tuple[int, ...]) -> NDArray[np.float32]:
        feed: dict[str, Any] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(self._voice.scales, np.float32),
        }
        if "sid" in self._inputs:
            feed["sid"] = np.zeros(1, np.int64)
        audio: NDArray[np.float32] = self._session.run(None, feed)[0].reshape(-1)
        return audio

    def _to_pcm(self, audio: NDArray[np.float32]) -> Pcm16:
        audio = np.nan_to_num(audio, nan=0.0, posinf=1.0, neginf=-1.0)
        fade = np.linspace(0.0, 1.0, self.rate_hz * EDGE_FADE_MS // 1000, dtype=np.float32)[: audio.size]
        audio[: fade.size] *= fade
        audio[audio.size - fade.size :] *= fade[::-1]
        pcm: Pcm16 = np.clip(np.rint(audio * 32767.0), -32767, 32767).astype(np.int16)
        return pcm


def load_session(onnx: Path, num_threads: int) -> Any:
    """An onnxruntime session on the CPU. Raises Unavailable (missing) or BadInput (not a model), naming the file."""
    import onnxruntime

    if not onnx.is_file():
        raise Unavailable(f"voice {onnx} is missing")
    try:
        return onnxruntime.InferenceSession(
            str(onnx), sess_options=session_options(num_threads), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises classes of its own that share no base but Exception
        raise BadInput(f"{onnx} is not an ONNX model that can be loaded ({str(error).splitlines()[0]})") from error
