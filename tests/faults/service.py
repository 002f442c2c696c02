"""Rows 9, 10, 16, 17, 21, 23, 24, 25: the running service and its faces."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from faults import lab
from faults.lab import Row, Tally, in_time, row, seconds_until

if TYPE_CHECKING:
    from faults.live import Live


def rows(live: Live) -> list[Row]:
    """They command ``live``; that of the crash comes last, since it begins anew."""
    found: list[Row] = []
    rng = random.Random(8)

    def heard() -> bytes:
        try:
            return os.read(live.serial, 65536)
        except (BlockingIOError, OSError):
            return b""

    def says(word: bytes, within_s: float = 5.0) -> float | None:
        seen = bytearray()

        def look() -> bool:
            seen.extend(heard())
            return word in seen

        return seconds_until(look, within_s)

    @row(found, "9", "serial line unplugged", "greets again within 1 s of its return; the service goes on")
    def serial(tally: Tally, count: int) -> None:
        for _ in range(count):
            os.close(live.serial)
            time.sleep(0.3)
            live.plug_serial()
            took = says(b"rtva protocol=")
            tally.add(in_time(took, 1.0) and live.ask("status")["microphone"] == "open", took)

    @row(found, "10", "garbage and floods on the serial line", "a command behind it is answered within 1 s")
    def garbage(tally: Tally, count: int) -> None:
        for number in range(count):
            flood = bytes(rng.randrange(256) for _ in range(4000)) if number % 2 else b"status\r\n" * 500
            for at in range(0, len(flood), 500):
                try:
                    os.write(live.serial, flood[at : at + 500])
                except BlockingIOError:
                    pass
                heard()
                time.sleep(0.005)
            time.sleep(2.2)  # the allowance of answers fills up again
            heard()
            os.write(live.serial, b"\r\nping %d\r\n" % number)
            took = says(b"pong %d" % number)
            tally.add(in_time(took, 1.0), took)

    @row(found, "16", "both cores taken by others", "no overrun, no lost sample while it lasts")
    def load(tally: Tally, count: int) -> None:
        for _ in range(count):
            before = live.ask("status")
            spin = [sys.executable, "-c", "while True: pass"]
            others = [subprocess.Popen(spin) for _ in range(os.cpu_count() or 2)]
            time.sleep(2.0)
            for other in others:
                other.kill()
                other.wait()
            after = live.ask("status")
            lost = after["counts"]["lost_samples"] - before["counts"]["lost_samples"]
            tally.add(
                lab.is_slack or (lost == 0 and after["faults"] == before["faults"]),
                note=f"{lost} samples lost" * bool(lost),
            )

    @row(found, "16b", "throttled to a fifth of a core", "no overrun, no lost sample; everybody is answered meanwhile")
    def heat(tally: Tally, count: int) -> None:
        for _ in range(count):
            before = live.ask("status")
            with throttled(live.process.pid, 0.2) as is_throttled:
                asked, slowest_s = time.monotonic(), 0.0
                while time.monotonic() - asked < 3.0:
                    since = time.monotonic()
                    live.ask("status")
                    slowest_s = max(slowest_s, time.monotonic() - since)
                    time.sleep(0.2)
            after = live.ask("status")
            lost = after["counts"]["lost_samples"] - before["counts"]["lost_samples"]
            is_kept = lab.is_slack or (lost == 0 and after["faults"] == before["faults"])
            note = f"{lost} samples lost" * bool(lost) if is_throttled else "not throttled: no controller of cgroup v1"
            tally.add(is_kept and in_time(slowest_s, 2.0), slowest_s, note)

    @row(found, "17", "the wall clock jumps by years", "the watchdog is fed, states and latencies stay sane")
    def clock(tally: Tally, count: int) -> None:
        for number in range(count):
            since_s, beats = live.ask("status")["since_s"], time.monotonic()
            live.set("WALL_S", (-1) ** number * 200_000_000)
            drain(live)
            took = seconds_until(lambda: fed(live), 5.0)
            now = live.ask("status")
            is_sane = 0 <= now["since_s"] <= since_s + time.monotonic() - beats + 1
            tally.add(took is not None and is_sane and live.well(), note="" if is_sane else "since_s jumped")
        live.set("WALL_S", 0)

    @row(found, "21", "an endless reply, stopped", "it sounds, and the card is silent within 50 ms of the command")
    def runaway(tally: Tally, count: int) -> None:
        for _ in range(count):
            since = time.monotonic()
            live.ask("say", "This goes on and on. " * 20)
            live.until(since, topic="state", state="speaking")
            sounds = seconds_until(lambda since=since: loud_until_s(live) > since + 0.3, 15)  # type: ignore[misc]
            time.sleep(rng.uniform(0.3, 0.8))
            since = time.monotonic()
            was_loud = loud_until_s(live) > since - 0.7  # it may be between two sentences
            live.ask("stop")
            time.sleep(1.5)  # as long as two sentences, of which none may follow
            took = max(0.0, loud_until_s(live) - since)
            is_over = seconds_until(live.well, 15)  # the voice may be in the middle of a chunk
            is_proved = sounds is not None and was_loud and is_over is not None
            tally.add(is_proved and in_time(took, 0.05), took, "" if is_proved else "nothing sounded before the stop")

    @row(found, "25", "a client goes in the middle", "the next one is answered; no descriptor is left")
    def clients(tally: Tally, count: int) -> None:
        for number in range(count):
            before = live.descriptors()
            others = []
            for piece in (
                b'{"command": "events"}\n',
                b'{"command": "sta',
                b"\xff\xfe",
                b'{"command": "status"}\n' * 50,
            ):
                other = socket.socket(socket.AF_UNIX)
                other.connect(str(live.folder / "control.sock"))
                other.sendall(piece)
                others.append(other)
            if number % 2:
                time.sleep(0.02)
            for other in others:
                other.close()
            is_answered = "state" in live.ask("status")
            took = seconds_until(lambda before=before: live.descriptors() <= before, 5)  # type: ignore[misc]
            tally.add(is_answered and took is not None, took)

    @row(found, "24", "the service is killed", "ready again; volume kept, nothing else left behind")
    def crash(tally: Tally, count: int) -> None:
        for number in range(count):
            live.ask("volume", str(20 + number))
            time.sleep(0.2)
            live.kill()
            started = time.monotonic()
            live.start()
            took = time.monotonic() - started
            status = live.ask("status")
            tally.add(status["volume"] == 20 + number and status["microphone"] == "open", took)

    return found


def loud_until_s(live: Live) -> float:
    """When (monotonic seconds) the card sounds for the last time, by what it was given and was not told to forget."""
    now_ms = time.monotonic_ns() // 1_000_000
    away_ms = (live.get("LOUD_MS") - now_ms) & 0x7FFFFFFF
    return (now_ms + (away_ms if away_ms < 1 << 30 else away_ms - (1 << 31))) / 1000


CPU = Path("/sys/fs/cgroup/cpu")


@contextlib.contextmanager
def throttled(pid: int, share: float) -> Iterator[bool]:
    """A process and its threads with this share of one core, as heat does it; False without such a controller (v1)."""
    group, home = CPU / f"rtva-faults-{os.getpid()}", CPU
    with contextlib.suppress(OSError):
        own = next(line for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if ":cpu" in line)
        home = CPU / own.rpartition(":")[2].lstrip("/")
    try:
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text("50000")
        (group / "cpu.cfs_quota_us").write_text(str(int(50_000 * share)))
        if (group / "cpu.rt_runtime_us").exists():  # without, no real-time thread may enter
            (group / "cpu.rt_runtime_us").write_text("100000")
        (group / "cgroup.procs").write_text(str(pid))
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        yield False
        return
    try:
        yield True
    finally:
        (home / "cgroup.procs").write_text(str(pid))
        seconds_until(lambda: not (group / "cgroup.procs").read_text().strip(), 5)
        group.rmdir()


def leak_row(live: Live, before: tuple[int, int]) -> Row:
    """After all of the above: what the service holds, against ``before``."""

    def leak(tally: Tally, count: int) -> None:
        seconds_until(lambda: live.threads() <= before[0] and live.descriptors() <= before[1], 10)
        now = live.threads(), live.descriptors()
        tally.add(now[0] <= before[0] and now[1] <= before[1], note=f"threads, descriptors {before} -> {now}")

    return Row("23", "leaks", "threads and descriptors as before all the injections above", leak)


def drain(live: Live) -> None:
    """Forgets what systemd was told so far."""
    while True:
        try:
            live.notify.recv(4096)
        except BlockingIOError:
            return


def fed(live: Live) -> bool:
    try:
        return b"WATCHDOG=1" in live.notify.recv(4096)
    except BlockingIOError:
        return False


def hang_rows(live: Live) -> list[Row]:
    """The hang that only the watchdog can end; ``live`` is started anew after each."""
    found: list[Row] = []

    @row(found, "24b", "a read that never returns", "the watchdog is not fed any more within 10 s")
    def hang(tally: Tally, count: int) -> None:
        for _ in range(count):
            since = live.set("READ_BLOCKS", 1)
            took = None
            last = since
            while time.monotonic() - since < 12:
                if fed(live):
                    last = time.monotonic()
                stuck = live.until(since, within_s=0.01, topic="stuck")
                if stuck is not None and time.monotonic() - last > 1.5:
                    took = stuck
                    break
            live.set("READ_BLOCKS", 0)
            seconds_until(lambda: fed(live), 5)
            tally.add(in_time(took, 10.0), took)

    return found


def stop(live: Live) -> bool:
    """Whether an orderly end works, and the socket goes with it."""
    live.process.send_signal(signal.SIGTERM)
    return live.process.wait(30) == 0
