"""Renders the fixed phrases ahead of their first use, while nobody speaks and the machine has time."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from firmware_py.errors import RtvaError
from firmware_py.pipeline import VoicePipeline

NICE = 19
RETRY_S = 1.0

_log = logging.getLogger("rtva")


class Warming:
    """A thread that has the cache of rendered speech keep the fixed phrases, and ends when it has all.

    It works while ``is_quiet``, gives way within a chunk, and rests after each phrase as long as that took. With
    engines in workers the rendering is the worker's, at its own low priority. Without a cache it does nothing.
    """

    def __init__(self, pipeline: VoicePipeline, is_quiet: Callable[[], bool]) -> None:
        self._speech: Any = pipeline.tts
        self._phrases = pipeline.fixed_phrases() if hasattr(self._speech, "keep") else ()
        self._is_quiet = is_quiet
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="warm-speech", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it within a chunk."""
        self._is_closing.set()
        self._thread.join(2.0)

    def join(self, timeout_s: float) -> bool:
        """Waits until all phrases are kept; whether they are."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _may_go_on(self) -> bool:
        return self._is_quiet() and not self._is_closing.is_set()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # a thread of its own has a priority of its own (Linux)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        try:
            for phrase in self._phrases:
                if not self._keep(phrase):
                    return
        except RtvaError as error:
            _log.warning("the fixed phrases are not rendered ahead: %s", error)

    def _keep(self, phrase: str) -> bool:
        """Whether it was kept; else the service is stopping."""
        while not self._is_closing.is_set():
            started = time.monotonic()
            if self._may_go_on() and self._speech.keep(phrase, self._may_go_on):
                self._is_closing.wait(time.monotonic() - started)
                return True
            self._is_closing.wait(RETRY_S)
        return False
