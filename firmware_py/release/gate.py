"""The health gate: a release counts as good when its service is READY and has spoken, within a minute.

READY itself stands behind a self-test (the voice says a sentence and recognition has to hear it) and a microphone that
delivers, or is muted.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path

from firmware_py.release.releases import Releases
from firmware_py.release.system import System

GATE_S = 60.0
SENTENCE = "The update is done."
POLL_S = 0.2
AGAIN_S = 5.0


def restart(system: System) -> None:
    """An orderly stop first: it makes the service forget the early deaths of the release before, and their waits.

    Raises Unavailable when systemd refuses to start it.
    """
    system.systemctl("stop", "rtva.service")
    system.systemctl("reset-failed", "rtva.service")
    system.must("start", "--no-block", "rtva.service")


def judge(system: System, releases: Releases, scale: float = 1.0) -> str:
    """Waits for the release in force, ``scale`` minutes; returns "" when it is good, else what is wrong."""
    if not system.is_live:
        return ""
    seconds = GATE_S * scale
    until = time.monotonic() + seconds
    release = releases.path(releases.current)
    while not _is_ready(system, release):
        if time.monotonic() > until:
            told = system.show("StatusText") or f"exit {system.show('ExecMainStatus')}"
            return f"not READY within {seconds:.0f} s ({system.show('ActiveState')}: {told})"
        time.sleep(POLL_S * scale)
    return speak(release / "bin" / "rtva", until, AGAIN_S * scale)


def _is_ready(system: System, release: Path) -> bool:
    """READY, and it is the process of this release, not of one that is about to end."""
    if system.show("ActiveState") != "active":
        return False
    try:
        command = Path(f"/proc/{system.show('MainPID')}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(str(release).encode() in word for word in command)  # the first is the emulator where there is one


def speak(rtva: Path, until: float, again_s: float = AGAIN_S) -> str:
    """Has the service say a sentence, again while none is seen being spoken; returns "" or what is wrong."""
    events = subprocess.Popen((rtva, "events"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    spoken = threading.Event()
    listener = threading.Thread(target=_listen, args=(events, spoken), daemon=True)
    listener.start()
    why = ""
    try:
        while True:  # the events of a first sentence can be over before they are listened to
            why = _say(rtva, max(1.0, until - time.monotonic()))
            if not why and spoken.wait(again_s):
                return ""
            if time.monotonic() > until:
                return why or "it said nothing aloud"
            time.sleep(POLL_S)
    finally:
        events.kill()
        events.wait()
        listener.join(1)


def _say(rtva: Path, seconds: float) -> str:
    try:
        said = subprocess.run((rtva, "say", "--aloud", SENTENCE), capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return "it does not speak: no answer in time"
    return f"it does not speak: {said.stderr.strip()}" if said.returncode else ""


def _listen(events: subprocess.Popen[str], spoken: threading.Event) -> None:
    for line in events.stdout or ():
        try:
            if json.loads(line).get("state") == "speaking":
                spoken.set()
        except ValueError:
            continue
