"""Carries out what the boot partition says: the configuration, the board's name, its time zone, its Wi-Fi.

Everything that is kept lies below ``Board.state``, on the one partition that is written; the root file system links
there. Each file is whole or as it was, whenever the power goes.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_py import config, models
from firmware_py.boards import BOARDS, leaves, recognise
from firmware_py.errors import ConfigError, RtvaError
from firmware_py.first_boot.wishes import AUTO, CONFIG_KEYS, NUMBERS, Wishes
from firmware_py.settings import document
from firmware_py.settings.edit import changed
from firmware_py.settings.knobs import plain

OWN_CONFIG = "rtva.yaml"
TAKEN = "own-config"
PRESET = "preset"
WIFI = "wpa_supplicant.conf"
BOARDS_OWN = (("status.serial.device",), ("status.gpio.chip", "status.gpio.ready"))
"""What is wired on the board: it stays as the default has it beside an ``rtva.yaml`` that says nothing of it."""


@dataclass(frozen=True)
class Board:
    """Where things lie. ``default`` is the configuration to begin with, ``root`` is other than / in a test."""

    boot: Path
    state: Path
    config: Path
    default: Path
    root: Path = Path("/")

    def model(self) -> str:
        """What the device tree calls this board, "" where there is none."""
        try:
            return (self.root / "proc/device-tree/model").read_text("utf-8", "replace").rstrip("\0")
        except OSError:
            return ""


def carry_out(wishes: Wishes, board: Board, machine: str) -> list[str]:
    """Does what can be done; returns what could not, a line each. Raises OSError when the state cannot be written."""
    _configure(wishes, board, machine)
    _name(wishes, board)
    _zone(wishes, board)
    _wifi(wishes, board)
    return wishes.problems


def _configure(wishes: Wishes, board: Board, machine: str) -> None:
    own = _own(wishes, board)
    is_new = bool(own) and _read(board.state / TAKEN) != _sha256(own)
    present = None if is_new else _present(wishes, board, OWN_CONFIG if own else "the default")
    text = present or _wired(own, board) or board.default.read_text("utf-8")
    preset = _preset(wishes, board, machine)
    is_due = wishes.is_order or (not own and (present is None or _read(board.state / PRESET) != preset))
    for key, value in _config_values(wishes, preset if is_due else ""):
        try:
            text = changed(document.parse(text, board.config), text, {key: value})
        except ConfigError as error:
            wishes.problems.append(f"{key}: {error}")
    keep(board.config, text)
    if is_new:
        keep(board.state / TAKEN, _sha256(own))
    if not (wishes.is_order or wishes.is_away) and preset != _read(board.state / PRESET):
        keep(board.state / PRESET, preset)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _own(wishes: Wishes, board: Board) -> str:
    """The configuration that lies on the boot partition, if it is one."""
    path = board.boot / OWN_CONFIG
    try:
        text = path.read_text("utf-8-sig")
        config.from_text(text, path)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, RtvaError) as error:
        wishes.problems.append(f"{OWN_CONFIG} is not taken: {_short(error)}")
        return ""
    return text


def _wired(own: str, board: Board) -> str:
    """The owner's configuration, if there is one, with the default's values of :data:`BOARDS_OWN` where it has none."""
    if not own:
        return ""
    theirs = config.from_text(own)
    free = [key for keys in BOARDS_OWN if theirs.value(keys[0]) is None for key in keys if theirs.value(key) is None]
    try:
        default = config.from_text(board.default.read_text("utf-8"))
        values = {key: plain(default.value(key)) for key in free if default.value(key) is not None}
        text = changed(document.parse(own), own, values)
        config.from_text(text)
    except (RtvaError, ValueError):  # a default that is none, a text that cannot be added to, lines that are taken
        return own
    return text


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _present(wishes: Wishes, board: Board, else_what: str) -> str | None:
    """The configuration as it is; None where there is none, or one that could not be started with."""
    try:
        text = board.config.read_text("utf-8")
        config.from_text(text, board.config)
        return text
    except FileNotFoundError:
        pass
    except (OSError, ValueError, RtvaError) as error:
        wishes.problems.append(f"the configuration is set back to {else_what}: {_short(error)}")
    return None


def _preset(wishes: Wishes, board: Board, machine: str) -> str:
    """The preset that is asked for, "" where none is or none fits."""
    preset = wishes.values.get("preset", "")
    if preset == AUTO:
        preset = recognise(board.model(), machine)
        if not preset:
            wishes.drop("preset", f"no preset for this board ({board.model() or machine})")
    return preset


def _config_values(wishes: Wishes, preset: str) -> list[tuple[str, Any]]:
    """What the file says over what the preset says; values that the configuration refuses are dropped.

    A preset comes once, when its line is new: what the owner set since stays, and so does a configuration of their own.
    """
    values: dict[str, Any] = _of_preset(preset, wishes) if preset else {}
    for name, key in CONFIG_KEYS.items():
        if name in wishes.values:
            value: Any = int(wishes.values[name]) if name in NUMBERS else wishes.values[name]
            try:
                config.Config.default().with_values({key: value})
            except ConfigError as error:
                wishes.drop(name, _short(error))
            else:
                values[key] = value
    return list(values.items())


def _of_preset(name: str, wishes: Wishes) -> dict[str, Any]:
    """The preset's values; without its model where neither that nor a stand-in is here: nothing would start."""
    values = dict(leaves(BOARDS[name].values))
    try:
        models.resolve_stt(values["stt.model"], values["stt.optimization.compute_type"])
    except RtvaError as error:
        wishes.problems.append(f"preset {name}: the model stays as it is: {_short(error)}")
        del values["stt.model"], values["stt.optimization.compute_type"]
    return values


def _name(wishes: Wishes, board: Board) -> None:
    name = wishes.values.get("hostname")
    if name:
        keep(board.state / "hostname", f"{name}\n")


def _zone(wishes: Wishes, board: Board) -> None:
    zone = wishes.values.get("time_zone")
    if not zone:
        return
    if not _is_zone(board.root / "usr/share/zoneinfo", zone):
        wishes.drop("time_zone", "no such time zone, such as Europe/Berlin")
        return
    new = board.state / ".localtime.new"
    new.unlink(missing_ok=True)
    new.symlink_to(f"/usr/share/zoneinfo/{zone}")
    new.rename(board.state / "localtime")


def _is_zone(folder: Path, zone: str) -> bool:
    """A file of rules (RFC 8536). ``leapseconds`` is text, ``localtime`` a link to what is to be set."""
    path = folder / zone
    try:
        if path.is_symlink() and not Path(os.path.normpath(path.parent / path.readlink())).is_relative_to(folder):
            return False
        with path.open("rb") as file:
            return file.read(4) == b"TZif"
    except OSError:
        return False


def _wifi(wishes: Wishes, board: Board) -> None:
    """The key is kept as WPA2 derives it from name and password, not the password itself."""
    asked = [key for key in ("wifi_name", "wifi_password", "wifi_country") if key in wishes.values]
    if not asked:
        return
    if len(asked) < 3:
        wishes.drop(asked[0], "wifi_name, wifi_password and wifi_country belong together")
        return
    name, password, country = (wishes.values[key] for key in asked)
    psk = hashlib.pbkdf2_hmac("sha1", password.encode(), name.encode(), 4096, 32).hex()
    keep(
        board.state / WIFI,
        f"country={country}\nnetwork={{\n\tssid={name.encode().hex()}\n\tpsk={psk}\n}}\n",
        0o600,
    )


def keep(path: Path, text: str, mode: int | None = None) -> None:
    """Whole or not at all, and on the disk when this returns. Without ``mode`` it has that of the file it replaces and
    its owner, else anyone may read it; the caller's umask has no say."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # an old one would keep its mode
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        _like(path, mode, file.fileno())
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _like(path: Path, mode: int | None, fd: int) -> None:
    old = path.stat() if mode is None and path.exists() else None
    if old and os.geteuid() == 0:
        os.fchown(fd, old.st_uid, old.st_gid)
    os.fchmod(fd, old.st_mode & 0o7777 if old else 0o644 if mode is None else mode)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
