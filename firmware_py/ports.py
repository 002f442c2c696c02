"""The roles of the walk. An adapter fills one; the walk sees only these.

Each docstring says what an adapter must do and what it may do. All of them: ``close`` may be called twice
and must not raise; a missing library or device raises :class:`~firmware_py.errors.Unavailable` in the
constructor, never later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from firmware_py.events import Ending, Pcm16, Reply, Slots, State, ToolCall, Transcript, Understood, WakeHeard


@runtime_checkable
class Microphone(Protocol):
    """Mono int16 at 16 kHz, whatever the device does.

    Must: ``read`` blocks until a device period is there and returns it, shape ``(n,)``, any n > 0; returns
    None at the end of a recording; raises DeviceLost when the device has gone. ``lost`` counts samples (at
    16 kHz) that the device dropped so far. May: return blocks of varying size. Only one thread reads.
    """

    lost: int

    def read(self) -> Pcm16 | None: ...
    def close(self) -> None: ...


@runtime_checkable
class Speaker(Protocol):
    """Takes mono int16 at ``rate_hz`` (fixed when it was opened).

    Must: ``write`` blocks until the device accepted the block; ``delay_s`` is the sound still in the
    device's buffer; ``flush`` drops that sound within one period; ``drain`` waits until it is played.
    """

    rate_hz: int

    def write(self, pcm: Pcm16) -> None: ...
    def delay_s(self) -> float: ...
    def flush(self) -> None: ...
    def drain(self) -> None: ...
    def close(self) -> None: ...


@runtime_checkable
class Vad(Protocol):
    """Speech or not, a 10 ms frame at a time.

    Must: ``push`` takes 160 samples and returns 1 (speech), 0 (not) or -1 (not known yet: a detector's
    warm-up is never silence). ``reset`` forgets the stream.
    """

    def push(self, frame: Pcm16) -> int: ...
    def reset(self) -> None: ...


@runtime_checkable
class WakeWord(Protocol):
    """Wake words, a 10 ms frame at a time.

    Must: ``push`` takes 160 samples and returns the wake word that was heard with this frame, a near miss that ended
    with it, or None; tell a word once. ``is_speaking``: the assistant itself is heard in the frame. ``reset`` forgets
    the stream. ``names`` are the words. May: listen for several.
    """

    @property
    def names(self) -> list[str]: ...
    def push(self, frame: Pcm16, *, is_speaking: bool = False) -> WakeHeard | None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


@runtime_checkable
class EchoCanceller(Protocol):
    """Takes the loudspeaker out of the microphone, a 10 ms frame at a time.

    Must: ``cancel`` takes 160 samples of each, ``far`` being what was played at the time of ``near`` or a little
    later, and returns as many without its echo; find the rest of the delay itself. May: give them back some
    milliseconds late.
    """

    def cancel(self, near: Pcm16, far: Pcm16) -> Pcm16: ...
    def close(self) -> None: ...


@runtime_checkable
class SpeechToText(Protocol):
    """One utterance to text.

    Must: take int16, or float32 in any range (clipped to -1..1), mono 16 kHz, shape ``(n,)``, of any length
    (windowed past 30 s); return an empty text for silence and noise; never return a bracketed annotation.
    May: poll ``is_cancelled`` and raise Cancelled. One call at a time.
    """

    def transcribe(
        self, audio: NDArray[np.int16] | NDArray[np.float32], *, is_cancelled: Callable[[], bool] | None = None
    ) -> Transcript: ...
    def close(self) -> None: ...


@runtime_checkable
class Understanding(Protocol):
    """One sentence to an intent; never raises on any text."""

    def understand(self, text: str) -> Understood: ...


@runtime_checkable
class Completeness(Protocol):
    """How a sentence ends, for the endpointer's patience.

    Must: judge by what was heard and meant alone, within a few milliseconds; never raise on any text.
    """

    def judge(self, heard: Transcript, meant: Understood) -> Ending: ...


@runtime_checkable
class TextToSpeech(Protocol):
    """Text to int16 mono chunks at ``rate_hz``.

    Must: yield the first chunk as soon as it exists, yield nothing for text without anything to say, and
    stop early when the iterator is closed. May: split at sentences and clauses. One call at a time.
    """

    rate_hz: int

    def synthesize(self, text: str) -> Iterator[Pcm16]: ...
    def close(self) -> None: ...


@runtime_checkable
class StatusLight(Protocol):
    """Is told what changed; must return at once and never raise: the walk does not wait for a face."""

    def show(self, state: State, details: Slots) -> None: ...
    def close(self) -> None: ...


@runtime_checkable
class Responder(Protocol):
    """An intent to a reply.

    Must: ``prepare`` has no side effect and never raises; ``commit`` does the reply's actions and remembers
    the turn, and is called once, for a committed turn only; behind ``close_question`` no sentence answers what was
    asked before. May: ``expects(text)``, the least confidence (0 to 1)
    with which a doubted text is taken for an answer to the question that is open, None where it is none.
    """

    def prepare(self, understood: Understood) -> Reply: ...
    def commit(self, reply: Reply) -> None: ...
    def close_question(self) -> None: ...


class Sentences(Protocol):
    """A reply that is written while it is spoken, sentence by sentence; ``said`` is what it came to so far.

    Must: ``cancel`` ends it from any thread, at once, and may be called twice.
    """

    said: str

    def __iter__(self) -> Iterator[str]: ...
    def __next__(self) -> str: ...
    def cancel(self) -> None: ...


class ModelStream(Protocol):
    """One answer of a language model on its way.

    Must: ``take`` gives the next piece of text, or a tool to call, and None behind the last; raises TimeoutError when
    none came in time, ModelFailed when none will; ``cancel`` closes the connection from any thread and returns at once.
    """

    def take(self, timeout_s: float) -> str | ToolCall | None: ...
    def cancel(self) -> None: ...


@runtime_checkable
class LanguageModel(Protocol):
    """A conversation to its next answer.

    Must: ``chat`` returns at once; ``messages`` and ``tools`` are in the shape of OpenAI's chat completions. May: know
    no tools and leave them out.
    """

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> ModelStream: ...
    def close(self) -> None: ...


@runtime_checkable
class TextEngine(Protocol):
    """A language model that writes in the caller's thread, one answer at a time; it may run in a worker.

    Must: ``pieces`` yields text and tools to call; ends soon after ``is_cancelled`` says so (Cancelled); raises
    ModelFailed. May: know no tools and leave them out.
    """

    def pieces(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[str | ToolCall]: ...
    def close(self) -> None: ...


class Playback(Protocol):
    """One answer on its way out. The marks are monotonic nanoseconds, None until they are reached."""

    first_ns: int | None
    heard_ns: int | None
    done_ns: int | None

    def wait(self, timeout_s: float | None = None) -> bool: ...
    def stop(self) -> None: ...


class Player(Protocol):
    """Owns the speaker. ``play`` takes the chunks as they are made and returns at once.

    ``at_ns`` is the time the first chunk was ready, for a player on a recording's clock; a live one stamps
    its marks itself and ignores it.
    """

    def play(self, chunks: Iterator[Pcm16], at_ns: int | None = None) -> Playback: ...
