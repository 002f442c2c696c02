"""A recording through the walk as fast as it goes: in one thread, on the recording's own clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from firmware_py._ring import Ring
from firmware_py.attention import Attention
from firmware_py.audio.play import FastPlayer
from firmware_py.audio.recording import RecordingMicrophone
from firmware_py.ears import make_attention
from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Patience, Pcm16, Reply, TurnTrace
from firmware_py.listen import Listener
from firmware_py.observers import Observers
from firmware_py.pipeline import VoicePipeline
from firmware_py.ports import Microphone
from firmware_py.turn import TurnSettings, TurnTaker

RING_SAMPLES = 1 << 19
"""32.8 s at 16 kHz: longer than the longest utterance with its pre-roll."""


@dataclass
class Answer:
    """One turn of a recording and the sound of its answer: int16 chunks at ``rate_hz``."""

    trace: TurnTrace
    rate_hz: int = 0
    chunks: list[Pcm16] = field(default_factory=list)


def position_clock(t0_ns: int) -> Callable[[int], int]:
    """The clock of a recording at fast pace: sample n stands at ``t0 + n / rate``."""
    return lambda position: t0_ns + position * 1_000_000_000 // RATE_HZ


Heeded = Callable[[Patience], Patience]
"""What becomes of a word to the endpointer on a recording's clock: the same with another ``from_ns``."""


def measured(patience: Patience) -> Patience:
    """It counts once the draft was done, as long as that took here and now."""
    return patience


def replay(
    pipeline: VoicePipeline, file: Path, observers: Observers | None = None, *, heeded: Heeded = measured
) -> list[Answer]:
    """Walks one recording at fast pace and returns its turns; ``observers`` are told of events and utterances.

    The walk is fed silence behind the recording until the last turn ends. What a draft tells the endpointer counts
    from the time on the recording's clock at which the draft was done; ``heeded`` may set another, so that endpoints
    do not depend on the machine.
    """
    config = pipeline.config
    observers = observers or Observers()
    ring = Ring(RING_SAMPLES)
    attention = make_attention(pipeline.config)
    listener = Listener(ring, pipeline.make_vad(), pipeline.listen_settings(), position_clock(0), attention)
    if attention is not None:
        attention.on_wake = observers.on_wake
    rate_hz, played = pipeline.tts.rate_hz, []  # type: int, list[Pcm16]
    player = FastPlayer(rate_hz, config.audio.output.buffer_size, played.append)
    taker = TurnTaker(
        pipeline.stations,
        player,
        TurnSettings(is_live=False, drafts=pipeline.drafts),
        pipeline.make_addressed(),
        on_draft=lambda draft: listener.be_patient(heeded(pipeline.patience(draft))),
        on_no_draft=lambda pause: listener.be_patient(heeded(pipeline.no_patience(pause))),
        on_heard=attention.answered if attention is not None else lambda: None,
        on_reply=lambda reply, trace: ask_back(attention, reply, trace.between_ms("play_done", "endpoint") or 0.0),
    )
    answers: list[Answer] = []
    for block in _then_silence(RecordingMicrophone(file, chunk_size=config.audio.input.chunk_size), listener):
        ring.write(block)
        for event in listener.decide():
            observers.on_event(event)
            observers.on_take(event)
            trace = taker.handle(event)
            if trace is not None:
                observers.on_utterance(event, trace, "")
                add_costs(trace, listener, config.audio.input.chunk_size)
                answers.append(Answer(trace, rate_hz, played[:]))
                played.clear()
    return answers


def ask_back(attention: Attention | None, reply: Reply, spoken_ms: float = 0.0) -> None:
    """A reply that asks opens the ear for its answer; ``spoken_ms`` is what of it is still to be heard."""
    if attention is not None and reply.asks:
        attention.ask_back(int(spoken_ms))


def _then_silence(microphone: Microphone, listener: Listener) -> Iterator[Pcm16]:
    """The recording's blocks, then silence until no utterance is open."""
    silence = np.zeros(FRAME_SAMPLES * 10, np.int16)
    try:
        while (block := microphone.read()) is not None:
            yield block
        yield silence
        while listener.in_speech:
            yield silence
    finally:
        microphone.close()


def add_costs(trace: TurnTrace, listener: Listener, period_samples: int) -> None:
    audio_ms, vad_ms = listener.cost.per_period_ms(period_samples)
    trace.stages_ms = {"audio": round(audio_ms, 4), "vad": round(vad_ms, 4), **trace.stages_ms}
