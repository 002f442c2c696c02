"""The real service with a dead voice: its worker killed and its weights taken away, and no speaker at all."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from status_lab import eventually
from test_service_run import CONFIG, Running, folder

__all__ = ["folder"]
NOT_CACHED = "tts: {cache: {enabled: false}}\n"


@pytest.fixture
def voice(folder: Path, weights: Path) -> Path:
    """The voice's folder in a home of its own, as a link that can be taken away."""
    models = folder / "home" / "models"
    models.unlink()
    models.mkdir()
    for kind in (weights / "models").iterdir():
        (models / kind.name).symlink_to(kind)
    return models / "tts"


def kill_voice(status: dict[str, Any]) -> None:
    for worker in status["workers"]:
        if worker["kind"] == "tts":
            for pid in (worker["pid"], worker["standby_pid"]):
                if pid:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


def says_with_a_dead_voice(running: Running) -> bool:
    status: Any = running.ask("status")
    if "voice" in status["alerts"]:
        return True
    kill_voice(status)
    running.ask("say", "Some words that nobody has said before.")
    return False


def test_a_voice_that_dies_for_good_and_a_start_without_it(folder: Path, voice: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG.format(folder, "mic") + NOT_CACHED)
    running = Running(folder)
    running.until_told("READY=1")
    wanted = ["action", "apology", "failed", "missed", "unknown", "voice"]
    made = folder / "home" / "sentences"
    eventually(lambda: sorted(f.name.split("-")[0] for f in made.glob("*.wav")) == wanted, "the spare sentences", 90)
    away = voice.with_name("away")
    voice.rename(away)
    eventually(lambda: says_with_a_dead_voice(running), "the alert", 90)
    running.until_alerted("voice")
    eventually(lambda: running.ask("status")["state"] == "degraded", "degraded", 60)
    assert (folder / "speaker.raw").stat().st_size > 0, "a sentence or a tone was played"
    code, errors = running.end()
    assert code == 0 and "the voice failed" in errors, errors

    (folder / "notify").unlink()
    (folder / "speaker.raw").unlink()
    again = Running(folder)
    again.until_told("READY=1")
    assert "voice" in again.ask("status")["alerts"]  # type: ignore[operator]
    again.ask("say", "Hello.")
    eventually(lambda: (folder / "speaker.raw").exists() and (folder / "speaker.raw").stat().st_size > 40_000, "", 60)
    away.rename(voice)
    eventually(lambda: again.ask("say", "Is anybody there?") and "voice" not in again.ask("status")["alerts"], "", 90)  # type: ignore[operator]
    assert again.end()[0] == 0


def test_without_a_speaker_the_lights_and_lines_say_so_and_it_goes_on(folder: Path) -> None:
    config = CONFIG.format(folder, "mic").replace("device: speaker", "device: nothing")
    (folder / "config.yaml").write_text(config)
    running = Running(folder, "--wait")
    running.until_told("READY=1")
    running.until_alerted("speaker")
    assert running.ask("say", "Hello.")["ok"] is True
    assert running.ask("status")["state"] in ("degraded", "speaking")
    assert running.end()[0] == 0


def test_without_a_speaker_and_without_wait_it_ends(folder: Path) -> None:
    config = CONFIG.format(folder, "mic").replace("device: speaker", "device: nothing")
    (folder / "config.yaml").write_text(config)
    running = Running(folder)
    _, errors = running.process.communicate(timeout=120)
    assert running.process.returncode == 69 and "nothing" in errors
