"""``rtva cache stats|clear|build``: what is kept so that answers are instant and starts are short.

Rendered speech lies on the disk; a running service has more of it in memory, and cached replies. ``clear`` empties
all of that. ``build`` makes what a start would make of the sentence templates; with ``--shipped`` beside the program,
where an installation keeps it for a first start that cannot write.
"""

from __future__ import annotations

import argparse
from typing import Any

from firmware_py.cli import common, control
from firmware_py.config import Config
from firmware_py.errors import Unavailable, understood


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("cache", help="kept replies and speech", description=__doc__)
    parser.add_argument("wanted", choices=("stats", "clear", "build"), help="tell, empty, or make ahead")
    parser.add_argument("--shipped", action="store_true", help="build: into the installation's own folder")
    control.add_socket(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    config = common.load_config(args)
    if args.wanted == "build":
        return build(config, args)
    store = open_store(config)
    with understood():
        service = kept_in_memory(ask_service(args))
    fields: dict[str, Any] = {"folder": str(store.folder)}
    if args.wanted == "clear":
        fields["removed"] = store.clear() + (service or {"removed": 0})["removed"]
    kept = store.stats()
    fields |= {
        "disk_entries": kept.disk_entries,
        "disk_bytes": kept.disk_bytes,
        "disk_limit_bytes": store.bounds.disk_bytes,
        "service": None if service is None else service["caches"],
    }
    if args.json:
        common.emit(fields)
    else:
        show(fields)
    if args.wanted == "clear" and kept.disk_entries:
        raise Unavailable(f"{store.folder}: {kept.disk_entries} files cannot be removed")
    return 0


def build(config: Config, args: argparse.Namespace) -> int:
    """The automaton of the templates, made or found. Raises Unavailable where it cannot be kept."""
    from firmware_py import models
    from firmware_py.nlu.hassil import HassilUnderstanding
    from firmware_py.nlu.kept_grammar import SUFFIX, is_kept
    from firmware_py.pipeline import VoicePipeline

    folder = models.grammar_folders()[1 if args.shipped else 0]
    with VoicePipeline(config) as pipeline:
        weights = models.resolve_stt(config.stt.model, config.stt.optimization.compute_type)
        language = weights.language or pipeline.language_for(weights.model)
        code = pipeline.guided_language(language) if config.stt.guided else None
        if code is not None:
            pipeline.guidance(language, (folder,))
            if not (
                isinstance(pipeline.understanding, HassilUnderstanding)
                and is_kept(pipeline.understanding, code, folder)
            ):
                raise Unavailable(f"{folder}: nothing can be kept there")
    sizes = [path.stat().st_size for path in folder.glob(f"*{SUFFIX}")]
    if args.json:
        common.emit({"folder": str(folder), "files": len(sizes), "bytes": sum(sizes)})
    else:
        print(f"{folder}: {len(sizes)} automata of sentence templates, {sum(sizes) / (1 << 20):.1f} MB")
    return 0


def open_store(config: Config) -> Any:
    """The rendered speech on the disk."""
    from firmware_py import models
    from firmware_py.tts.store import Bounds, SpeechStore

    cache = config.tts.cache
    return SpeechStore(models.speech_folder(), Bounds.of_megabytes(cache.memory_mb, cache.disk_mb))


def ask_service(args: argparse.Namespace) -> dict[str, Any] | None:
    """What the running service answers, None where there is none. Raises Unavailable when it cannot be asked."""
    try:
        path = control.find(args)
    except Unavailable:
        return None
    return control.ask("cache", args.wanted, path)


def kept_in_memory(answer: dict[str, Any] | None) -> dict[str, Any] | None:
    """``caches``, counts by name, and how much was ``removed``. Raises LookupError, TypeError, AttributeError."""
    if answer is None:
        return None
    caches = {name: dict(counts.items()) for name, counts in answer["caches"].items()}
    return {"caches": caches, "removed": int(answer.get("removed", 0))}


def show(fields: dict[str, Any]) -> None:
    limit_mb = fields["disk_limit_bytes"] / (1 << 20)
    print(
        f"{fields['folder']}: {fields['disk_entries']} pieces of speech, "
        f"{fields['disk_bytes'] / (1 << 20):.1f} of {limit_mb:.0f} MB"
    )
    if "removed" in fields:
        print(f"{fields['removed']} files removed")
    for name, counts in (fields["service"] or {}).items():
        print(
            f"{name} of the running service: " + ", ".join(f"{key.replace('_', ' ')} {counts[key]}" for key in counts)
        )
    if fields["service"] is None:
        print("no service is running here: there is nothing in memory")
