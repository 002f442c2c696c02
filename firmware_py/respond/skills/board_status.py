"""How the board is: temperature, uptime, address, disk."""

from __future__ import annotations

from collections.abc import Callable

from firmware_py.respond.board import Board
from firmware_py.respond.request import Answer, Handler, Request
from firmware_py.respond.when import duration

ABILITY = "say how this board is doing"
ABILITY_ORDER = 30
GIGABYTE = 10**9


def temperature(board: Board) -> str:
    celsius = board.temperature_c()
    if celsius is None:
        return "This board has no temperature sensor I can read."
    return f"The processor is at {round(celsius)} degrees Celsius."


def uptime(board: Board) -> str:
    seconds = board.uptime_s()
    if seconds is None:
        return "I can't tell how long this board has been running."
    return f"I have been running for {duration(int(seconds))}."


def address(board: Board) -> str:
    addresses = board.addresses()
    if not addresses:
        return "This board has no network address."
    if ":" in addresses[0]:  # nobody can follow an IPv6 address by ear
        return "This board has only an IPv6 address, which is too long to say."
    return f"My address is {addresses[0]}."


def disk(board: Board) -> str:
    usage = board.disk()
    if usage is None:
        return "I can't read how full the disk is."
    free, total = usage.free_bytes / GIGABYTE, usage.total_bytes / GIGABYTE
    return f"{_size(free)} of {_size(total)} gigabytes are free on the disk."


def _size(gigabytes: float) -> str:
    return f"{gigabytes:.1f}" if gigabytes < 10 else f"{gigabytes:.0f}"


ASPECTS: dict[str, Callable[[Board], str]] = {
    "temperature": temperature,
    "uptime": uptime,
    "address": address,
    "disk": disk,
}


def board_status(request: Request) -> Answer:
    """One aspect, or all of those that can be read."""
    board = request.world.board
    aspect = str(request.slots.get("aspect", "all"))
    if aspect in ASPECTS:
        return Answer(ASPECTS[aspect](board))
    return Answer(" ".join(tell(board) for tell in ASPECTS.values()))


HANDLERS: dict[str, Handler] = {"board_status": board_status}
