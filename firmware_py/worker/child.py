"""Where a worker process begins. Imports little, so that :func:`settle` comes before anything heavy."""

from __future__ import annotations

import socket
import sys

from firmware_py.worker.settle import settle

BOOT = "import sys; sys.path[:] = sys.argv[1].split(':'); from firmware_py.worker.child import main; main()"
"""Run with ``python -c``: the service's own module path comes first, so that no file in the current folder
can stand for one of ours or of a library."""


def main() -> None:
    """``argv``: module path, name, process id of the service, file descriptors of channel and arena."""
    _, _, name, parent, channel_fd, arena_fd = sys.argv
    settle(name, int(parent))
    from firmware_py.worker.arena import Arena
    from firmware_py.worker.channel import Channel
    from firmware_py.worker.serve import Server

    Server(Channel(socket.socket(fileno=int(channel_fd))), Arena(int(arena_fd))).run()
