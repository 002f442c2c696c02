from typing import Any

from numpy.typing import ArrayLike, NDArray
from typing_extensions import Buffer

Jump = tuple[int, int, int, int, float]
Step = tuple[int, int, int, float]

MAX_CELLS: int

class PhoneCosts:
    """What it costs to hear one phone as another, or not at all."""

    def __init__(self, substitute: ArrayLike, drop: ArrayLike) -> None: ...

class PhoneGraph:
    """Nodes of phones in topological order."""

    @property
    def n_nodes(self) -> int: ...
    def __init__(self, phone: list[int], weight: list[float], first: list[int], pred: list[int]) -> None: ...
    def align(
        self, costs: PhoneCosts, heard: Buffer, extra: NDArray[Any], jumps: list[Jump], limit: float
    ) -> tuple[float, list[Step], list[Jump]] | None:
        """The cheapest way within ``limit``: its cost, its steps, and the jumps in the order steps number them."""
