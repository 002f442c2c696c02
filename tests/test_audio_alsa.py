"""ALSA devices through real alsa-lib: every rate, channel count and format, and every way in which they fail."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alsa_lab import Card
from numpy.typing import NDArray

from firmware_py.audio.alsa_device import better_rate
from firmware_py.audio.sample_formats import BYTES, PREFERRED, decode, encode
from firmware_py.errors import RtvaError


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def tone(rate_hz: int, seconds: float, level: float = 0.5) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * 500 * np.arange(round(rate_hz * seconds)) / rate_hz)).astype(np.float32)


# -- scenarios: each runs in a process of its own and returns what JSON carries ------------------------------------


def capture(blocks: int, options: dict[str, Any]) -> dict[str, Any]:
    """Reads ``blocks`` blocks."""
    from firmware_py.audio.alsa import AlsaMicrophone

    microphone = AlsaMicrophone("lab", **options)
    samples: list[int] = []
    error = None
    try:
        for _ in range(blocks):
            block = microphone.read()
            assert block is not None
            assert (block.dtype, block.ndim) == (np.int16, 1)
            assert block.size > 0
            samples += block.tolist()
    except RtvaError as caught:
        error = f"{type(caught).__name__}: {caught}"
    device = microphone.device
    microphone.close()
    microphone.close()
    assert microphone.read() is None
    return {
        "samples": samples,
        "device": [device.rate_hz, device.channels, device.sample_format, device.period_frames],
        "lost": microphone.lost,
        "xruns": microphone.xruns,
        "error": error,
    }


def capture_with_a_nap(naps: list[float]) -> dict[str, Any]:
    """Reads a paced device for a while, sleeping through some of it; what it counted against what time says."""
    from firmware_py.audio.alsa import AlsaMicrophone

    microphone = AlsaMicrophone("lab")
    first = microphone.read()
    assert first is not None
    started_ns, frames, missing = time.monotonic_ns(), 0, []
    for nap_s in naps:
        time.sleep(nap_s)
        for _ in range(5):
            block = microphone.read()
            assert block is not None
            frames += block.size
            passed = (time.monotonic_ns() - started_ns) * 16000 / 1e9
            missing.append(passed - frames - microphone.lost)
    # A reader that is late sees too much time, never too little: the smallest of the last is the truth.
    return {"missing": min(missing[-5:]), "lost": microphone.lost, "xruns": microphone.xruns}


def play(seconds: float, options: dict[str, Any]) -> dict[str, Any]:
    """Plays a tone twice with a flush between."""
    from firmware_py.audio.alsa import AlsaSpeaker

    speaker = AlsaSpeaker("lab", **options)
    pcm = (tone(speaker.rate_hz, seconds) * 32767).astype(np.int16)
    error = None
    try:
        for start in range(0, pcm.size, 500):
            speaker.write(pcm[start : start + 500])
        delay_s = speaker.delay_s()
        speaker.drain()
    except RtvaError as caught:
        error, delay_s = f"{type(caught).__name__}: {caught}", 0.0
    device = speaker.device
    speaker.close()
    speaker.close()
    return {
        "device": [device.rate_hz, device.channels, device.sample_format],
        "delay_s": delay_s,
        "buffer_s": device.buffer_frames / device.rate_hz,
        "underruns": speaker.underruns,
        "error": error,
    }


def flush_and_go_on() -> dict[str, Any]:
    from firmware_py.audio.alsa import AlsaSpeaker

    speaker = AlsaSpeaker("lab", rate_hz=16000, buffer_size=8000)
    speaker.write(np.full(8000, 1000, np.int16))
    full_s = speaker.delay_s()
    speaker.flush()
    empty_s = speaker.delay_s()
    speaker.write(np.full(100, 2000, np.int16))
    after_s = speaker.delay_s()
    speaker.drain()
    speaker.close()
    return {"full_s": full_s, "empty_s": empty_s, "after_s": after_s, "underruns": speaker.underruns}


def two_answers(gap_s: float) -> None:
    from firmware_py.audio.alsa import AlsaSpeaker

    speaker = AlsaSpeaker("lab", rate_hz=16000, buffer_size=4000)
    for _ in range(2):
        speaker.write(np.full(1600, 1000, np.int16))
        speaker.drain()
        time.sleep(gap_s)
    speaker.close()


def an_answer_that_ran_dry() -> int:
    from firmware_py.audio.alsa import AlsaSpeaker, Waking

    speaker = AlsaSpeaker("lab", rate_hz=16000, buffer_size=1600, waking=Waking(prime_ms=0))
    speaker.write(np.full(400, 1000, np.int16))
    time.sleep(0.2)
    speaker.write(np.full(400, 2000, np.int16))
    speaker.drain()
    speaker.close()
    return speaker.underruns


def refused(direction: str, name: str) -> list[Any]:
    from firmware_py.audio.alsa import AlsaMicrophone, AlsaSpeaker

    try:
        AlsaMicrophone(name) if direction == "capture" else AlsaSpeaker(name, rate_hz=22050)
    except RtvaError as error:
        return [type(error).__name__, error.exit_code, str(error)]
    raise AssertionError("it was opened")


def no_such_channel() -> str:
    from firmware_py.audio.alsa import AlsaMicrophone

    try:
        AlsaMicrophone("lab", channel=3)
    except RtvaError as error:
        return str(error)
    raise AssertionError("it was opened")


def names() -> list[list[str]]:
    from firmware_py.audio.alsa_device import devices

    return [devices("capture"), devices("playback")]


def vain_attempts() -> list[Any]:
    """How often the devices were listed for four attempts at one that is not there, and what the last said."""
    from firmware_py.audio import alsa_device
    from firmware_py.audio.alsa import AlsaMicrophone

    real, listed, said = alsa_device.devices, [], ""

    def devices(direction: Any) -> list[str]:
        listed.append(direction)
        return real(direction)

    alsa_device.devices = devices
    for _ in range(4):
        try:
            AlsaMicrophone("hw:CARD=Nowhere")
        except RtvaError as error:
            said = str(error)
    return [len(listed), said]


def test_looking_for_a_device_again_and_again_lists_the_others_once(card: Card) -> None:
    listed, said = card.run(vain_attempts)
    assert listed == 1 and "lab" in said


# -- capture -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hw", "expected"),
    [
        ("", [16000, 1, "S16_LE", 1024]),
        ("rate=48000", [48000, 1, "S16_LE", 3072]),
        ("rate=44100 channels=2", [44100, 2, "S16_LE", 2822]),
        ("rate=48000 channels=2 format=S32_LE", [48000, 2, "S32_LE", 3072]),
        ("rate=16000 channels=6 format=S24_3LE", [16000, 6, "S24_3LE", 1024]),
        ("rate=8000 channels=1 format=U8", [8000, 1, "U8", 512]),
        ("rate=96000 channels=8 format=S24_LE", [96000, 8, "S24_LE", 6144]),
        ("rate=32000 channels=4 format=FLOAT_LE", [32000, 4, "FLOAT_LE", 2048]),
    ],
)
def test_a_microphone_of_any_shape_gives_the_walk_its_samples(card: Card, hw: str, expected: list[Any]) -> None:
    rate_hz, channels, name, _ = expected
    card.heard.write_bytes(encode(name, tone(rate_hz, 1.2), channels))
    got = card.run(capture, 12, {}, hw=hw)
    assert got["device"] == expected
    assert got["error"] is None
    samples = np.array(got["samples"][:9000]) / 32768
    middle = slice(1000, -1000)
    assert np.abs(samples[middle] - tone(16000, 1.0)[:9000][middle]).max() < (2e-2 if name == "U8" else 1e-3)


def test_sixteen_bit_mono_at_the_walks_rate_is_untouched(card: Card) -> None:
    heard = np.arange(-5000, 5240, dtype="<i2")
    card.hears(heard)
    got = card.run(capture, 10, {})
    assert got["samples"] == heard.tolist()


def test_one_channel_of_an_array_can_be_picked(card: Card) -> None:
    frames = np.arange(4096, dtype="<i2")[:, None] * [0, 1, 0, 2]
    card.hears(frames.astype("<i2"))
    got = card.run(capture, 4, {"channel": 3}, hw="channels=4")
    assert got["samples"] == (np.arange(4096) * 2).tolist()


def test_a_channel_that_the_device_has_not_is_named(card: Card) -> None:
    message = card.run(no_such_channel, hw="channels=2")
    assert message == "ALSA capture device 'lab' has no channel 3, only 0 to 1"


@pytest.mark.parametrize("hw", ["paced", "paced ppm=200", "paced rate=48000 channels=2 format=S32_LE"])
def test_what_came_and_what_was_lost_is_what_time_says(card: Card, hw: str) -> None:
    """The buffer holds half a second, which both naps overrun."""
    card.hears(np.zeros(1_000_000, "<i2"))
    got = card.run(capture_with_a_nap, [0.0, 0.7, 0.7], hw=hw)
    assert got["xruns"] >= 2
    assert got["lost"] >= 2 * 0.7 * 16000 - 2 * 1024
    assert abs(got["missing"]) <= 1024


def test_no_overrun_no_loss(card: Card) -> None:
    got = card.run(capture_with_a_nap, [0.0, 0.05], hw="paced")
    assert (got["lost"], got["xruns"]) == (0, 0)


def test_an_overrun_without_a_clock_is_counted_and_gone_through(card: Card) -> None:
    got = card.run(capture, 12, {}, faults="3:EPIPE,7:EPIPE")
    assert got["xruns"] == 2
    assert len(got["samples"]) == 12 * 1024
    assert got["error"] is None


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("ENODEV", "No such device"),
        ("EIO", "Input/output error"),
        ("ESTRPIPE", "Streams pipe error"),
        ("STALL", "has stalled: nothing for"),
    ],
)
def test_a_microphone_that_goes_says_so(card: Card, fault: str, words: str) -> None:
    got = card.run(capture, 20, {}, hw="paced", faults=f"12:{fault}")
    assert got["error"].startswith("DeviceLost: ALSA capture device 'lab' ")
    assert words in got["error"]
    assert got["samples"]


def test_a_microphone_that_never_begins_says_so(card: Card) -> None:
    got = card.run(capture, 1, {}, hw="paced", faults="1:STALL")
    assert "has stalled" in got["error"]


# -- playback ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hw", "expected"),
    [
        ("", [22050, 1, "S16_LE"]),
        ("rate=48000 channels=2", [48000, 2, "S16_LE"]),
        ("rate=44100 channels=2 format=S32_LE", [44100, 2, "S32_LE"]),
        ("rate=16000 channels=6 format=S24_3LE", [16000, 6, "S24_3LE"]),
        ("rate=96000 channels=2 format=FLOAT_LE", [96000, 2, "FLOAT_LE"]),
        ("rate=8000 format=U8", [8000, 1, "U8"]),
    ],
)
def test_a_speaker_of_any_shape_plays_the_whole_answer_behind_some_silence(
    card: Card, hw: str, expected: list[Any]
) -> None:
    got = card.run(play, 0.5, {"rate_hz": 22050}, hw=hw)
    assert got["device"] == expected
    assert got["error"] is None
    rate_hz, channels, name = expected
    frames = decode(name, card.said.read_bytes(), channels)
    assert (frames == frames[:, :1]).all()
    silence = 120 * rate_hz // 1000
    assert not frames[:silence].any()
    said = frames[silence:, 0]
    assert said.size == int(22050 * 0.5 + 0.5) * rate_hz // 22050 or abs(said.size - 0.5 * rate_hz) <= 1
    middle = slice(rate_hz // 50, -rate_hz // 50)
    expected_sound = tone(rate_hz, 0.5)[: said.size]
    assert np.abs(said[middle] - expected_sound[middle]).max() < (2e-2 if name == "U8" else 1e-3)


def test_sixteen_bit_at_the_devices_rate_is_untouched(card: Card) -> None:
    card.run(play, 0.5, {"rate_hz": 16000})
    np.testing.assert_array_equal(card.played()[1920:, 0], (tone(16000, 0.5) * 32767).astype(np.int16))


def test_the_delay_is_that_of_a_full_buffer_and_writing_waits_for_it(card: Card) -> None:
    got = card.run(play, 1.0, {"rate_hz": 22050, "buffer_size": 11024}, hw="paced")
    assert got["buffer_s"] == pytest.approx(11024 / 22050)
    assert 0.1 * got["buffer_s"] < got["delay_s"] <= got["buffer_s"]
    assert got["underruns"] == 0


def test_a_flush_empties_the_device_and_the_next_word_is_not_delayed(card: Card) -> None:
    got = card.run(flush_and_go_on, hw="paced")
    assert got["full_s"] > 0.1
    assert got["empty_s"] == 0
    assert got["after_s"] <= 100 / 16000
    assert got["underruns"] == 0
    assert card.played()[-100:, 0].tolist() == [2000] * 100


@pytest.mark.parametrize(("gap_s", "silences"), [(0.0, 1), (0.7, 2)])
def test_only_a_device_that_was_idle_is_woken(card: Card, gap_s: float, silences: int) -> None:
    card.run(two_answers, gap_s, hw="paced")
    played = card.played()[:, 0]
    assert played.size == 2 * 1600 + silences * 1920
    assert np.count_nonzero(played) == 2 * 1600


def test_an_answer_that_runs_dry_is_counted_and_goes_on_whole(card: Card) -> None:
    assert card.run(an_answer_that_ran_dry, hw="paced") == 1
    assert card.played()[:, 0].tolist() == [1000] * 400 + [2000] * 400


@pytest.mark.parametrize(
    ("fault", "words"), [("ENODEV", "No such device"), ("EIO", "Input/output"), ("STALL", "has stalled")]
)
def test_a_speaker_that_goes_says_so(card: Card, fault: str, words: str) -> None:
    got = card.run(play, 0.5, {"rate_hz": 22050}, hw="paced", faults=f"6:{fault}")
    assert got["error"].startswith("DeviceLost: ALSA playback device 'lab' ")
    assert words in got["error"]


# -- what is not there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["capture", "playback"])
@pytest.mark.parametrize("name", ["hw:7", "plughw:CARD=Nothing,DEV=0", "nonsense", "", "{", "a\0b"])
def test_an_absent_device_is_one_line_that_lists_those_that_exist(card: Card, direction: str, name: str) -> None:
    kind, code, message = card.run(refused, direction, name)
    assert (kind, code) == ("Unavailable", 69)
    assert message.startswith(f"no ALSA {direction} device {name!r} (")
    assert "default" in message
    assert "lab" in message
    assert f"choose one as audio.{'input' if direction == 'capture' else 'output'}.device" in message
    assert "\n" not in message


@pytest.mark.parametrize("direction", ["capture", "playback"])
def test_a_busy_device_is_said_to_be_busy(card: Card, direction: str) -> None:
    kind, code, message = card.run(refused, direction, "lab", faults="EBUSY@open")
    assert (kind, code) == ("DeviceBusy", 69)
    assert message == f"ALSA {direction} device 'lab' is in use by another program; close that one first"


def test_a_device_that_may_not_be_opened_says_what_to_do(card: Card) -> None:
    kind, _, message = card.run(refused, "capture", "lab", faults="EACCES@open")
    assert kind == "Unavailable"
    assert message == "ALSA capture device 'lab' may not be opened; add this user to the group 'audio'"


def test_a_device_that_goes_between_its_name_and_its_opening_is_absent(card: Card) -> None:
    kind, _, message = card.run(refused, "playback", "lab", faults="ENODEV@open")
    assert kind == "Unavailable"
    assert message.startswith("no ALSA playback device 'lab' (No such device)")


def test_a_format_that_nobody_speaks_is_refused(card: Card) -> None:
    _, _, message = card.run(refused, "capture", "lab", hw="format=MU_LAW")
    assert message == f"ALSA capture device 'lab' speaks none of {', '.join(PREFERRED)}"


def test_the_devices_that_exist_are_listed_without_the_plumbing(card: Card) -> None:
    capture_names, playback_names = card.run(names)
    for listed in (capture_names, playback_names):
        assert {"lab", "default"} <= set(listed)
        assert not {"samplerate", "upmix", "jack"} & set(listed)


# -- the pieces ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "offered", "rates", "chosen"),
    [
        (16000, 16000, [16000], 16000),
        (16000, 8000, [8000, 44100], 44100),
        (16000, 8000, [8000, 44100, 48000], 48000),
        (16000, 11025, [8000, 11025], 11025),
        (16000, 48000, 48000, 48000),
        (16000, 44100, (44100, 192000), 44100),
        (22050, 24000, [24000, 44100, 48000], 44100),
        (16000, 22050, [22050, 96000, 192000], 22050),
    ],
)
def test_the_rate_that_keeps_the_sound(wanted: int, offered: int, rates: Any, chosen: int) -> None:
    assert better_rate(wanted, offered, rates) == chosen


@pytest.mark.parametrize("name", PREFERRED)
@pytest.mark.parametrize("channels", [1, 2, 7])
def test_a_sample_format_survives_there_and_back(name: str, channels: int) -> None:
    mono = np.concatenate([tone(16000, 0.01, 1.0), [-1.0, 0.0, 2.0, -2.0]]).astype(np.float32)
    data = encode(name, mono, channels)
    assert len(data) == mono.size * channels * BYTES[name]
    out = decode(name, data, channels)
    assert out.dtype == np.float32
    assert out.shape == (mono.size, channels)
    expected = mono if name == "FLOAT_LE" else np.clip(mono, -1.0, 1.0)
    assert np.abs(out - expected[:, None]).max() <= (1 / 128 if name == "U8" else 1 / 32768)


def test_a_device_of_nonsense_floats_stays_finite() -> None:
    assert np.isfinite(decode("FLOAT_LE", np.array([np.nan, np.inf, 0.5], "<f4").tobytes(), 1)).all()
