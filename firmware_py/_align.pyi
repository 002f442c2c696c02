from collections.abc import Iterable
from typing import Any

from numpy.typing import ArrayLike
from typing_extensions import Buffer

Step = tuple[int, int, int, float]

MAX_CELLS: int

class PhoneCosts:
    """What it costs to hear one phone as another, or not at all."""

    def __init__(self, substitute: ArrayLike, drop: ArrayLike) -> None: ...

class PhoneGraph:
    """Nodes of phones in topological order."""

    @property
    def n_nodes(self) -> int: ...
    @property
    def slots(self) -> list[tuple[Any, int, int]]: ...
    def __init__(
        self,
        phone: list[int],
        weight: list[float],
        first: list[int],
        pred: list[int],
        slots: Iterable[tuple[Any, int, int]] = (),
    ) -> None: ...

class Stretches:
    """Stretches of heard phones that the slots of one source may take."""

    def __init__(self, stretches: Iterable[tuple[int, int, float]]) -> None: ...

def next_above(
    graphs: list[PhoneGraph],
    at: int,
    costs: PhoneCosts,
    heard: Buffer,
    extra: Buffer,
    weight: Buffer,
    stretches: dict[Any, Stretches],
    limit: float,
    least: float,
) -> tuple[int, float, list[Step]] | None:
    """The first of ``graphs[at:]`` with a way within ``limit`` that scores ``least``: its number, cost and steps."""
