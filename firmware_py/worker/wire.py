"""Values that cross between the service and a worker, as JSON, never as pickle.

Plain values go as they are. The rest is an object with one tag: ``tuple``, ``map``, ``path``, ``enum``,
``data`` (a dataclass of ours) and ``audio`` (samples that lie in the shared memory, see
:mod:`firmware_py.worker.arena`). Only dataclasses and enums defined under ``firmware_py`` are ever made.
"""

from __future__ import annotations

import builtins
import dataclasses
import enum
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from firmware_py import errors
from firmware_py.errors import RtvaError

Put = Callable[["np.ndarray[Any, Any]"], Any]
Get = Callable[[Any], "np.ndarray[Any, Any]"]

_OURS = "firmware_py."


def encode(value: Any, put: Put | None = None) -> Any:
    """What ``json`` can write. ``put`` takes samples and says where they lie; TypeError for what cannot cross."""
    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, np.ndarray) and put is not None:
        return {"audio": put(value)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list):
        return [encode(v, put) for v in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(v, put) for v in value]}
    if isinstance(value, Mapping):
        return {"map": [[encode(k, put), encode(v, put)] for k, v in value.items()]}
    if isinstance(value, Path):
        return {"path": str(value)}
    return _encode_ours(value, put)


def _encode_ours(value: Any, put: Put | None) -> Any:
    name = f"{type(value).__module__}:{type(value).__qualname__}"
    if name.startswith(_OURS) and isinstance(value, enum.Enum):
        return {"enum": [name, value.name]}
    if name.startswith(_OURS) and dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: encode(getattr(value, f.name), put) for f in dataclasses.fields(value) if f.init}
        return {"data": [name, fields]}
    raise TypeError(f"a {type(value).__name__} cannot cross to or from a worker")


def decode(value: Any, get: Get | None = None) -> Any:
    """The value that :func:`encode` was given; ValueError for anything it cannot have written."""
    if isinstance(value, list):
        return [decode(v, get) for v in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise ValueError(f"a message holds an object with {len(value)} tags")
    tag, content = next(iter(value.items()))
    if tag == "audio" and get is not None:
        return get(content)
    decoder = _DECODERS.get(tag)
    if decoder is None:
        raise ValueError(f"a message holds the unknown tag {tag!r}")
    return decoder(content, get)


def _data(content: Any, get: Get | None) -> Any:
    kind = _ours(content[0])
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise ValueError(f"{content[0]} is not a dataclass")
    return kind(**{k: decode(v, get) for k, v in content[1].items()})


def _enum(content: Any, get: Get | None) -> Any:
    kind = _ours(content[0])
    if not (isinstance(kind, type) and issubclass(kind, enum.Enum)):
        raise ValueError(f"{content[0]} is not an enum")
    return kind[content[1]]


def _ours(name: str) -> Any:
    module, _, attribute = name.partition(":")
    if not module.startswith(_OURS):
        raise ValueError(f"{name} is not one of ours")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


_DECODERS: dict[str, Callable[[Any, Get | None], Any]] = {
    "tuple": lambda content, get: tuple(decode(v, get) for v in content),
    "map": lambda content, get: {decode(k, get): decode(v, get) for k, v in content},
    "path": lambda content, get: Path(content),
    "data": _data,
    "enum": _enum,
}


def encode_error(error: BaseException) -> dict[str, str]:
    """The class's name and the message of an exception."""
    return {"class": type(error).__name__, "text": str(error)}


def decode_error(message: Mapping[str, Any]) -> Exception:
    """The same exception for a class of ours or a built-in one, else an RtvaError that names the class."""
    name, text = str(message.get("class")), str(message.get("text"))
    ours = getattr(errors, name, None)
    if isinstance(ours, type) and issubclass(ours, RtvaError):
        return ours(text)
    builtin = getattr(builtins, name, None)
    if isinstance(builtin, type) and issubclass(builtin, Exception) and not issubclass(builtin, UnicodeError):
        return builtin(text)
    return RtvaError(f"{name}: {text}" if text else name)
