#!/usr/bin/env python3
"""Writes the tables of docs/configuration.md and config/config.yaml from the schema.

``--check`` writes nothing and exits with 1, naming the file, when one of them is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from firmware_py.presets import PRESETS  # noqa: E402
from firmware_py.settings.knobs import knobs  # noqa: E402
from firmware_py.settings.render import annotated_lines, scalar  # noqa: E402

BEGIN, END = "<!-- from the schema: scripts/config_doc.py -->", "<!-- end -->"

EXAMPLE_HEAD = """\
# rtva's configuration, every key at its default. Written from the schema by scripts/config_doc.py.
#
# Uncomment what you change. A key that stands here wins over --preset; what is commented out is decided by the
# preset, if one is given, and by the default otherwise.
#
#   rtva config check          judges this file      rtva config show      what is in force, and why
#   rtva config explain KEY    what a key does       docs/configuration.md  the same as tables
"""


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def tables() -> Iterator[str]:
    """A table a section of the first level."""
    section = ""
    for knob in knobs().values():
        first = knob.key.split(".")[0]
        if first != section:
            section = first
            yield from ("", f"### `{section}`", "", "| key | default | allowed | what it does |", "|---|---|---|---|")
        remark = " *Not used yet.*" if knob.is_planned else ""
        guide = f" (guide: {knob.guide})" if knob.guide else ""
        row = [f"`{knob.key}`", f"`{scalar(knob.default)}`", cell(knob.allowed), cell(knob.text) + guide + remark]
        yield f"| {' | '.join(row)} |"
    yield ""


def preset_table() -> Iterator[str]:
    """What each preset sets."""
    keys = [key for key in knobs() if any(_in(preset, key) is not None for preset in PRESETS.values())]
    yield from ("", f"| key | {' | '.join(PRESETS)} |", f"|---{'|---' * len(PRESETS)}|")
    for key in keys:
        yield f"| `{key}` | {' | '.join(f'`{scalar(_in(preset, key))}`' for preset in PRESETS.values())} |"
    yield ""


def _in(tree: object, key: str) -> object:
    for part in key.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return None
        tree = tree[part]
    return tree


def page(old: str) -> str:
    """The page with its generated parts renewed: first the presets, then the keys."""
    for number, lines in enumerate((preset_table(), tables()), start=1):
        pieces = old.split(BEGIN)
        _, _, rest = pieces[number].partition(END)
        pieces[number] = "\n" + "\n".join(lines) + "\n" + END + rest
        old = BEGIN.join(pieces)
    return old


def example() -> str:
    """The annotated example."""
    return EXAMPLE_HEAD + "\n".join(annotated_lines(knobs().values())) + "\n"


def main() -> int:
    doc, sample = ROOT / "docs" / "configuration.md", ROOT / "config" / "config.yaml"
    stale = 0
    for path, text in ((doc, page(doc.read_text("utf-8"))), (sample, example())):
        if path.exists() and path.read_text("utf-8") == text:
            continue
        if "--check" in sys.argv[1:]:
            print(f"{path.relative_to(ROOT)} is out of date: run scripts/config_doc.py")
            stale = 1
        else:
            path.write_text(text, "utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return stale


if __name__ == "__main__":
    sys.exit(main())
