"""A changed configuration: judged whole, then applied as far as it can be live; the rest is named."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from firmware_py.app import Appliance
from firmware_py.config import Config, describe
from firmware_py.nlu.template_file import files_in
from firmware_py.service.renewal import Renewal

LIVE = ("audio.output.volume", "nlp.", "llm.", "response_generation.", "alerts.", "governor.")
"""Keys, or sections with a dot behind them, that take effect without a restart."""

_log = logging.getLogger("rtva")


def changed(old: Config, new: Config) -> list[str]:
    """The keys whose values differ."""
    return [key for key in describe() if old.value(key) != new.value(key)]


def is_live(key: str) -> bool:
    return any(key == name or (name.endswith(".") and key.startswith(name)) for name in LIVE)


def fingerprint(config: Config) -> tuple[tuple[str, int, int], ...]:
    """What tells whether a template file has changed: its name, time and size."""
    found: list[tuple[str, int, int]] = []
    for path in config.nlp.intent_paths():
        try:
            files = files_in(path) if path.is_dir() else [path]
        except OSError:
            files = [path]
        for file in files:
            try:
                about = file.stat()
                found.append((str(file), about.st_mtime_ns, about.st_size))
            except OSError:
                found.append((str(file), 0, 0))
    return tuple(found)


class Reloader:
    """``read`` gives the configuration anew and raises ConfigError for a bad one: then nothing changes at all."""

    def __init__(
        self,
        config: Config,
        read: Callable[[], Config],
        appliance: Appliance,
        on_alerts: Callable[[Config], None],
        renewal: Renewal,
    ) -> None:
        self.config = config
        self._read, self._appliance, self._on_alerts, self._renewal = read, appliance, on_alerts, renewal
        self._files = fingerprint(config)
        self._lock = threading.Lock()

    def reload(self, wait_s: float = 0.0) -> dict[str, Any]:
        """What was applied and what needs a restart; ``is_waiting``: it was not in force within ``wait_s``, for a turn
        goes on or recognition is being loaded. Not for the turn thread, which does that. Raises ConfigError.

        One at a time: of two, what the later one read is in force."""
        with self._lock:
            live, rest, in_force = self._take()
        _log.info("configuration read again", extra={"facts": {"applied": live, "needs_restart": rest}})
        return {"applied": live, "needs_restart": rest, "is_waiting": bool(live) and not in_force.wait(wait_s)}

    def _take(self) -> tuple[list[str], list[str], threading.Event]:
        """What is live, what is not, and what tells that the former is in force."""
        new = self._read()
        keys = changed(self.config, new)
        files = fingerprint(new)
        if files != self._files and "nlp.intents" not in keys:
            keys.append("nlp.intents")
        live = [key for key in keys if is_live(key)]
        in_force = threading.Event()
        if live:
            self._check_templates(new, live)
            self.config = self.config.with_values({key: new.value(key) for key in live})
            in_force = self._apply(live)
            self._files = files
        return live, [key for key in keys if not is_live(key)], in_force

    def _check_templates(self, new: Config, live: list[str]) -> None:
        """Templates with a mistake are refused before anything changes: building the station reads them."""
        if any(key.startswith("nlp.") for key in live):
            from firmware_py.pipeline import VoicePipeline

            with VoicePipeline(new) as trial:
                _ = trial.understanding

    def _apply(self, live: list[str]) -> threading.Event:
        """Set once everything is in force."""
        in_force = threading.Event()
        if any(key.startswith(("alerts.", "governor.")) for key in live):
            self._on_alerts(self.config)
        if "audio.output.volume" in live:
            self._appliance.controls.set_percent(self.config.audio.output.volume)
        if any(key.startswith(("nlp.", "llm.", "response_generation.")) for key in live):
            templates = any(key.startswith("nlp.") for key in live)
            self._appliance.between_turns(lambda: self._renew_stations(in_force, templates=templates))
        else:
            in_force.set()
        return in_force

    def _renew_stations(self, in_force: threading.Event, *, templates: bool) -> None:
        """In the turn thread: a conversation begins anew with the new templates and the new cache.

        Recognition that is guided by the templates is loaded anew too, here and not in the first turn.
        """
        pipeline = self._appliance.pipeline

        def renew() -> None:
            pipeline.renew(self.config, templates=templates)
            if pipeline.runner is not None:
                pipeline.runner.programs = frozenset(map(str, self.config.nlp.programs))
            near = self._appliance.taker.addressed.near
            self._appliance.taker.addressed = replace(pipeline.make_addressed(), near=near)

        try:
            self._renewal.change(renew, warms=templates)
        finally:
            in_force.set()
