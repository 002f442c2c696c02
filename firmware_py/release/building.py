"""A release out of an unpacked bundle: a virtual environment, offline and by hash, weights, units, documents."""

from __future__ import annotations

import contextlib
import filecmp
import functools
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from firmware_py.errors import BadInput, Unavailable
from firmware_py.release import installed
from firmware_py.release.bundle import Bundle
from firmware_py.release.manifest import ARCHITECTURES, Manifest
from firmware_py.release.releases import AGAIN, Releases

Run = Callable[..., None]
""":func:`_run` with its limit of time."""
INCOMING = ".bundle"
STEP_S = 900
"""What any one step may take; the service in force runs on meanwhile."""
ROOM_FACTOR = 3
"""Free space that is asked for, times the bundle: it, what is installed from it, and some air (installed: 2.6)."""


def interpreter(manifest: Manifest) -> str:
    """The Python that the bundle was made for. Raises Unavailable when the bundle is not for this machine."""
    arch = ARCHITECTURES.get(platform.machine(), platform.machine())
    if manifest.arch != arch:
        raise Unavailable(f"the bundle is for {manifest.arch}, this machine is {arch}")
    for place in (f"/usr/bin/python{manifest.python}", shutil.which(f"python{manifest.python}")):
        if place and Path(place).exists():
            return place
    raise Unavailable(f"the bundle is for Python {manifest.python}, and no python{manifest.python} is here")


def find(bundle: Bundle, releases: Releases) -> str:
    """The release of this bundle that is there already and as it was installed, the one in force before another; ""
    when there is none."""
    interpreter(bundle.manifest)
    names = sorted(_names(bundle), key=lambda name: name != releases.current)
    whole = (name for name in names if releases.is_complete(name) and not installed.damage(releases.path(name)))
    return next(whole, "")


def build(bundle: Bundle, releases: Releases, scale: float = 1.0) -> str:
    """Makes the release whole under its own name, or leaves nothing; returns the name.

    The one in force is never touched: the same one anew has another name. ``scale`` stretches what each step may take.
    Raises BadInput, Unavailable, OSError.
    """
    python = interpreter(bundle.manifest)
    name = next(name for name in _names(bundle) if name != releases.current)
    release = releases.path(name)
    releases.sweep()
    releases.remove(name)
    need = ROOM_FACTOR * sum(file.size for file in bundle.manifest.files.values())
    free = shutil.disk_usage(releases.folder).free
    if free < need:
        raise Unavailable(f"{releases.folder}: {free >> 20} MiB free, {need >> 20} MiB are needed")
    release.mkdir()
    run = functools.partial(_run, STEP_S * scale)
    try:
        bundle.unpack(release / INCOMING)
        _environment(run, python, release)
        _move_in(release)
        _speak(run, release)
        _keep_templates(run, release)
        _share(release, releases)
        installed.note(release)
        releases.complete(name)
    except BaseException:
        releases.remove(name)
        raise
    return name


def _names(bundle: Bundle) -> tuple[str, str]:
    return bundle.manifest.release, bundle.manifest.release + AGAIN


def _environment(run: Run, python: str, release: Path) -> None:
    wheels = release / INCOMING / "wheels"
    pip = next(wheels.glob("pip-*.whl"), None)
    if pip is None:
        raise BadInput("the bundle has no wheel of pip")
    run("making the environment", python, "-I", "-m", "venv", "--without-pip", str(release))
    run(
        "installing the wheels", str(release / "bin" / "python"), str(pip / "pip"), "install", "--quiet", "--no-index",
        "--no-cache-dir", "--disable-pip-version-check", "--no-warn-script-location", "--require-hashes",
        "--find-links", str(wheels), "--requirement", str(wheels / "requirements.txt"),
    )  # fmt: skip


def _run(seconds: float, doing: str, *command: str, **extra: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON", "RTVA_"))}
    environment |= {"PIP_CONFIG_FILE": os.devnull} | extra
    try:
        # Not from the caller's folder: what lies there must not be taken for a module.
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=seconds, cwd="/")
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{doing} took longer than {seconds:g} s") from None
    if done.returncode:
        told = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Unavailable(f"{doing} failed: {told[-1].strip() if told else f'exit {done.returncode}'}")


def _move_in(release: Path) -> None:
    """``share`` becomes the release's own, the rest of the bundle goes."""
    incoming = release / INCOMING
    shutil.copytree(incoming / "share", release / "share", dirs_exist_ok=True, copy_function=shutil.move)
    shutil.rmtree(incoming)


def _speak(run: Run, release: Path) -> None:
    """One sentence by the release's own means: its voice is cut and kept, and a broken one is not even tried out."""
    with tempfile.TemporaryDirectory() as home:
        config = release / "share" / "rtva" / "config.yaml"
        command = (str(release / "bin" / "rtva"), "say", "Hello.", "--config", str(config))
        run("a trial sentence", *command, RTVA_HOME=home)


def _keep_templates(run: Run, release: Path) -> None:
    """What a start makes of the sentence templates, made now; templates that are wrong are for the trial to find."""
    config = release / "share" / "rtva" / "config.yaml"
    with tempfile.TemporaryDirectory() as home, contextlib.suppress(Unavailable):
        command = (str(release / "bin" / "rtva"), "cache", "build", "--shipped", "--config", str(config))
        run("keeping the templates", *command, RTVA_HOME=home)


def _share(release: Path, releases: Releases) -> None:
    """A weight that the release in force has too lies on the disk once."""
    before = releases.path(releases.current) if releases.current else None
    for new in (release / "share" / "rtva" / "models").rglob("*"):
        old = before / new.relative_to(release) if before else None
        if old and new.is_file() and old.is_file() and filecmp.cmp(old, new, shallow=False):
            new.unlink()
            os.link(old, new)
