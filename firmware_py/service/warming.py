"""What a start leaves for later: first uses, spare sentences, fixed phrases, while nobody speaks and there is time."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from firmware_py.beside import warm
from firmware_py.errors import RtvaError
from firmware_py.pipeline import VoicePipeline
from firmware_py.service.spare_sentences import SpareSentences

NICE = 19
RETRY_S = 1.0
AGAIN_S, AGAIN_LAST_S = 10.0, 600.0
"""Behind a voice that failed a step is tried again after so long, twice as long each time, up to the latter."""
Step = Callable[[Callable[[], bool]], bool]
"""Is given what asks whether it may go on, and tells whether it is done; False: it gave way and is asked again."""

_log = logging.getLogger("rtva")


def steps(pipeline: VoicePipeline, sentences: SpareSentences | None) -> list[Step]:
    """The first repair of a sentence; with ``sentences`` (there is a voice) those that are missing, and, as
    ``tts.cache.warm`` says, what is said again and again."""
    found: list[Step] = [partial(_first_use, pipeline.understanding)]
    if sentences is not None:
        found.append(partial(sentences.make, pipeline.tts))
        if pipeline.config.tts.cache.warm:
            found += phrases(pipeline)
    return found


def phrases(pipeline: VoicePipeline) -> Iterator[Step]:
    """Each fixed phrase rendered and kept; none without a cache."""
    speech: Any = pipeline.tts
    if hasattr(speech, "keep"):
        yield from (partial(speech.keep, phrase) for phrase in pipeline.fixed_phrases())


def _first_use(engine: Any, may_go_on: Callable[[], bool]) -> bool:
    warm(engine)
    return True


class Warming:
    """A thread that takes the steps in their order, and ends behind the last.

    It works while ``is_quiet``, gives way within a chunk of speech, and rests after each step as long as that took.
    With engines in workers the rendering is the worker's, at its own low priority.
    """

    def __init__(self, steps: Sequence[Step], is_quiet: Callable[[], bool]) -> None:
        self._steps = steps
        self._is_quiet = is_quiet
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="warm-speech", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it within a chunk."""
        self._is_closing.set()
        self._thread.join(2.0)

    def join(self, timeout_s: float) -> bool:
        """Waits until all is done; whether it is."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _may_go_on(self) -> bool:
        return self._is_quiet() and not self._is_closing.is_set()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # a thread of its own has a priority of its own (Linux)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        for step in self._steps:
            if not self._take(step):
                return

    def _take(self, step: Step) -> bool:
        """Whether it was done; else the service is stopping."""
        again_s = AGAIN_S
        while not self._is_closing.is_set():
            started = time.monotonic()
            try:
                if self._may_go_on() and step(self._may_go_on):
                    self._is_closing.wait(time.monotonic() - started)
                    return True
            except RtvaError as error:
                _log.warning("no speech is rendered ahead, tried again in %.0f s: %s", again_s, error)
                self._is_closing.wait(again_s)
                again_s = min(2 * again_s, AGAIN_LAST_S)
                continue
            self._is_closing.wait(RETRY_S)
        return False
