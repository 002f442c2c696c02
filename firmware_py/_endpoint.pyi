from typing import final

FRAME_SAMPLES: int
SPEECH: int
PAUSE: int
RESUME: int
ENDPOINT: int
TOO_LONG: int
KIND_NAMES: tuple[str, ...]
"""The value of ``events.Kind`` for each kind."""

@final
class Endpointer:
    """Turns a verdict every 10 ms into turn events with exact sample positions; rules in ``ext/rtva_endpoint.h``.

    Durations are rounded up to frames; ValueError out of range. ``debounce_ms``: shorter runs of speech are noise.
    ``bridge_ms``: a gap this long ends a burst that is not speech yet. ``veto_ms``: for how long the energy detector
    may overrule the VAD.
    """

    def __init__(
        self,
        *,
        preroll_ms: int = 300,
        min_speech_ms: int = 250,
        pause_ms: int = 100,
        hangover_ms: int = 500,
        max_utterance_ms: int = 15000,
        debounce_ms: int = 20,
        bridge_ms: int = 150,
        veto_ms: int = 200,
    ) -> None: ...
    def push(self, verdict: int, is_active: int = -1) -> tuple[tuple[int, int, int, int, int], ...]:
        """Take the verdict (1 speech, 0 not, -1 unknown) on the next 160 samples, and ``FrontEnd.is_active`` on them.

        Returns 0 to 3 events ``(kind, at, start, speech_start, speech_end)`` as in ``events.TurnEvent``.
        """

    def set_hangover(self, speech_end: int, ms: int) -> bool:
        """For the pause that began at ``speech_end``; False, and nothing done, when that is not the one in progress."""

    def settle(self) -> tuple[tuple[int, int, int, int, int], ...]:
        """Behind ``set_hangover``, without another frame: the ENDPOINT, if the silence so far is long enough."""

    def reset(self, position: int = 0) -> None: ...
    @property
    def position(self) -> int: ...
    @property
    def in_speech(self) -> bool: ...
    @property
    def is_candidate(self) -> bool:
        """Whether there is voice that is not speech yet."""

    @property
    def is_paused(self) -> bool: ...
    @property
    def hangover_ms(self) -> int:
        """Of the pause in progress."""
