"""The endpoint against a real server of the protocol: llama.cpp behind ``python -m llama_cpp.server``."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from firmware_py import models
from firmware_py.errors import ModelFailed, RtvaError
from firmware_py.llm.endpoint import Endpoint, reach

pytest.importorskip("llama_cpp.server.app", reason="no llama-cpp-python[server]; 'make test-llm' builds and runs this")

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one short sentence."}]
START_S = 60.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    try:
        path = models.resolve_llm("smollm2-135m")
    except RtvaError as error:
        pytest.skip(f"{error}; 'make test-llm' brings them")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(path), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--n_ctx", "2048", "--n_threads", "1", "--n_threads_batch", "1"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address, until = f"http://127.0.0.1:{port}/v1", time.monotonic() + START_S
        while not _is_there(address):
            assert server.poll() is None and time.monotonic() < until, "the server does not start"
            time.sleep(0.2)
        yield address
    finally:
        server.kill()
        server.wait()


def _is_there(url: str) -> bool:
    try:
        reach(url)
    except ModelFailed:
        return False
    return True


def test_an_answer_is_streamed(url: str) -> None:
    stream = Endpoint(url, temperature=0.0, max_tokens=60).chat(QUESTION)
    pieces = []
    while (piece := stream.take(60.0)) is not None:
        pieces.append(piece)
    assert len(pieces) > 3 and "Paris" in "".join(map(str, pieces))


def test_an_answer_that_is_ended_leaves_the_server_ready(url: str) -> None:
    model = Endpoint(url, max_tokens=400)
    stream = model.chat([{"role": "user", "content": "Tell me a very long story about a dog."}])
    assert stream.take(60.0)
    stream.cancel()
    assert stream.take(1.0) is None
    test_an_answer_is_streamed(url)


def test_what_it_refuses_is_said(url: str) -> None:
    with pytest.raises(ModelFailed, match=r"HTTP 500 .*validation"):
        Endpoint(url).chat([{"role": "nobody", "content": "x"}]).take(60.0)
    with pytest.raises(ModelFailed):
        Endpoint(url).chat([{"role": "user", "content": "word " * 4000}]).take(60.0)


def test_a_spoken_question_is_answered_aloud(
    url: str, rtva: Callable[..., CompletedProcess[str]], weights: Path, tmp_path: Path
) -> None:
    file, question = tmp_path / "c.yaml", tmp_path / "q.wav"
    limits = "first_token_s: 60, total_s: 90, filler_s: 60, temperature: 0, max_tokens: 60"
    file.write_text(f"llm: {{enabled: true, url: '{url}', {limits}}}\n")
    assert rtva("say", "What is the capital of France?", "--out", question).returncode == 0
    done = rtva("ask", question, "--config", file, "--out", tmp_path / "out", "--json")
    turn = json.loads(done.stdout)
    assert turn["reply"] and "Sorry" not in turn["reply"] and turn["intent"] is None, done.stderr
    assert (tmp_path / "out" / "q.wav").stat().st_size > 40_000
