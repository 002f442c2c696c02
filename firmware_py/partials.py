"""Text while a person speaks: the words so far, and those of them that stay.

Each pass recognises the utterance from its beginning, so a word may still change from pass to pass. Those that two
passes agree on (LocalAgreement-2, Machacek et al. 2023) are the stable prefix, and it only grows.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable

import numpy as np

from firmware_py.errors import Cancelled, RtvaError
from firmware_py.events import RATE_HZ, Kind, Partial, Pcm16, Transcript, TurnEvent
from firmware_py.ports import SpeechToText

PERIOD_MS = 400
"""From one pass to the next; with the pass itself, text is at most 500 ms of speech old on a machine that keeps up."""

_log = logging.getLogger("rtva")

_SIGNS = re.compile(r"[^\w']+")


class Agreement:
    """The stable prefix of one utterance.

    For all passes: ``stable`` begins with the ``stable`` of the pass before, to the letter, and ``text`` begins with
    ``stable``. Words are compared without case and punctuation; the last word of a pass is never agreed on, since
    the sound may break off inside it.
    """

    def __init__(self) -> None:
        self._stable: list[str] = []
        self._before: list[str] = []

    def push(self, heard: str) -> tuple[str, str]:
        """Takes what a pass heard, gives ``(text, stable)``."""
        said = [word for word in heard.split() if _plain(word)]
        held = len(self._stable)
        agreed = 0
        for ours, theirs in zip(said[:-1], self._before, strict=False):
            if _plain(ours) != _plain(theirs):
                break
            agreed += 1
        if agreed > held and all(_plain(a) == _plain(b) for a, b in zip(said, self._stable, strict=False)):
            self._stable += said[held:agreed]
        self._before = said
        return " ".join(self._stable + said[len(self._stable) :]), " ".join(self._stable)


class Stream:
    """Speech to text in pieces: ``push`` samples, ``finish`` for the final transcript.

    ``partial`` recognises what is there so far, ``final`` the whole; they may be the same engine. The final
    transcript is recognised from all samples without regard to the partial ones, so that it is the same with and
    without them: it may differ from them in any word.
    """

    def __init__(self, partial: SpeechToText, final: SpeechToText, *, period_ms: int = PERIOD_MS) -> None:
        self._partial, self._final = partial, final
        self._period = period_ms * RATE_HZ // 1000
        self._begin()

    def _begin(self) -> None:
        self._pieces: list[Pcm16] = []
        self._samples = self._looked_at = 0
        self._agreement = Agreement()

    def push(self, samples: Pcm16) -> Partial | None:
        """Takes mono int16 at 16 kHz, any number; a partial transcript when a pass was due, else None."""
        self._pieces.append(np.array(samples, np.int16))
        self._samples += len(samples)
        if self._samples - self._looked_at < self._period:
            return None
        self._looked_at = self._samples
        heard = self._partial.transcribe(self._audio())
        return _partial(self._agreement, heard, self._samples)

    def finish(self) -> Transcript:
        """The transcript of all that was pushed; the next ``push`` begins another utterance."""
        audio = self._audio()
        self._begin()
        return self._final.transcribe(audio)

    def _audio(self) -> Pcm16:
        audio = np.concatenate([*self._pieces, np.zeros(0, np.int16)])
        self._pieces = [audio]
        return audio


class LivePartials:
    """The thread that looks at the open utterance while it is being spoken.

    It has an engine of its own, so it never delays a draft: at a pause the pass in progress is cancelled, and none
    begins before speech goes on. ``copy(start)`` gives the sound from a position on. A pass that takes longer than
    the period is followed by as long a rest, so at most half a core goes into this; ``skipped`` counts the passes
    that were due meanwhile. Idle, it waits for the next utterance and costs nothing.
    """

    def __init__(
        self,
        engine: SpeechToText | None,
        copy: Callable[[int], Pcm16],
        tell: Callable[[Partial], None],
        *,
        period_ms: int = PERIOD_MS,
    ) -> None:
        self.skipped = 0
        self.errors = 0
        self._engine, self._copy, self._tell = engine, copy, tell
        self._period_s = period_ms / 1000
        self._change = threading.Condition()
        self._speaks = self._is_over = False
        self._start = -1
        self._agreement = Agreement()
        self._thread = threading.Thread(target=self._run, name="partials", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; a pass in progress is cancelled."""
        with self._change:
            self._is_over, self._speaks = True, False
            self._change.notify()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def use(self, engine: SpeechToText | None) -> None:
        """Another engine from the next pass on; None: no passes until there is one again."""
        with self._change:
            self._engine = engine
            self._speaks = self._speaks and engine is not None

    def on_event(self, event: TurnEvent) -> None:
        """What the listener decided; returns at once."""
        with self._change:
            if event.kind is Kind.SPEECH:
                self._start, self._agreement = event.start, Agreement()
            self._speaks = event.kind in (Kind.SPEECH, Kind.RESUME) and not self._is_over and self._engine is not None
            self._change.notify()

    def _run(self) -> None:
        due = 0.0
        while True:
            with self._change:
                self._change.wait_for(lambda: self._speaks or self._is_over)
                if self._is_over:
                    return
                self._change.wait_for(lambda: not self._speaks, due - time.monotonic())
                if not self._speaks:
                    continue
                start, agreement = self._start, self._agreement
            began = time.monotonic()
            self._look(start, agreement)
            took = time.monotonic() - began
            self.skipped += int(took / self._period_s)
            due = began + max(self._period_s, 2 * took if took > self._period_s else 0.0)

    def _look(self, start: int, agreement: Agreement) -> None:
        def is_over() -> bool:
            return not self._speaks or self._start != start

        engine = self._engine
        try:
            audio = self._copy(start)
            if engine is None or audio.size < RATE_HZ * self._period_s:
                return
            heard = engine.transcribe(audio, is_cancelled=is_over)
            if not is_over():
                self._tell(_partial(agreement, heard, audio.size))
        except Cancelled:
            return
        except (RtvaError, ValueError, IndexError):
            self.errors += 1  # the sound was overwritten, or the engine is being replaced: the next pass tries again
        except Exception:  # the thread serves every utterance to come, whatever an engine or a listener raises now
            self.errors += 1
            _log.exception("a pass for partial text failed; the next one tries again")


def _partial(agreement: Agreement, heard: Transcript, samples: int) -> Partial:
    text, stable = agreement.push(heard.text)
    return Partial(text, stable, samples * 1000 // RATE_HZ)


def _plain(word: str) -> str:
    return _SIGNS.sub("", word.lower().replace("’", "'"))
