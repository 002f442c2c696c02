"""Every wake word engine fills its port: the real networks on a voice that says the words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from wake_lab import PHRASES, Speaker, in_a_room, person

from firmware_py import backends
from firmware_py.errors import BadInput, RtvaError, Unavailable
from firmware_py.events import FRAME_SAMPLES, Pcm16, WakeHeard
from firmware_py.ports import WakeWord

ENGINES = backends.names("wake")


def made(name: str, words: list[str], **settings: float) -> WakeWord:
    try:
        engine: WakeWord = backends.load("wake", name)(words, **settings)
    except Unavailable as missing:
        pytest.skip(str(missing))
    return engine


def listen(engine: WakeWord, sound: Pcm16, *, is_speaking: bool = False) -> list[tuple[int, WakeHeard]]:
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    found = [((i + 1) * FRAME_SAMPLES, engine.push(frame, is_speaking=is_speaking)) for i, frame in enumerate(frames)]
    return [(at, heard) for at, heard in found if heard is not None]


@pytest.fixture(scope="module")
def speaker(weights: Path) -> Speaker:
    return Speaker()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("word", PHRASES)
def test_a_word_is_heard_once_by_its_own_network_alone(name: str, word: str, speaker: Speaker) -> None:
    engine = made(name, list(PHRASES))
    said = speaker.word(word, 2.0)
    assert isinstance(engine, WakeWord) and engine.names == list(PHRASES)
    heard = [(at, h) for at, h in listen(engine, in_a_room([1.0, said, 2.0])) if not h.is_near]
    assert [h.word for _, h in heard] == [word]
    [(at, found)] = heard
    end = 16_000 + said.size
    cut = at - found.ago_ms * 16
    assert -3200 < cut - end < 800, "the cut lies behind the word's middle and before what follows is hurt"
    engine.close()
    engine.close()


@pytest.mark.parametrize("name", ENGINES)
def test_a_persons_word_is_heard_once_however_long_its_network_holds_it(name: str, recordings: Path) -> None:
    engine = made(name, ["hey_mycroft"])
    word, behind = (person(recordings / "commands" / f"{n}.wav") for n in ("hey_mycroft", "turn_on_living_room_lamp"))
    for rest in (0.3, 0.6, 3.0):
        heard = [h.word for _, h in listen(engine, in_a_room([1.0, word, rest, behind, 4.0])) if not h.is_near]
        assert heard == ["hey_mycroft"]
        engine.reset()
    again = [h.word for _, h in listen(engine, in_a_room([1.0, word, 3.0, word, 1.0])) if not h.is_near]
    assert again == ["hey_mycroft", "hey_mycroft"]


@pytest.mark.parametrize("name", ENGINES)
def test_silence_and_noise_say_nothing(name: str) -> None:
    engine = made(name, list(PHRASES))
    noise = np.random.default_rng(1).normal(0, 800, 48_000).astype(np.int16)
    assert listen(engine, np.zeros(32_000, np.int16)) == [] and listen(engine, noise) == []


@pytest.mark.parametrize("name", ENGINES)
def test_what_stays_below_the_threshold_is_a_near_miss(name: str, speaker: Speaker) -> None:
    made(name, ["hey_jarvis"]).close()
    sound = in_a_room([1.0, speaker.word("hey_jarvis", 2.0), 2.0])
    strict = listen(made(name, ["hey_jarvis"], threshold=0.9999), sound)
    assert [(h.word, h.is_near) for _, h in strict] == [("hey_jarvis", True)] and 0.5 < strict[0][1].score < 0.9999
    assert listen(made(name, ["hey_jarvis"], threshold_speaking=0.9999), sound)[0][1].is_near is False
    speaking = listen(made(name, ["hey_jarvis"], threshold_speaking=0.9999), sound, is_speaking=True)
    assert [h.is_near for _, h in speaking] == [True], "while it speaks another threshold counts"


@pytest.mark.parametrize("name", ENGINES)
def test_reset_forgets_a_word_that_began(name: str, speaker: Speaker) -> None:
    engine = made(name, ["alexa"])
    said = speaker.word("alexa", 1.0)
    half = said.size // 2 // FRAME_SAMPLES * FRAME_SAMPLES
    assert listen(engine, in_a_room([1.0, said[:half]])) == []
    engine.reset()
    assert [h for _, h in listen(engine, in_a_room([said[half:], 2.0])) if not h.is_near] == []
    assert [h.word for _, h in listen(engine, in_a_room([1.0, said, 1.0])) if not h.is_near] == ["alexa"]


def test_a_network_of_the_users_own(tmp_path: Path, speaker: Speaker) -> None:
    micro = pytest.importorskip("pymicro_wakeword", reason="pip install 'rtva[wake]' runs this")
    models = Path(micro.__file__).parent / "models"
    shutil.copy(models / "alexa.tflite", tmp_path / "net.tflite")
    told = json.loads((models / "alexa.json").read_text()) | {"model": "net.tflite"}
    own = tmp_path / "computer.json"
    own.write_text(json.dumps(told))
    engine = made("micro", [str(own), "hey_jarvis"])
    sound = in_a_room([1.0, speaker.word("alexa", 1.0), 1.0])
    assert [h.word for _, h in listen(engine, sound) if not h.is_near] == ["computer"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda told, folder: told | {"model": "nothing.tflite"}, Unavailable),
        (lambda told, folder: told | {"model": "own.json"}, BadInput),
        (lambda told, folder: told | {"micro": {}}, BadInput),
        (lambda told, folder: told | {"micro": {"probability_cutoff": 7, "sliding_window_size": 5}}, BadInput),
        (lambda told, folder: [], BadInput),
    ],
)
def test_a_bad_network_is_one_line(tmp_path: Path, change: object, kind: type[RtvaError]) -> None:
    micro = pytest.importorskip("pymicro_wakeword", reason="pip install 'rtva[wake]' runs this")
    models = Path(micro.__file__).parent / "models"
    shutil.copy(models / "alexa.tflite", tmp_path / "alexa.tflite")
    told = change(json.loads((models / "alexa.json").read_text()), tmp_path)  # type: ignore[operator]
    (tmp_path / "own.json").write_text(json.dumps(told))
    with pytest.raises(kind, match=str(tmp_path)) as failed:
        backends.load("wake", "micro")([str(tmp_path / "own.json")])
    assert "\n" not in str(failed.value)
    with pytest.raises(Unavailable, match="no such wake word file"):
        backends.load("wake", "micro")([str(tmp_path / "none.json")])
