"""``rtva dashboard``: a web page with the last turns, levels, percentiles and events of the running service."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Iterator
from typing import Any

from firmware_py.cli import common, control
from firmware_py.errors import UsageError, understood

PORT = 8765
TEXT = """Serves one web page about the running service until it is interrupted. Only this machine can open it, unless
--host says otherwise, and then only with the token in the printed address. Everyone on this machine can read it
(transcripts too) unless --token is given."""


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("dashboard", help="a web page about the running service", description=TEXT)
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address it listens on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"0 takes a free one ({PORT})")
    parser.add_argument("--token", action="store_true", help="ask for a token on loopback too")
    control.add_socket(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py.dashboard.feed import Feed
    from firmware_py.dashboard.server import Server, is_loopback, resolve

    if not 0 <= args.port <= 65535:
        raise UsageError(f"--port {args.port}: 0 to 65535; see 'rtva dashboard --help'")
    resolve(args.host, args.port)
    path = control.find(args)
    with understood():
        control.ask("version", "", path)["version"]

    def follow() -> Iterator[dict[str, Any]]:
        with control.talk(path) as conversation:
            conversation.ask("events")
            yield from conversation.lines()

    feed = Feed(lambda command, argument: control.ask(command, argument, path), follow)
    token = "" if is_loopback(args.host) and not args.token else secrets.token_urlsafe(18)
    server = Server(args.host, args.port, feed, token)
    if args.json:
        common.emit({"url": server.url, "urls": server.urls})
    else:
        print(f"open {'  or  '.join(server.urls)}   (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever()
    finally:
        server.is_closing = True
        feed.close()
        server.server_close()
    return 0
