"""A key is marked as not used yet if, and only if, nothing that builds the walk reads it."""

from __future__ import annotations

import ast
from pathlib import Path

from firmware_py.settings.knobs import knobs

PACKAGE = Path(__file__).resolve().parent.parent / "firmware_py"
READERS = [
    PACKAGE / "pipeline.py",
    PACKAGE / "detectors.py",
    PACKAGE / "app.py",
    PACKAGE / "ears.py",
    PACKAGE / "earcons.py",
    PACKAGE / "fast_walk.py",
    PACKAGE / "devices.py",
    PACKAGE / "language_model.py",
    *(PACKAGE / "cli").glob("*.py"),
    *(PACKAGE / "service").glob("*.py"),
]
INSTEAD = {"nlp.intent_paths": "nlp.intents"}
"""A method of the configuration -> the key that it reads."""


class Reads(ast.NodeVisitor):
    """The dotted keys that a module reads from anything called ``config``, followed through local names."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {"config": ""}
        self.found: set[str] = set()

    def key(self, node: ast.expr) -> str | None:
        """The key an expression stands for, "" for the configuration itself, None for anything else."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            if node.attr == "config":
                return ""
            base = self.key(node.value)
            return None if base is None else f"{base}.{node.attr}".lstrip(".")
        return None

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            for name, value in pairs:
                key = self.key(value)
                if isinstance(name, ast.Name) and name.id != "config":
                    self.names.pop(name.id, None)
                    if key is not None:
                        self.names[name.id] = key
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        key = self.key(node)
        if key:
            self.found.add(INSTEAD.get(key, key))
        self.generic_visit(node)


def read_keys() -> set[str]:
    found: set[str] = set()
    for module in READERS:
        reads = Reads()
        reads.visit(ast.parse(module.read_text("utf-8")))
        found |= reads.found
    return found & set(knobs())


def test_only_keys_that_something_reads_are_called_used() -> None:
    idle = {key for key, knob in knobs().items() if not knob.is_planned} - read_keys()
    assert not idle, "nothing reads these: mark them planned=True in settings/schema.py"


def test_keys_that_something_reads_are_not_called_unused() -> None:
    busy = {key for key, knob in knobs().items() if knob.is_planned} & read_keys()
    assert not busy, "these are read: take planned=True away in settings/schema.py and run scripts/config_doc.py"
