"""A language model in this process through llama-cpp-python, made to run in a worker.

With a chat template in its file a model is spoken to as it was trained; without one (a base model) it goes on with
examples, which proves that everything works and is no assistant.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from firmware_py.errors import BadWeights, Cancelled, ModelFailed
from firmware_py.llm.prompts import FewShot, Prompt, Templated
from firmware_py.llm.stream import Piece
from firmware_py.llm.tool_calls import CallSplitter

# ggml's threads spin at their barriers. Where another process has the processor for a while they burn what it needs,
# and then wait for it: on two busy cores two threads took 16 to 50 s for 9 tokens, and 0.4 s when they sleep there.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
import llama_cpp
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

BATCH = 128
"""Tokens of the prompt that are worked on at a time."""
ERROR_LEVEL = 3
"""Of ggml's log."""
LEAST_ANSWER = 16
"""Tokens of the context that must be left for an answer."""
Message = Mapping[str, Any]


_last_words = ""


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _keep_words(level: int, text: bytes, data: object) -> None:
    """What llama.cpp says of an error; all else it says is nobody's."""
    global _last_words
    if level == ERROR_LEVEL:
        _last_words = " ".join(text.decode(errors="replace").split())[:200]


llama_cpp.llama_log_set(_keep_words, None)


class LlamaCpp:
    """Fills the TextEngine port. ``has_template``: it is an instruct model.

    Raises BadWeights for a file that is no model, or one that llama.cpp does not know.
    """

    def __init__(
        self,
        path: Path,
        max_tokens: int = 160,
        temperature: float = 0.3,
        threads: int = 1,
        context_tokens: int = 2048,
    ) -> None:
        self._max_tokens, self._temperature = max_tokens, temperature
        try:
            self._llama = llama_cpp.Llama(
                str(path),
                n_ctx=context_tokens,
                n_threads=threads,
                n_threads_batch=threads,
                n_batch=BATCH,
                verbose=False,
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise BadWeights(f"{path}: llama.cpp does not load it ({_last_words or error})") from error
        template = self._llama.metadata.get("tokenizer.chat_template", "")
        self.has_template = bool(template)
        self._prompt = Templated(template, self._render(template)) if template else FewShot()
        self._lock = threading.Lock()
        self._is_cancelled: Callable[[], bool] = lambda: False
        # ggml asks between two operations, so that a long prompt ends at once too; kept, for C holds no reference.
        self._abort = llama_cpp.ggml_abort_callback(lambda data: self._is_cancelled())
        llama_cpp.llama_set_abort_callback(self._llama.ctx, self._abort, None)
        self._warm()

    def pieces(
        self,
        messages: Sequence[Message],
        tools: Sequence[Message] = (),
        *,
        is_cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[Piece]:
        """The answer in pieces of text, and the tools that it calls. Raises ModelFailed, Cancelled."""
        with self._lock:
            self._is_cancelled = is_cancelled or (lambda: False)
            try:
                yield from self._answer(messages, tools)
            except (RuntimeError, ValueError) as error:
                if self._is_cancelled():
                    raise Cancelled("the answer was given up") from error
                raise ModelFailed(f"llama.cpp: {error}") from error
            finally:
                self._is_cancelled = lambda: False

    def _warm(self) -> None:
        """Reads the weights and the part of the prompt that stays the same, ahead of the first question."""
        for _ in self.pieces([{"role": "user", "content": "Hello."}]):
            break

    def close(self) -> None:
        """Gives the memory back; safe to call twice."""
        with self._lock:
            self._llama.close()

    def _answer(self, messages: Sequence[Message], tools: Sequence[Message]) -> Iterator[Piece]:
        tokens, prompt = self._fitting(list(messages), tools)
        stream = self._llama.create_completion(
            tokens,
            max_tokens=min(self._max_tokens, self._llama.n_ctx() - len(tokens)),
            temperature=self._temperature,
            stop=list(prompt.stops),
            stream=True,
        )
        splitter = CallSplitter()
        for part in stream:
            if self._is_cancelled():
                raise Cancelled("the answer was given up")
            yield from splitter.push(part["choices"][0]["text"])
        yield from splitter.end()

    def _fitting(self, messages: list[Message], tools: Sequence[Message]) -> tuple[list[int], Prompt]:
        """The prompt's tokens; the oldest turns are left out until it fits."""
        while True:
            prompt = self._prompt(messages, tools)
            tokens = self._llama.tokenize(prompt.text.encode(), add_bos=not prompt.has_begin, special=True)
            if len(tokens) + LEAST_ANSWER <= self._llama.n_ctx():
                return tokens, prompt
            oldest = next((at for at, m in enumerate(messages) if m["role"] == "user"), len(messages))
            later = next((at for at in range(oldest + 1, len(messages)) if messages[at]["role"] == "user"), None)
            if later is None:
                raise ModelFailed(f"a question of {len(tokens)} tokens; the context has {self._llama.n_ctx()}")
            del messages[oldest:later]

    def _render(self, template: str) -> Callable[[list[Any], list[Any] | None], Any]:
        llama = self._llama
        pieces = {name: llama.detokenize([token], special=True).decode(errors="replace") if token >= 0 else ""
                  for name, token in (("bos", llama.token_bos()), ("eos", llama.token_eos()))}  # fmt: skip
        made = Jinja2ChatFormatter(template, pieces["eos"], pieces["bos"], stop_token_ids=[llama.token_eos()])
        return lambda messages, tools: made(messages=messages, tools=tools)
