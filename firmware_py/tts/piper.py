"""Text to speech with a Piper voice through onnxruntime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadInput
from firmware_py.events import Pcm16
from firmware_py.tts.cut import INPUTS
from firmware_py.tts.parts import Feed, open_parts
from firmware_py.tts.phonemes import Phonemes
from firmware_py.tts.sentences import DEFAULT_LIMITS, Limits, Piece, split, whole
from firmware_py.tts.sessions import Floats, Net, session_options
from firmware_py.tts.split_voice import SplitVoice
from firmware_py.tts.spoken import spoken
from firmware_py.tts.voice import Voice, read_voice

WARM_TEXT = "The quick brown fox jumps over the lazy dog."
EDGE_FADE_MS = 4
"""Both ends of a piece are faded over this long, so that a join with silence never clicks."""
HOP_SAMPLES = 256
"""Samples of a decoder frame in every Piper voice (its spectrogram's hop)."""


class WholeVoice:
    """Phoneme ids to sound in one run of the whole graph."""

    def __init__(self, onnx: Path, num_threads: int) -> None:
        self._net = Net(onnx, session_options(num_threads))
        if set(self._net.inputs) != set(INPUTS):
            raise BadInput(f"{onnx} is not a Piper voice: its inputs are {', '.join(self._net.inputs)}")

    def sound(self, *feed: NDArray[Any]) -> Iterator[Floats]:
        yield self._net(*feed)[0].reshape(-1)


class Piper:
    """A :class:`~firmware_py.ports.TextToSpeech` in the voice ``onnx`` with its JSON ``config``.

    ``num_threads`` 0 is half the cores. With ``streaming`` the first 0.2 s of a sentence are handed out while the
    rest is decoded; a voice that cannot be cut for that is said sentence by sentence. Without
    ``sentence_splitting`` a text is said in one go (up to a hard cap). The constructor loads the voice and
    measures its pace; ``note`` is what a user should know of that, or None. Raises Unavailable when a file or a
    library is missing, BadInput when a file is not a Piper voice; both name the file.
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
        self._info = read_voice(config)
        self.rate_hz = self._info.rate_hz
        self._split = split if sentence_splitting else whole
        self._phonemes = Phonemes(self._info)
        self.note: str | None = None
        self._voice = self._open(onnx, num_threads, streaming)

    def warm(self) -> None:
        """One sentence through everything, so that the first real one is not slower than the next."""
        for _ in self._voice.sound(*self._feed(self._phonemes.ids(WARM_TEXT))):
            pass

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
        """Nothing to do: the sessions go with the object."""

    def _open(self, onnx: Path, num_threads: int, streaming: bool) -> SplitVoice | WholeVoice:
        if streaming and onnx.is_file():
            try:
                feed = self._feed(self._phonemes.ids(WARM_TEXT))
                parts = open_parts(onnx, feed, num_threads)
                self.note = parts.note
                voice = SplitVoice(parts, 1000 * HOP_SAMPLES / self.rate_hz)
                voice.calibrate(*feed)
                return voice
            except ValueError as error:
                self.note = f"{onnx} is said sentence by sentence: {error}"
        return WholeVoice(onnx, num_threads)

    def _feed(self, ids: tuple[int, ...]) -> Feed:
        return feed_of(ids, self._info)

    def _say(self, piece: Piece) -> Iterator[Pcm16]:
        ids = self._phonemes.ids(piece.text)
        if ids:
            yield from to_pcm(self._voice.sound(*self._feed(ids)), self.rate_hz, piece.pause_ms)


def feed_of(ids: tuple[int, ...], voice: Voice) -> Feed:
    """What a Piper graph is fed for one sentence: ids, their count, noise and length scales."""
    return np.array([ids], np.int64), np.array([len(ids)], np.int64), np.array(voice.scales, np.float32)


def to_pcm(sound: Iterable[Floats], rate_hz: int, pause_ms: int = 0) -> Iterator[Pcm16]:
    """float32 chunks as int16, both ends of the whole faded, ``pause_ms`` of silence behind it.

    Not-a-number is silence, the rest is clipped.
    """
    fade = np.linspace(0.0, 1.0, rate_hz * EDGE_FADE_MS // 1000, dtype=np.float32)
    tail, is_open = np.zeros(0, np.float32), False
    for chunk in sound:
        tail = np.concatenate([tail, chunk])
        if not is_open and tail.size >= fade.size:
            tail[: fade.size] *= fade
            is_open = True
        ready = tail.size - fade.size
        if is_open and ready > 0:
            yield _int16(tail[:ready])
            tail = tail[ready:]
    if tail.size:
        begin = np.ones(1, np.float32) if is_open else fade[: tail.size]
        pause = np.zeros(rate_hz * pause_ms // 1000, np.int16)
        yield np.concatenate([_int16(tail * begin * fade[::-1][-tail.size :]), pause])


def _int16(sound: Floats) -> Pcm16:
    clean = np.nan_to_num(sound, nan=0.0, posinf=1.0, neginf=-1.0)
    pcm: Pcm16 = np.clip(np.rint(clean * 32767.0), -32767, 32767).astype(np.int16)
    return pcm
