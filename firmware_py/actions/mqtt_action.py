"""An MQTT message, through paho-mqtt: connect, publish, wait until the broker has it, hang up."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firmware_py.actions.kinds import ActionFailed, how_to_install

PORT = 1883
_WILD = "+#\0"


def perform(arguments: Mapping[str, Any], timeout_s: float) -> None:
    try:
        from paho.mqtt import client as paho
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as error:
        raise ActionFailed(f"mqtt needs paho-mqtt ({error}); {how_to_install('paho-mqtt')}") from error
    host, port = str(arguments.get("host", "localhost")), int(arguments.get("port", PORT))
    topic = str(arguments["topic"])
    if not topic or any(c in topic for c in _WILD):
        raise ActionFailed(f"mqtt topic {topic!r}: empty, or with a wildcard in it")
    client: Any = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect_timeout = timeout_s
    if "username" in arguments:
        client.username_pw_set(str(arguments["username"]), _password(arguments))
    answered, refused = threading.Event(), [""]

    def on_connect(client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        refused[0] = str(reason) if reason.is_failure else ""
        answered.set()

    client.on_connect = on_connect
    until_s = time.monotonic() + timeout_s
    try:
        client.connect(host, port)
        client.loop_start()
        if not answered.wait(timeout_s) or refused[0]:
            raise ActionFailed(f"mqtt {host}:{port}: {refused[0] or f'no answer within {timeout_s:g} s'}")
        message = client.publish(
            topic, str(arguments["payload"]), qos=int(arguments.get("qos", 1)), retain=bool(arguments.get("retain"))
        )
        message.wait_for_publish(max(0.0, until_s - time.monotonic()))
        if not message.is_published():
            raise ActionFailed(f"mqtt {host}:{port}: the broker did not confirm within {timeout_s:g} s")
    except (OSError, ValueError, RuntimeError) as error:
        raise ActionFailed(f"mqtt {host}:{port}: {error}") from error
    finally:
        client.disconnect()
        client.loop_stop()


def _password(arguments: Mapping[str, Any]) -> str | None:
    """From a file of its own, so that templates can be shown around."""
    file = arguments.get("password_file")
    try:
        return Path(str(file)).read_text(encoding="utf-8").strip() if file else None
    except OSError as error:
        raise ActionFailed(f"mqtt password_file {file}: {error.strerror}") from error
