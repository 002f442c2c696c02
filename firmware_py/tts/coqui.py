"""Text to speech with a Coqui model (the maintained ``coqui-tts``): a folder with a checkpoint and its configuration.

The library brings torch (5.5 GB), so it is an extra that nothing else needs, imported when the engine is made.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from firmware_py.errors import BadInput, Unavailable
from firmware_py.events import Pcm16
from firmware_py.tts.answer import answer
from firmware_py.tts.sentences import DEFAULT_LIMITS, Limits, split, whole

INSTALL = "pip install 'rtva[coqui]'"
WARM_TEXT = "The quick brown fox jumps over the lazy dog."


class Coqui:
    """A :class:`~firmware_py.ports.TextToSpeech` with the model ``checkpoint`` and its JSON ``config``.

    ``vocoder`` and ``vocoder_config`` turn a model's spectrogram into sound; without them it is Griffin-Lim's
    reconstruction, and a model that makes sound itself (VITS) needs neither. A model with several speakers or
    languages uses its first. A piece is said in one go: sound comes sentence by sentence, whatever ``streaming`` says.
    Raises Unavailable when the library is missing, BadInput naming the checkpoint when it does not fit its
    configuration.
    """

    def __init__(
        self,
        checkpoint: Path,
        config: Path,
        *,
        vocoder: tuple[Path, Path] | None = None,
        sentence_splitting: bool = True,
        streaming: bool = True,
    ) -> None:
        try:
            from TTS.utils import synthesizer
        except ImportError as error:
            raise Unavailable(f"coqui-tts is not installed ({error}); {INSTALL}") from error
        self._pad = int(synthesizer.PAD_SILENCE_SAMPLES)
        self._model = _load(synthesizer.Synthesizer, checkpoint, config, vocoder)
        _keep_all(self._model)
        self.rate_hz = int(self._model.output_sample_rate)
        self._speaker, self._language = _first(self._model, "speaker"), _first(self._model, "language")
        self._split = split if sentence_splitting else whole
        self._checkpoint = checkpoint

    def warm(self) -> None:
        """One sentence, so that the first real one is not slower than the next."""
        for _ in self._say(WARM_TEXT):
            pass

    def synthesize(self, text: str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Pcm16]:
        """Mono int16 chunks at :attr:`rate_hz`, a piece each; none for a text without anything to say."""
        return answer(text, self._split, self._say, rate_hz=self.rate_hz, limits=limits)

    def close(self) -> None:
        """Nothing to do: the model goes with the object."""

    def _say(self, text: str) -> Iterator[Pcm16]:
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # the library prints what it splits
                sound = self._model.tts(
                    text, speaker_name=self._speaker, language_name=self._language, split_sentences=False
                )
        except (RuntimeError, ValueError, AssertionError, KeyError, IndexError) as error:
            raise BadInput(f"{self._checkpoint} cannot say {text[:40]!r}: {_line(error)}") from error
        yield to_int16(np.asarray(sound[: -self._pad], np.float32))


def to_int16(sound: np.ndarray[Any, np.dtype[np.float32]]) -> Pcm16:
    """float32 in -1..1 as int16; not-a-number is silence, the rest is clipped."""
    clean = np.nan_to_num(sound, nan=0.0, posinf=1.0, neginf=-1.0)
    pcm: Pcm16 = np.clip(np.rint(clean * 32767.0), -32767, 32767).astype(np.int16)
    return pcm


def _load(make: Any, checkpoint: Path, config: Path, vocoder: tuple[Path, Path] | None) -> Any:
    extra = {} if vocoder is None else {"vocoder_checkpoint": str(vocoder[0]), "vocoder_config": str(vocoder[1])}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return make(tts_checkpoint=checkpoint, tts_config_path=config, **extra)
    except MemoryError:
        raise
    except Exception as error:  # whatever a foreign configuration makes the library raise
        raise BadInput(f"{checkpoint} does not load with {config.name}: {_line(error)}") from error


def _keep_all(model: Any) -> None:
    """The library drops all behind the first 0.8 s that are quiet: a pause in a sentence, or a quiet voice, would lose
    the rest of it."""
    audio = model.tts_config.audio
    if audio.get("do_trim_silence"):
        audio["do_trim_silence"] = False


def _first(model: Any, kind: str) -> str | None:
    """The first speaker or language of a model with several, None of one with one."""
    manager = getattr(model.tts_model, f"{kind}_manager", None)
    names = list(getattr(manager, f"{kind}_names", None) or ())
    return str(names[0]) if len(names) > 1 else None


def _line(error: Exception) -> str:
    lines = " ".join(str(error).split()) or type(error).__name__
    return lines if len(lines) <= 160 else f"{lines[:157]}..."
