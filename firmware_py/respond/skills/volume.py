"""The speaker's volume. Reading it decides the words; changing it is an action of the committed reply."""

from __future__ import annotations

from firmware_py.events import Action
from firmware_py.respond.request import Answer, Handler, Request

ABILITY = "change the volume"
ABILITY_ORDER = 20
STEP_PERCENT = 10
MUTED, UNMUTED = "Muted.", "Sound is on."
PHRASES = (MUTED, UNMUTED, *(f"Volume {percent} percent." for percent in range(0, 101, STEP_PERCENT)))


def _change(request: Request, by: int, words: str) -> Answer:
    volume = request.world.volume()
    action = Action("volume_change", {"by": by})
    if volume is None:
        return Answer(words, (action,))
    before = next((a.arguments["percent"] for a in request.undoes if a.name == "volume_set"), volume.percent)
    target = min(100, max(0, before + by))
    if target == volume.percent:
        return Answer(f"The volume is already at {target} percent.")
    return Answer(f"Volume {target} percent.", (action,))


def _step(request: Request) -> int:
    return int(request.slots.get("percent", STEP_PERCENT))


def up(request: Request) -> Answer:
    return _change(request, _step(request), "Turning it up.")


def down(request: Request) -> Answer:
    return _change(request, -_step(request), "Turning it down.")


def set_to(request: Request) -> Answer:
    if "percent" not in request.slots:
        return Answer("To how many percent?")
    percent = int(request.slots["percent"])
    action = Action("volume_set", {"percent": percent})
    return Answer(f"Volume {percent} percent.", (action,), confirm=request.doubt(f"{percent} percent"))


def read(request: Request) -> Answer:
    volume = request.world.volume()
    if volume is None:
        return Answer("I can't tell how loud it is.")
    return Answer(f"The volume is {volume.percent} percent{', and muted' if volume.is_muted else ''}.")


def mute(request: Request) -> Answer:
    return Answer(MUTED, (Action("mute", {"on": True}),))


def unmute(request: Request) -> Answer:
    return Answer(UNMUTED, (Action("mute", {"on": False}),))


HANDLERS: dict[str, Handler] = {
    "volume_up": up,
    "volume_down": down,
    "volume_set": set_to,
    "volume_read": read,
    "volume_mute": mute,
    "volume_unmute": unmute,
}
