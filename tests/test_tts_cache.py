"""Rendered speech that is kept: what is heard is the same, what is kept is bounded, a bad disk does no harm."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_py.ports import TextToSpeech
from firmware_py.tts.cache import CachedSpeech, CacheSettings
from firmware_py.tts.store import SUFFIX, Bounds, SpeechStore, key_of

RATE_HZ = 8000


class Recorder:
    """An engine that says each letter as 10 samples of its code, a word a chunk, and notes what it was asked."""

    rate_hz = RATE_HZ

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = 0

    def synthesize(self, text: str) -> Iterator[np.ndarray]:
        self.asked.append(text)
        for word in text.split():
            yield np.repeat(np.array([ord(c) % 1000 for c in word], np.int16), 10)

    def close(self) -> None:
        self.closed += 1


def heard(tts: CachedSpeech | Recorder, text: str) -> list[int]:
    return [int(v) for chunk in tts.synthesize(text) for v in chunk]


def test_it_fills_the_role() -> None:
    assert isinstance(CachedSpeech(Recorder()), TextToSpeech)


def test_the_second_time_is_the_same_sound_without_the_engine(tmp_path: Path) -> None:
    engine = Recorder()
    cached = CachedSpeech(engine, tmp_path)
    first = heard(cached, "Okay. It is five.")
    assert heard(cached, "Okay. It is five.") == first
    assert engine.asked == ["Okay.", "It is five."]
    assert (cached.hits, cached.misses) == (2, 2)


def test_a_kept_sentence_is_used_in_another_answer() -> None:
    engine = Recorder()
    cached = CachedSpeech(engine)
    heard(cached, "Okay.")
    heard(cached, "Okay. It is six.")
    assert engine.asked == ["Okay.", "It is six."]


def test_the_same_words_written_differently_are_one_entry() -> None:
    engine = Recorder()
    cached = CachedSpeech(engine)
    assert heard(cached, "It is 20°C.") == heard(cached, "It is twenty degrees Celsius.")
    assert len(engine.asked) == 1


def test_what_was_kept_outlives_the_process(tmp_path: Path) -> None:
    first = heard(CachedSpeech(Recorder(), tmp_path, key="joe"), "Good night.")
    engine = Recorder()
    assert heard(CachedSpeech(engine, tmp_path, key="joe"), "Good night.") == first
    assert engine.asked == []


def test_another_voice_does_not_meet_this_one(tmp_path: Path) -> None:
    heard(CachedSpeech(Recorder(), tmp_path, key="joe"), "Good night.")
    engine = Recorder()
    heard(CachedSpeech(engine, tmp_path, key="amy"), "Good night.")
    assert engine.asked == ["Good night."]


def test_a_stopped_answer_is_not_kept(tmp_path: Path) -> None:
    engine = Recorder()
    cached = CachedSpeech(engine, tmp_path)
    answer = cached.synthesize("One two three four.")
    next(answer)
    answer.close()
    assert list(tmp_path.iterdir()) == []
    heard(cached, "One two three four.")
    assert len(engine.asked) == 2


def test_only_what_was_warmed_goes_to_the_disk_when_asked_so(tmp_path: Path) -> None:
    cached = CachedSpeech(Recorder(), tmp_path, settings=CacheSettings(persist_all=False))
    heard(cached, "It is five past three.")
    assert list(tmp_path.iterdir()) == []
    cached.warm(["Okay.", "Sorry?"])
    assert len(list(tmp_path.iterdir())) == 2


def test_warming_twice_renders_once(tmp_path: Path) -> None:
    engine = Recorder()
    cached = CachedSpeech(engine, tmp_path)
    cached.warm(["Okay."])
    cached.warm(["Okay."])
    assert engine.asked == ["Okay."]


def test_a_very_long_piece_is_not_kept() -> None:
    engine = Recorder()
    cached = CachedSpeech(engine, settings=CacheSettings(max_entry_s=0.001))
    heard(cached, "Okay.")
    heard(cached, "Okay.")
    assert len(engine.asked) == 2


def test_stats_and_clear(tmp_path: Path) -> None:
    cached = CachedSpeech(Recorder(), tmp_path)
    heard(cached, "Okay. Yes.")
    stats = cached.stats()
    assert (stats["memory_entries"], stats["disk_entries"], stats["misses"], stats["hits"]) == (2, 2, 2, 0)
    assert stats["disk_bytes"] == sum(p.stat().st_size for p in tmp_path.iterdir())
    assert cached.clear() == 2
    assert list(tmp_path.iterdir()) == []
    assert cached.stats()["memory_bytes"] == 0


def test_a_draft_leaves_no_trace_but_speaking_it_does(tmp_path: Path) -> None:
    """A draft asks for the first chunk alone; thrown away it is neither counted nor kept."""
    cached = CachedSpeech(Recorder(), tmp_path)
    for _ in range(2):
        draft = cached.synthesize("One two three.")
        next(draft)
        draft.close()
    assert (cached.hits, cached.misses) == (0, 0)
    assert list(tmp_path.iterdir()) == []
    heard(cached, "One two three.")
    draft = cached.synthesize("One two three.")
    next(draft)
    draft.close()
    assert (cached.hits, cached.misses) == (0, 1)


class Slow(Recorder):
    """A recorder whose second chunk waits for ``go``; ``is_open`` counts the syntheses that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()
        self.is_open = 0
        self.most_open = 0

    def synthesize(self, text: str) -> Iterator[np.ndarray]:
        self.is_open += 1
        self.most_open = max(self.most_open, self.is_open)
        try:
            for number, chunk in enumerate(super().synthesize(text)):
                if number == 1 and text.startswith("Slow"):
                    self.reached.set()
                    assert self.go.wait(10)
                yield chunk
        finally:
            self.is_open -= 1


def test_who_speaks_comes_before_what_is_rendered_ahead(tmp_path: Path) -> None:
    """One call at a time reaches the engine; the rendering stops within a chunk, and is not kept half."""
    engine = Slow()
    cached = CachedSpeech(engine, tmp_path)
    kept: list[bool] = []
    ahead = threading.Thread(target=lambda: kept.append(cached.keep("Slow two three four.")))
    ahead.start()
    assert engine.reached.wait(10)
    said: list[list[int]] = []
    speaking = threading.Thread(target=lambda: said.append(heard(cached, "Now.")))
    speaking.start()
    while not cached._yielding._speakers:
        time.sleep(0.001)
    engine.go.set()
    for thread in (ahead, speaking):
        thread.join(10)
    assert kept == [False]
    assert said == [heard(Recorder(), "Now.")]
    assert engine.most_open == 1
    assert len(list(tmp_path.iterdir())) == 1
    assert cached.keep("Slow two three four.")
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_is_rendered_ahead_while_an_answer_is_open(tmp_path: Path) -> None:
    engine = Slow()
    engine.go.set()
    cached = CachedSpeech(engine, tmp_path)
    answer = cached.synthesize("One two.")
    next(answer)
    assert not cached.keep("Okay.")
    answer.close()
    assert cached.keep("Okay.")
    assert engine.asked == ["One two.", "Okay."]


def test_rendering_ahead_stops_when_it_is_told_to(tmp_path: Path) -> None:
    cached = CachedSpeech(Recorder(), tmp_path)
    answers = iter([True, True, False])
    assert not cached.keep("One two three four.", lambda: next(answers))
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_on_the_disk_is_in_memory_after_it_was_warmed(tmp_path: Path) -> None:
    CachedSpeech(Recorder(), tmp_path).keep("Okay. Yes.")
    cached = CachedSpeech(Recorder(), tmp_path)
    assert cached.keep("Okay. Yes.")
    assert cached.cache_counts()["memory_entries"] == 2


def test_closing_closes_the_engine() -> None:
    engine = Recorder()
    CachedSpeech(engine).close()
    assert engine.closed == 1


def test_nothing_to_say_asks_nobody() -> None:
    engine = Recorder()
    assert heard(CachedSpeech(engine), "...") == []
    assert engine.asked == []


# The store


SOUND = np.arange(100, dtype=np.int16)


@pytest.mark.parametrize("damage", ["short", "bit", "empty", "longer", "foreign"])
def test_a_damaged_file_is_a_miss_and_goes(tmp_path: Path, damage: str) -> None:
    SpeechStore(tmp_path).put("aa", SOUND)
    path = tmp_path / ("aa" + SUFFIX)
    data = bytearray(path.read_bytes())
    wrong = {
        "short": data[:-1],
        "bit": data[:50] + bytes([data[50] ^ 1]) + data[51:],
        "empty": b"",
        "longer": data + b"\0\0",
        "foreign": b"RIFF" + data[4:],
    }
    path.write_bytes(wrong[damage])
    store = SpeechStore(tmp_path)
    assert store.get("aa") is None
    assert not path.exists()
    assert store.stats().disk_errors == 1


def test_a_disk_that_refuses_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    store = SpeechStore(tmp_path / "file" / "folder")
    with caplog.at_level(logging.WARNING):
        for name in ("aa", "bb", "cc"):
            store.put(name, SOUND)
    assert len(caplog.records) == 1
    assert "rendered speech: cannot write" in caplog.text
    assert all(store.get(name) is not None for name in ("aa", "bb", "cc"))


def test_a_folder_that_cannot_be_written_is_only_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SpeechStore(tmp_path / "file" / "folder")
    store.put("aa", SOUND)
    assert store.get("aa") is not None  # from memory
    assert store.stats().disk_errors == 1


def test_what_was_given_cannot_be_changed_afterwards() -> None:
    store, mine = SpeechStore(), SOUND.copy()
    store.put("aa", mine)
    mine[:] = 0
    kept = store.get("aa")
    assert kept is not None
    assert np.array_equal(kept, SOUND)
    with pytest.raises(ValueError):
        kept[0] = 1


def test_the_disk_forgets_what_was_used_longest_ago(tmp_path: Path) -> None:
    store = SpeechStore(tmp_path, Bounds(memory_bytes=0, disk_bytes=3 * (SOUND.nbytes + 16)))
    for age, key in enumerate(["aa", "bb", "cc"]):
        store.put(key, SOUND)
        os.utime(tmp_path / (key + SUFFIX), (1000 + age, 1000 + age))
    assert store.get("aa") is not None  # a use, remembered in the file's time
    store.put("dd", SOUND)
    assert sorted(p.stem for p in tmp_path.iterdir()) == ["aa", "cc", "dd"]


def test_a_half_written_file_of_a_killed_process_goes_in_time(tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(b"0" * 10_000)
    os.utime(tmp_path / "x.part", (1000, 1000))
    store = SpeechStore(tmp_path, Bounds(disk_bytes=5000))
    store.put("aa", SOUND)
    assert [p.name for p in tmp_path.iterdir()] == ["aa" + SUFFIX]


KEYS = st.sampled_from(["aa", "bb", "cc", "dd", "ee"])
STEPS = st.lists(st.tuples(st.sampled_from(["put", "get", "clear"]), KEYS, st.integers(0, 60)), max_size=30)


@settings(deadline=None, max_examples=50)
@given(STEPS, st.integers(0, 300), st.integers(0, 300))
@example([("put", "aa", 0), ("put", "aa", 1), ("get", "aa", 0)], 0, 0)
@example([("put", "aa", 20), ("put", "aa", 60), ("get", "aa", 0)], 0, 70)
def test_bounds_hold_and_nothing_false_is_returned(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]], memory: int, disk: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = SpeechStore(folder, Bounds(memory, disk))
    truth: dict[str, np.ndarray] = {}
    for what, key, size in steps:
        if what == "put":
            truth[key] = np.full(size, size, np.int16)
            store.put(key, truth[key])
        elif what == "get":
            found = store.get(key)
            assert found is None or np.array_equal(found, truth[key])
        else:
            store.clear()
            truth = {}
        stats = store.stats()
        assert stats.memory_bytes <= memory
        assert stats.disk_bytes <= disk
        assert stats.disk_errors == 0


def test_keys_keep_their_parts_apart() -> None:
    assert key_of("ab", "c") != key_of("a", "bc")
    assert key_of("a") != key_of("a", "")
    assert len(key_of("\ud800")) == 64
