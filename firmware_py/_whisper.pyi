from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py._grammar import Automaton, Vocabulary

class Unsupported(ImportError):
    """The libwhisper of this process is not one that this binding knows."""

class Stopped(Exception):
    """The state was cancelled."""

def open_library() -> str:
    """Finds the libwhisper that ``_pywhispercpp`` has loaded and checks it; returns its version."""

class Model:
    """Weights from a ggml file."""

    n_vocab: int
    n_audio_ctx: int
    eot: int
    sot: int
    prev: int
    nosp: int
    not_timestamps: int
    transcribe: int
    is_multilingual: bool
    def __init__(self, path: str, *, use_gpu: bool = False) -> None: ...
    def texts(self) -> list[bytes]: ...
    def language_token(self, language: str) -> int: ...
    def language_tokens(self) -> dict[str, int]: ...
    def tokenize(self, text: str) -> list[int]: ...

class Tables:
    """What decoding needs to know of each token."""

    def __init__(self, texts: list[bytes], silent: NDArray[Any], marks: NDArray[Any]) -> None: ...

class State:
    """One listener over a model."""

    audio_ctx: int
    @property
    def decodes(self) -> int: ...
    def __init__(self, model: Model, threads: int) -> None: ...
    def cancel(self) -> None: ...
    def poll(self, is_cancelled: Callable[[], bool] | None) -> None: ...
    def listen(self, samples: NDArray[np.float32], audio_ctx: int) -> None: ...
    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]: ...
    @property
    def pace_ms(self) -> tuple[float, float]:
        """What a token took of late with one thread and with all of them; 0.0 where it was not tried."""

    def score(self, prompt: Sequence[int], tokens: Sequence[int]) -> NDArray[np.float32]: ...
    def decode(
        self, tables: Tables, prompt: Sequence[int], most: int, patience: int = 0
    ) -> tuple[list[int], NDArray[np.float32], float, float, bool]: ...
    def search(
        self,
        tables: Tables,
        automaton: Automaton,
        vocabulary: Vocabulary,
        prompt: Sequence[int],
        limits: dict[str, float],
    ) -> tuple[list[tuple[float, list[int], list[float], list[float]]], int]: ...
