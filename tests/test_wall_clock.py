"""The wall clock may jump by years: it is for people, dates and files, and no logic waits by it."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "firmware_py"
WALL = {("time", "time"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
FOR_PEOPLE = {
    "agenda/clock.py": "dates of timers and alarms; jumps are its subject",
    "attention.py": "the time beside the last wake word",
    "respond/world.py": "what time is it",
    "replay/world.py": "the date of a recording",
    "dashboard/feed.py": "the time beside a notice",
    "service/turn_log.py": "the time beside a turn",
    "service/debug_folder.py": "the age of a file",
    "service/private_folder.py": "the age of a file",
    "nlu/kept_grammar.py": "the age of a file",
    "tts/parts.py": "the age of a file",
    "tts/store.py": "the age of a file",
    "doctor/trend.py": "the date of a run",
    "doctor/checklist.py": "the age of a run",
    "doctor/checks_machine.py": "the clock is what is checked",
}


def readers() -> set[str]:
    """The modules that read the wall clock."""
    found = set()
    for module in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
                base = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                if (base, node.attr) in WALL:
                    found.add(str(module.relative_to(PACKAGE)))
    return found


def test_only_what_is_for_people_reads_the_wall_clock() -> None:
    assert readers() == set(FOR_PEOPLE), "logic waits by time.monotonic alone; a jump must not reach it"
