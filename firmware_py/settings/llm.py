"""The schema of the language model that answers what no template knows."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, model_validator
from typing_extensions import Self

from firmware_py.settings.base import FilePath, Section, knob

TOOLS = ("time", "board", "timers", "lists")


def _url(value: Any) -> str:
    if isinstance(value, str) and "\0" not in value:
        try:
            parts = urlsplit(value)
            port_is_good = parts.port is None or parts.port > 0
        except ValueError:
            port_is_good = False
        if (
            port_is_good
            and parts.scheme in ("http", "https")
            and parts.hostname
            and not (parts.query or "@" in parts.netloc or "#" in value)
        ):
            return value
    raise ValueError("not an address of a server")


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Llm(Section):
    enabled: bool = knob(False, "What no template knows goes to a language model (docs/language-model.md).")
    engine: Literal["endpoint", "embedded"] = knob(
        "endpoint", "endpoint: an OpenAI-compatible server (llama.cpp, Ollama); embedded: rtva[llm] on this board."
    )
    url: Annotated[str, BeforeValidator(_url, json_schema_input_type=str)] = knob(
        "http://127.0.0.1:8080/v1",
        "The server, with its version; Ollama's is http://127.0.0.1:11434/v1. "
        "As a service this needs the drop-in network.conf.",
        allowed="http:// or https://, a host, and a path",
    )
    model: str = knob(
        "",
        "The model's name there; llama.cpp's server has one and needs none. "
        "embedded: the path of a GGUF file, or a name of 'rtva models list'.",
        max_length=200,
    )
    threads: int | None = knob(None, "Threads of an embedded one; null is half of the cores.", ge=1, le=64)
    context_tokens: int = knob(2048, "How much an embedded one reads and writes at a time.", ge=256, le=32768)
    key_file: FilePath | None = knob(None, "File with the server's key, for one that wants it.")
    system: str = knob("", "What the model is told about its part; empty is rtva's own text.", max_length=4000)
    first_token_s: float = knob(10, "Seconds until its first word; later it has failed.", gt=0, le=60)
    total_s: float = knob(30, "Seconds for the whole answer.", gt=0, le=90)
    filler_s: float = knob(1.2, 'Seconds without a sentence after which "One moment." is said.', gt=0, le=60)
    max_tokens: int = knob(160, "Length of an answer at most.", ge=1, le=4096)
    temperature: float = knob(0.3, "How freely it words its answers.", ge=0, le=2)
    min_confidence: float = knob(0.5, "Least confidence of the recogniser in a sentence that is asked.", ge=0, le=1)
    tools: Annotated[
        tuple[Literal["time", "board", "timers", "lists"], ...],
        BeforeValidator(_listed, json_schema_input_type=list[str]),
    ] = knob(
        (),
        "What it may ask of this board, by reading only; the server must know tools (llama.cpp: --jinja).",
        allowed=f"a list of {', '.join(TOOLS)}",
        max_length=4,
    )

    @property
    def own_file(self) -> str:
        """The path of the user's own model that runs here, else empty."""
        return self.model if self.engine == "embedded" and "/" in self.model else ""

    @property
    def tells_key_in_clear(self) -> bool:
        """Whether the key leaves this machine without encryption."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        is_here = host in ("localhost", "::1") or host.startswith("127.")
        return self.engine == "endpoint" and self.key_file is not None and parts.scheme == "http" and not is_here

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first_token_s > self.total_s:
            raise ValueError(
                f"first_token_s ({self.first_token_s:g}) is longer than total_s ({self.total_s:g}); "
                "allowed: first_token_s <= total_s"
            )
        if self.enabled and self.engine == "embedded" and not self.model:
            raise ValueError("model is empty; embedded wants the path of a GGUF file or a name of 'rtva models list'")
        return self
