"""The governor in the real service: strain takes steps, a question is answered meanwhile, and it goes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from status_lab import eventually
from test_service_run import CONFIG, Running, folder, question, scrape

__all__ = ["folder"]
STRAINED = "governor: {available_mb: 1000000, after_s: 1, back_s: 1}\nstt: {partial_results: true}\n"
EASY = "governor: {available_mb: 0, pressure_percent: 100, after_s: 1, back_s: 1}\nstt: {partial_results: true}\n"


def test_it_works_lighter_and_back_without_a_restart(folder: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG.format(folder, "mic") + STRAINED)
    running = Running(folder)
    running.until_told("READY=1")
    steps: Callable[[], list[str]] = lambda: [s["name"] for s in running.ask("status")["governor"]["steps"]]  # type: ignore[index]  # noqa: E731
    stand_bys: Callable[[], list[object]] = lambda: [w["standby"] for w in running.ask("status")["workers"]]  # type: ignore[attr-defined]  # noqa: E731
    eventually(lambda: any(stand_bys()), "stand-bys", 60)
    eventually(lambda: steps() == ["no stand-bys", "no partial transcripts"], "both steps", 30)
    eventually(lambda: not any(stand_bys()), "their end", 30)
    status = running.ask("status")
    assert status["state"] == "degraded" and "low_memory" in status["alerts"], status["alerts"]  # type: ignore[operator]
    running.until_alerted("low_memory")
    told = scrape(folder / "metrics.sock")
    assert "rtva_governor_steps 2.0" in told and 'rtva_alert{alert="low_memory"} 1.0' in told
    question(folder)
    eventually(lambda: running.ask("status")["counts"]["turns"], "a turn", 60)  # type: ignore[index]
    assert running.ask("status")["turns"][-1]["intent"] == "time"  # type: ignore[index]
    (folder / "config.yaml").write_text(CONFIG.format(folder, "mic") + EASY)
    assert running.ask("reload")["needs_restart"] == []
    eventually(lambda: not steps(), "the way back", 30)
    eventually(lambda: all(stand_bys()), "stand-bys again", 60)
    eventually(lambda: running.ask("status")["state"] == "idle", "idle again", 30)
    code, errors = running.end()
    assert (
        code == 0
        and "works lighter: no stand-bys, no partial transcripts" in errors
        and "works as configured again" in errors
    )
