"""The world as it will be once the commands before are done."""

from __future__ import annotations

from firmware_py.events import Action
from firmware_py.respond.foreseen import Foreseen, touch_the_same
from firmware_py.respond.world import LocalWorld, Volume


def test_what_is_foreseen_is_not_done() -> None:
    world = LocalWorld(read_volume=lambda: Volume(50))
    world.lists.add("shopping", ["milk"])
    kept = world.agenda.count_down("timer", "tea", 300)
    assert kept is not None
    ahead = Foreseen(world).after(
        [
            Action("count_down", {"kind": "timer", "name": "", "seconds": 60}),
            Action("forget", {"ids": [kept.id]}),
            Action("list_clear", {"list": "shopping"}),
            Action("list_add", {"list": "shopping", "items": ["eggs"]}),
            Action("volume_set", {"percent": 95}),
            Action("volume_change", {"by": 10}),
            Action("mute", {"on": True}),
            Action("clock_set", {"at": "not even a time", "is_dated": True}),
            Action("mqtt", {"topic": "a"}),
        ]
    )
    assert [e.name for e in ahead.agenda.entries()] == [""] and ahead.lists.items("shopping") == ["eggs"]
    assert ahead.volume() == Volume(100, is_muted=True)
    assert [e.name for e in world.agenda.entries()] == ["tea"] and world.lists.items("shopping") == ["milk"]


def test_a_foreseen_entry_is_called_as_it_will_be() -> None:
    world = LocalWorld()
    action = Action("count_down", {"kind": "timer", "name": "", "seconds": 60})
    foreseen = Foreseen(world).after([action]).agenda.entries()[0].id
    made = world.agenda.count_down("timer", "", 60)
    assert made is not None and made.id == foreseen


def test_what_changes_the_same_list_or_entry_depends_on_it() -> None:
    clear, add = Action("list_clear", {"list": "a"}), Action("list_add", {"list": "a", "items": ["b"]})
    assert touch_the_same([clear], [add])
    assert not touch_the_same([clear], [Action("list_add", {"list": "c", "items": ["b"]})])
    assert touch_the_same([Action("forget", {"ids": [1, 2]})], [Action("extend", {"ids": [2], "by_s": 1})])
    assert not touch_the_same([Action("mute", {"on": True})], [Action("mute", {"on": False})])
