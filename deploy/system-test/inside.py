#!/usr/bin/env python3
"""The checks that run as root inside the booted container: ``inside.py first|second``.

One line a check in ``/system-test/result.log``: ``ok NAME``, ``FAIL NAME: why`` and at the end ``done N failed``.
Standard library only. ``first`` is a fresh installation, ``second`` the same machine after an upgrade.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import (
    AT_REST,
    CONFIG,
    HERE,
    RTVA,
    TEST_RUN,
    Failed,
    Machine,
    is_ready,
    main_pid,
    must,
    sh,
    show,
    status,
    within,
)

Checks = Iterator[tuple[str, Callable[[Machine], None]]]
START = "start is READY"
"""Without it nothing else can be judged."""


def a_start_is_ready(machine: Machine) -> None:
    sh("systemctl", "start", "rtva")
    must(show("ActiveState") == "active" and show("SubState") == "running", "not running")
    must(status()["microphone"] == "open", f"the microphone is {status()['microphone']}")
    machine.serial.expect("rtva protocol=1", "state idle")
    within(5, "STATUS=ready", lambda: show("StatusText").startswith("ready"))


def a_turn_is_answered(machine: Machine) -> None:
    machine.answered()
    turn = status()["turns"][-1]
    must(turn["intent"] == "time" and turn["answer_ms"] is not None, f"the turn was {turn}")


def b_commands(machine: Machine) -> None:
    machine.serial.send("ping 42\rvolume 40\r")
    machine.serial.expect("pong 42", "ok volume percent=40")
    must(sh(RTVA, "volume").strip() == "percent: 40", "the socket knows nothing of it")
    machine.serial.lines.clear()
    sh(RTVA, "say", "--aloud", "Hello there.")
    machine.serial.expect("state speaking", AT_REST)


def b_mute_closes_the_device(machine: Machine) -> None:
    fifo = (TEST_RUN / "mic.fifo").stat().st_ino

    def has_it_open() -> bool:
        for fd in Path(f"/proc/{main_pid()}/fd").iterdir():
            try:
                if fd.stat().st_ino == fifo:
                    return True
            except OSError:
                continue
        return False

    must(has_it_open(), "the check itself is wrong: the device is not seen open")
    sh(RTVA, "mute")
    machine.serial.expect("state muted")
    must(not has_it_open(), "muted, and the capture device is still open")
    sh("systemctl", "restart", "rtva")
    must(status()["state"] == "muted" and not has_it_open(), "the mute was forgotten over a restart")
    must(status()["volume"] == 40, "the volume was forgotten over a restart")
    sh(RTVA, "unmute")
    within(10, "open again", lambda: status()["state"] == "idle" and has_it_open())


def c_serial_unplugged(machine: Machine) -> None:
    machine.serial.unplug()
    time.sleep(1.0)
    must(is_ready(), "the service did not survive")
    machine.serial.plug()
    machine.serial.expect("rtva protocol=1", seconds=2)


def c_no_socket_but_unix(machine: Machine) -> None:
    for pid in sh("systemctl", "show", "rtva", "-P", "MainPID").split():
        for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "udplite", "icmp"):
            file = Path(f"/proc/{pid}/net/{table}")
            must(not file.exists() or len(file.read_text().splitlines()) == 1, f"a socket in {table}")
    probe(
        "import socket, errno\n"
        "for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_BLUETOOTH,"
        " socket.AF_VSOCK, socket.AF_CAN):\n"
        "    try: socket.socket(family, socket.SOCK_STREAM if family < 11 else socket.SOCK_RAW)\n"
        "    except OSError as e: assert e.errno == errno.EAFNOSUPPORT, (family, e)\n"
        "    else: raise SystemExit(f'a socket of family {family} could be made')\n"
        "socket.socket(socket.AF_UNIX).close()\n"
    )


def c_writes_only_its_own(machine: Machine) -> None:
    probe(
        "import os\n"
        "for folder in ('/', '/etc', '/etc/rtva', '/opt/rtva', '/usr', '/var', '/home', '/root', '/sys'):\n"
        "    try: open(folder + '/rtva-probe', 'w')\n"
        "    except OSError: continue\n"
        "    raise SystemExit(f'{folder} could be written')\n"
        "for folder in ('/var/lib/rtva', '/run/rtva', '/tmp'):\n"
        "    open(folder + '/rtva-probe', 'w').close(); os.unlink(folder + '/rtva-probe')\n"
    )


def probe(code: str) -> None:
    """Runs a line of Python inside the service's own sandbox: the unit, with another command."""
    (HERE / "probe.py").write_text(code)
    unit = Path("/usr/lib/systemd/system/rtva.service").read_text()
    keep = ("Type=", "NotifyAccess=", "ExecStart=", "ExecReload=", "Watchdog", "Restart", "RuntimeDirectory")
    lines = [line for line in unit.splitlines() if not line.startswith(keep)]
    at = lines.index("[Service]") + 1
    own = ["Type=oneshot", f"ExecStart=/usr/bin/python3 {HERE}/probe.py", "RuntimeDirectory=rtva"]
    lines[at:at] = [*own, "RuntimeDirectoryPreserve=yes"]
    Path("/run/systemd/system/rtva-probe.service").write_text("\n".join(lines))
    sh("systemctl", "daemon-reload")
    done = subprocess.run(["systemctl", "start", "rtva-probe"], capture_output=True, text=True)
    if done.returncode:
        raise Failed(sh("journalctl", "-u", "rtva-probe", "-o", "cat", "-n", "5", "--no-pager").strip())


def d_reload_good(machine: Machine) -> None:
    pid = main_pid()
    machine.configure(latency="900", more="vad: {hangover_ms: 600}\n")
    sh("systemctl", "reload", "rtva")
    told = sh("journalctl", "-u", "rtva", "-o", "cat", "--no-pager")
    must("alerts.latency_ms" in told and "vad.hangover_ms" in told, "the journal does not say what was done")
    answer = json.loads(sh(RTVA, "reload", "--json"))
    must(answer["needs_restart"] == ["vad.hangover_ms"] and answer["applied"] == [], f"the answer was {answer}")
    must(main_pid() == pid, "it was restarted")


def d_reload_bad(machine: Machine) -> None:
    pid = main_pid()
    good = CONFIG.read_text()
    CONFIG.write_text(good + "stt: {modle: tiny.en}\n")
    done = subprocess.run(["systemctl", "reload", "rtva"], capture_output=True, text=True)
    must(done.returncode != 0, "a bad file was taken")
    must("modle" in sh("journalctl", "-u", "rtva", "-o", "cat", "--no-pager"), "the journal does not say why")
    must(main_pid() == pid and is_ready(), "it did not stay up")
    CONFIG.write_text(good)


def e_worker(name: str, with_signal: signal.Signals) -> Callable[[Machine], None]:
    def check(machine: Machine) -> None:
        if name == "tts":
            time.sleep(60 - time.time() % 60)  # the answer of the same minute is kept, and would need no voice
        worker = next(w for w in status()["workers"] if w["kind"] == name)
        os.kill(worker["pid"], with_signal)
        machine.answered(60)
        after = next(w for w in status()["workers"] if w["kind"] == name)
        must(after["pid"] != worker["pid"], "the same process answered")
        must(is_ready() and main_pid(), "the service did not stay up")

    return check


def e_alert(machine: Machine) -> None:
    """The answers that waited for a replaced worker were far beyond the threshold."""
    told = within(5, "an alert", lambda: status()["alerts"])
    must("latency" in told and status()["state"] == "degraded", f"alerts {told}, state {status()['state']}")
    must('rtva_alert{alert="latency"} 1.0' in Path("/run/rtva/rtva.prom").read_text(), "the metrics do not say so")
    machine.serial.unplug()
    machine.serial.plug()
    machine.serial.expect("rtva protocol=1", "state degraded")


def f_killed(machine: Machine) -> None:
    pid = main_pid()
    os.kill(pid, signal.SIGKILL)
    within(60, "a new process is ready", lambda: main_pid() not in (0, pid) and is_ready())
    machine.answered(60)


def f_stopped_by_signal(machine: Machine) -> None:
    """SIGSTOP: only the watchdog sees it."""
    pid = main_pid()
    os.kill(pid, signal.SIGSTOP)
    within(90, "the watchdog replaces it", lambda: main_pid() not in (0, pid) and is_ready())
    must("atchdog" in sh("journalctl", "-u", "rtva", "-o", "cat", "--no-pager"), "that was not the watchdog")


def f_capture_hangs(machine: Machine) -> None:
    """A read of the device that never returns: the service must not count as alive, nor be ready until sound flows."""
    pid = main_pid()
    machine.feed.send_signal(signal.SIGSTOP)
    try:
        within(60, "the watchdog ends it", lambda: main_pid() != pid)
        within(60, "it waits for the microphone", lambda: show("ActiveState") == "activating")
        time.sleep(2)
        must(not is_ready(), "ready without a microphone")
    finally:
        machine.feed.send_signal(signal.SIGCONT)
    within(90, "ready again", is_ready)


def g_nothing_is_written_at_rest(machine: Machine) -> None:
    """Rest begins where the phrases that a first start renders are on the disk; killed workers put that off."""

    def in_silence() -> int:
        before = written()
        time.sleep(5)
        return written() - before

    within(90, "the last phrase is rendered and kept", lambda: in_silence() == 0)
    must((more := in_silence()) == 0, f"{more} bytes went to the disk in 5 s of silence")


def written() -> int:
    """Bytes that the service's processes sent to a disk; /run is none."""
    pids = sh("systemctl", "show", "rtva", "-P", "ControlGroup").strip()
    total = 0
    for pid in Path(f"/sys/fs/cgroup{pids}/cgroup.procs").read_text().split():
        for line in Path(f"/proc/{pid}/io").read_text().splitlines():
            if line.startswith("write_bytes:"):
                total += int(line.split()[1])
    return total


def g_metrics(machine: Machine) -> None:
    text = within(5, "metrics", lambda: Path("/run/rtva/rtva.prom").read_text())
    for name in ("rtva_utterances_total", "rtva_cpu_ratio", "rtva_memory_ratio", "rtva_queue_waiting"):
        must(f"\n{name}" in text, f"no {name}")


def g_weekly_profile(machine: Machine) -> None:
    """The unit that the timer starts, once, beside the running service."""
    sh("systemctl", "enable", "--now", "rtva-profile.timer")
    must("rtva-profile.timer" in sh("systemctl", "list-timers", "--no-pager"), "the timer does not run")
    sh("systemctl", "start", "rtva-profile.service", timeout=600)
    result = sh("systemctl", "show", "rtva-profile", "-P", "Result").strip()
    must(result == "success", f"it ended with {result}")
    trend = [p for p in Path("/var/lib/rtva").iterdir() if "trend" in p.name or "profile" in p.name]
    must(trend and trend[0].stat().st_size > 0, "it kept no trend")
    must(is_ready(), "the service did not survive it")
    sh("systemctl", "disable", "--now", "rtva-profile.timer")


def h_no_audio_on_disk(machine: Machine) -> None:
    """Nothing of what anybody said: the only sound is rtva's own, the sentences for a voice that fails."""
    own = [f"/var/lib/rtva/sentences/{name}" for name in ("action", "apology", "failed", "missed", "unknown", "voice")]
    found = [str(p) for p in Path("/var/lib/rtva").rglob("*") if p.suffix in (".wav", ".raw", ".flac", ".pcm")]
    must(sorted(p.rpartition("-")[0] for p in found) == own, f"sound was stored: {found}")


def h_exposure(machine: Machine) -> None:
    told = sh("systemd-analyze", "security", "--no-pager", "rtva.service")  # 249 knows no --threshold
    level = re.search(r"exposure level for rtva\.service: ([0-9.]+)", told)
    must(level and float(level[1]) <= 0.6, told[-200:])


def z_stops(machine: Machine) -> None:
    machine.serial.lines.clear()
    started = time.monotonic()
    sh("systemctl", "stop", "rtva")
    must(time.monotonic() - started < 15, "it had to be killed")
    machine.serial.expect("state stopping", seconds=2)
    must(show("Result") == "success" and show("ActiveState") == "inactive", f"it ended with {show('Result')}")
    must(not Path("/run/rtva/control.sock").exists(), "its socket is still there")


def z_refuses_a_bad_configuration(machine: Machine) -> None:
    """One attempt, one line, and no restarting for ever."""
    good = CONFIG.read_text()
    CONFIG.write_text("stt: {modle: tiny.en}\n")
    done = subprocess.run(["systemctl", "start", "rtva"], capture_output=True, text=True)
    must(done.returncode != 0 and show("ExecMainStatus") == "78", f"exit {show('ExecMainStatus')}")
    time.sleep(1)
    must(show("ActiveState") == "failed", "it is tried again")
    CONFIG.write_text(good)
    sh("systemctl", "reset-failed", "rtva")


def kept_over_the_upgrade(machine: Machine) -> None:
    must("hangover_ms: 600" in CONFIG.read_text(), "the configuration was replaced")
    sh("systemctl", "start", "rtva")
    must(status()["volume"] == 40, f"the volume is {status()['volume']}")
    must(status()["totals"].get("turns", 0) > 3, "the statistics are gone")


def first() -> Checks:
    """The service as it must be, however it was installed; at the end it is stopped."""
    yield START, a_start_is_ready
    yield "a spoken question is answered, and the serial line tells it", a_turn_is_answered
    yield "commands by serial line and socket", b_commands
    yield "mute closes the device, and outlives a restart", b_mute_closes_the_device
    yield "the serial line is unplugged and comes back", c_serial_unplugged
    yield "no socket but AF_UNIX", c_no_socket_but_unix
    yield "nothing but its own folders can be written", c_writes_only_its_own
    yield "reload of a good file", d_reload_good
    yield "reload of a bad file", d_reload_bad
    for kind in ("stt", "tts"):
        yield f"SIGKILL of the {kind} worker", e_worker(kind, signal.SIGKILL)
        yield f"SIGSTOP of the {kind} worker", e_worker(kind, signal.SIGSTOP)
    yield "slow answers raise an alert and a state", e_alert
    yield "SIGKILL of the service", f_killed
    yield "nothing is written at rest", g_nothing_is_written_at_rest
    yield "metrics", g_metrics
    yield "the weekly profile runs and keeps its trend", g_weekly_profile
    yield "no audio on the disk", h_no_audio_on_disk
    yield "exposure at most 0.6", h_exposure
    yield "SIGSTOP of the service", f_stopped_by_signal
    yield "a hanging capture device", f_capture_hangs
    yield "stop", z_stops
    yield "a bad configuration is refused once", z_refuses_a_bad_configuration


def second() -> Checks:
    yield "configuration and state outlive an upgrade", kept_over_the_upgrade
    yield "a spoken question is answered after it", a_turn_is_answered
    yield "stop", z_stops


@contextmanager
def result_log() -> Iterator[Callable[[str], None]]:
    with (HERE / "result.log").open("w", buffering=1) as file:
        yield lambda line: print(line, file=file)


def main() -> None:
    prove(prepared, first() if sys.argv[1] == "first" else second(), "-u", "rtva")


def prepared() -> Machine:
    """What an installation without systemd has left to do, and at the first boot the configuration."""
    sh("systemd-sysusers")
    sh("systemd-tmpfiles", "--create", "rtva.conf")
    sh("chown", "-R", "rtva:rtva", "/var/lib/rtva")
    machine = Machine()
    if sys.argv[1] == "first":
        machine.configure()
    return machine


def prove(make: Callable[[], Machine], checks: Checks, *of_journal: str) -> None:
    """Runs the checks on what ``make`` makes; result.log ends in ``done N failed``, whatever happens, and journal.log
    has the journal (``of_journal``: journalctl's options)."""
    with result_log() as say:
        try:
            failed = run(make(), checks, say)
        except BaseException as error:
            say(f"FAIL the test itself: {type(error).__name__}: {error}")
            failed = 1
        say(f"done {failed} failed")
        with (HERE / "journal.log").open("w") as file:
            subprocess.run(["journalctl", *of_journal, "-o", "short-monotonic", "--no-pager"], stdout=file)


def run(machine: Machine, checks: Checks, say: Callable[[str], None]) -> int:
    failed = 0
    for name, check in checks:
        started = time.monotonic()
        try:
            check(machine)
            say(f"ok {name} ({time.monotonic() - started:.1f} s)")
        except Exception as error:
            failed += 1
            say(f"FAIL {name} ({time.monotonic() - started:.1f} s): {type(error).__name__}: {error}")
            if name == START:
                return failed
    return failed


if __name__ == "__main__":
    main()
