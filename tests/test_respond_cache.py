"""The response cache: how many, how long, and what it counts."""

from __future__ import annotations

import threading

import pytest

from firmware_py.events import Reply
from firmware_py.respond.cache import CacheCounts, ResponseCache


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_hits_misses_and_age() -> None:
    clock = Clock()
    cache = ResponseCache(size=2, ttl_s=10, clock=clock)
    assert cache.get("a") is None
    cache.put("a", Reply("A"))
    clock.now = 9.99
    assert cache.get("a") == Reply("A")
    clock.now = 10.0
    assert cache.get("a") is None
    assert cache.counts == CacheCounts(hits=1, misses=2, evictions=1, size=0)


def test_the_one_unused_longest_makes_room() -> None:
    cache = ResponseCache(size=2)
    cache.put("a", Reply("A"))
    cache.put("b", Reply("B"))
    cache.get("a")
    cache.put("c", Reply("C"))
    assert [cache.get(k) is not None for k in "abc"] == [True, False, True]
    assert cache.counts.evictions == 1 and cache.counts.size == 2


def test_putting_again_renews() -> None:
    clock = Clock()
    cache = ResponseCache(ttl_s=10, clock=clock)
    cache.put("a", Reply("A"))
    clock.now = 8
    cache.put("a", Reply("A2"))
    clock.now = 12
    assert cache.get("a") == Reply("A2")


@pytest.mark.parametrize("cache", [ResponseCache(enabled=False), ResponseCache(size=0)])
def test_off_keeps_and_counts_nothing(cache: ResponseCache) -> None:
    cache.put("a", Reply("A"))
    assert cache.get("a") is None and cache.counts == CacheCounts()


def test_clear_forgets_replies_not_counts() -> None:
    cache = ResponseCache()
    cache.put("a", Reply("A"))
    cache.get("a")
    cache.clear()
    assert cache.get("a") is None and cache.counts == CacheCounts(hits=1, misses=1)


def test_many_threads() -> None:
    cache = ResponseCache(size=8)

    def work(seed: int) -> None:
        for i in range(2000):
            cache.put((seed * i) % 20, Reply(str(i)))
            cache.get((seed + i) % 20)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = cache.counts
    assert counts.hits + counts.misses == 8000 and counts.size <= 8
