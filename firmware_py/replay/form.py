"""A kept conversation on the disk: ``NAME.wav`` with the sound and ``NAME.json`` with what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firmware_py.errors import BadInput, NotFound

FORMAT = "rtva-conversation"
VERSION = 1
PREFIX = "conversation"
JSON_BYTES_MOST = 16 << 20
SAMPLES_MOST = 60 * 60 * 16_000
"""An hour: 115 MB of sound."""


class _Part(BaseModel):
    """Extra fields of a newer version are let through and ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=False)


class Event(_Part):
    """A turn event. Positions are samples at 16 kHz since the recording began; ``heeded_at`` as in ``TurnEvent``."""

    kind: Literal["speech", "pause", "resume", "endpoint", "too_long"]
    at: int = Field(ge=0)
    start: int = Field(ge=0)
    speech_start: int = Field(ge=0)
    speech_end: int = Field(ge=0)
    heeded_at: int = Field(0, ge=0)


class Turn(_Part):
    """What came of the utterance that ended at sample ``at``. ``readings`` is what its skills read of the world."""

    at: int = Field(ge=0)
    speech_end: int = Field(ge=0)
    transcript: str = ""
    intent: str | None = None
    slots: dict[str, Any] = Field(default_factory=dict)
    score: float = 0.0
    reply: str = ""
    is_guided: bool = False
    guards: list[str] = Field(default_factory=list)
    error: str | None = None
    readings: dict[str, Any] = Field(default_factory=dict)
    trace: dict[str, Any] = Field(default_factory=dict)


class Sound(_Part):
    samples: int = Field(ge=1, le=SAMPLES_MOST)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Conversation(_Part):
    """Everything that a replay needs beside the sound."""

    format: Literal["rtva-conversation"] = "rtva-conversation"
    version: Literal[1] = 1
    rtva: str = ""
    recorded_at: str = ""
    ended: str = ""
    seed: str = ""
    volume: int = Field(100, ge=0, le=100)
    config: dict[str, Any] = Field(default_factory=dict)
    intents: dict[str, str] = Field(default_factory=dict)
    engines: dict[str, Any] = Field(default_factory=dict)
    sound: Sound
    events: list[Event] = Field(default_factory=list)
    turns: list[Turn] = Field(default_factory=list)

    def as_bytes(self) -> bytes:
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1).encode()


def read(path: Path) -> tuple[Conversation, Path]:
    """The conversation that ``path`` names by either of its files, and its sound. Raises NotFound, BadInput."""
    told, sound = path.with_suffix(".json"), path.with_suffix(".wav")
    if path.suffix not in (".json", ".wav"):
        raise BadInput(f"{path}: a kept conversation is NAME.json with NAME.wav")
    for file in (told, sound):
        if not file.is_file():
            raise NotFound(f"{file}: no such file")
    return parse(told), sound


def parse(path: Path) -> Conversation:
    """The JSON part alone. Raises BadInput for anything that is not one."""
    try:
        if path.stat().st_size > JSON_BYTES_MOST:
            raise BadInput(f"{path}: larger than {JSON_BYTES_MOST >> 20} MiB; no conversation is")
        told = json.loads(path.read_bytes())
        if not isinstance(told, dict) or told.get("format") != FORMAT:
            raise BadInput(f"{path}: not a kept conversation (no format {FORMAT!r})")
        if told.get("version") != VERSION:
            raise BadInput(f"{path}: version {told.get('version')!r}; this rtva reads {VERSION}")
        return Conversation.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: cannot be read: {error}") from error


def check_sound(conversation: Conversation, path: Path, samples: Any) -> None:
    """Raises BadInput when the sound is not the one that was recorded: every position would be a lie."""
    if len(samples) != conversation.sound.samples or digest([samples]) != conversation.sound.sha256:
        raise BadInput(f"{path}: not the sound that was recorded (sha256 or length differ)")


def digest(blocks: Sequence[Any]) -> str:
    """sha256 of int16 little-endian samples."""
    found = hashlib.sha256()
    for block in blocks:
        found.update(block.astype("<i2", copy=False).tobytes())
    return found.hexdigest()


def find(path: Path) -> Iterator[Path]:
    """The conversations that a file or a folder names, in the order of their names. Raises NotFound."""
    if not path.is_dir():
        if not path.exists():
            raise NotFound(f"{path}: no such file or folder")
        yield path
        return
    found = sorted(path.glob("*.json"))
    kept = [file for file in found if file.name.startswith(PREFIX) or file.with_suffix(".wav").exists()]
    if not kept:
        raise NotFound(f"{path}: no kept conversation in it (NAME.json with NAME.wav)")
    yield from kept
