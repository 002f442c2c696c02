"""The first process of the virtual machine: lets faults happen to rtva's parts and says what became of them.

Prints ``ROW|fault|promise|injected|survived|worst`` for each fault, or ``STATE N`` and ``TOLD N`` as a writer of the
state file. Nothing of this runs on the host.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path[:0] = ["/vm-test", "/vm-test/lib"]
os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root", PYTHONPATH="/vm-test/lib")

RATE_HZ, PERIOD = 16_000, 1024
PERIOD_MS = 1000 * PERIOD / RATE_HZ
LOOKS = 20
"""About 0.4 s of counts."""
LIMIT_S = 15.0
"""How long anything is waited for; the machine is emulated, and slow."""


@dataclass(frozen=True)
class Card:
    """A sound card without hardware: what is captured from, and the driver that it is taken away from."""

    device: str
    driver: str

    def bind(self, how: str, which: int = 0) -> None:
        """``how``: bind or unbind."""
        Path(f"/sys/bus/platform/drivers/{self.driver}/{how}").write_text(f"{self.driver}.{which}")


DUMMY = Card("hw:CARD=Dummy,DEV=0", "snd_dummy")
LOOPBACK = Card("hw:CARD=Loopback,DEV=1", "snd_aloop")
"""Has no sound but what is played into it (:func:`noise`)."""


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def row(fault: str, promise: str, results: list[float | None], unit: str = "ms") -> None:
    """``results``: the time that each injection took to get over, None where it was not survived."""
    good = [value for value in results if value is not None]
    worst = f"{max(good):.0f} {unit}" if good else "-"
    say(f"ROW|{fault}|{promise}|{len(results)}|{len(good)}|{worst}")


def load(*module: str) -> bool:
    return subprocess.run(["modprobe", *module], stderr=subprocess.DEVNULL).returncode == 0


def until(happens: Callable[[], Any], seconds: float = LIMIT_S) -> Any:
    end = time.monotonic() + seconds
    while not (value := happens()) and time.monotonic() < end:
        time.sleep(0.005)
    return value


class Walk:
    """The walk in a process of its own, and what it told."""

    def __init__(self, device: str, serial: str = "-") -> None:
        self.ears: list[tuple[int, str]] = []
        self.counts: list[tuple[int, int, int, int]] = []
        self.process = subprocess.Popen(
            [sys.executable, "/vm-test/guest_walk.py", device, serial], stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        if not until(lambda: self.counts and self.counts[-1][1] > RATE_HZ, 60):
            say(f"NOTE no sound from {device}: {self.ears} {self.counts[-1:]}")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            kind, *words = line.split()
            if kind == "ear":
                self.ears.append((int(words[0]), words[1]))
            elif kind == "count":
                self.counts.append((int(words[0]), int(words[1]), int(words[2]), int(words[3])))
            else:
                say(f"NOTE {line.strip()}")

    def ear_after(self, ns: int, ear: str) -> float | None:
        """Milliseconds from ``ns`` to the next time the microphone was ``ear``."""
        found = until(lambda: [at for at, which in self.ears if at >= ns and which == ear])
        return (found[0] - ns) / 1e6 if found else None

    def flows_after(self, ns: int) -> float | None:
        """Milliseconds from ``ns`` to the first count with more frames than then."""
        before = next((c[1] for c in reversed(self.counts) if c[0] <= ns), 0)
        found = until(lambda: [c for c in self.counts if c[0] > ns and c[1] > before + PERIOD])
        return (found[0][0] - ns) / 1e6 if found else None

    def position_ms(self) -> float:
        """Frames in + frames lost, less the time that has passed: the best of the latest looks, since a block can only
        be late."""
        return max((c[1] + c[2]) / RATE_HZ * 1000 - c[0] / 1e6 for c in list(self.counts)[-LOOKS:])

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def unplug(card: Card, times: int) -> None:
    walk = Walk(card.device)
    seen: list[float | None] = []
    back: list[float | None] = []
    start_ms = walk.position_ms()
    for _ in range(times):
        at_ns = time.monotonic_ns()
        card.bind("unbind")
        seen.append(walk.ear_after(at_ns, "lost"))
        time.sleep(0.4)
        card.bind("bind")
        back.append(walk.ear_after(time.monotonic_ns(), "open"))
        time.sleep(0.6)
    row(
        f"a sound card is unplugged while it captures ({card.driver})",
        "the gate says so within 250 ms",
        within(seen, 250),
    )
    row("and plugged in again", "captures again within 1 s, found by its name", within(back, 1000))
    time.sleep(1)
    off_ms = abs(walk.position_ms() - start_ms)
    row("all of it", "frames in + frames lost = rate x time, within a period a fault",
        [off_ms if off_ms <= times * PERIOD_MS else None])  # fmt: skip
    walk.close()


def number_of(name: str) -> str:
    """The number that the kernel has given a card, "" while there is none."""
    found = [p.parent.name[4:] for p in Path("/proc/asound").glob("card*/id") if p.read_text().strip() == name]
    return found[0] if found else ""


def renumber(times: int) -> None:
    """The loopback card comes back with the number that another card had, and that one with its."""
    walk = Walk(f"hw:{number_of('Loopback')},1")
    back: list[float | None] = []
    for number in range(times):
        before, first = number_of("Loopback"), 1 - number % 2
        for which in (0, 1):
            LOOPBACK.bind("unbind", which)
        time.sleep(0.4)
        for which in (first, 1 - first):
            LOOPBACK.bind("bind", which)
        took = walk.ear_after(time.monotonic_ns(), "open")
        now = number_of("Loopback")
        status = Path(f"/proc/asound/card{now}/pcm1c/sub0/status").read_text()
        back.append(took if now != before and "RUNNING" in status else None)
        time.sleep(0.6)
    row("a sound card that was given by its number comes back with another", "that card captures again within 1 s",
        within(back, 1000))  # fmt: skip
    walk.close()


def within(results: list[float | None], most_ms: float) -> list[float | None]:
    for late in (r for r in results if r is not None and r > most_ms):
        say(f"NOTE {late:.0f} ms instead of {most_ms:.0f}")
    return [r if r is not None and r <= most_ms else None for r in results]


@contextmanager
def noise() -> Iterator[None]:
    """Plays noise into the loopback card, whose microphone is dead without."""
    into = ("-D", "hw:CARD=Loopback,DEV=0", "-t", "raw", "-f", "S16_LE", "-r", str(RATE_HZ), "-c", "2")
    player = subprocess.Popen(["aplay", "-q", *into, "/dev/urandom"])
    try:
        yield
    finally:
        player.kill()
        player.wait()


def overrun(card: Card, times: int) -> None:
    walk = Walk(card.device)
    results: list[float | None] = []
    for _ in range(times):
        start_ms, lost = walk.position_ms(), walk.counts[-1][2]
        walk.process.send_signal(signal.SIGSTOP)
        time.sleep(0.8)
        walk.process.send_signal(signal.SIGCONT)
        is_counted = until(lambda lost=lost: walk.counts[-1][2] > lost)  # type: ignore[misc]
        time.sleep(0.6)
        off_ms = abs(walk.position_ms() - start_ms)
        results.append(off_ms if is_counted else None)
    row(f"an overrun: the process stands still for 0.8 s ({card.driver})",
        "goes on; the lost frames are counted, within a period (worst: how far off)",
        within(results, PERIOD_MS))  # fmt: skip
    walk.close()


def suspend(card: Card, times: int) -> None:
    delay = Path("/sys/module/suspend/parameters/pm_test_delay")
    if delay.exists():
        delay.write_text("1")
    try:
        Path("/sys/power/pm_test").write_text("devices")
    except OSError as error:
        say(f"NOTE no suspend here: {error}")
        return
    walk = Walk(card.device)
    results: list[float | None] = []
    for _ in range(times):
        Path("/sys/power/state").write_text("freeze")
        woken_ns = time.monotonic_ns()
        results.append(walk.flows_after(woken_ns))
        time.sleep(0.5)
    row("the machine is suspended and woken", "captures again within 1 s of waking", within(results, 1000))
    walk.close()


def serial(card: Card, times: int) -> None:
    """A USB serial line that goes away; the sound of the microphone must not miss it."""
    load("cdc_acm")
    if not (load("dummy_hcd") and load("g_serial") and until(lambda: Path("/dev/ttyACM0").exists(), 10)):
        say("NOTE no USB gadget here")
        return
    walk = Walk(card.device, "/dev/ttyACM0")
    lost = walk.counts[-1][2]
    results: list[float | None] = []
    for _ in range(times):
        subprocess.run(["modprobe", "-r", "g_serial"], check=True)
        time.sleep(0.2)
        load("g_serial")
        results.append(greeting_ms() if until(lambda: Path("/dev/ttyGS0").exists(), 10) else None)
    missed_ms = (walk.counts[-1][2] - lost) / RATE_HZ * 1000
    row("the USB serial line is pulled out and put back", "greeted again within 3 s", within(results, 3000))
    row("meanwhile", "no sample of the microphone is lost (worst: lost sound)", within([missed_ms], 0))
    walk.close()
    subprocess.run(["modprobe", "-r", "g_serial"], check=False)


def greeting_ms() -> float | None:
    """From the return of the device to rtva's greeting on its other end."""
    import select
    import tty

    start = time.monotonic()
    other = os.open("/dev/ttyGS0", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(other)
        heard = b""
        while b"rtva protocol=" not in heard and time.monotonic() - start < LIMIT_S:
            if select.select([other], [], [], 0.2)[0]:
                try:
                    heard += os.read(other, 4096)
                except OSError:
                    time.sleep(0.05)
        return (time.monotonic() - start) * 1000 if b"rtva protocol=" in heard else None
    finally:
        os.close(other)


def gpio(times: int) -> None:
    """The board's own GPIO chip (pl061): the LED follows the state; the chip goes away and comes back."""
    import guest_walk

    from firmware_py.events import State
    from firmware_py.status.gpio import GpioFace, GpioPins
    from firmware_py.status.gpio_chip import Chip
    from firmware_py.status.gpio_lines import GpiodLines
    from firmware_py.status.hub import Hub

    subprocess.run(["busybox", "mount", "-t", "debugfs", "debug", "/sys/kernel/debug"], check=False)
    driver = Path("/sys/bus/amba/drivers/pl061_gpio")
    chips = [p.name for p in driver.glob("*.pl061")]
    if not chips or not Path("/dev/gpiochip0").exists():
        say(f"NOTE no GPIO chip here: {chips}")
        return
    hub, controls, pins = Hub(), guest_walk.Controls(), GpioPins(led=0, mute=1)
    chip = Chip(Path("/dev/gpiochip0"))
    face = GpioFace(lambda: GpiodLines(chip.find(), pins.wiring(inputs_active_low=False)), pins, controls, hub)

    def led() -> bool | None:
        told = re.search(r"gpio-\d+ \(\s*\|rtva[^)]*\) out (hi|lo)", Path("/sys/kernel/debug/gpio").read_text())
        return told[1] == "hi" if told else None

    shown: list[float | None] = []
    until(lambda: led() is not None)
    for number in range(times):
        is_lit = number % 2 == 0
        start = time.monotonic()
        hub.publish("state", state=(State.LISTENING if is_lit else State.STOPPING).value, previous="idle")
        if not is_lit:
            time.sleep(0.2)  # stopping lights up for 100 ms first
        shown.append((time.monotonic() - start) * 1000 if until(lambda is_lit=is_lit: led() is is_lit) else None)  # type: ignore[misc]
    row("the state changes (GPIO chip pl061)", "the LED's line shows it", shown)
    gone: list[float | None] = []
    back: list[float | None] = []
    for _ in range(times):
        hub.publish("state", state=State.THINKING.value, previous="idle")
        was_open = until(lambda: "switch" not in controls.muted_by)
        start = time.monotonic()
        (driver / "unbind").write_text(chips[0])
        closed = was_open and until(lambda: "switch" in controls.muted_by)
        gone.append((time.monotonic() - start) * 1000 if closed else None)
        (driver / "bind").write_text(chips[0])
        start = time.monotonic()
        hub.publish("state", state=State.LISTENING.value, previous="idle")
        back.append((time.monotonic() - start) * 1000 if until(lambda: led() is True) else None)
    row("the GPIO chip is taken away", "the microphone is closed", gone)
    row("and comes back", "its lines are requested again and the LED shows the state", back)
    face.close()


def writer(is_last: bool) -> None:
    """Says what the state file has, then changes it as fast as it can and tells each change that returned."""
    from firmware_py.state.database import Database

    database = Database(Path("/var/lib/rtva-state/state.db"))
    number = database.get("number", 0)
    counters = database.counters()
    is_whole = counters.get("taken", 0) == number == -counters.get("given", 0)
    say(f"STATE {number if is_whole else -1}")
    while not is_last:
        number += 1
        if database.change({"number": number, "text": "x" * (number % 3000)}, {"taken": 1, "given": -1}):
            say(f"TOLD {number}")


def main() -> None:
    for kind, where in (("tmpfs", "/run"), ("tmpfs", "/tmp")):
        subprocess.run(["busybox", "mount", "-t", kind, kind, where], check=False)
    Path("/var/lib/rtva-state").mkdir(parents=True, exist_ok=True)
    what, *rest = sys.argv[1:] or ["faults", "3"]
    try:
        if what == "writer":
            writer("last" in rest)
            time.sleep(3600)
        faults(int(rest[0]), rest[1:])
    except Exception as error:
        import traceback

        traceback.print_exc()
        say(f"ROW|the guest's script|comes to its end|1|0|{error!r}")
    say("VM-TEST-END")
    time.sleep(3600)


def faults(times: int, only: list[str]) -> None:
    is_arm = os.uname().machine == "aarch64"  # whose kernel has no snd-dummy
    load("snd-aloop", "pcm_substreams=2", "enable=1,1", "id=Loopback,Other")
    cards = [LOOPBACK] if is_arm or not load("snd-dummy") else [DUMMY, LOOPBACK]
    until(lambda: all(Path("/proc/asound", card.device.split("=")[1].split(",")[0]).exists() for card in cards))
    rows: dict[str, Callable[[], None]] = {"gpio": partial(gpio, times)} if is_arm else {}
    rows["overrun"] = lambda: [overrun(card, times) for card in cards][-1]
    rows["unplug"] = partial(unplug, cards[0], times)
    rows["renumber"] = partial(renumber, times)
    rows["serial"] = partial(serial, LOOPBACK, times)
    rows["suspend"] = partial(suspend, cards[0], max(1, times // 2))
    for name, inject in rows.items():
        if name in only or not only:
            with noise() if name in ("overrun", "serial") else nullcontext():
                inject()


if __name__ == "__main__":
    main()
