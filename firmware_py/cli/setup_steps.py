"""The steps of ``rtva setup``. Each asks, tries at once what was chosen, and notes what shall be written."""

from __future__ import annotations

import difflib
import shutil
import subprocess
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_py.cli import setup_sound as sound
from firmware_py.cli.setup_console import Again, Console, Skip, Unattended, ask, yes_or_no
from firmware_py.config import Config
from firmware_py.errors import RtvaError, Unavailable, UsageError

ZONES = Path("usr/share/zoneinfo")
MIX = "mix"


@dataclass
class SystemChange:
    """Of the system's own, beside the configuration: ``keep`` makes it last ("" or why not), ``undo`` takes a trial
    of it back.
    """

    before: Any
    wanted: Any
    keep: Callable[[], str]
    undo: Callable[[], None] = lambda: None


@dataclass
class Wizard:
    """What the steps share. ``given`` is what the command line said; ``values`` goes into the configuration, and
    ``system`` (by the option's name) beside it, both when everything was confirmed.

    ``root`` is where the system's own files lie.
    """

    console: Console
    config: Config
    given: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    system: dict[str, SystemChange] = field(default_factory=dict)
    root: Path = Path("/")

    @property
    def is_unattended(self) -> bool:
        return isinstance(self.console, Unattended)

    def choose(self, key: str, value: Any) -> None:
        """Notes a value of the configuration; the steps behind this one see it."""
        self.config = self.config.with_values({key: value})
        self.values[key] = value

    def value(self, key: str, name: str) -> Any:
        """What the command line says, else what is in force."""
        given = self.given.get(name)
        return self.config.value(key) if given is None else given

    def note_system(self, name: str, change: SystemChange) -> None:
        """Notes what shall be changed beside the configuration; a step gone through again keeps what stood first."""
        if name in self.system:
            change.before = self.system[name].before
        self.system[name] = change

    def undo(self, name: str = "") -> None:
        """Takes back what was tried: all, or one."""
        for each in [name] if name else list(self.system):
            if each in self.system:
                self.system.pop(each).undo()

    def is_left_alone(self, *names: str) -> bool:
        """Nobody answers and nothing was given."""
        return self.is_unattended and all(self.given.get(name) is None for name in names)


def microphone(wizard: Wizard) -> None:
    """Which device listens, and which of its channels."""
    if wizard.is_left_alone("microphone", "channel"):
        return
    device = _device(wizard, "capture", "microphone", "audio.input.device")
    count = sound.channel_count(wizard.config, device)
    channels: list[int | None] = [None] if count == 1 else [None, *range(count)]
    wizard.console.say(f"  listening for {sound.LISTEN_S:g} s: say something ...")
    for channel, level in zip(
        channels, _tried(wizard, lambda: sound.levels(wizard.config, device, channels)), strict=True
    ):
        wizard.console.say(f"  {'all channels' if channel is None else f'channel {channel}'}: {level}")
    shown = wizard.value("audio.input.channel", "channel")
    wanted = ask(
        wizard.console,
        "Channel, or mix for all of them",
        MIX if shown is None or shown == MIX or (shown >= count and not wizard.is_unattended) else str(shown),
        lambda said: _channel(said, count),
    )
    if wizard.is_unattended and wanted is not None:
        _tried(wizard, lambda: sound.levels(wizard.config, device, [wanted]))
    wizard.choose("audio.input.device", device)
    wizard.choose("audio.input.channel", wanted)


def speaker(wizard: Wizard) -> None:
    """Which device speaks."""
    if wizard.is_left_alone("speaker"):
        return
    device = _device(wizard, "playback", "speaker", "audio.output.device")
    wizard.console.say("  playing a chime ...")
    _tried(wizard, lambda: sound.chime(wizard.config, device))
    if not ask(wizard.console, "Did you hear it? (yes, no)", "yes", yes_or_no):
        wizard.console.say("  is it switched on and its volume up? Choose another one, or skip")
        raise Again
    wizard.choose("audio.output.device", device)


def gain(wizard: Wizard) -> None:
    """How much the microphone is amplified; kept by the sound card, not in the configuration."""
    if wizard.is_left_alone("gain"):
        return
    device, channel = wizard.config.audio.input.device, wizard.config.audio.input.channel
    try:
        control = sound.CaptureGain(device)
    except RtvaError as error:
        if wizard.given.get("gain") is not None and wizard.is_unattended:
            raise
        wizard.console.say(f"  nothing to set: {error}")
        return
    first = wizard.system["gain"].before if "gain" in wizard.system else control.percent
    while True:
        before, given = control.percent, wizard.given.pop("gain", None)
        wizard.console.say(f"  {control.control} of {control.card} stands at {before} %; say something ...")
        [level] = _tried(wizard, lambda: sound.levels(wizard.config, device, [channel]))
        proposed = sound.advice(level, before) if given is None else given
        wizard.console.say(f"  {level}: {_judged(level)}")
        try:
            wanted = ask(wizard.console, "Percent", str(proposed), _percent)
        except Skip:
            wizard.undo("gain")
            raise
        change = SystemChange(first, wanted, lambda: _keep_mixer(wizard), lambda: control.set(first))
        wizard.note_system("gain", change)
        control.set(wanted)
        if wanted == before or wizard.is_unattended:
            return


def hearing(wizard: Wizard) -> None:
    """Whether it all works: the whole walk, once, on the devices that were chosen."""
    if wizard.is_left_alone("hear"):
        return
    wake = wizard.config.value("wake.enabled")
    words = f"{wizard.config.value('wake.words')[0].replace('_', ' ')}, " if wake else ""
    if not ask(wizard.console, f"Shall it listen now? Then say: {words}what time is it? (yes, no)", "yes", yes_or_no):
        return
    turn = _tried(wizard, lambda: sound.hear(wizard.config, wizard.console.say))
    if turn is None:
        wizard.console.say(
            "  nothing was understood; nearer, louder, or another channel? 'rtva doctor --measure' looks"
        )
        if wizard.is_unattended:
            raise Unavailable("setup: the hearing test understood nothing; nothing was written")
        ask(wizard.console, "Enter goes on, again repeats", "go on", str)
        return
    wizard.console.say(f"  heard: {turn.transcript!r}, understood: {turn.intent or 'nothing'}")
    wizard.console.say(f"  answered: {turn.reply!r}")
    ask(wizard.console, "Enter goes on, again repeats", "go on", str)


def time_zone(wizard: Wizard) -> None:
    """The system's own, which spoken times and alarms follow."""
    if wizard.is_left_alone("time_zone"):
        return
    now = current_zone(wizard.root)
    noted = wizard.system.get("time_zone")
    shown = str(noted.wanted if noted else wizard.given.get("time_zone") or now)
    wanted = ask(wizard.console, "Time zone, such as Europe/Berlin", shown, _zone)
    wizard.note_system("time_zone", SystemChange(now, wanted, lambda: _keep_zone(wizard, wanted)))


Step = Callable[[Wizard], None]
STEPS: dict[str, Step] = {
    "microphone": microphone,
    "speaker": speaker,
    "gain": gain,
    "hearing": hearing,
    "time-zone": time_zone,
}


def _device(wizard: Wizard, direction: sound.Direction, name: str, key: str) -> str:
    there = sound.names(wizard.config, direction)
    for number, device in enumerate(there):
        wizard.console.say(f"  {number}  {device}")
    shown = str(wizard.value(key, name))
    return ask(wizard.console, f"{name.capitalize()}: number or name", shown, lambda said: _named(said, there))


def _named(said: str, there: list[str]) -> str:
    if not said.isdecimal():
        return said
    if int(said) >= len(there):
        raise ValueError(f"there is no {said}; 0 to {len(there) - 1}, or a name" if there else "a name")
    return there[int(said)]


def _tried(wizard: Wizard, work: Callable[[], Any]) -> Any:
    """What ``work`` returns; a device that does not work is said, and the step begins again."""
    try:
        return work()
    except RtvaError as error:
        if wizard.is_unattended:
            raise
        wizard.console.say(f"  {error}")
        ask(wizard.console, "Enter chooses again; skip leaves it", "again", str)
        raise Again from error


def _channel(said: str, count: int) -> int | None:
    if said.lower() == MIX:
        return None
    if said.isdecimal() and (int(said) < count or (count == 1 and int(said) < sound.CHANNELS_MOST)):
        return int(said)
    raise ValueError(f"0 to {count - 1}, or {MIX}")


def _percent(said: str) -> int:
    if said.isdecimal() and int(said) <= 100:
        return int(said)
    raise ValueError("0 to 100")


def _judged(level: sound.Level) -> str:
    if level.is_clipped or level.peak_db > sound.LOUD_DB:
        return "too loud"
    return "too quiet" if level.peak_db < sound.QUIET_DB else "good"


def _keep_zone(wizard: Wizard, name: str) -> str:
    problem = set_zone(name, wizard.root)
    return f"the time zone could not be set: {problem}; as root: timedatectl set-timezone {name}" if problem else ""


def _keep_mixer(wizard: Wizard) -> str:
    """``alsactl store``: without it the gain is lost at the next boot."""
    alsactl = shutil.which("alsactl")
    done = alsactl and subprocess.run([alsactl, "store"], capture_output=True, timeout=20, check=False).returncode == 0
    if not done:
        wizard.console.say("  to keep it over a reboot, as root: alsactl store")
    return ""


def current_zone(root: Path = Path("/")) -> str:
    """As ``/etc/localtime`` names it."""
    try:
        target = str((root / "etc/localtime").readlink())
    except OSError:
        return "UTC"
    name = target.partition("zoneinfo/")[2]
    return name if name else "UTC"


def _zone(said: str) -> str:
    """The zone's full name: any case, or its last part alone where that is one zone."""
    known = zoneinfo.available_timezones() | {"UTC"}
    wanted = said.strip().replace(" ", "_").lower()
    found = [name for name in known if name.lower() == wanted]
    found = found or [name for name in known if name.rpartition("/")[2].lower() == wanted and "/" in name]
    if len(found) == 1:
        return found[0]
    lower = {name.lower(): name for name in known}
    near = found or [lower[name] for name in difflib.get_close_matches(wanted, lower, 4)]
    hint = f"; perhaps {', '.join(sorted(near))}?" if near else "; 'timedatectl list-timezones' has them all"
    raise ValueError(f"no time zone {said!r}{hint}")


def check_zone(said: str | None) -> str | None:
    """Of the command line. Raises UsageError."""
    try:
        return None if said is None else _zone(said)
    except ValueError as error:
        raise UsageError(f"--time-zone: {error}") from error


def set_zone(name: str, root: Path = Path("/")) -> str:
    """Points ``/etc/localtime`` there, in one step; "" or why not."""
    if not (root / ZONES / name).is_file():
        return f"/{ZONES}/{name} is not there: install tzdata"
    link, new = root / "etc/localtime", root / "etc/localtime.rtva"
    try:
        new.unlink(missing_ok=True)
        new.symlink_to(Path("/") / ZONES / name)
        new.replace(link)
        if (old := root / "etc/timezone").is_file():  # Debian keeps the name there too
            old.write_text(f"{name}\n")
    except OSError as error:
        return str(error.strerror)
    return ""
