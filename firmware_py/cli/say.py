"""``rtva say TEXT [--out F] [--cache]``: text to speech; ``rtva say --earcon NAME``: one of the short sounds.

Without ``--out`` nothing is written; with ``--play`` it is heard, with ``--aloud`` the running service says it.
Output is WAV whatever its name.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firmware_py import backends
from firmware_py.cli import common, control
from firmware_py.errors import BadInput, UsageError
from firmware_py.events import Pcm16
from firmware_py.ports import TextToSpeech

if TYPE_CHECKING:
    from firmware_py.pipeline import VoicePipeline

STDOUT = "/dev/stdout"
STDOUT_NAMES = (STDOUT, "/dev/fd/1", "/proc/self/fd/1")
EARCONS = ("wake", "done", "mute", "unmute", "error")
EARCON_RATE_HZ = 22_050


class Timed:
    """Chunks of one synthesis, with the time spent inside the engine: waiting for a slow disk is not speech."""

    def __init__(self, tts: TextToSpeech, text: str) -> None:
        self._chunks = tts.synthesize(text)
        self.first_chunk_ms: float | None = None
        self.total_ms = 0.0
        self.samples = 0

    def __iter__(self) -> Iterator[Pcm16]:
        while True:
            started = time.perf_counter_ns()
            chunk = next(self._chunks, None)
            self.total_ms += (time.perf_counter_ns() - started) / 1e6
            if chunk is None:
                return
            if self.first_chunk_ms is None:
                self.first_chunk_ms = self.total_ms
            self.samples += chunk.size
            yield chunk


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("say", help="text to speech", description=__doc__)
    parser.add_argument("text", metavar="TEXT", nargs="?", default="", help="what to say")
    parser.add_argument("--earcon", choices=EARCONS, help="a short sound in place of TEXT, as loud as `sounds.volume`")
    parser.add_argument("--out", metavar="F", help="write a WAV file, a FIFO, or - for stdout")
    parser.add_argument("--play", action="store_true", help="play it on the default device")
    parser.add_argument("--aloud", action="store_true", help="have the running service say it")
    parser.add_argument("--cache", action="store_true", help="use and fill the cache of rendered speech")
    parser.add_argument("--engine", choices=backends.names("tts"), help="speech engine in place of the configured one")
    parser.add_argument("--voice", metavar="V", help="name of a voice of the engine, or the path of one")
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    _check(args)
    if args.aloud:
        control.ask("say", args.text, control.find(args))
        return 0
    if args.earcon:
        return _earcon(args)
    from firmware_py.pipeline import VoicePipeline

    config = common.load_config(args)
    chosen = {"tts.engine": args.engine, "tts.voice": args.voice}
    config = config.with_values({key: value for key, value in chosen.items() if value})
    if args.cache:
        config = config.with_values({"tts.cache.enabled": True, "tts.cache.persist_all": True})
    with VoicePipeline(config) as pipeline:
        tts = pipeline.tts if args.cache else pipeline.voice
        common.note([*pipeline.notes, *cut_short(args.text)])
        speech = Timed(tts, args.text)
        deliver(speech, pipeline, args)
        report(speech, pipeline, args)
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.earcon and (args.text or args.aloud):
        raise UsageError("say: --earcon stands alone, without TEXT and --aloud (see 'rtva say --help')")
    if not args.earcon and not args.text.strip():
        raise UsageError("say: TEXT is empty (see 'rtva say --help')")
    if args.out == "-":
        args.out = STDOUT
    if args.json and args.out in STDOUT_NAMES:
        raise UsageError("say: --json and --out both to stdout (give --out a file)")


def _earcon(args: argparse.Namespace) -> int:
    """Writes or plays one; needs no voice."""
    from firmware_py.audio.tone import earcon
    from firmware_py.audio.wav import write_wav

    config = common.load_config(args)
    sound = earcon(args.earcon, EARCON_RATE_HZ, config.sounds.volume / 100)
    if args.play:
        for _ in _playing(iter([sound]), EARCON_RATE_HZ, config.audio.backend):
            pass
    if args.out:
        write_wav(args.out, EARCON_RATE_HZ, [sound])
    audio_s = round(sound.size / EARCON_RATE_HZ, 3)
    if args.json:
        common.emit({"earcon": args.earcon, "out": str(Path(args.out)) if args.out else None, "audio_s": audio_s})
    elif args.out not in STDOUT_NAMES:
        print(f"{args.earcon}: {audio_s:.2f} s{f' in {args.out}' if args.out else ''}")
    return 0


def cut_short(text: str) -> list[str]:
    """What to tell about a text that is longer than an answer may be."""
    from firmware_py.tts.sentences import DEFAULT_LIMITS

    limit = DEFAULT_LIMITS.max_chars
    return [f"say: only the first {limit} of {len(text)} characters are said"] if len(text) > limit else []


def deliver(speech: Timed, pipeline: VoicePipeline, args: argparse.Namespace) -> None:
    """Writes, plays, or only makes the sound. Raises BadInput, before anything is written, when there is none."""
    chunks, rate_hz = iter(speech), pipeline.voice.rate_hz
    first = next(chunks, None)
    if first is None:
        raise BadInput(f"say: nothing can be said of {args.text[:40]!r}")
    chunks = _again(first, chunks)
    if args.play:
        chunks = _playing(chunks, rate_hz, pipeline.config.audio.backend)
    if args.out:
        from firmware_py.audio.wav import write_wav

        write_wav(args.out, rate_hz, chunks)
    for _ in chunks:
        pass


def _again(first: Pcm16, rest: Iterator[Pcm16]) -> Iterator[Pcm16]:
    yield first
    yield from rest


def _playing(chunks: Iterator[Pcm16], rate_hz: int, backend: str) -> Iterator[Pcm16]:
    from firmware_py import backends

    speaker = backends.load("speaker", backend)(rate_hz=rate_hz)
    try:
        for chunk in chunks:
            speaker.write(chunk)
            yield chunk
        speaker.drain()
    finally:
        speaker.close()


def report(speech: Timed, pipeline: VoicePipeline, args: argparse.Namespace) -> None:
    audio_s = speech.samples / pipeline.voice.rate_hz
    first_ms = speech.first_chunk_ms or 0.0
    if args.json:
        common.emit(
            {
                "engine": pipeline.tts_engine,
                "out": str(Path(args.out)) if args.out else None,
                "load_ms": round(pipeline.load_ms["tts"], 3),
                "first_chunk_ms": round(first_ms, 3),
                "total_ms": round(speech.total_ms, 3),
                "audio_s": round(audio_s, 3),
            }
        )
    elif args.out not in STDOUT_NAMES:
        where = f" in {args.out}" if args.out else ""
        print(
            f"{audio_s:.2f} s of speech{where}, first sound after {first_ms:.1f} ms, all after {speech.total_ms:.1f} ms"
        )
