"""The manifest: what is shipped holds together, and any other text is parsed or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py import models
from firmware_py.errors import ConfigError
from firmware_py.weights import manifest
from firmware_py.weights.library import FORMAT_OF, load
from firmware_py.weights.manifest import Entry, Pin

GOOD = """
[[weights]]
name = "m"
kind = "stt"
licence = "MIT"
description = "a model"
stand_ins = ["n"]
[[weights.sources]]
form = "ggml"
files = [{ from = "https://example.org/m.bin", as = "ggml-f16.bin", size = 3, sha256 = "AAAA" }]
[weights.results]
"ggml-f16.bin" = { size = 3, sha256 = "BBBB" }
""".replace("AAAA", "a" * 64).replace("BBBB", "b" * 64)


def shipped() -> manifest.Manifest:
    return load(models.shipped_manifest())


def test_a_good_manifest_is_read() -> None:
    entry = manifest.parse(GOOD, "here")["m"]
    assert (entry.kind, entry.stand_ins, entry.is_default) == ("stt", ("n",), False)
    assert entry.sources[0].pieces[0].origin == "https://example.org/m.bin"
    assert entry.results["ggml-f16.bin"] == Pin(3, "b" * 64)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "m"', 'name = "../m"', "name = '../m': expected a plain name"),
        ('name = "m"', 'name = "/etc"', "expected a plain name"),
        ('kind = "stt"', 'kind = "ocr"', "one of stt, tts, vad"),
        ("size = 3", 'size = "3"', "size = '3': expected a number of bytes"),
        ("size = 3", "size = true", "expected a number of bytes"),
        ("size = 3", "size = -1", "expected a number of bytes"),
        ("a" * 64, "A" * 64, "64 lower-case hexadecimal digits"),
        ("https://example.org", "http://example.org", "expected pypi:NAME==VERSION#path/inside"),
        ("https://example.org/m.bin", "pypi:thing#x", "expected pypi:NAME==VERSION#path/inside"),
        ("https://example.org/m.bin", "file:relative", "expected pypi:NAME==VERSION#path/inside"),
        ('as = "ggml-f16.bin"', 'as = "../../x"', "expected a plain name"),
        ('"ggml-f16.bin" = {', '"a/b" = {', "expected a plain name"),
        ('form = "ggml"', 'form = "gguf"', "one of ctranslate2, ggml, files"),
        ('licence = "MIT"', "licence = 3", "licence = 3: expected a text"),
        ('stand_ins = ["n"]', 'stand_ins = "n"', "expected a list of names"),
        ('stand_ins = ["n"]', "default = 1", "expected true or false"),
        ('licence = "MIT"', 'licence = "MIT"\ncolour = "red"', "unknown key 'colour'"),
        ("[[weights]]", "[weights]", "expected an array of tables"),
        ("[[weights]]", "other = 1\n[[weights]]", "unknown key 'other'"),
        ('name = "m"', "name = ", "not TOML"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=r"^here") as caught:
        manifest.parse(GOOD.replace(old, new, 1), "here")
    assert says in str(caught.value)


def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"two entries are named 'm'"):
        manifest.parse(GOOD + GOOD, "here")


@given(st.text(max_size=300))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        manifest.parse(text, "here")
    except ConfigError as error:
        assert str(error).startswith("here")


toml_values = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text("abc./", max_size=5),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from(["name", "kind", "sources", "results", "stand_ins", "default", "x"]), toml_values)
)
def test_any_entry_is_parsed_or_refused(fields: dict[str, object]) -> None:
    def written(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return "[" + ", ".join(map(written, value)) + "]"
        return f'"{value}"' if isinstance(value, str) else str(value)

    text = "[[weights]]\n" + "\n".join(f"{key} = {written(value)}" for key, value in fields.items())
    with pytest.raises(ConfigError, match=r"^here"):
        manifest.parse(text, "here")


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,10}", fullmatch=True)
pins = st.builds(Pin, st.integers(1, 1 << 30), st.text("0123456789abcdef", min_size=64, max_size=64))


@given(names, st.text(min_size=1, max_size=40), st.dictionaries(names, pins, max_size=3))
def test_what_is_written_is_read_back(name: str, description: str, results: dict[str, Pin]) -> None:
    entry = Entry(name, "stt", "MIT", description, results=results)
    assert manifest.parse(manifest.render([entry]), "here") == {name: entry}


def test_the_shipped_manifest_holds_together() -> None:
    entries = shipped()
    assert {name for name, entry in entries.items() if entry.is_default} == {"tiny.en", "en_US-joe-medium", "silero"}
    for entry in entries.values():
        assert entry.sources, entry.name
        assert all(other in entries and other != entry.name for other in entry.stand_ins)
        for source in entry.sources:
            assert all(piece.pin.size > 0 for piece in source.pieces)
        if entry.kind == "stt":
            assert (
                {"ggml-q8_0.bin", "ggml-f16.bin"} <= set(entry.results) <= {f"ggml-{f}.bin" for f in FORMAT_OF.values()}
            )
        else:
            assert set(entry.results) == {piece.name for piece in entry.sources[0].pieces}


def test_an_english_only_model_is_stood_in_for_by_its_multilingual_twin() -> None:
    for name, entry in shipped().items():
        if name.endswith(".en"):
            assert entry.stand_ins[0] == name.removesuffix(".en")


def test_the_manifest_of_an_installed_package_is_the_one_beside_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "HERE", tmp_path / "firmware_py")
    assert models.shipped_manifest() == tmp_path / "firmware_py" / "manifest.toml"
