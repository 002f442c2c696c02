"""What is fuzzed: parsers that meet bytes of strangers. Each takes bytes and raises nothing, or it has a defect.

``run.py`` drives them with atheris, ``tests/test_fuzz_targets.py`` with hypothesis and with the corpus.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from firmware_py import config
from firmware_py.audio import recording
from firmware_py.audio.riff import read_wav_header
from firmware_py.errors import BadInput, ConfigError, RtvaError
from firmware_py.nlu import template_file
from firmware_py.nlu.engine import Engine
from firmware_py.nlu.yaml_nodes import TemplateError
from firmware_py.status import serial_text, socket
from firmware_py.status.commands import perform
from firmware_py.weights import manifest

CORPUS = Path(__file__).resolve().parent / "corpus"
MOST_BYTES = 4096
TEMPLATE_BYTES = 400
"""Of a template file that is compiled too: a long one takes long, and finds nothing that a short one does not."""


class Sink:
    """Fills the faces' Controls and does nothing."""

    def status(self) -> dict[str, Any]:
        return {}

    def version(self) -> str:
        return "fuzz"

    def say(self, text: str) -> None:
        assert 0 < len(text) <= 1000

    def mute(self, muted_by: str = "user") -> None: ...
    def unmute(self, muted_by: str = "user") -> None: ...
    def stop(self) -> None: ...

    def volume(self, percent: int | None = None, by: int | None = None) -> int:
        assert percent is None or 0 <= percent <= 100
        return 50

    def reload(self) -> dict[str, Any]:
        return {}

    def capture(self, wanted: str, minutes: int) -> dict[str, Any]:
        assert wanted in ("on", "off", "status") and 1 <= minutes <= 1440
        return {}

    def record(self, wanted: str, minutes: int) -> dict[str, Any]:
        assert wanted in ("on", "off", "status") and 1 <= minutes <= 30
        return {}

    def trace(self, count: int) -> list[dict[str, Any]]:
        assert 1 <= count <= 32
        return []

    def cache(self, wanted: str) -> dict[str, Any]:
        return {}

    def clock(self, at: datetime | int | None = None) -> dict[str, Any]:
        return {}

    def unkept(self) -> str:
        return ""


def configuration(data: bytes) -> None:
    """A configuration file's text."""
    try:
        config.from_text(data.decode("utf-8", "replace"), Path("fuzz.yaml"))
    except ConfigError as error:
        assert "\n" not in str(error), "an error is one line"


def serial_line(data: bytes) -> None:
    """Bytes on the serial line, in two pieces, and what is answered."""
    reader, half = serial_text.LineReader(), len(data) // 2
    for line in reader.feed(data[:half]) + reader.feed(data[half:]):
        assert 0 < len(line) < serial_text.LINE_BYTES
        try:
            answer = str(perform(Sink(), *serial_text.parse(line)))
        except RtvaError as error:
            answer = str(error)
        sent = serial_text.encode(answer)
        assert len(sent) <= serial_text.LINE_BYTES and sent.count(b"\n") == 1 and sent.endswith(b"\r\n")


def control_socket(data: bytes) -> None:
    """A request on the control socket."""
    try:
        perform(Sink(), *socket.parse(data))
    except RtvaError:
        pass


def wav_reader(data: bytes) -> None:
    """A recording: its header, and where that is believed every sample."""
    try:
        header = read_wav_header(io.BytesIO(data), len(data))
    except BadInput:
        return
    assert 0 < header.data_bytes <= len(data) - header.data_start and header.frames > 0
    handle = os.memfd_create("fuzz", os.MFD_CLOEXEC)
    try:
        os.write(handle, data)
        recording.load(f"/proc/self/fd/{handle}")
    except RtvaError:
        pass
    finally:
        os.close(handle)


def weights_manifest(data: bytes) -> None:
    """The manifest's text."""
    try:
        found = manifest.parse(data.decode("utf-8", "replace"), "fuzz")
        assert manifest.parse(manifest.render(list(found.values())), "again") == found
    except ConfigError as error:
        assert str(error).startswith("fuzz"), "what was read is written as it was"


def templates(data: bytes) -> None:
    """A file of sentence templates, compiled if it is small, and asked something."""
    path = Path(tempfile.gettempdir()) / f"rtva-fuzz-{os.getpid()}.yaml"
    path.write_bytes(data)
    try:
        grammars = template_file.load([path], "en")
        if len(data) <= TEMPLATE_BYTES:
            for grammar in grammars:
                engine = Engine(grammar)
                engine.match(engine.read("go home at 5 o'clock"))
    except (TemplateError, OSError):
        pass


TARGETS: dict[str, Callable[[bytes], None]] = {
    "configuration": configuration,
    "serial_line": serial_line,
    "control_socket": control_socket,
    "wav_reader": wav_reader,
    "weights_manifest": weights_manifest,
    "templates": templates,
}
