"""Silero VAD v6 through onnxruntime.

The network looks at 512 samples (and 64 before them) and carries an LSTM state from window to window, so it wants
windows one behind the other: run every 10 ms on the last 512 samples its verdicts are wrong in 41 % of cases. A window
every 480 samples gives the same verdicts as one every 512 in 98.8 %, and three frames are 480 samples. So three chains
take turns, each with a state of its own, and every 10 ms frame ends a window of one of them
(``docs/decisions/0009-vad.md``). While nothing is near that sounds like speech, one chain listens alone, at a third of
the cost; as soon as it doubts, the others go on from its state (``docs/decisions/0013-turns.md``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadInput, Unavailable
from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Pcm16

WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64
CHAINS = 3
"""Frames from one window of a chain to its next: 480 samples, the multiple of a frame that is nearest to 512."""

THRESHOLDS = ((0.25, 0.15), (0.40, 0.30), (0.50, 0.45), (0.70, 0.60))
"""Aggressiveness -> probability at which speech begins, and below which it is over (measured: see the page)."""

ALERT_FROM = 0.05
"""Probability from which all chains look; silence and steady noise stay below it."""
ALERT_FRAMES = 50
"""They look for this long after the last such probability."""

UNKNOWN = -1


class SileroVad:
    """A :class:`~firmware_py.ports.Vad`; about 80 microseconds a frame on a desktop core, 30 while nothing is near.

    ``model`` is the 16 kHz ONNX file, ``aggressiveness`` 0 to 3: 3 calls the fewest frames speech. Raises
    Unavailable when the library or the file is missing, BadInput when the file is another model.
    """

    def __init__(self, model: Path, aggressiveness: int = 2, *, chains: int = CHAINS) -> None:
        if aggressiveness not in range(len(THRESHOLDS)):
            raise ValueError(f"aggressiveness {aggressiveness}: 0 to {len(THRESHOLDS) - 1} are allowed")
        if chains not in (1, CHAINS):
            raise ValueError(f"{chains} chains: 1 or {CHAINS} are allowed")
        self._on, self._off = THRESHOLDS[aggressiveness]
        self._chains = chains
        self._session = _load(model)
        self._sound = np.zeros((1, CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._feed: dict[str, Any] = {"input": self._sound, "sr": np.array(RATE_HZ, np.int64)}
        self.reset()

    def push(self, frame: Pcm16) -> int:
        """1 for speech, 0 for none, -1 until the first window is complete; ``frame`` is 160 samples."""
        sound = self._sound[0]
        sound[:-FRAME_SAMPLES] = sound[FRAME_SAMPLES:]
        np.divide(frame, 32768.0, out=sound[-FRAME_SAMPLES:])
        chain = self._frames % CHAINS
        self._frames += 1
        self._alert -= 1
        if self._frames * FRAME_SAMPLES >= WINDOW_SAMPLES and (
            chain == 0 or (chain < self._chains and self._alert > 0)
        ):
            self._look(chain)
        return self._verdict

    def reset(self) -> None:
        """Forgets the stream: what comes next has nothing to do with what was."""
        self._frames = 0
        self._verdict = UNKNOWN
        self._alert = ALERT_FRAMES
        self.probability = 0.0
        self._sound[:] = 0.0
        self._states: list[NDArray[np.float32]] = [np.zeros((2, 1, 128), np.float32) for _ in range(self._chains)]

    def _look(self, chain: int) -> None:
        self._feed["state"] = self._states[chain]
        output, self._states[chain] = self._session.run(None, self._feed)
        self.probability = float(output[0, 0])
        if self.probability >= ALERT_FROM:
            if self._alert <= 0:  # the others have not looked meanwhile: what this one knows is nearest to the truth
                self._states = [self._states[chain]] * self._chains
            self._alert = ALERT_FRAMES
        # Once speech, it takes the lower threshold to end it; before the first verdict the upper one counts.
        self._verdict = int(self.probability >= (self._off if self._verdict == 1 else self._on))


def _load(model: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise Unavailable(f"onnxruntime is not installed ({error}); run 'make setup'") from error
    if not model.is_file():
        raise Unavailable(f"no weights at {model}; 'rtva models fetch' brings them")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the listen thread itself does the work
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(model), sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no base but Exception
        raise BadInput(f"{model} is not an ONNX model that can be loaded ({str(error).splitlines()[0]})") from error
    inputs = {i.name for i in session.get_inputs()}
    if inputs != {"input", "state", "sr"}:
        raise BadInput(f"{model} is not Silero VAD for 16 kHz: its inputs are {', '.join(sorted(inputs))}")
    return session
