"""What every section of the schema is made of: fields that explain themselves, paths, the section itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

SOCKET_PATH_BYTES = 107
"""The kernel's limit."""


def knob(default: Any, text: str, *, guide: str = "", planned: bool = False, allowed: str = "", **bounds: Any) -> Any:
    """A field: its meaning, the guide's section (empty when the key is ours), its bounds.

    ``allowed`` replaces the words that are otherwise made from the type and the bounds.
    """
    extra: dict[str, Any] = {"guide": guide, "planned": planned, "allowed": allowed}
    return Field(default, description=text, json_schema_extra=extra, **bounds)


def anchored(text: str, info: ValidationInfo) -> str:
    """A path as written, a relative one taken from the folder of the file that it stands in."""
    base: Path = (info.context or {}).get("base", Path())
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return str(base / path)


def file_path(value: Any, info: ValidationInfo) -> Any:
    if value is None or isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("not a path")
    return Path(anchored(value, info))


def file_paths(value: Any, info: ValidationInfo) -> Any:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        raise ValueError("not a list of paths")
    return tuple(file_path(item, info) for item in value if item is not None)


def socket_path(path: Path) -> Path:
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise ValueError(f"a socket's path has at most {SOCKET_PATH_BYTES} bytes")
    return path


FilePath = Annotated[Path, BeforeValidator(file_path, json_schema_input_type=str)]
SocketPath = Annotated[FilePath, AfterValidator(socket_path)]


class Section(BaseModel):
    """A part of the configuration; a section that is written but left empty has all its defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return {} if value is None else value
