"""What travels the walk, from the microphone to the speaker.

Frozen dataclasses only; nothing here has behaviour beyond arithmetic on itself, and nothing here imports
anything of ours. Sample positions count 16 kHz mono samples since the capture began and never wrap; time
marks are monotonic nanoseconds on one clock.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
FRAME_SAMPLES = 160
FRAME_MS = 10

Pcm16 = NDArray[np.int16]
"""Mono int16 samples, shape ``(n,)``."""

Slots = Mapping[str, Any]


class State(enum.Enum):
    """What the appliance is doing, as every status face shows it."""

    STARTING = "starting"
    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    MUTED = "muted"
    NO_MICROPHONE = "no_microphone"
    ERROR = "error"
    DEGRADED = "degraded"
    STOPPING = "stopping"


class Kind(enum.Enum):
    """The five turn events of the endpointer."""

    SPEECH = "speech"
    PAUSE = "pause"
    RESUME = "resume"
    ENDPOINT = "endpoint"
    TOO_LONG = "too_long"


class Ending(enum.Enum):
    """How a sentence ends, by its words.

    COMPLETE is a whole request to which nothing that changes it can be added; EXTENDABLE one to which something can;
    INCOMPLETE breaks off; UNKNOWN is every other sentence.
    """

    COMPLETE = "complete"
    EXTENDABLE = "extendable"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


UNDRAFTED = "undrafted"
"""Why a turn ended when no draft had been judged in time: the configured silence was over."""


@dataclass(frozen=True)
class Patience:
    """How long the pause behind sample ``speech_end`` may last before the turn is over, and why.

    It counts from the frame that ends at ``from_ns`` (monotonic) or later: when the draft was done.
    """

    speech_end: int
    hangover_ms: int
    reason: str = UNDRAFTED
    from_ns: int = 0


FOLLOW_UP = "follow_up"
"""``TurnEvent.wake`` of an answer to a question back, for which nobody called."""


@dataclass(frozen=True)
class WakeHeard:
    """A wake word that was heard, or nearly.

    ``score`` is its probability, 0..1: the one that passed the threshold, or of a near miss (``is_near``) the highest.
    The word itself had ended about ``ago_ms`` before the frame in which it was heard: an estimate, rather too early.
    """

    word: str
    score: float
    ago_ms: int = 0
    is_near: bool = False


@dataclass(frozen=True)
class TurnEvent:
    """One decision of the endpointer.

    ``at`` is the sample at which it was decided; ``start`` where the utterance begins, pre-roll included;
    ``speech_start`` and ``speech_end`` bound the voiced part (``speech_end`` is one past the last voiced
    sample). ``decided_ns`` is the monotonic time of the decision.
    ``audio`` holds the samples ``start .. at`` for PAUSE, ENDPOINT and TOO_LONG and is empty otherwise.
    ``hangover_ms`` is the silence that was waited for and ``reason`` why (the value of an :class:`Ending`,
    "undrafted", or "too_long"); both are of an end alone. ``heeded_at``, of the event behind a PAUSE, is the sample at
    which what the draft told the endpointer began to count, 0 if nothing did. ``interrupts``: an answer was ended for
    it.
    """

    kind: Kind
    at: int
    start: int
    speech_start: int
    speech_end: int
    decided_ns: int
    audio: Pcm16 = field(default_factory=lambda: np.zeros(0, np.int16), repr=False)
    hangover_ms: int = 0
    reason: str = ""
    heeded_at: int = 0
    wake: str = ""
    interrupts: bool = False


@dataclass(frozen=True)
class Transcript:
    """Speech to text of one utterance. ``text`` is "" when nobody spoke.

    ``confidence`` is the geometric mean of the token probabilities, 0..1 (0.0 when there is no text).
    ``guards`` names the guards that tripped (``loop``, ``annotation``, ``no_speech``, ``retry``).
    ``is_guided``: the text is a sentence of the templates, in normal words, believed with ``score`` (0..1);
    ``margin`` is by how many nats it beat the next sentence. A ``score`` without ``is_guided`` is that of the
    sentence that was not believed. ``doubted`` is what ``no_speech`` took away, with its confidence: an answer, where
    one is waited for.
    """

    text: str
    confidence: float = 0.0
    language: str = "en"
    guards: tuple[str, ...] = ()
    is_final: bool = True
    is_guided: bool = False
    score: float = 0.0
    margin: float = 0.0
    doubted: str = ""
    doubted_confidence: float = 0.0


@dataclass(frozen=True)
class Partial:
    """Text so far, while a person speaks. ``text`` begins with ``stable``: the words that no later partial changes.

    ``at_ms`` is how much of the utterance was heard for it. The final transcript may differ in any word.
    """

    text: str
    stable: str
    at_ms: int


@dataclass(frozen=True)
class Understood:
    """Text to intent. ``intent`` is None when the sentence is unknown, and then ``slots`` is empty.

    ``score`` is 0..1: 1.0 for a sentence that a template matches to the letter (after normalisation), less
    for a repaired one. ``metadata`` is what the template file attached to the sentence, ``actions`` what it says
    is to be done, and ``confirm`` whether the person is to be asked first. Of several commands in one sentence
    ``parts`` has each, in order, and the other fields are the first one's. ``heard_score`` (0..1) and
    ``margin`` (nats to the sentence that fits next best) are those of a guided transcript, None for other text: where
    they are thin a skill can ask back. ``sentence`` is the sentence of the templates, in normal words, that a text was
    taken for that was repaired or written twice, or the text without polite words around it, where there are any;
    ``unsure`` what a person is asked about first: the words heard and the
    slot's value that they were taken for ("guest bedroom", "bedroom"). ``undoes`` takes back what the sentence did
    that this one corrects. ``open_slots`` are those that took any words. ``confidence`` and ``guards`` are the
    transcript's, None and () for text that was not heard.
    """

    text: str
    intent: str | None = None
    slots: Slots = field(default_factory=dict)
    score: float = 0.0
    response: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    heard_score: float | None = None
    margin: float | None = None
    actions: tuple[Action, ...] = ()
    confirm: bool = False
    parts: tuple[Understood, ...] = ()
    sentence: str = ""
    unsure: tuple[str, str] | None = None
    undoes: tuple[Action, ...] = ()
    open_slots: tuple[str, ...] = ()
    confidence: float | None = None
    guards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Action:
    """A side effect that a committed turn will have, as data: nothing happens until it is committed."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ToolCall:
    """A tool that a language model wants to be called: its name, its arguments (JSON text), the call's own name."""

    name: str
    arguments: str = "{}"
    call_id: str = ""


@dataclass(frozen=True)
class Reply:
    """What is going to be said and done. A reply that is only prepared has no side effect.

    ``text`` is "" when nothing is to be said. ``is_cached`` tells a hit of the response cache; ``asks`` that it is a
    question, so that an answer may follow; ``is_unknown`` that the sentence was not understood. ``talk`` begins a
    reply that is still to be written when it is spoken (a :class:`~firmware_py.ports.Sentences`); ``text`` is "" then.
    """

    text: str
    intent: str | None = None
    actions: tuple[Action, ...] = ()
    is_cached: bool = False
    asks: bool = False
    is_unknown: bool = False
    talk: Callable[[], Any] | None = None


MARKS = (
    "speech_start",
    "speech_end",
    "pause",
    "endpoint",
    "stt_done",
    "nlu_done",
    "reply_done",
    "tts_first",
    "play_first",
    "heard",
    "play_done",
)


@dataclass
class TurnTrace:
    """Everything about one turn: what was heard, meant and said, and when.

    ``marks`` are monotonic nanoseconds by the names in :data:`MARKS`; a mark that was not reached is absent
    here and null in JSON. ``t0_ns`` is the time of sample 0, the origin of :meth:`marks_ms`. ``stages_ms``
    are durations. ``hangover_ms`` and ``endpoint_reason`` say after how much silence the turn ended and why (see
    :class:`TurnEvent`), ``wake`` what opened the ear for it, ``interrupts`` that an answer was ended for it.
    ``is_guided``, ``margin`` and ``guided_score`` are the transcript's, ``is_cached`` and ``actions`` (what was to be
    done) the reply's. It is written by the turn thread alone and read by others once the turn is over.
    """

    t0_ns: int = 0
    transcript: str = ""
    confidence: float = 0.0
    intent: str | None = None
    slots: Slots = field(default_factory=dict)
    score: float = 0.0
    reply: str = ""
    marks: dict[str, int] = field(default_factory=dict)
    stages_ms: dict[str, float] = field(default_factory=dict)
    draft_hit: bool = False
    draft_ready: bool = False
    drafts_discarded: int = 0
    hangover_ms: int = 0
    endpoint_reason: str = ""
    guards: tuple[str, ...] = ()
    is_guided: bool = False
    margin: float = 0.0
    guided_score: float = 0.0
    is_cached: bool = False
    actions: tuple[Action, ...] = ()
    wake: str = ""
    interrupts: bool = False
    error: str | None = None

    def mark(self, name: str, at_ns: int) -> None:
        """Set a mark; the last one counts. Raises KeyError for a name not in :data:`MARKS`."""
        if name not in MARKS:
            raise KeyError(name)
        self.marks[name] = at_ns

    def marks_ms(self) -> dict[str, float | None]:
        """All marks in milliseconds since sample 0 of the capture, None where not reached."""
        return {m: round((self.marks[m] - self.t0_ns) / 1e6, 3) if m in self.marks else None for m in MARKS}

    def between_ms(self, later: str, earlier: str) -> float | None:
        """The latency ``later - earlier`` in milliseconds, or None when either was not reached."""
        if later not in self.marks or earlier not in self.marks:
            return None
        return (self.marks[later] - self.marks[earlier]) / 1e6

    @property
    def answer_latency_ms(self) -> float | None:
        """``play_first - endpoint``."""
        return self.between_ms("play_first", "endpoint")

    @property
    def response_gap_ms(self) -> float | None:
        """``heard - speech_end``: what a person feels."""
        return self.between_ms("heard", "speech_end")
