"""The compiled search for a repair against the plain one: every candidate aligned and read, one after the other."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py._align import next_above
from firmware_py._runs import RunIndex, nearest
from firmware_py.nlu import repair
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.nlu.match import Sentence
from firmware_py.nlu.repair import CANDIDATES, Repair, Repaired

BENCH = Path(__file__).resolve().parent.parent / "bench"
sys.path.insert(0, str(BENCH))

import bench_nlu  # noqa: E402

ANY_SCORE = -1.0


def plain_find(self: Repair, words: list[str], floor: float) -> Repaired | None:
    heard, sentence, costs = self._hear(words), Sentence(words, self.values, self.language), self._alphabet.costs
    best: Repaired | None = None
    for index in self._index.nearest(self._runs(words), CANDIDATES):
        keywords = self.graphs[index].block.required_keywords
        if keywords and keywords.isdisjoint(words):
            continue
        sounding = self._sounding(index)
        stretches, limit = repair._stretches([sounding], heard, sentence), heard.limit(best.score if best else floor)
        way = next_above(
            [sounding.phones], 0, costs, heard.phones, heard.extra, heard.weight, stretches, limit, ANY_SCORE
        )
        found = self._read(sounding, heard, sentence, *way[1:]) if way else None
        if found is not None and found.score >= (best.score + repair._BETTER if best else floor):
            best = found
    return best


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> HassilUnderstanding:
    file = tmp_path_factory.mktemp("own") / "own.yaml"
    file.write_text(yaml.safe_dump(bench_nlu.household(300), sort_keys=False))
    return HassilUnderstanding([file])


def sentences() -> list[str]:
    """Commands a letter of which is wrong, other speech, and what people said to the appliance in conversations."""
    rng = random.Random(5)
    every = bench_nlu.household(300)["intents"].values()  # type: ignore[attr-defined]
    own = [bench_nlu.said(s, rng) for intent in every for block in intent["data"] for s in block["sentences"]]
    scripts = (Path(__file__).parent / "conversations").glob("*.yaml")
    steps = [
        step for path in sorted(scripts) for script in yaml.safe_load(path.read_text()) for step in script["steps"]
    ]
    said = sorted({step["say"] for step in steps if step.get("say")})
    other = [s for s in (BENCH / "data" / "other_speech.txt").read_text().splitlines() if s and not s.startswith("#")]
    wrong = [bench_nlu.misheard(s, rng) for s in [*rng.sample(own, 80), *rng.sample(said, 120)]]
    return [*wrong, *rng.sample(other, 100)]


@pytest.mark.parametrize("floor", [0.3, 0.68, 0.9])
def test_the_search_finds_what_aligning_every_candidate_finds(household: HassilUnderstanding, floor: float) -> None:
    repaired = 0
    for text in sentences():
        for engine in household.engines:
            words = [token.word for token in engine.read(text).tokens]
            if not words:
                continue
            found = engine._repair.find(words, floor)
            assert found == plain_find(engine._repair, words, floor), text
            repaired += found is not None
    assert repaired > 100


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.frozensets(st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=8),
    st.frozensets(st.sampled_from("abcdefghij")),
)
def test_shared_runs_are_counted_as_written(sets: list[frozenset[str]], runs: frozenset[str]) -> None:
    holders = {run: sum(run in own for own in sets) for own in sets for run in own}
    worth = {run: math.log(1 + len(sets) / count) for run, count in holders.items()}
    found = RunIndex(sets, lambda count: math.log(1 + len(sets) / count)).shared(runs)
    if runs.isdisjoint(holders):
        assert found is None
        return
    assert found is not None
    shared, total = found
    assert np.allclose(shared, [sum(worth[run] for run in own & runs) for own in sets])
    assert total == pytest.approx(sum(worth.get(run, 0.0) for run in runs))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12)), min_size=1, max_size=12),
    st.integers(1, 12),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.25, 0.6]),
    st.sampled_from([0.0, 0.4, 1.0]),
)
def test_the_nearest_are_the_best_of_either_measure(
    sets: list[tuple[int, int]], heard: int, most: int, least: float, of_best: float
) -> None:
    shared, own = (np.array(column, np.float64) for column in zip(*sets, strict=True))
    measures = [(shared / heard).tolist(), (shared / np.minimum(own, heard)).tolist()]
    needed = max(least, of_best * max(measures[1]))
    expected: dict[int, float] = {}
    for measure in measures:
        ranked = sorted((-value, number) for number, value in enumerate(measure) if value >= needed)
        for value, number in ranked[:most]:
            expected[number] = min(value, expected.get(number, 0.0))
    assert nearest(shared, heard, own, most, least, of_best) == sorted((v, n) for n, v in expected.items())
    with pytest.raises(ValueError):
        nearest(shared, heard, own[1:], most, least, of_best)
