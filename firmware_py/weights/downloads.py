"""Downloads that resume where an earlier one stopped, after a broken connection or a power cut."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from firmware_py.errors import BadWeights, Unavailable
from firmware_py.weights.manifest import is_url
from firmware_py.weights.progress import Progress

Say = Callable[[str], None]
_CHUNK = 1 << 18
_TIMEOUT_S = 30
MAX_BYTES = 8 << 30
"""The most that is accepted from a URL whose size is not known before."""


class Unreachable(Unavailable):
    """The host did not answer at all."""


class _Partial:
    """A growing file and the validator (ETag or Last-Modified) under which it may be resumed."""

    def __init__(self, folder: Path, url: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = "".join(c if c.isalnum() else "_" for c in url)[-150:]
        self.path, self._tag_path = folder / f"{name}.part", folder / f"{name}.tag"

    def state(self) -> tuple[int, str]:
        """How many bytes are there, and the validator; (0, "") when they cannot be resumed."""
        try:
            size, tag = self.path.stat().st_size, self._tag_path.read_text(encoding="ascii")
        except (OSError, ValueError):
            return 0, ""
        return (size, tag) if size and tag else (0, "")

    def begin(self, headers: http.client.HTTPMessage) -> None:
        """Notes the validator of a transfer that starts at byte 0; a weak ETag does not do (RFC 9110, 13.1.5)."""
        tag = headers.get("ETag") or headers.get("Last-Modified") or ""
        self.path.write_bytes(b"")
        self._tag_path.write_text("" if tag.startswith("W/") else tag, encoding="ascii", errors="ignore")

    def forget(self) -> None:
        self._tag_path.unlink(missing_ok=True)


def download(url: str, folder: Path, say: Say, size: int = 0) -> Path:
    """A URL's bytes as a file in ``folder``, resuming what an earlier call left there; the caller takes it away.

    ``size`` is what is promised (0: not known). Raises Unavailable in one line, BadWeights when more came.
    """
    partial = _Partial(folder, url)
    have, _ = partial.state()
    if not (size and have == size):
        say(f"downloading {url}" + (f", resuming at {have / 1e6:.0f} MB" if have else ""))
        try:
            _transfer(url, partial, Progress(say, url), size)
        except urllib.error.HTTPError as error:
            if error.code != 416:
                raise Unavailable(f"{url}: HTTP {error.code} {error.reason}") from error
            partial.forget()  # the range was not one of today's file: from the start
            return download(url, folder, say, size) if have else _gone(url)
        except urllib.error.URLError as error:
            raise Unreachable(f"{urlsplit(url).netloc} cannot be reached ({_words(error.reason)})") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"{url}: {_words(error)}") from error
    partial.forget()
    return partial.path


def _words(reason: object) -> str:
    return (reason.strerror if isinstance(reason, OSError) else "") or str(reason) or type(reason).__name__


def _gone(url: str) -> Path:
    raise Unavailable(f"{url}: HTTP 416 Range Not Satisfiable")


def _transfer(url: str, partial: _Partial, progress: Progress, size: int) -> None:
    have, tag = partial.state()
    request = urllib.request.Request(url, headers={"User-Agent": "rtva"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        if not is_url(response.url):
            raise Unavailable(f"{url}: leads to {response.url}, which is not https: refused")
        if response.status != 206 or not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
            have = 0
            partial.begin(response.headers)
        total = have + int(response.headers.get("Content-Length") or 0)
        done = have
        with partial.path.open("ab") as out:
            while chunk := response.read(_CHUNK):
                done += len(chunk)
                if done > (size or MAX_BYTES):
                    partial.forget()
                    raise BadWeights(f"{url}: larger than the expected {size or MAX_BYTES} bytes: refused")
                out.write(chunk)
                progress.step(done, max(total, size))
    if done < total:
        raise Unavailable(f"{url}: the connection ended at {done} of {total} bytes; run it again to resume")
