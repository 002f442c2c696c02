"""What the boot partition says is carried out line by line, and nothing in it keeps a board from starting."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py import config
from firmware_py.__main__ import main
from firmware_py.first_boot.apply import Board, carry_out
from firmware_py.first_boot.wishes import KEYS, MAX_BYTES, Wishes, parse, read
from firmware_py.release.system import System
from firmware_py.settings import document
from firmware_py.settings.edit import changed

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = (ROOT / "config" / "config.yaml").read_text()
GOOD = """\
# my board
hostname: kitchen
time_zone: Europe/Berlin
preset: auto
microphone: plughw:CARD=Array,DEV=0
channel: 1
speaker: plughw:CARD=Device,DEV=0
volume: 70
wifi_name: our house: upstairs
wifi_password: correct horse
wifi_country: DE
"""


@pytest.fixture
def board(tmp_path: Path) -> Board:
    for name in ("boot", "state", "root/usr/share/zoneinfo/Europe", "root/proc/device-tree"):
        (tmp_path / name).mkdir(parents=True)
    zones = tmp_path / "root/usr/share/zoneinfo"
    (zones / "Europe/Berlin").write_bytes(b"TZif2")
    (zones / "Germany").symlink_to("Europe/Berlin")
    (zones / "leapseconds").write_text("# leap seconds\n")
    (tmp_path / "localtime").write_bytes(b"TZif2")
    (zones / "localtime").symlink_to(tmp_path / "localtime")
    (tmp_path / "root/proc/device-tree/model").write_text("Raspberry Pi 4 Model B Rev 1.5\0")
    (tmp_path / "default.yaml").write_text(DEFAULT)
    return Board(
        tmp_path / "boot", tmp_path / "state", tmp_path / "config.yaml", tmp_path / "default.yaml", tmp_path / "root"
    )


def carried(board: Board, text: str) -> list[str]:
    return carry_out(parse(text.encode()), board, "aarch64")


def test_all_of_it(board: Board) -> None:
    assert carried(board, GOOD) == []
    made = config.load(board.config)
    assert made.audio.input.device == "plughw:CARD=Array,DEV=0" and made.audio.input.channel == 1
    assert made.audio.output.device == "plughw:CARD=Device,DEV=0" and made.audio.output.volume == 70
    assert made.stt.optimization.num_workers == 3, "the preset of a Pi 4"
    assert "# rtva's configuration" in board.config.read_text(), "its comments stay"
    assert (board.state / "hostname").read_text() == "kitchen\n"
    assert (board.state / "localtime").readlink() == Path("/usr/share/zoneinfo/Europe/Berlin")
    wifi = board.state / "wpa_supplicant.conf"
    assert wifi.stat().st_mode & 0o777 == 0o600 and "correct horse" not in wifi.read_text()
    assert f"ssid={b'our house: upstairs'.hex()}" in wifi.read_text()


def test_the_wifi_key_is_the_standards() -> None:
    """IEEE 802.11i, annex H.4.1."""
    key = hashlib.pbkdf2_hmac("sha1", b"password", b"IEEE", 4096, 32).hex()
    assert key == "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hostnam: x", "perhaps hostname"),
        ("hostname: -x-", "hyphens"),
        ("hostname: my board", "hyphens"),
        ("hostname", "not 'key: value'"),
        ("volume: loud", "whole number"),
        ("volume: 101", "volume"),
        ("channel: 64", "channel"),
        ("time_zone: Mars/Olympus", "no such time zone"),
        ("time_zone: ../../etc/passwd", "Europe/Berlin"),
        (f"time_zone: {'x' * 300}", "Europe/Berlin"),
        ("time_zone: leapseconds", "no such time zone"),
        ("time_zone: localtime", "no such time zone"),
        ("time_zone: Europe", "no such time zone"),
        ("preset: pi6", "pi5"),
        ("wifi_name: x", "belong together"),
        ("wifi_password: short", "8 to 63"),
        ("wifi_country: Germany", "two capital letters"),
        ("microphone: a\x07b", "not a line of text"),
        ('microphone: "plughw:CARD=Array,DEV=0"', "microphone: without the quotes"),
        ("speaker: 'plughw:1'", "speaker: without the quotes"),
        ("hostname: 'kitchen'", "without the quotes"),
        ("microphone: plughw:CARD=Array,DEV=0   # the array", "comment"),
        ('wifi_name: "our house"', "without the quotes (its own ones are written twice)"),
        ("wifi_password: 'secret12'", "without the quotes"),
        ('wifi_name: ""', "without the quotes"),
    ],
)
def test_a_wrong_line_costs_its_key_alone(board: Board, line: str, says: str) -> None:
    other = "speaker: plughw:1" if not line.startswith("speaker") else "microphone: plughw:1"
    problems = carried(board, f"{other}\n{line}\n")
    assert len(problems) == 1 and says in problems[0] and "line 2" in problems[0], problems
    made = config.load(board.config)
    audio = made.audio
    assert "plughw:1" in (audio.output.device, audio.input.device) and audio.output.volume == 100


def test_a_wifi_may_have_quotes_signs_and_comments_of_its_own(board: Board) -> None:
    for written, meant in (
        ("\"'our house'\"", "'our house'"),
        ('""our house""', '"our house"'),
        ("''\"\"", "''\"\""),
        ("Cafe # 1", "Cafe # 1"),
        ('5" pipe', '5" pipe'),
        ('"open', '"open'),
    ):
        wishes = parse(f"wifi_name: {written}\nwifi_password: 'pass # word\nwifi_country: DE\n".encode())
        assert wishes.values["wifi_name"] == meant and wishes.values["wifi_password"] == "'pass # word"
        assert carry_out(wishes, board, "aarch64") == []
        assert f"ssid={meant.encode().hex()}\n" in (board.state / "wpa_supplicant.conf").read_text()


def test_a_zone_may_be_another_name_of_one(board: Board) -> None:
    assert carried(board, "time_zone: Germany") == []


@pytest.mark.parametrize("key", ["wifi_name", "wifi_password", "microphone", "hostname"])
def test_a_value_in_another_encoding_is_refused(board: Board, key: str) -> None:
    text = f"{key}: M\u00fcllers 12\nvolume: 30\n"
    wishes = parse(text.encode("cp1252"))
    assert key not in wishes.values and wishes.problems == [
        f"rtva-setup.txt line 1: {key}: not UTF-8; save the file as UTF-8"
    ]
    assert wishes.values == {"volume": "30"}


def test_a_preset_comes_once_and_never_over_a_configuration_of_ones_own(board: Board) -> None:
    def workers() -> int:
        return config.load(board.config).stt.optimization.num_workers

    def chosen(workers: int) -> None:
        carry_out(Wishes(), board, "aarch64")
        board.config.write_text(f"stt: {{optimization: {{num_workers: {workers}}}}}\n")

    carried(board, "preset: auto")
    assert workers() == 3
    chosen(2)
    carried(board, "preset: auto")
    assert workers() == 3, "its line had gone, and came again"
    board.config.write_text("stt: {optimization: {num_workers: 2}}\n")
    carried(board, "preset: auto\nvolume: 30\n")
    assert workers() == 2, "what was set on the board since stays"
    carried(board, "preset: x86")
    assert workers() == 4, "another preset is asked for"
    board.config.write_text("stt: [")
    carried(board, "preset: x86")
    assert workers() == 4, "it belongs to the default"
    (board.boot / "rtva.yaml").write_text("stt: {optimization: {num_workers: 1}}\n")
    for text in ("preset: x86", "preset: auto", "preset: auto\nvolume: 20"):
        assert carried(board, text) == []
        assert workers() == 1
    board.config.write_text("stt: [")
    assert "set back to rtva.yaml" in carried(board, "preset: auto")[0] and workers() == 1
    (board.boot / "rtva.yaml").unlink()
    carried(board, "preset: auto\nvolume: 10")
    assert workers() == 1


def test_a_preset_that_is_asked_for_by_command_is_taken_again(board: Board) -> None:
    for _ in range(2):
        board.config.write_text("stt: {optimization: {num_workers: 2}}\n")
        carry_out(Wishes({"preset": "pi4"}, {"preset": 1}, is_order=True), board, "aarch64")
        assert config.load(board.config).stt.optimization.num_workers == 3
    assert not list(board.state.iterdir()), "a machine that is no image keeps nothing there"


LINES = st.tuples(
    st.sampled_from(sorted(KEYS)), st.text(max_size=40) | st.sampled_from(["auto", "pi5", "7", "a/b" * 90])
)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300), st.lists(LINES), st.binary(max_size=60))
def test_whatever_lies_on_the_boot_partition_the_board_starts(
    data: bytes, lines: list[tuple[str, str]], own: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name in ("boot", "state", "root/usr/share/zoneinfo"):
            (here / name).mkdir(parents=True)
        (here / "default.yaml").write_text(DEFAULT)
        (here / "boot/rtva.yaml").write_bytes(own)
        place = Board(here / "boot", here / "state", here / "config.yaml", here / "default.yaml", here / "root")
        text = data + "".join(f"\n{key}: {value}" for key, value in lines).encode("utf-8", "replace")
        for problem in carry_out(parse(text), place, "aarch64"):
            assert "\n" not in problem
        config.load(place.config)


def test_a_board_without_a_preset_keeps_the_default(board: Board) -> None:
    (board.root / "proc/device-tree/model").unlink()
    assert "no preset for this board (aarch64)" in carried(board, "preset: auto")[0]
    assert board.config.read_text() == DEFAULT


def test_a_preset_whose_model_is_not_here_keeps_the_model(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTVA_HOME", str(board.state))
    problems = carried(board, "preset: orin-nano")
    made = config.load(board.config)
    assert "the model stays as it is: base.en" in problems[0]
    assert (made.stt.model, made.stt.optimization.compute_type, made.stt.optimization.num_workers) == (
        "tiny.en",
        "int8",
        4,
    )


def test_windows_and_macs_line_ends_and_a_key_twice() -> None:
    wishes = parse(b"\xef\xbb\xbfhostname: a\r\nVolume : 5\rhostname: b\n")
    assert wishes.values == {"hostname": "a", "volume": "5"} and "twice" in wishes.problems[0]


@given(st.binary(max_size=400) | st.lists(st.tuples(st.sampled_from(sorted(KEYS)), st.text(max_size=40))).map(
    lambda pairs: "\n".join(f"{key}: {value}" for key, value in pairs).encode()))  # fmt: skip
def test_nothing_in_the_file_raises(data: bytes) -> None:
    wishes = parse(data)
    assert wishes.values.keys() <= KEYS.keys() and wishes.values.keys() == wishes.lines.keys()
    for problem in wishes.problems:
        assert problem.isprintable() and problem.isascii() and len(problem) < 200


def test_a_file_that_is_none(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == Wishes(is_away=True)
    (tmp_path / "empty").touch()
    assert read(tmp_path / "empty") == Wishes()
    (tmp_path / "big").write_bytes(b"#" * (MAX_BYTES + 1))
    assert "64 KiB" in read(tmp_path / "big").problems[0]
    assert "cannot be read" in read(tmp_path).problems[0] and read(tmp_path).is_away


def test_a_second_start_keeps_what_was_changed_meanwhile(board: Board) -> None:
    carried(board, "volume: 70")
    board.config.write_text(board.config.read_text().replace("stt:\n", "stt:\n  guided: false\n"))
    carried(board, "volume: 60")
    made = config.load(board.config)
    assert made.audio.output.volume == 60 and made.stt.guided is False


def test_a_configuration_that_cannot_be_started_with_goes_back_to_the_default(board: Board) -> None:
    board.config.write_text("stt: [")
    assert "set back to the default" in carried(board, "volume: 60")[0]
    assert config.load(board.config).audio.output.volume == 60


def test_a_start_without_the_boot_partition_does_not_bring_the_preset_again(board: Board) -> None:
    carried(board, "preset: auto")
    board.config.write_text("stt: {optimization: {num_workers: 2}}\n")
    assert carry_out(read(board.boot / "rtva-setup.txt"), board, "aarch64") == []
    carried(board, "preset: auto")
    assert config.load(board.config).stt.optimization.num_workers == 2, "the owner's since"


@pytest.fixture
def wired(board: Board) -> Board:
    """A board of which the image knows the serial line and a GPIO line."""
    values = {"status.serial.device": "/dev/ttyS1", "status.gpio.chip": "/dev/gpiochip0", "status.gpio.ready": 5}
    board.default.write_text(changed(document.parse(DEFAULT), DEFAULT, values))
    return board


OWN = "audio: {output: {volume: 50}}\n"


@pytest.mark.parametrize(
    ("own", "device", "chip", "ready"),
    [
        (OWN, "/dev/ttyS1", "/dev/gpiochip0", 5),
        (DEFAULT, "/dev/ttyS1", "/dev/gpiochip0", 5),
        (OWN + "status: {serial: {device: null, baud: 9600}}\n", "/dev/ttyS1", "/dev/gpiochip0", 5),
        (OWN + "status:\n  serial:\n    device: /dev/ttyUSB0\n", "/dev/ttyUSB0", "/dev/gpiochip0", 5),
        (OWN + "status: {gpio: {chip: /dev/gpiochip4, led: 3}}\n", "/dev/ttyS1", "/dev/gpiochip4", None),
        (OWN + "status: {gpio: {ready: 7}}\n", "/dev/ttyS1", "/dev/gpiochip0", 7),
    ],
)
def test_what_is_wired_on_the_board_stays_beside_a_configuration_of_ones_own(
    wired: Board, own: str, device: str, chip: str, ready: int | None
) -> None:
    (wired.boot / "rtva.yaml").write_text(own)
    assert carried(wired, "") == []
    status = config.load(wired.config).status
    assert (str(status.serial.device), str(status.gpio.chip), status.gpio.ready) == (device, chip, ready)


@pytest.mark.parametrize("own", [OWN + "status: {gpio: {led: 5}}\n", OWN + "x: &a {}\nstatus: *a\n"])
def test_where_that_does_not_fit_the_owners_counts(wired: Board, own: str) -> None:
    (wired.boot / "rtva.yaml").write_text(own)
    carried(wired, "")
    config.load(wired.config)
    wired.default.write_bytes(b"stt: [\xff")
    (wired.boot / "rtva.yaml").write_text(OWN)
    assert carried(wired, "") == [] and wired.config.read_text() == OWN


@pytest.mark.parametrize("mask", [0o077, 0o027, 0o000])
def test_the_umask_has_no_say_in_who_may_read_it(board: Board, mask: int) -> None:
    before = os.umask(mask)
    try:
        carried(board, GOOD)
        modes = [board.config, board.state / "hostname", board.state / "wpa_supplicant.conf"]
        assert [path.stat().st_mode & 0o777 for path in modes] == [0o644, 0o644, 0o600]
        for mode in (0o640, 0o644):
            board.config.chmod(mode)
            carry_out(Wishes({"preset": "pi4"}, {"preset": 1}, is_order=True), board, "aarch64")
            assert board.config.stat().st_mode & 0o777 == mode, "as it was"
    finally:
        os.umask(before)


def test_a_configuration_of_ones_own_is_taken_once(board: Board) -> None:
    (board.boot / "rtva.yaml").write_text("stt: {guided: false}\n")
    assert carried(board, "volume: 60") == []
    assert config.load(board.config).stt.guided is False
    board.config.write_text("stt: {guided: true}\n")
    carried(board, "volume: 60")
    assert config.load(board.config).stt.guided is True, "what was changed on the board since stays"
    (board.boot / "rtva.yaml").write_text("stt: {guided: maybe}\n")
    problems = carried(board, "")
    assert "rtva.yaml is not taken" in problems[0] and "guided" in problems[0]
    assert config.load(board.config).stt.guided is True


def test_the_command(board: Board, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["first-boot", "--boot", str(board.boot), "--state", str(board.state), "--config", str(board.config)]
    assert main(common) == 69 and capsys.readouterr().err.count("\n") == 1
    common += ["--default", str(board.default)]
    (board.boot / "rtva-setup.txt").write_text("hostname: kitchen\nvolumen: 3\nx\n")
    assert main(common) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and "perhaps volume" in out and "(and 1 more)" in out
    assert main([*common, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["taken"] == ["hostname"]
    assert main([*common, "--preset", "x86", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["taken"] == ["preset"]
    assert main([*common[:3], "--state", "/proc/none", *common[5:]]) == 69
    assert capsys.readouterr().err.count("\n") == 1


def test_an_installation_takes_the_preset_where_a_device_tree_names_the_board(tmp_path: Path) -> None:
    """A bundle's; the package's own script does the same, and a Jetson's root file system is told its module."""
    rtva = tmp_path / "opt/rtva/bin/rtva"
    rtva.parent.mkdir(parents=True)
    rtva.write_text(f'#!/bin/sh\necho "$RTVA_HOME $*" >> {tmp_path}/asked\n')
    rtva.chmod(0o755)
    system = System(tmp_path, False)
    system.take_preset(tmp_path / "config.yaml")
    assert not (tmp_path / "asked").exists()
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("NVIDIA Jetson Orin Nano Developer Kit\0")
    system.take_preset(tmp_path / "config.yaml")
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith(f"{tmp_path}/var/lib/rtva first-boot --preset auto") and "config.yaml" in asked
    assert "first-boot --preset auto" in (ROOT / "deploy/deb/postinst").read_text()
    assert "first-boot --preset orin-nano" in (ROOT / "deploy/jetson/rootfs.sh").read_text()
