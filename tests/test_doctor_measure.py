"""Level, clipping, offset, drift and echo delay: on sound made to measure, and through real alsa-lib in a made room."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.doctor import Case, measure
from firmware_py.doctor.measure import AT_S, LENGTH_S, analyse, findings, stimulus, sweep
from firmware_py.events import RATE_HZ, Pcm16

ROOT = Path(__file__).resolve().parent.parent


def room(delay_s: float, gain: float = 0.5, ppm: float = 0.0, offset: float = 0.0, noise: float = 0.001) -> Pcm16:
    """What a microphone hears whose clock runs ``ppm`` fast; the sweeps are computed where they fall, not resampled."""
    t = np.arange(int(LENGTH_S * RATE_HZ)) / RATE_HZ / (1 + ppm * 1e-6)
    sound = np.random.default_rng(1).standard_normal(t.size) * noise + offset
    fine = 16 * RATE_HZ
    wave, grid = sweep(fine), np.arange(int(measure.SWEEP_S * fine)) / fine
    for at_s in AT_S:
        sound += gain * measure.LOUDNESS * np.interp(t - at_s - delay_s, grid, wave, left=0.0, right=0.0)
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.001, 0.9), st.floats(-800, 800), st.floats(0.05, 2.0))
def test_delay_drift_and_loudness_are_found(delay_s: float, ppm: float, gain: float) -> None:
    found = analyse(room(delay_s, gain, ppm), 0.0)
    assert found.delay_s is not None and found.drift_ppm is not None and found.echo_db is not None
    at_first = (1 + ppm * 1e-6) * (AT_S[0] + delay_s) - AT_S[0]
    assert abs(found.delay_s - at_first) < 0.1e-3
    assert abs(found.drift_ppm - ppm * (1 + ppm * 1e-6)) < 15
    rms = gain * measure.LOUDNESS * np.sqrt(np.mean(sweep(RATE_HZ) ** 2))
    assert abs(found.echo_db - 20 * np.log10(rms)) < 1.0


def test_offset_clipping_and_noise_are_found() -> None:
    found = analyse(room(0.05, gain=4.5, offset=0.02, noise=0.01), 0.0, lost=3)
    assert abs(found.dc - 0.02) < 0.003 and found.clipped > 100 and abs(found.noise_db + 40) < 1
    said = findings(found)
    assert {name for name, finding in said.items() if finding.status == "warn"} == {
        "level", "clipping", "DC offset", "lost sound",
    }  # fmt: skip
    assert all(finding.advice for finding in said.values() if finding.status == "warn")


@pytest.mark.parametrize(
    "heard", [room(0.1, gain=0.0), np.zeros(0, np.int16), np.zeros(1000, np.int16), room(0.1)[:70_000]]
)
def test_a_speaker_that_is_not_heard_is_said(heard: Pcm16) -> None:
    found = analyse(heard, 0.0)
    assert found.delay_s is None and findings(found)["echo delay"].message == "the speaker was not heard"


def test_what_is_played_is_bounded() -> None:
    for rate_hz in (8000, 22_050, 48_000):
        played = stimulus(rate_hz)
        assert played.size == int((LENGTH_S - measure.DELAY_MOST_S) * rate_hz)
        assert 0.2 < np.abs(played).max() / 32768 < 0.26 and not played[: rate_hz // 2].any()


def test_devices_that_the_service_holds_are_left_alone() -> None:
    [finding] = measure.examine(Case(read_service=lambda: {"microphone": "open"}))
    assert finding.status == "fail" and "systemctl stop" in finding.advice


def test_through_alsa_in_a_made_room(tmp_path: Path) -> None:
    for name in ("speaker.fifo", "mic.fifo"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "asound.conf").write_text(
        "pcm.null { type null }\n"
        f"pcm.mic {{ type file slave.pcm {{ type null }} file /dev/null infile {tmp_path}/mic.fifo format raw }}\n"
        f"pcm.speaker {{ type file slave.pcm {{ type null }} file {tmp_path}/speaker.fifo format raw }}\n"
    )
    (tmp_path / "c.yaml").write_text(
        "audio: {input: {device: mic}, output: {device: speaker, sample_rate: 16000}}\n"
        f"status: {{socket: {tmp_path}/none.sock}}\n"
    )
    command = [sys.executable, str(ROOT / "tests" / "alsa_room.py")]
    air = subprocess.Popen([*command, str(tmp_path / "speaker.fifo"), str(tmp_path / "mic.fifo"), "0.4", "3.9", "0.05"])
    try:
        done = subprocess.run(
            [sys.executable, "-m", "firmware_py", "doctor", "--measure", "--json", "--config", tmp_path / "c.yaml"],
            env={**os.environ, "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf")},
            capture_output=True, text=True, timeout=120, cwd=ROOT,
        )  # fmt: skip
    finally:
        air.kill()
        air.wait()
    assert done.returncode == 0 and done.stderr == "", done.stderr
    found = {f["name"].removeprefix("measured: "): f for f in json.loads(done.stdout)["checks"]}
    assert found["clipping"]["status"] == "warn", "3.9 times -12 dB and an offset"
    assert found["DC offset"]["message"].startswith("+5.") or found["DC offset"]["message"].startswith("+4.9")
    assert found["level"]["status"] == "ok" and "-60 dB" in found["level"]["message"]
    assert float(found["echo delay"]["message"].split(" ms")[0]) > 350, found
    assert "rate drift" in found
