from collections.abc import Callable, Iterable, Sequence
from typing import Any

from numpy.typing import NDArray

class RunIndex:
    """Which of some sets have which runs."""

    def __init__(self, sets: Sequence[Iterable[str]], worth: Callable[[int], float]) -> None: ...
    def worth_of(self, runs: Iterable[str]) -> list[float]: ...
    def shared(self, runs: Iterable[str]) -> tuple[NDArray[Any], float] | None: ...

def nearest(
    shared: NDArray[Any], heard: float, own: NDArray[Any], most: int, least: float, of_best: float
) -> list[tuple[float, int]]:
    """``(minus measure, set)``, the best first."""
