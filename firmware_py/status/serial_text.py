"""The words of the serial line, version 1 (``docs/serial-protocol.md``): notices to lines, lines to commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from firmware_py.errors import BadInput
from firmware_py.status.hub import Notice

PROTOCOL = 1
LINE_BYTES = 256
"""Longest line in either direction, its end included."""
END = b"\r\n"

SAYS = (
    *(
        "rtva",
        "state",
        "wake",
        "heard",
        "intent",
        "said",
        "level",
        "health",
        "speaker",
        "alert",
        "capture",
        "failed",
        "beat",
        "works",
        "shed",
        "microphone",
        "fault",
    ),
    *("ok", "error", "pong", "commands"),
)
"""First words of the lines that rtva sends. None is a command, so a line that echoes cannot start a storm."""

ASKS = ("status", "say", "mute", "unmute", "volume", "stop", "talk", "clock", "ping", "version", "help", "levels")


def encode(text: str) -> bytes:
    """One line: control characters become blanks, what is too long ends in ``...``."""
    clean = "".join(c if c.isprintable() else " " for c in text).strip()
    raw = clean.encode("utf-8", "replace")
    most = LINE_BYTES - len(END)
    if len(raw) > most:
        raw = raw[: most - 3].decode("utf-8", "ignore").encode() + b"..."
    return raw + END


def fields(values: Mapping[str, Any]) -> str:
    """``key=value`` pairs; no value contains a blank."""
    return " ".join(f"{key}={_value(value)}" for key, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return f"{value:.1f}"
    return "_".join(str(value).split())


def lines_for(notice: Notice) -> list[str]:
    """What the serial line says about a change; nothing for topics that are not its own."""
    told = notice.fields
    if notice.topic == "state":
        return [f"state {told['state']}"]
    if notice.topic == "turn":
        return _turn(told)
    if notice.topic == "wake":
        score = f"{told['score']:.2f}"
        return [f"wake {fields({'word': told['word'], 'score': score, 'near': told['is_near']})}"]
    if notice.topic == "volume":
        return [f"speaker {fields({'percent': told['percent'], 'silent': told['is_silent']})}"]
    if notice.topic == "level":
        return [f"level {fields({'db': told['level_db'], 'floor': told['floor_db']})}"]
    if notice.topic == "alert":
        return [f"alert {fields({'name': told['name'], 'on': told['is_on'], 'value': told['value']})}"]
    if notice.topic == "governor":
        steps = ", ".join(told["steps"]) or "as configured"
        return [f"works {fields({'lighter': bool(told['steps'])})} {steps}"]
    if notice.topic == "capture":
        return [f"capture {fields({'on': told['is_on'], 'minutes': told['minutes']})}"]
    if notice.topic == "failure":
        return [f"failed {told['error']}"]
    if notice.topic == "ear":
        return [f"microphone {told['ear']} {told['reason']}".strip()]
    if notice.topic == "fault":
        return [f"fault {fields({'name': told['name'], 'count': told['count'], 'lost': told['lost_samples']})}"]
    if notice.topic == "shed":
        return [f"shed {told['reason']}"]
    return []


def _turn(told: Mapping[str, Any]) -> list[str]:
    if not told["transcript"]:
        return []
    slots = {f"slot.{name}": value for name, value in told["slots"].items()}
    intent = fields({"name": told["intent"], "score": f"{told['score']:.2f}", "answer_ms": told["answer_ms"], **slots})
    said = [f"said {told['reply']}"] if told["reply"] else []
    return [f"heard {told['transcript']}", f"intent {intent}", *said]


def health(status: Mapping[str, Any]) -> str:
    """One line from what ``status`` says."""
    counts = status.get("counts", {})
    kept = {name: counts[name] for name in ("turns", "errors", "lost_samples", "shed") if name in counts}
    told = {"state": status.get("state"), "microphone": status.get("microphone"), "alerts": len(status["alerts"])}
    faults = {"faults": sum(status["faults"].values())} if "faults" in status else {}
    capture = {"capture": status["capture"]["is_on"]} if "capture" in status else {}
    return f"health {fields({**told, **kept, **capture, **faults})}"


def parse(line: bytes) -> tuple[str, str]:
    """Command (lower case) and argument of a line without its end. Raises BadInput."""
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise BadInput("not UTF-8") from error
    if not text.isprintable():
        raise BadInput("control characters")
    name, _, argument = text.partition(" ")
    if name.lower() not in ASKS:
        raise BadInput("no such command; try help")
    return name.lower(), argument.strip()


class LineReader:
    """Bytes to lines: ended by CR, LF or both, at most ``LINE_BYTES``; the rest of a longer one is thrown away."""

    def __init__(self) -> None:
        self.too_long = 0
        self._kept = bytearray()
        self._is_skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes; empty ones are left out."""
        lines = []
        *ended, rest = data.replace(b"\r", b"\n").split(b"\n")
        for piece in ended:
            self._add(piece)
            if self._kept:
                lines.append(bytes(self._kept))
            self.clear()
        self._add(rest)
        return lines

    def clear(self) -> None:
        self._kept.clear()
        self._is_skipping = False

    def _add(self, piece: bytes) -> None:
        if self._is_skipping:
            return
        self._kept += piece
        if len(self._kept) > LINE_BYTES - 1:
            self.too_long += 1
            self._kept.clear()
            self._is_skipping = True
