"""Each check on a system that has the fault: a tree of /proc and /sys files, real alsa-lib, a real empty store."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_py import config
from firmware_py.config import Effective
from firmware_py.doctor import Case, Finding, checks
from firmware_py.doctor.checks_build import GGML_FLAGS, SYSTEM_INFO, enabled, is_stale
from firmware_py.doctor.probe import ProbeError, probe
from firmware_py.stt.device import has_cuda_build

MEMINFO = "MemTotal: 2000000 kB\nMemAvailable: {} kB\n"


def system(root: Path, **files: str) -> Case:
    """A case whose ``/proc`` and ``/sys`` are the given files; ``__`` stands for a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return Case(root=root)


def asked(case: Case, text: str) -> Case:
    return Case(Effective(config.from_text(text)), root=case.root)


def run(name: str, case: Case) -> Finding:
    return checks()[name](case)


def test_heat_is_judged_by_the_hottest_zone(tmp_path: Path) -> None:
    case = system(
        tmp_path, sys__class__thermal__thermal_zone0__temp="41000\n", sys__class__thermal__thermal_zone1__temp="83500"
    )
    found = run("temperature", case)
    assert (found.status, found.message) == ("warn", "84 °C")
    (tmp_path / "sys/class/thermal/thermal_zone1/temp").write_text("55200")
    assert (run("temperature", case).status, run("temperature", case).message) == ("ok", "55 °C")


@pytest.mark.parametrize(
    ("bits", "status", "said"),
    [
        ("0", "ok", "50 °C"),
        ("50005", "warn", "the firmware says: under-voltage, throttled"),
        ("80000", "warn", "50 °C; since the start there was: soft temperature limit"),
    ],
)
def test_the_raspberry_firmwares_word_counts(bits: str, status: str, said: str, tmp_path: Path) -> None:
    case = system(tmp_path, sys__class__thermal__thermal_zone0__temp="50000")
    path = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    path.parent.mkdir(parents=True)
    path.write_text(f"{bits}\n")
    found = run("temperature", case)
    assert (found.status, found.message) == (status, said)


def test_without_a_sensor_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    assert run("temperature", Case(root=tmp_path)).status == "skip"
    assert run("memory", Case(root=tmp_path)).status == "skip"


@pytest.mark.parametrize(("free_kb", "model", "status"), [(400_000, "tiny.en", "ok"), (400_000, "small", "warn")])
def test_memory_is_held_against_the_model(free_kb: int, model: str, status: str, tmp_path: Path) -> None:
    case = asked(system(tmp_path, proc__meminfo=MEMINFO.format(free_kb)), f"stt: {{model: {model}}}")
    found = run("memory", case)
    assert found.status == status
    assert found.message.startswith(f"390 MB available; {model}")


def test_a_governor_that_saves_power_is_said(tmp_path: Path) -> None:
    case = system(
        tmp_path,
        proc__cpuinfo="processor : 0\nFeatures : fp asimd asimddp\n",
        sys__devices__system__cpu__cpu0__cpufreq__scaling_governor="powersave\n",
    )
    found = run("processor", case)
    assert found.status == "warn"
    assert "NEON, dot product; governor powersave" in found.message


def test_permissions_come_from_limits_or_capabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (0, 0))
    without = system(tmp_path, proc__self__status="CapEff:\t0000000000000000\n")
    assert [run(name, without).status for name in ("real-time", "locked memory")] == ["warn", "warn"]
    able = system(tmp_path, proc__self__status="CapEff:\t0000000000804000\n")
    assert [run(name, able).status for name in ("real-time", "locked memory")] == ["ok", "ok"]
    monkeypatch.setattr(resource, "getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)
    assert [run(name, without).status for name in ("real-time", "locked memory")] == ["ok", "ok"]


def test_a_clock_before_the_program_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 86_400.0)
    found = run("clock", Case())
    assert found.status == "warn"
    assert found.message.startswith("1970-01-0")
    monkeypatch.undo()
    assert run("clock", Case()).status == "ok"


def test_a_folder_that_is_not_there_yet_has_the_space_of_its_parents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path / "not" / "yet"))
    assert f"MB free in {tmp_path / 'not' / 'yet'}" in run("disk", Case()).message


def test_missing_weights_fail_and_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    for name in ("recognition weights", "voice weights"):
        found = run(name, Case())
        assert found.status == "fail"
        assert "rtva models fetch" in found.message + found.advice


def test_a_stand_in_is_a_warning(weights: Path) -> None:
    found = run("recognition weights", asked(Case(), "stt: {model: base.en}"))
    if found.status == "fail":
        pytest.skip("no base model in the store; 'rtva models fetch base' brings it")
    assert found.status == "warn"
    assert "base" in found.message
    assert run("recognition weights", Case()) == Finding("ok", "tiny.en int8, verified")


def test_a_voice_engine_that_is_not_there_is_a_warning() -> None:
    found = run("voice engine", asked(Case(), "tts: {engine: coqui}"))
    assert found.status == "warn"
    assert "rtva[coqui]" in found.message and found.message.endswith("; piper speaks instead")


def test_a_voice_that_espeak_has_not_is_a_warning_without_a_traceback() -> None:
    pytest.importorskip("espeakng_loader", reason="the extra pyttsx3 is not installed; 'make setup' brings it")
    found = run("voice engine", asked(Case(), "tts: {engine: pyttsx3, voice: elvish}"))
    assert found.status == "warn"
    assert found.message.startswith("tts.voice 'elvish': espeak-ng has no voice")
    assert run("voice engine", asked(Case(), "tts: {engine: pyttsx3}")).status == "ok"


def test_the_libraries_and_the_core_of_this_build_are_there() -> None:
    for name in ("python", "compiled core", "libraries"):
        assert run(name, Case()).status == "ok"


def test_a_core_of_older_sources_is_stale(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    stamp = tmp_path / ".core"
    for folder in ("ext", "models", "firmware_py"):
        (tmp_path / folder).mkdir()
    for file in [*root.glob("ext/*.*"), root / "setup.py", root / "pyproject.toml", root / "models/manifest.toml"]:
        shutil.copy(file, tmp_path / file.relative_to(root))
    assert not is_stale(tmp_path / "nowhere", stamp), "an installed package has no sources"
    core = tmp_path / "firmware_py/_ring.cpython-311-x86_64-linux-gnu.so"
    core.touch()
    os.utime(tmp_path / "ext/_ring.pyx", (1, 1))
    ahead = core.stat().st_mtime + 60
    assert not is_stale(tmp_path, stamp)
    os.utime(tmp_path / "ext/_ring.pyx", (ahead, ahead))
    assert is_stale(tmp_path, stamp)
    line = next(s for s in (root / "scripts/setup.sh").read_text().splitlines() if s.startswith("core="))
    script = f"stamp() {{ cat \"$@\" | sha256sum | cut -d' ' -f1; }}\n{line}\nprintf '%s\\n' \"$core\""
    stamp.write_text(subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True).stdout)
    assert not is_stale(tmp_path, stamp), "times do not count where there is a hash"
    with (tmp_path / "ext/rtva_ring.h").open("a") as header:
        header.write("/* newer */\n")
    assert is_stale(tmp_path, stamp)


def test_a_build_is_compared_with_the_processor(tmp_path: Path) -> None:
    built_for = enabled(probe(SYSTEM_INFO))
    flags = [flag for flag, ggml in GGML_FLAGS.items() if ggml in built_for]
    assert flags
    case = system(tmp_path, proc__cpuinfo=f"flags\t\t: fpu {' '.join(flags)}\n")
    assert run("whisper.cpp", case).status == "ok"
    spare = next(flag for flag, ggml in GGML_FLAGS.items() if ggml not in built_for)
    system(tmp_path, proc__cpuinfo=f"flags\t\t: fpu {' '.join(flags)} {spare}\n")
    found = run("whisper.cpp", case)
    assert found.status == "warn"
    assert found.message.endswith(f"leaves unused: {GGML_FLAGS[spare]}")


def test_cuda_that_is_asked_for_and_not_built_in_fails() -> None:
    if has_cuda_build():
        pytest.skip("this build has CUDA; a build without it runs this")
    found = run("device", asked(Case(), "stt: {optimization: {device: cuda}}"))
    assert found.status == "fail"
    assert "no CUDA" in found.message
    assert run("device", asked(Case(), "stt: {optimization: {device: auto}}")).status == "ok"
    assert run("device", asked(Case(), "stt: {optimization: {device: cpu}}")).message == "the processor"


def test_system_info_is_read_with_its_sections() -> None:
    assert enabled("WHISPER : COREML = 0 | CPU : SSE3 = 1 | AVX2 = 1 | CUDA : ARCHS = 870 | ") == {
        "SSE3",
        "AVX2",
        "ARCHS",
    }


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "killed by SIGILL"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("print('{')", "not JSON: {"),
        ("pass", "exit code 0"),
    ],
)
def test_what_breaks_in_a_probe_stays_there(code: str, said: str) -> None:
    with pytest.raises(ProbeError) as caught:
        probe(code)
    assert str(caught.value) == said


def test_a_probe_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_py.doctor.probe.TIMEOUT_S", 0.05)
    with pytest.raises(ProbeError, match="no answer within"):
        probe("import time; time.sleep(60)")


def test_a_probe_may_print_before_its_answer() -> None:
    assert probe("import json, sys; print('chatter'); print(json.dumps(sys.argv[1:]))", "a", "b") == ["a", "b"]


@pytest.fixture
def alsa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """alsa-lib with one device of its ``file`` plugin, ``room``, and one that cannot open, ``broken``."""
    (tmp_path / "in.raw").write_bytes(b"\0" * 32_000)
    conf = tmp_path / "asound.conf"
    conf.write_text(
        "pcm.null { type null }\nctl.null { type null }\n"
        f'pcm.room {{ type file slave.pcm null file "{tmp_path}/out.raw" infile "{tmp_path}/in.raw" format raw\n'
        '  hint { show on description "a room" } }\n'
        f'pcm.broken {{ type file slave.pcm null file "{tmp_path}/no/such/out.raw" format raw }}\n'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(conf))
    return conf


def test_a_device_that_opens_is_good(alsa: Path) -> None:
    case = asked(Case(), "audio: {input: {device: room}, output: {device: room}}")
    for name in ("microphone", "speaker"):
        found = run(name, case)
        assert (found.status, found.message.split(";")[0]) == ("ok", "room opens")


def test_a_device_that_is_not_there_fails_and_the_others_are_listed(alsa: Path) -> None:
    found = run("microphone", asked(Case(), "audio: {input: {device: attic}}"))
    assert found.status == "fail"
    assert found.message.startswith("attic: ")
    assert "there are: room" in found.message
    assert found.advice == "set audio.input.device to one that exists"


def test_no_sound_card_at_all_is_a_warning(alsa: Path) -> None:
    if Path("/proc/asound/cards").exists() and "no soundcards" not in Path("/proc/asound/cards").read_text():
        pytest.skip("this machine has a sound card; one without runs this")
    found = run("speaker", Case())
    assert (found.status, found.message) == ("warn", "no sound card; recordings work, 'rtva run' does not")
