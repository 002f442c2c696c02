"""A mistake is one line: file, line, key, value, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from firmware_py import config
from firmware_py.__main__ import main
from firmware_py.errors import ConfigError
from firmware_py.settings import problems
from firmware_py.settings.document import MAX_BYTES
from firmware_py.settings.knobs import knobs

STT_KEYS = "model, language, streaming, partial_results, guided, guided_threshold, optimization"
MISTAKES = {
    "stt:\n  modle: tiny": f":2: stt.modle: unknown key; did you mean model? allowed here: {STT_KEYS}",
    "stt: {device: cpu}": ":1: stt.device: unknown key; did you mean stt.optimization.device? allowed here: model",
    "vad:\n\n  aggressiveness: 4": ":3: vad.aggressiveness: 4 is refused; allowed: a whole number, 0 to 3",
    "vad: {aggressiveness: 2.5}": ":1: vad.aggressiveness: 2.5 is refused; allowed: a whole number, 0 to 3",
    "vad: {aggressiveness: true}": ":1: vad.aggressiveness: true is refused; allowed: a whole number, 0 to 3",
    "audio: {input: {sample_rate: '16000'}}": (
        ":1: audio.input.sample_rate: '16000' is refused; allowed: a whole number, 8000 to 192000"
    ),
    "stt: {streaming: 1}": ":1: stt.streaming: 1 is refused; allowed: true or false",
    "stt: {streaming: 'yes'}": ":1: stt.streaming: 'yes' is refused; allowed: true or false",
    "pipeline: {processing: {mode: off}}": ":1: pipeline.processing.mode: off is refused; allowed: sync, async",
    "stt: {model: huge}": (
        ":1: stt.model: 'huge' is refused; allowed: tiny.en, tiny, base.en, base, small.en, small, medium.en, medium, "
        "custom:NAME, or a path with a '/'"
    ),
    "stt: {model: 'custom:'}": ":1: stt.model: 'custom:' is refused; allowed: tiny.en",
    "stt: {model: }": ":1: stt.model: null is refused; allowed: tiny.en",
    "stt: 3": f":1: stt: 3 is not a section; allowed: the keys {STT_KEYS}",
    "stt: [a]": ":1: stt: ['a'] is not a section",
    "tts: {engine: {name: piper}}": ":1: tts.engine: a mapping is refused; allowed: pyttsx3, piper, coqui",
    "tts: {voice: ''}": ":1: tts.voice: '' is refused; allowed: a name, a URL, or a path with a '/'",
    "nlp: {intents: one.yaml}": ":1: nlp.intents: 'one.yaml' is refused; allowed: a list of paths, or null",
    "nlp: {intents: [3]}": ":1: nlp.intents: [3] is refused; allowed: a list of paths, or null",
    "nlp: {repair_threshold: .nan}": ":1: nlp.repair_threshold: .nan is refused; allowed: a number, 0 to 1",
    "workers: {deadline_scale: 0}": ":1: workers.deadline_scale: 0 is refused; allowed: a number, above 0 to 1000",
    "wake: {words: []}": ":1: wake.words: [] is refused; allowed: a list of okay_nabu, hey_jarvis, hey_mycroft, alexa",
    "wake: {words: [alexa, bob]}": ":1: wake.words: 'bob' is refused; allowed: a list of okay_nabu",
    "vad: {pause_ms: 600}": ":1: vad: pause_ms (600) is longer than hangover_complete_ms (200); allowed: pause_ms <=",
    "on: 1": ":1: on: unknown key; allowed: audio,",
    "vad: {pause_ms: 50}\nvad: {}": ":2: vad is written twice",
    "- stt": ":1: a configuration is a mapping of sections, such as 'stt:'",
    "stt": ":1: a configuration is a mapping of sections",
    "? [a]\n: 1": ":1: a key is one word",
    "a: 1\n\tb: 2": ":2: ",
    "stt: {}\n---\nstt: {}": ":2: but found another document",
    "stt: !!python/name:os.system {}": ":1: stt: tag:yaml.org,2002:python/name:os.system is not read here",
    "stt: {model: !mine tiny}": ":1: could not determine a constructor for the tag '!mine'",
    "x: &x {stt: *x}": ":1: more than 5000 values or 16 levels (aliases count each time)",
    "a: 2024-99-99": ":1: a: cannot read '2024-99-99'",
    "a: \x00": ": not YAML: unacceptable character",
    "vad: {aggressiveness: 9, pause_ms: x}\nstt: {a: 1}": (
        ":1: vad.aggressiveness: 9 is refused; allowed: a whole number, 0 to 3 (and 2 more)"
    ),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.items(), ids=list(map(repr, MISTAKES)))
def test_a_mistake_is_one_line(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text, "utf-8")
    assert main(["config", "check", str(file)]) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"rtva: {file}{said}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# " + b"x" * MAX_BYTES, "larger than a configuration may be (64 KiB)"),
        (b"stt: {model: t\xffny}", "not UTF-8 text (byte 14)"),
        (b"[" * 20_000, "nested deeper than 16 levels"),
        (b"a: " + b"{b: " * 10_000, "nested deeper than 16 levels"),
    ],
    ids=["large", "latin-1", "brackets", "braces"],
)
def test_files_that_are_refused_as_a_whole(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    assert said in str(caught.value)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        config.load(tmp_path)


def test_an_alias_bomb_is_refused_at_once() -> None:
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="more than 5000 values"):
        config.from_text("\n".join(layers))


def test_honest_aliases_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xef\xbb\xbfvad: {pause_ms: &p 150, hangover_complete_ms: *p}\r\n")
    assert config.load(file).vad.hangover_complete_ms == 150


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null", "{}", "stt:\n  optimization:\n"])
def test_an_empty_document_is_the_default(text: str) -> None:
    assert config.from_text(text) == config.Config.default()


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates())
TREES = st.recursive(SCALARS, lambda t: st.lists(t, max_size=3) | st.dictionaries(st.text(max_size=8), t, max_size=3))
SECTIONS = sorted({part for key in knobs() for part in key.split(".")})
NEAR_MISSES = st.recursive(SCALARS, lambda t: st.dictionaries(st.sampled_from(SECTIONS), t, max_size=3), max_leaves=8)


def is_judged(text: str) -> None:
    try:
        assert isinstance(config.from_text(text), config.Config)
    except ConfigError as error:
        message = str(error)
        assert message
        assert message.isprintable()


@given(st.text(max_size=200))
def test_any_text_is_a_configuration_or_one_line(text: str) -> None:
    is_judged(text)


@given(TREES | NEAR_MISSES)
def test_any_document_is_a_configuration_or_one_line(tree: object) -> None:
    is_judged(yaml.safe_dump(tree, allow_unicode=True))


@given(st.sampled_from(list(knobs())), TREES)
def test_any_value_of_any_key_is_taken_or_refused_by_name(key: str, value: object) -> None:
    *sections, name = key.split(".")
    tree: object = {name: value}
    for section in reversed(sections):
        tree = {section: tree}
    is_judged(yaml.safe_dump(tree))
    try:
        config.Config.default().with_values({key: value})
    except ConfigError as error:
        assert str(error).isprintable()
        assert key in str(error) or "vad: " in str(error)


@given(st.sampled_from(list(knobs())), st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12))
def test_an_unknown_key_is_named_wherever_it_stands(key: str, name: str) -> None:
    section = key.rpartition(".")[0]
    if f"{section}.{name}" in knobs() or any(k.startswith(f"{section}.{name}.") for k in knobs()):
        return
    opened = "".join(f"{'  ' * depth}{part}:\n" for depth, part in enumerate(section.split(".")))
    text = f"{opened}{'  ' * (section.count('.') + 1)}{name}: 1\n"
    with pytest.raises(ConfigError) as caught:
        config.from_text(text)
    assert str(caught.value).startswith(f"configuration:{opened.count(chr(10)) + 1}: {section}.{name}: unknown key")


def test_an_unknown_section_names_the_sections_there_are() -> None:
    assert "allowed: audio" in problems.unknown_key("foo.bar")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stt: {model: /nosuch/model.bin}", "stt.model: /nosuch/model.bin: no such file"),
        ("stt: {model: 'custom:nosuch'}", "stt.model: no weights named 'nosuch'; there are: "),
        ("tts: {voice: /nosuch/voice.onnx}", "tts.voice: /nosuch/voice.onnx: no such file"),
        ("wake: {words: [okay_nabu, ./nosuch.json]}", "wake.words: {folder}/nosuch.json: no such file"),
        ("nlp: {intents: [nosuch.yaml]}", "nlp.intents: {folder}/nosuch.yaml: no such file"),
        ("nlp: {programs: [nosuch/lamp]}", "nlp.programs: {folder}/nosuch/lamp: no such file"),
    ],
)
def test_a_file_of_ones_own_that_is_not_there_is_a_warning(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "configuration").mkdir()
    file = tmp_path / "configuration" / "c.yml"
    file.write_text(text)
    assert main(["config", "check", str(file)]) == 0
    out, err = capsys.readouterr()
    said = said.format(folder=file.parent)
    assert out == f"{file}: good\n" and err.startswith(f"rtva: {file}: warning: {said}") and err.count("\n") == 1
    assert "tiny.en" in err or "custom" not in text
    assert "en_US" not in err and "silero" not in err, "models alone, no voices"
