"""Plays two sweeps and listens: level, clipping, DC offset, rate drift, echo delay.

A linear sweep is found again by correlation to a fraction of a sample, in a room and under noise; the distance of two
of them, played and heard, is the drift between the clocks of speaker and microphone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py import backends
from firmware_py.doctor import Case, Finding, fail, ok, warn
from firmware_py.errors import RtvaError
from firmware_py.events import RATE_HZ, Pcm16

Floats = NDArray[np.float64]
SWEEP_S, SWEEP_HZ = 0.4, (400.0, 3400.0)
AT_S = (1.0, 5.0)
"""When the two sweeps begin; before the first one the room is listened to."""
LENGTH_S = 7.0
LOUDNESS = 0.25
"""Of full scale, -12 dB."""
DELAY_MOST_S, EARLY_S = 1.0, 0.02
HEARD_RATIO = 8.0
"""The peak of the correlation against its own RMS from which on a sweep counts as heard (noise alone gives 4 to 5)."""
CLIPPED = 32_766
SILENCE_DB = -120.0
DC_MUCH, NOISY_DB, FAINT_DB, DRIFT_MUCH_PPM = 0.01, -45.0, -55.0, 300.0


@dataclass(frozen=True)
class Measured:
    """``delay_s`` and the echo's figures are None when no sweep was heard; levels in dB below full scale."""

    noise_db: float
    peak_db: float
    clipped: int
    dc: float
    delay_s: float | None = None
    echo_db: float | None = None
    drift_ppm: float | None = None
    lost: int = 0


def sweep(rate_hz: int) -> Floats:
    """Faded at both ends, peak 1."""
    t = np.arange(int(SWEEP_S * rate_hz)) / rate_hz
    low, high = SWEEP_HZ
    wave: Floats = np.sin(2 * np.pi * (low * t + (high - low) / (2 * SWEEP_S) * t * t))
    fade = np.minimum(1.0, np.minimum(t, SWEEP_S - t) / 0.02)
    return wave * fade


def stimulus(rate_hz: int) -> Pcm16:
    """All that is played, ``LENGTH_S`` less the longest delay."""
    out, one = np.zeros(int((LENGTH_S - DELAY_MOST_S) * rate_hz)), sweep(rate_hz)
    for at_s in AT_S:
        start = int(at_s * rate_hz)
        out[start : start + one.size] += LOUDNESS * one
    return np.rint(out * 32767).astype(np.int16)


def analyse(heard: Pcm16, began_s: float, lost: int = 0) -> Measured:
    """``heard`` at 16 kHz; the played sound began ``began_s`` behind its first sample."""
    if not heard.size:
        return Measured(SILENCE_DB, SILENCE_DB, 0, 0.0, lost=lost)
    sound = heard.astype(np.float64) / 32768.0
    quiet_end = int(max(0.2, began_s + AT_S[0] - 0.1) * RATE_HZ)
    quiet = sound[:quiet_end] - sound[:quiet_end].mean() if quiet_end <= sound.size else sound - sound.mean()
    base = Measured(
        noise_db=_db(float(np.sqrt(np.mean(quiet**2)))),
        peak_db=_db(float(np.abs(sound).max(initial=0.0))),
        clipped=int((np.abs(heard.astype(np.int32)) >= CLIPPED).sum()),
        dc=float(sound.mean()),
        lost=lost,
    )
    found = [_find(sound - sound.mean(), began_s + at_s) for at_s in AT_S]
    if any(each is None for each in found):
        return base
    first_s, second_s = (each for each in found if each is not None)
    drift = (second_s - first_s) / (AT_S[1] - AT_S[0])
    heard_at = round((began_s + AT_S[0] + first_s) * RATE_HZ)
    power = float(np.mean(sound[heard_at : heard_at + int(SWEEP_S * RATE_HZ)].var())) - 10 ** (base.noise_db / 10)
    # A sweep that is stretched by `drift` correlates best where the middle frequencies meet (range-Doppler coupling).
    middle_hz, slope = (SWEEP_HZ[0] + SWEEP_HZ[1]) / 2, (SWEEP_HZ[1] - SWEEP_HZ[0]) / SWEEP_S
    coupling_s = drift * (SWEEP_S / 2 + middle_hz / slope)
    return replace(base, delay_s=first_s - coupling_s, echo_db=_db(max(power, 0.0) ** 0.5), drift_ppm=1e6 * drift)


def _find(sound: Floats, at_s: float) -> float | None:
    """Delay of a sweep behind ``at_s``, None when it is not there; a little before it is looked at too (drift)."""
    one = sweep(RATE_HZ)
    start = round((at_s - EARLY_S) * RATE_HZ)
    part = sound[max(0, start) : start + one.size + int(DELAY_MOST_S * RATE_HZ)]
    if start < 0 or part.size < 2 * one.size:
        return None
    size = 1 << int(part.size + one.size).bit_length()
    spectrum = np.fft.fft(part, size) * np.conj(np.fft.fft(one, size))
    spectrum[size // 2 :] = 0  # of the analytic signal: the envelope has one top, the correlation one a period
    envelope = np.abs(np.fft.ifft(spectrum))[: part.size - one.size]
    peak = int(np.argmax(envelope))
    if not envelope[peak] > HEARD_RATIO * np.sqrt(np.mean(envelope**2)):
        return None
    return (start + peak + _between(envelope, peak)) / RATE_HZ - at_s


def _between(values: Floats, peak: int) -> float:
    """Of the parabola through a peak and its neighbours, where its top lies, in -0.5..0.5."""
    if not 0 < peak < values.size - 1:
        return 0.0
    left, middle, right = values[peak - 1 : peak + 2]
    bend = left - 2 * middle + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend else 0.0


def _db(amplitude: float) -> float:
    return 20 * float(np.log10(max(amplitude, 1e-6)))


class _Ears:
    """Reads the microphone in a thread until there is enough of it."""

    def __init__(self, microphone: Any) -> None:
        self.blocks: list[Pcm16] = []
        self.began_ns: int | None = None
        self.error: RtvaError | None = None
        self._microphone = microphone
        self._thread = threading.Thread(target=self._run, name="doctor-ears", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> Pcm16:
        """What was heard. Raises what the microphone raised."""
        self._thread.join(timeout_s)
        if self.error is not None:
            raise self.error
        return np.concatenate(self.blocks) if self.blocks else np.zeros(0, np.int16)

    def _run(self) -> None:
        samples = 0
        try:
            while samples < LENGTH_S * RATE_HZ:
                block = self._microphone.read()
                if block is None:
                    return
                samples += block.size
                self.blocks.append(block)
                # Of a block that came late the first sample seems later than it was, never earlier.
                seems_ns = time.monotonic_ns() - samples * 1_000_000_000 // RATE_HZ
                self.began_ns = seems_ns if self.began_ns is None else min(self.began_ns, seems_ns)
        except RtvaError as error:
            self.error = error


def listen(case: Case) -> Measured:
    """Opens both devices of the configuration and measures. Raises Unavailable, DeviceLost."""
    audio = case.config.audio
    microphone = backends.load("microphone", audio.backend)(
        audio.input.device,
        rate_hz=audio.input.sample_rate,
        channel=audio.input.channel,
        chunk_size=audio.input.chunk_size,
    )
    try:
        speaker = backends.load("speaker", audio.backend)(
            audio.output.device, rate_hz=audio.output.sample_rate, buffer_size=audio.output.buffer_size
        )
        try:
            ears = _Ears(microphone)
            until = time.monotonic() + 5.0
            while ears.began_ns is None and ears.error is None and time.monotonic() < until:
                time.sleep(0.01)
            begins_ns = _play(speaker, stimulus(speaker.rate_hz))
            heard = ears.wait(LENGTH_S + 5.0)
            began_s = (begins_ns - (ears.began_ns or begins_ns)) / 1e9
            return analyse(heard, began_s, microphone.lost)
        finally:
            speaker.close()
    finally:
        microphone.close()


def _play(speaker: Any, sound: Pcm16) -> int:
    """Plays in periods at the pace of time where the device sets none; when the first sample was handed over, in ns."""
    period, began_ns = max(1, int(speaker.period_samples)), 0
    for start in range(0, sound.size, period):
        speaker.write(sound[start : start + period])
        began_ns = began_ns or time.monotonic_ns()
        due_ns = began_ns + (start + period) * 1_000_000_000 // speaker.rate_hz - 100_000_000
        time.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
    speaker.drain()
    return began_ns


def examine(case: Case) -> Iterator[Finding]:
    """A finding a figure."""
    if case.service().get("microphone") == "open":
        yield replace(
            fail("the service holds the devices", "'sudo systemctl stop rtva' first, and start it after"),
            name="measure",
        )
        return
    try:
        found = listen(case)
    except RtvaError as error:
        yield replace(fail(str(error)), name="measure")
        return
    for name, finding in findings(found).items():
        yield replace(finding, name=f"measured: {name}")


def findings(found: Measured) -> dict[str, Finding]:
    """What the figures mean, and which knob to turn."""
    gain = "amixer -c CARD sset Capture 50%"
    noise = f"the room stands at {found.noise_db:.0f} dB below full scale, peak {found.peak_db:.0f} dB"
    clipping = f"{found.clipped} samples at full scale"
    offset = f"{100 * found.dc:+.2f} % of full scale"
    return {
        "level": warn(noise, f"a quieter place, or less gain: {gain}") if found.noise_db > NOISY_DB else ok(noise),
        "clipping": warn(clipping, f"less gain ({gain}) or audio.output.volume") if found.clipped else ok(clipping),
        "DC offset": warn(offset, "rtva takes it out; it costs headroom: another input") if abs(found.dc) > DC_MUCH
        else ok(offset),
        "lost sound": warn(f"{found.lost} samples", "double audio.input.chunk_size") if found.lost else ok("none"),
        **_echo(found),
    }  # fmt: skip


def _echo(found: Measured) -> dict[str, Finding]:
    if found.delay_s is None or found.echo_db is None or found.drift_ppm is None:
        silent = warn(
            "the speaker was not heard", "is it on, loud enough, near? audio.output.device, audio.output.volume"
        )
        return {"echo delay": silent}
    delay = f"{1000 * found.delay_s:.1f} ms from the sample handed over to the sample heard, at {found.echo_db:.0f} dB"
    drift = f"the microphone's clock runs {found.drift_ppm:+.0f} ppm against the speaker's"
    is_faint, drifts = found.echo_db < FAINT_DB, abs(found.drift_ppm) > DRIFT_MUCH_PPM
    return {
        "echo delay": warn(delay, "faint: raise the speaker or the capture gain") if is_faint else ok(delay),
        "rate drift": warn(drift, "use one device for both (a USB speakerphone)") if drifts else ok(drift),
    }
