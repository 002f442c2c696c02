"""What is wrong with this board, microphone, build: a registry of checks that each look at one thing.

A check is a function in a module ``firmware_py/doctor/checks_*.py``::

    @check("disk")
    def disk(case: Case) -> Finding:
        return ok("12.3 GB free") if ... else warn("40 MB free", "remove weights that are not used")

Modules are discovered, not listed. A check must change nothing, take well under a second, put a timeout on what can
hang, and read the system's files below ``case.root``. It may raise: that becomes a finding, and the list goes on.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from firmware_py.config import Config, Effective

Outcome = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    ``fail``: the appliance cannot work. ``warn``: it works less well than it could, or other than asked for. ``skip``:
    there is nothing to look at here. ``advice`` is what to do about it.
    """

    status: Outcome
    message: str
    advice: str = ""
    name: str = ""

    def as_json(self) -> dict[str, str]:
        return {key: str(asdict(self)[key]) for key in ("name", "status", "message", "advice")}


@dataclass(frozen=True)
class Case:
    """What the checks look at.

    ``config_error`` is why the configuration could not be read; ``config`` is the default then. ``root`` is where the
    system's own files (``/proc``, ``/sys``) are read. ``read_service`` asks the running service.
    """

    effective: Effective = field(default_factory=lambda: Effective(Config.default()))
    config_error: str = ""
    root: Path = Path("/")
    read_service: Callable[[], dict[str, Any]] = field(default=dict)

    def service(self) -> dict[str, Any]:
        """The status of the running service, empty where there is none or it may not be asked."""
        return self.read_service()

    @property
    def config(self) -> Config:
        return self.effective.config

    def read(self, path: str) -> str:
        """A file of the system below ``root`` as text, "" when it is not there."""
        try:
            return (self.root / path.lstrip("/")).read_text("utf-8", "replace").strip()
        except OSError:
            return ""

    def cpu_flags(self) -> set[str]:
        """``flags`` (x86) or ``Features`` (ARM) of the first processor."""
        for line in self.read("/proc/cpuinfo").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return set(value.split())
        return set()


Check = Callable[[Case], Finding]

_checks: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Registers a check. Raises ValueError for a name that is taken."""

    def register(function: Check) -> Check:
        if name in _checks:
            raise ValueError(f"two checks are named {name!r}")
        _checks[name] = function
        return function

    return register


def checks() -> dict[str, Check]:
    """All checks by name, a module after the other."""
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name.startswith("checks_")):
        importlib.import_module(f"{__name__}.{module}")
    return dict(_checks)


def examine(case: Case) -> Iterator[Finding]:
    """What every check finds, one by one; raises nothing."""
    for name, function in checks().items():
        try:
            found = function(case)
        except Exception as error:
            found = warn(f"could not be checked: {type(error).__name__}: {' '.join(str(error).split())}")
        yield replace(found, name=name)


def ok(message: str) -> Finding:
    return Finding("ok", message)


def warn(message: str, advice: str = "") -> Finding:
    return Finding("warn", message, advice)


def fail(message: str, advice: str = "") -> Finding:
    return Finding("fail", message, advice)


def skip(message: str) -> Finding:
    return Finding("skip", message)
