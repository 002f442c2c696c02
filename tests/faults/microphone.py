"""Rows 1 to 8: the microphone of the running service."""

from __future__ import annotations

import errno
import os
import signal
import time
from typing import TYPE_CHECKING

from faults.lab import Row, Tally, in_time, row, seconds_until

if TYPE_CHECKING:
    from faults.live import Live

PERIOD = 1024


def rows(live: Live) -> list[Row]:
    """They command ``live``, which must be well before each and is well after."""
    found: list[Row] = []

    def faults(name: str) -> int:
        return int(live.ask("status")["faults"].get(name, 0))

    def opened(since: float) -> float | None:
        return live.until(since, topic="ear", ear="open")

    @row(found, "1", "overrun (EPIPE)", "goes on by itself; in + lost = rate x time within a period; counted")
    def overrun(tally: Tally, count: int) -> None:
        for number in range(count):
            before, samples_0 = faults("overrun"), live.made()
            if number % 2:
                live.set("ONCE", errno.EPIPE)
            else:
                os.kill(live.process.pid, signal.SIGSTOP)
                time.sleep(0.7)
                os.kill(live.process.pid, signal.SIGCONT)
            took = seconds_until(lambda before=before: faults("overrun") > before)  # type: ignore[misc]
            time.sleep(0.2)
            samples_1 = live.made()
            missing = (samples_1[1] - samples_0[1]) * 16_000 - (samples_1[0] - samples_0[0])
            tally.add(
                took is not None and in_time(abs(missing), PERIOD),
                took,
                f"missing {missing:.0f}" * (abs(missing) > PERIOD),
            )

    @row(found, "2", "unplug (ENODEV)", "`no_microphone` within 250 ms, below 1 % of a core while absent")
    def unplug(tally: Tally, count: int) -> None:
        for number in range(count):
            since = live.set("GONE", 1)
            took = live.until(since, topic="ear", ear="lost")
            share = 0.0
            if count > 1 and number == 0:
                time.sleep(6.0)  # a start renders phrases ahead; an absence is longer
                share, started = live.cpu_s(), time.monotonic()
                time.sleep(8.0)
                share = (live.cpu_s() - share) / (time.monotonic() - started)
                tally.notes.append(f"{100 * share:.2f} % of a core while absent")
            since = live.set("GONE", 0)
            opened(since)
            tally.add(in_time(took, 0.25) and share < 0.01, took)

    @row(found, "2b", "unplug in mid-answer", "`no_microphone` within 250 ms although it speaks; the answer goes on")
    def unplug_while_it_speaks(tally: Tally, count: int) -> None:
        for _ in range(count):
            since = time.monotonic()
            live.ask("say", "This goes on and on. " * 20)
            live.until(since, topic="speaking", is_on=True)
            since = live.set("GONE", 1)
            took = live.until(since, topic="state", state="no_microphone")
            time.sleep(0.3)
            still_speaks = live.until(since, within_s=0.01, topic="speaking", is_on=False) is None
            since = live.set("GONE", 0)
            opened(since)
            live.ask("stop")
            seconds_until(live.well, 15)
            tally.add(in_time(took, 0.25) and still_speaks, took, "the answer ended" * (not still_speaks))

    @row(found, "3", "replug", "capture back within 1 s; in + lost = rate x time")
    def replug(tally: Tally, count: int) -> None:
        for number in range(count):
            samples_0 = live.made()
            since = live.set("GONE", 1)
            live.until(since, topic="ear", ear="lost")
            time.sleep(0.05 + number % 5 * 0.6)
            since = live.set("GONE", 0)
            took = opened(since)
            time.sleep(0.2)
            samples_1 = live.made()
            missing = (samples_1[1] - samples_0[1]) * 16_000 - (samples_1[0] - samples_0[0])
            is_kept = in_time(took, 1.0) and in_time(abs(missing), PERIOD)
            tally.add(is_kept, took, f"missing {missing:.0f}" * (abs(missing) > PERIOD))

    @row(found, "4", "suspend (ESTRPIPE)", "open again within 1 s of the wake")
    def suspend(tally: Tally, count: int) -> None:
        for _ in range(count):
            before, since = faults("suspended"), live.set("ONCE", errno.ESTRPIPE)
            took = opened(since)
            tally.add(in_time(took, 1.0) and faults("suspended") == before + 1, took)

    @row(found, "5", "stalls without an error", "seen within 0.5 s; back within 1 s of its first sample")
    def stall(tally: Tally, count: int) -> None:
        for _ in range(count):
            since = live.set("STALLED", 1)
            seen = live.until(since, topic="ear", ear="lost")
            since = live.set("STALLED", 0)
            back = opened(since)
            tally.add(in_time(seen, 0.5) and in_time(back, 1.0), back)

    @row(
        found,
        "6",
        "the rate is another than it said",
        "found within 5 s; in + lost - surplus = rate x time across it",
    )
    def rate(tally: Tally, count: int) -> None:
        for number in range(count):
            before, samples_0 = faults("rate"), live.made()
            live.set("RATE", 0 if number % 2 else (48_000, 8_000)[number // 2 % 2])
            took = seconds_until(lambda before=before: faults("rate") > before, 10)  # type: ignore[misc]
            time.sleep(0.3)
            samples_1 = live.made()
            missing = (samples_1[1] - samples_0[1]) * 16_000 - (samples_1[0] - samples_0[0])
            is_counted = in_time(abs(missing), 2 * PERIOD)  # a period here is two where 8 kHz come
            tally.add(in_time(took, 5.0) and is_counted, took, f"missing {missing:.0f}" * (not is_counted))
        if count % 2:
            before = faults("rate")
            live.set("RATE", 0)
            seconds_until(lambda: faults("rate") > before, 10)

    @row(found, "7", "dead, one value, at its limits", "an alert within 3 s, no turn begins, over when it is over")
    def sound(tally: Tally, count: int) -> None:
        alerts = ("microphone_silent", "microphone_offset", "microphone_clipping")
        for number in range(count):
            turns, kind = live.ask("status")["counts"]["turns"], number % 3
            since = live.set("SOUND", kind + 1)
            took = live.until(since, topic="alert", name=alerts[kind], is_on=True)
            since = live.set("SOUND", 0)
            over = live.until(since, topic="alert", name=alerts[kind], is_on=False)
            is_quiet = live.ask("status")["counts"]["turns"] == turns
            tally.add(in_time(took, 3.0) and over is not None and is_quiet, over)

    @row(found, "8", "busy (EBUSY)", "said, looked for without a busy loop, open within 1 s of its release")
    def busy(tally: Tally, count: int) -> None:
        for _ in range(count):
            live.set("BUSY", 1)
            since = live.set("ONCE", errno.EIO)
            said = seconds_until(lambda: "in use" in live.ask("status")["microphone_why"], 5)
            opens = live.get("OPENS")
            time.sleep(1.0)
            opens = live.get("OPENS") - opens
            since = live.set("BUSY", 0)
            took = opened(since)
            tally.add(said is not None and in_time(took, 1.0) and opens <= 6, took)

    @row(found, "8b", "opening blocks", "the control socket answers within 0.2 s all the while; open within 1 s after")
    def blocks(tally: Tally, count: int) -> None:
        for _ in range(count):
            live.set("OPEN_BLOCKS", 1)
            live.set("ONCE", errno.EIO)
            said = seconds_until(lambda: "not returned" in live.ask("status")["microphone_why"], 5)
            asked = time.monotonic()
            live.ask("status")
            answer_s = time.monotonic() - asked
            since = live.set("OPEN_BLOCKS", 0)
            took = opened(since)
            tally.add(said is not None and in_time(answer_s, 0.2) and in_time(took, 1.0), took)

    @row(found, "8c", "loudspeaker unplugged, replugged", "an alert; open again within 2 s, or in mid-answer")
    def speaker(tally: Tally, count: int) -> None:
        for _ in range(count):
            since = live.set("PLAY_GONE", 1)
            live.ask("say", "One.")
            seen = live.until(since, topic="alert", name="speaker", is_on=True)
            since = live.set("PLAY_GONE", 0)
            took = live.until(since, topic="alert", name="speaker", is_on=False)
            seconds_until(lambda: live.ask("status")["state"] not in ("speaking", "thinking"), 10)
            tally.add(seen is not None and in_time(took, 2.0), took)

    return found
