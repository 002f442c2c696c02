"""Short sounds: what they are, that no answer waits for one, and that none is ever taken for speech."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gated_speaker import GatedSpeaker
from status_lab import eventually

from firmware_py.audio import tone
from firmware_py.audio.beside import MOST_CHIMES, Beside
from firmware_py.audio.play import Player
from firmware_py.audio.recording import load
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.cli.say import EARCONS
from firmware_py.config import from_text
from firmware_py.controls import NoLoudspeaker, SpeakerControls
from firmware_py.earcons import Earcons
from firmware_py.errors import Unavailable
from firmware_py.events import Pcm16
from firmware_py.failed_turns import FailedTurns
from firmware_py.service.controls import Reports, ServiceControls
from firmware_py.service.gate import MicrophoneGate
from firmware_py.service.memory import Remembered
from firmware_py.status.board import Board
from firmware_py.status.hub import Hub

RATE_HZ = 16_000
Rtva = Callable[..., "subprocess.CompletedProcess[str]"]


def pitch_hz(sound: Pcm16) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(sound.astype(float), RATE_HZ))))


@pytest.mark.parametrize("name", tone.EARCON_NAMES)
def test_each_is_short_soft_and_begins_and_ends_in_silence(name: str) -> None:
    sound = tone.earcon(name, RATE_HZ)
    assert sound.dtype == np.int16 and sound.size <= (0.5 if name == "error" else 0.25) * RATE_HZ
    assert 1000 < np.abs(sound.astype(int)).max() < 0.5 * 32767
    assert abs(int(sound[0])) < 50 and abs(int(sound[-1])) < 50
    half = tone.earcon(name, RATE_HZ, 0.5)
    assert np.abs(sound / 2 - half).max() <= 1 and not tone.earcon(name, RATE_HZ, 0.0).any()


def test_what_opens_goes_up_and_what_closes_goes_down() -> None:
    for name, goes_up in (("wake", True), ("unmute", True), ("mute", False), ("error", False)):
        sound = tone.earcon(name, RATE_HZ)
        assert (pitch_hz(sound[-1600:]) > pitch_hz(sound[:960])) is goes_up, name
    assert set(EARCONS) == set(tone.EARCON_NAMES)


def test_a_sound_by_itself_is_heard_whole_and_the_device_is_drained() -> None:
    heard: list[Pcm16] = []
    speaker = VirtualSpeaker(RATE_HZ, on_samples=heard.append)
    player = Player(speaker)
    player.start()
    sound = tone.earcon("wake", RATE_HZ)
    player.chime(sound)
    eventually(lambda: sum(map(len, heard)) >= sound.size)
    player.stop()
    whole = np.concatenate(heard)
    np.testing.assert_array_equal(whole[: sound.size], sound)
    assert not whole[sound.size :].any() and speaker.underruns == 0


@pytest.fixture
def stepped() -> Iterator[tuple[Player, GatedSpeaker]]:
    speaker = GatedSpeaker()
    player = Player(speaker)
    player.start()
    yield player, speaker
    speaker.permits.release(1000)
    player.stop()


def test_an_answer_does_not_wait_for_a_sound_and_loses_nothing_to_it(stepped: tuple[Player, GatedSpeaker]) -> None:
    player, speaker = stepped
    player.chime(np.full(1000, 7, np.int16))
    speaker.permits.release()
    eventually(lambda: len(speaker.written) == 1)
    answer = player.play(iter([np.arange(500, dtype=np.int16)]))
    speaker.permits.release(20)
    assert answer.wait(30)
    eventually(lambda: sum(map(len, speaker.written)) >= 1000)
    whole = np.concatenate(speaker.written)
    [begin] = [at for at in (100, 200) if np.array_equal(whole[at : at + 500], np.arange(500) + 7)]
    assert begin <= 200, "the period that was under way, and no more"
    assert (whole[:begin] == 7).all() and (whole[begin + 500 : 1000] == 7).all()


def test_loud_sounds_together_are_cut_off_and_not_wrapped_round() -> None:
    beside = Beside(RATE_HZ)
    for _ in range(MOST_CHIMES + 1):
        beside.chime(np.full(10, 20_000, np.int16))
    assert beside.dropped == 1
    assert (beside.mix(np.full(4, -1, np.int16)) == 32767).all()
    assert (beside.mix(np.zeros(20, np.int16))[6:] == 0).all() and not beside.has_sound


def test_each_can_be_switched_off_and_made_softer() -> None:
    heard: list[Pcm16] = []
    text = "sounds: {wake: false, done: true, mute: false, error: true, volume: 30}"
    earcons = Earcons(from_text(text), RATE_HZ, heard.append)
    for name in tone.EARCON_NAMES:
        earcons.play(name)
    assert len(heard) == 2
    np.testing.assert_array_equal(heard[0], tone.earcon("done", RATE_HZ, 0.3))
    earcons.off()
    earcons.play("error")
    assert len(heard) == 2


def test_a_failure_that_cannot_be_said_is_at_least_heard() -> None:
    told: list[str] = []

    def mute(text: str) -> None:
        raise RuntimeError("no voice")

    FailedTurns(mute, lambda: told.append("error")).apologise()
    FailedTurns(lambda text: None, lambda: told.append("not this")).apologise()
    assert told == ["error"]


def test_the_command_line_writes_one(rtva: Rtva, tmp_path: Path) -> None:
    out = tmp_path / "wake.wav"
    done = rtva("say", "--earcon", "wake", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["earcon"] == "wake" and 0.1 < told["audio_s"] < 0.3
    assert np.abs(load(out)).max() > 1000
    for wrong in (["--earcon", "bell"], ["hello", "--earcon", "wake"], []):
        assert rtva("say", *wrong).returncode == 64


def test_closing_the_microphone_sounds_once_and_the_talk_button_never() -> None:
    played: list[str] = []
    gate = MicrophoneGate(lambda: None)  # type: ignore[arg-type,return-value]
    folder: Any = None
    controls = ServiceControls(Board(Hub()), gate, Reports(), Remembered(), folder)
    appliance: Any = SimpleNamespace(
        controls=SpeakerControls(NoLoudspeaker()), earcons=SimpleNamespace(play=played.append), talk=lambda: None
    )
    controls.attach(appliance)
    controls.mute()
    controls.mute("switch")
    with pytest.raises(Unavailable, match="switch"):
        controls.unmute()
    assert played == ["mute"], "what is closed already does not close again, nor open while another holds it"
    controls.unmute("switch")
    assert played == ["mute", "unmute"]
    controls.mute("button")
    controls.unmute("button")
    assert played == ["mute", "unmute"]
