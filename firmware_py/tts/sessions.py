"""onnxruntime sessions for a voice on a machine that listens at the same time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadInput, Unavailable

Floats = NDArray[np.float32]
SPEAKER = "sid"
"""The input of a voice with several speakers; the first one speaks."""


def session_options(num_threads: int = 0) -> Any:
    """Half the cores, at least one (0), and no spinning: a spinning pool burns the cores that the listener needs.

    The memory pattern is off because every text has another shape. Denormals are left alone: flushing them
    measured no faster (decoder, 0.98 to 1.02) and would change the arithmetic of the whole calling thread.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads or max(1, len(os.sched_getaffinity(0)) // 2)
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


class Net:
    """One graph: a call with its inputs in order gives its outputs in order, all float32 or int64 arrays.

    ``model`` is a file or a model's bytes. Raises Unavailable when the file or onnxruntime is missing, BadInput
    when it is not a model; both name ``label``.
    """

    def __init__(self, model: Path | bytes, options: Any, label: str = "") -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise Unavailable(f"onnxruntime is not installed ({error}); run 'make setup'") from error
        label = label or str(model)
        if isinstance(model, Path) and not model.is_file():
            raise Unavailable(f"voice {label} is missing")
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's classes share no base but Exception
            raise BadInput(f"{label} is not a model that can be loaded ({str(error).splitlines()[0]})") from error
        self.inputs: list[str] = [i.name for i in self._session.get_inputs() if i.name != SPEAKER]
        self.has_speaker = len(self.inputs) < len(self._session.get_inputs())
        self.outputs: list[str] = [o.name for o in self._session.get_outputs()]

    def __call__(self, *arrays: NDArray[Any]) -> Sequence[Floats]:
        feed: dict[str, NDArray[Any]] = dict(zip(self.inputs, arrays, strict=True))
        if self.has_speaker:
            feed[SPEAKER] = np.zeros(1, np.int64)
        outputs: Sequence[Floats] = self._session.run(None, feed)
        return outputs
