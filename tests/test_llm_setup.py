"""The configuration of a language model: what is refused, and what doctor, config check and a reload say of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from llm_lab import serving

from firmware_py import config
from firmware_py.cli.config import contradictions
from firmware_py.config import Config, Effective
from firmware_py.doctor import Case, Finding, checks
from firmware_py.errors import ConfigError
from firmware_py.service.reload import is_live
from firmware_py.telemetry.metrics import Metrics, Now
from firmware_py.telemetry.statistics import Statistics


def judge(root: Path, text: str) -> Finding:
    return checks()["language model"](Case(Effective(config.from_text(text)), root=root))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("url: ftp://x/v1", "llm.url"),
        ("url: http://", "llm.url"),
        ("url: http://x:99999/v1", "llm.url"),
        ("url: http://me:secret@x/v1", "llm.url"),
        ("url: 'http://:secret@x/v1'", "llm.url"),
        ("url: 'http://@x/v1'", "llm.url"),
        ("url: 'http://x/v1#part'", "llm.url"),
        ("url: 'http://x/v1#'", "llm.url"),
        ("tools: [switch]", "llm.tools"),
        ("first_token_s: 40", "first_token_s <= total_s"),
        ("engine: magic", "llm.engine"),
        ("min_confidence: 2", "llm.min_confidence"),
        ("enabled: true, engine: embedded", "model is empty"),
        ("threads: 0", "llm.threads"),
        ("context_tokens: 100", "llm.context_tokens"),
        ("temprature: 1", "temperature"),
    ],
)
def test_a_mistake_is_one_line(line: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as mistake:
        config.from_text(f"llm: {{{line}}}")
    assert "\n" not in str(mistake.value)


def test_doctor_says_what_is_missing(tmp_path: Path) -> None:
    assert judge(tmp_path, "").status == "skip"
    with serving() as server:
        on = f"llm: {{enabled: true, url: '{server.url}'}}"
        assert judge(tmp_path, on).status == "warn" and "wake.enabled" in judge(tmp_path, on).message
        on += "\nwake: {enabled: true}"
        assert judge(tmp_path, on).status == "ok"
        assert judge(tmp_path, on.replace("true,", "true, key_file: /nowhere/key,", 1)).status == "fail"
        unit = tmp_path / "etc/systemd/system/rtva.service"
        unit.parent.mkdir(parents=True)
        unit.touch()
        assert "no network" in judge(tmp_path, on).message
        assert server.requests == [], "nothing is asked of the model"
    unit.unlink()
    assert judge(tmp_path, on).status == "warn" and "refused" in judge(tmp_path, on).message


def test_doctor_says_what_an_embedded_one_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from firmware_py import language_model

    file = tmp_path / "x.gguf"
    on = f"llm: {{enabled: true, engine: embedded, model: {file}}}\nwake: {{enabled: true}}"
    monkeypatch.setattr(language_model, "LIBRARY", "no_such_library_of_llamas")
    assert judge(tmp_path, on).status == "fail" and "library" in judge(tmp_path, on).message
    monkeypatch.setattr(language_model, "LIBRARY", "json")
    assert judge(tmp_path, on).status == "fail" and "no such GGUF file" in judge(tmp_path, on).message
    file.write_bytes(b"GGUF" + bytes(1_000_000))
    assert judge(tmp_path, on).status == "ok" and "x.gguf, about 2 MB" in judge(tmp_path, on).message
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 1000 kB\n")
    assert judge(tmp_path, on).status == "warn" and "1 MB are free" in judge(tmp_path, on).message


def test_config_check_says_of_an_embedded_one_that_its_file_is_missing(
    rtva: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("llm: {enabled: true, engine: embedded, model: /nowhere/x.gguf}\n")
    done = rtva("config", "check", file)
    assert done.returncode == 0 and "llm.model: /nowhere/x.gguf: no such file" in done.stderr
    assert "network.conf" not in done.stderr and "goes to /nowhere/x.gguf" in done.stderr


def test_config_check_says_what_goes_where(rtva: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("llm: {enabled: true, key_file: nowhere}\n")
    done = rtva("config", "check", file)
    assert done.returncode == 0
    assert all(words in done.stderr for words in ("network.conf", "whatever is said", "llm.key_file"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("interruption: {by: wake_word}", "nothing ends an answer"),
        ("interruption: {by: wake_word}\nwake: {enabled: true}", ""),
        ("llm: {enabled: true, key_file: KEY, url: 'http://10.0.0.2:8080/v1'}", "over plain http"),
        ("llm: {enabled: true, key_file: KEY, url: 'https://10.0.0.2/v1'}", ""),
        ("llm: {enabled: true, key_file: KEY, url: 'http://[::1]:8080/v1'}", ""),
        ("llm: {enabled: true, key_file: KEY}", ""),
        ("llm: {enabled: true, url: 'http://10.0.0.2:8080/v1'}", ""),
    ],
)
def test_values_that_undo_others_are_warned_of(text: str, said: str) -> None:
    warnings = contradictions(config.from_text(text.replace("KEY", "/nowhere/key")))
    assert len(warnings) == bool(said) and all(said in line for line in warnings)


def test_config_check_warns_of_them(rtva: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("interruption: {by: wake_word}\n")
    done = rtva("config", "check", file, "--json")
    assert done.returncode == 0 and "nothing ends an answer" in done.stderr
    assert "nothing ends an answer" in json.loads(done.stdout)["warnings"][0]


def test_doctor_says_that_the_key_can_be_read_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_py.llm.endpoint.reach", lambda url: None)
    key = tmp_path / "key"
    key.write_text("sk-secret")
    on = f"llm: {{enabled: true, key_file: {key}, url: 'http://10.0.0.2/v1'}}\nwake: {{enabled: true}}"
    assert judge(tmp_path, on).status == "warn" and "over plain http" in judge(tmp_path, on).message
    assert judge(tmp_path, on.replace("http:", "https:")).status == "ok"


def test_it_is_off_and_may_change_while_the_service_runs() -> None:
    assert not Config.default().llm.enabled and Config.default().llm.tools == ()
    assert is_live("llm.url") and is_live("llm.enabled")


def test_the_counts_are_a_metric() -> None:
    from prometheus_client import generate_latest

    told = generate_latest(
        Metrics(Statistics(), lambda: Now(language_model={"asked": 3, "failed": 1})).registry
    ).decode()
    assert 'rtva_language_model_total{what="asked"} 3.0' in told and 'what="failed"} 1.0' in told
    assert "rtva_language_model_total{" not in generate_latest(Metrics(Statistics(), Now).registry).decode()
