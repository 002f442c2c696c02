"""Shopping and other lists."""

from __future__ import annotations

import re

from firmware_py.agenda.lists import MOST_ITEMS
from firmware_py.events import Action
from firmware_py.numerals import UNITS
from firmware_py.respond.corrections import things_meant
from firmware_py.respond.phrases import join, plural, thing
from firmware_py.respond.request import Answer, Handler, Request

ABILITY = "keep lists"
ABILITY_ORDER = 14
DEFAULT = "shopping"
TOGETHER: tuple[str, ...] = (
    "mac and cheese",
    "macaroni and cheese",
    "salt and pepper",
    "fish and chips",
    "gin and tonic",
)
TOGETHER += ("salt and vinegar crisps", "salt and vinegar chips", "half and half", "cookies and cream")
"""One thing each, although people say "and" in them."""
_BETWEEN = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*", re.IGNORECASE)
_NUMBER = "|".join(UNITS[1:13])
_MIXED = re.compile(
    rf"\b(\d+|{_NUMBER}) and (?=(?:a|one) (?:half|quarter|third)\b|half (?!an?\b)|(?:two|three) (?:third|quarter)s\b)"
    rf"|\b(hundred|thousand) and (?=(?:\d|{_NUMBER}|\w+teen|\w+ty)\b)",
    re.IGNORECASE,
)
"""A number that has an "and" in it: "two and a half pounds", "a hundred and five nails"."""
_NOTHING = ("it", "that", "this", "them", "those", "these")
"""What says nothing where nobody knows what it stands for."""
_BEFORE = re.compile(r"^(?:the|some|a|an)\s+(?=\S)", re.IGNORECASE)


def add(request: Request) -> Answer:
    name, items = _list(request), _items(request)
    if not items:
        return Answer(f"What should I put on the {name} list?")
    taken_back = {i.casefold() for a in request.undoes if a.name == "list_remove" for i in a.arguments["items"]}
    there = {i.casefold() for i in request.world.lists.items(name)} - taken_back
    new = [i for i in items if i.casefold() not in there]
    if not new:
        return Answer(f"{_sentence(items)} {_is(items)} on the {name} list already.")
    if len(there) + len(new) > MOST_ITEMS:
        return Answer(f"The {name} list has {len(there)} things on it, and I keep {MOST_ITEMS} at most.")
    return Answer(
        f"Added {join(new)} to the {name} list.",
        (Action("list_add", {"list": name, "items": new}),),
    )


def remove(request: Request) -> Answer:
    name, items = _list(request), _items(request)
    there = {i.casefold(): i for i in request.world.lists.items(name)}
    found = [there[i.casefold()] for i in items if i.casefold() in there]
    if not found:
        return Answer(f"{_sentence(items)} {_is(items)} not on the {name} list.")
    return Answer(
        f"Took {join(found)} off the {name} list.",
        (Action("list_remove", {"list": name, "items": found}),),
    )


def tell(request: Request) -> Answer:
    name = _list(request)
    there = request.world.lists.items(name)
    items = _items(request)
    if items:
        known = {i.casefold() for i in there}
        have = [i for i in items if i.casefold() in known]
        return Answer(
            f"Yes, {join(have)} {_is(have)} on the {name} list." if len(have) == len(items) else _not_all(name, items)
        )
    if not there:
        return Answer(f"The {name} list is empty.")
    if request.slots.get("count"):
        return Answer(f"There {'is' if len(there) == 1 else 'are'} {plural(len(there), 'thing')} on the {name} list.")
    return Answer(f"On the {name} list: {join(there)}.")


def clear(request: Request) -> Answer:
    name = _list(request)
    there = len(request.world.lists.items(name))
    if not there:
        return Answer(f"The {name} list is empty already.")
    question = f"Clear the {name} list, with {plural(there, 'thing')} on it?"
    return Answer(f"The {name} list is empty now.", (Action("list_clear", {"list": name}),), confirm=question)


def names(request: Request) -> Answer:
    known = request.world.lists.names()
    if not known:
        return Answer("There is nothing on any list.")
    return Answer(f"There {'is a list' if len(known) == 1 else 'are lists'}: {join(known)}.")


def _list(request: Request) -> str:
    return str(request.slots.get("list") or DEFAULT).casefold()


def _items(request: Request) -> list[str]:
    """Several things that were said together, one by one, without the article, as they were corrected meanwhile."""
    text = _MIXED.sub(
        lambda m: f"{m[1] or m[2]}\0and\0", " ".join(things_meant(str(request.slots.get("items", ""))).split())
    )
    for number, pair in enumerate(TOGETHER):
        text = re.sub(re.escape(pair), f"\0{number}\0", text, flags=re.IGNORECASE)
    parts = [_BEFORE.sub("", p.strip(" .!?")) for p in _BETWEEN.split(text)]
    parts = [p for p in parts if p.casefold() not in _NOTHING]
    whole = [re.sub("\0(\\d+)\0", lambda m: TOGETHER[int(m[1])], p) for p in parts if p]
    return list({i.casefold(): i for i in (thing(w.replace("\0and\0", " and ")) for w in whole)}.values())


def _not_all(name: str, items: list[str]) -> str:
    return f"No, {join(items, 'and')} {_is(items)} not {'both ' if len(items) == 2 else ''}on the {name} list."


def _is(items: list[str]) -> str:
    return "is" if len(items) == 1 else "are"


def _sentence(items: list[str]) -> str:
    text = join(items)
    return text[:1].upper() + text[1:]


HANDLERS: dict[str, Handler] = {
    "list_add": add,
    "list_remove": remove,
    "list_read": tell,
    "list_clear": clear,
    "list_names": names,
}
