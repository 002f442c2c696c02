"""Readers: what a wildcard slot may be restricted to with ``reads: NAME``.

A reader takes the normal words of a sentence and a start, and gives ``(end, value)`` pairs, the longest first,
for every stretch of words it can read from there. Each is a module of this folder with a function ``read``; a
new file is a new reader.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import Any

Reader = Callable[[Sequence[str], int], list[tuple[int, Any]]]

READERS: dict[str, Reader] = {
    module.name: importlib.import_module(f"{__name__}.{module.name}").read for module in pkgutil.iter_modules(__path__)
}
