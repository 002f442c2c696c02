"""whisper.cpp through ``pywhispercpp``'s own interface: what serves a libwhisper that our binding does not know.

The same two steps as :class:`.native.Native`, open decoding only.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import Cancelled, Unavailable
from firmware_py.stt.native import Decoded


class PyWhisper:
    """One model and its state; one call at a time. Raises Unavailable when the library is missing."""

    def __init__(self, model: Path, *, threads: int, language: str | None, use_gpu: bool = False) -> None:
        self._api, self._model = _load(model, threads, language, use_gpu)
        self._eot = self._api.whisper_token_eot(self._model._ctx)
        self._is_multilingual = bool(self._api.whisper_is_multilingual(self._model._ctx))
        self._asked = language
        self._heard: tuple[NDArray[np.float32], int, Callable[[], bool] | None] | None = None

    def listen(
        self, samples: NDArray[np.float32], context: int, is_cancelled: Callable[[], bool] | None = None
    ) -> None:
        """Keeps one utterance for :meth:`open`; the library encodes and decodes in one call."""
        self._heard = (np.ascontiguousarray(samples), context, is_cancelled)

    def open(self, most_tokens: int, patience: int = 0) -> Decoded:
        """The likeliest text of what was last listened to. Raises Cancelled. The library knows no ``patience``."""
        assert self._heard is not None
        samples, context, is_cancelled = self._heard
        params = {"audio_ctx": context, "max_tokens": most_tokens}
        segments = self._model.transcribe(samples, abort_callback=is_cancelled, **params)
        if is_cancelled is not None and is_cancelled():
            raise Cancelled("draft abandoned")
        tokens, logps = self._tokens(len(segments))
        return Decoded(" ".join(s.text for s in segments), tokens, logps, 0.0, 0.0)

    @property
    def language(self) -> str:
        """The language of the last utterance."""
        if not self._is_multilingual:
            return "en"
        if self._asked is not None:
            return self._asked
        return str(self._api.whisper_lang_str(self._api.whisper_full_lang_id(self._model._ctx)))

    def _tokens(self, segments: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
        api, ctx = self._api, self._model._ctx
        tokens: list[int] = []
        logps: list[float] = []
        for i in range(segments):
            for j in range(api.whisper_full_n_tokens(ctx, i)):
                token = api.whisper_full_get_token_id(ctx, i, j)
                if token < self._eot:
                    tokens.append(token)
                    logps.append(math.log(max(api.whisper_full_get_token_p(ctx, i, j), 1e-9)))
        return tuple(tokens), tuple(logps)


def _load(model: Path, threads: int, language: str | None, use_gpu: bool) -> tuple[Any, Any]:
    try:
        import _pywhispercpp
        from pywhispercpp.model import Model
    except ImportError as error:
        raise Unavailable(f"pywhispercpp is not installed ({error}); run 'make setup'") from error
    with silenced():
        loaded = Model(
            str(model),
            redirect_whispercpp_logs_to=False,
            context_params={"flash_attn": False, "use_gpu": use_gpu},
            n_threads=threads,
            language=language or "auto",
            no_context=True,
            single_segment=True,
            no_timestamps=True,
            print_progress=False,
            print_realtime=False,
            suppress_blank=True,
            suppress_nst=True,
            temperature=0.0,
            temperature_inc=0.0,
        )
    return _pywhispercpp, loaded


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Sends what native code prints on the process's stdout and stderr to /dev/null.

    It swaps the file descriptors, so nothing else may write to them meanwhile: only for loading.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    saved = [os.dup(1), os.dup(2)]
    try:
        os.dup2(null, 1)
        os.dup2(null, 2)
        yield
    finally:
        for fd, kept in zip((1, 2), saved, strict=True):
            os.dup2(kept, fd)
            os.close(kept)
        os.close(null)
