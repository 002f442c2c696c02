"""An HTTP request; an answer of 400 or more is a failure. Redirects are not followed, proxies not asked."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from firmware_py.actions.kinds import ActionFailed, shown_url

_SAFE = "/:?&=%+,;@~.-_!*'()[]#$"


_MOVED = frozenset((301, 307, 308))
"""The request was not done there. Many small devices answer 302 or 303 once they did what they were asked."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def perform(arguments: Mapping[str, Any], timeout_s: float) -> None:
    headers = {str(k): str(v) for k, v in arguments.get("headers", {}).items()}
    body: bytes | None = None
    if "json" in arguments:
        body = json.dumps(arguments["json"]).encode()
        headers.setdefault("Content-Type", "application/json")
    elif "body" in arguments:
        body = str(arguments["body"]).encode()
    method = str(arguments.get("method", "GET" if body is None else "POST"))
    url = urllib.parse.quote(str(arguments["url"]), safe=_SAFE)
    try:
        request = urllib.request.Request(url, body, headers, method=method)
        with _opener.open(request, timeout=timeout_s):
            pass
    except urllib.error.HTTPError as error:
        if error.code >= 400 or error.code in _MOVED:
            raise ActionFailed(f"http {shown_url(url)}: answered {error.code}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        what = getattr(error, "reason", error) or type(error).__name__
        raise ActionFailed(f"http {shown_url(url)}: {what}") from None
