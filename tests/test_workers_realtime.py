"""Capture before workers: what the system refuses is said in words and never an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

CAPTURE = """
import json, os, resource, sys, threading
import numpy as np
from firmware_py._ring import Ring
from firmware_py.audio.capture import Capture

class Microphone:
    lost, seen = 0, None
    def read(self):
        if self.seen is None:
            self.seen = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
            return np.ones(160, np.int16)
        return None
    def close(self):
        pass

if {strip}:
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    if os.geteuid() == 0:
        os.setresuid(65534, 65534, 65534)  # a root without its privileges: the capabilities go with it
microphone, ring = Microphone(), Ring(1 << 16)
locked = ring.lock_memory()
capture = Capture(microphone, ring, realtime=10)
capture.start()
ring.wait(160, 10)
capture.stop()
print(json.dumps([microphone.seen, os.sched_getscheduler(0), capture.realtime_note, locked, ring.written,
                  str(capture.error)]))
"""


def captured(*, strip: bool) -> tuple[int, int, str | None, bool, int, str]:
    code = CAPTURE.format(strip=strip)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seen, own, note, locked, written, error = json.loads(out.stdout)
    return seen, own, note, locked, written, error


def test_without_permission_capture_works_on_and_says_so() -> None:
    policy, _, note, is_locked, written, error = captured(strip=True)
    assert policy == os.SCHED_OTHER and not is_locked
    assert note is not None and "not allowed" in note and "LimitRTPRIO" in note
    assert written == 160 and error == "None"


def test_with_permission_the_capture_thread_alone_is_real_time() -> None:
    policy, of_the_main_thread, note, _, written, _ = captured(strip=False)
    if note is not None:
        pytest.skip(f"{note}; a user with rtprio runs it")
    assert policy == os.SCHED_RR and of_the_main_thread == os.SCHED_OTHER
    assert written == 160
