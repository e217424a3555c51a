"""Where the server is and with which key to speak to it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kantor.errors import KantorError, Unauthenticated

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server and the key for it. ``url_source`` and ``key_source`` say in words where they were found."""

    url: str
    api_key: str | None
    url_source: str
    key_source: str

    @property
    def loopback(self) -> bool:
        """True for a server on this machine."""
        return urlsplit(self.url).hostname in ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class LocalServer:
    """What a running ``kantor up`` wrote down about itself."""

    url: str
    api_key: str
    pid: int
    path: Path


def home() -> Path:
    """``KANTOR_HOME``, by default ``~/.kantor``."""
    return Path(os.environ.get("KANTOR_HOME") or Path.home() / ".kantor")


def local_server() -> LocalServer | None:
    """The running ``kantor up`` of this user, or None."""
    path = home() / "server.json"
    try:
        data = json.loads(path.read_text())
        server = LocalServer(url=str(data["url"]), api_key=str(data["api_key"]), pid=int(data["pid"]), path=path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return server if _alive(server.pid) else None


def endpoint(url: str | None = None, api_key: str | None = None) -> Endpoint:
    """The server to speak to: as given, else ``KANTOR_URL``, else a running ``kantor up``, else port 8000 of this
    machine.

    The key is the given one, else ``KANTOR_API_KEY``; the key of ``kantor up`` is only ever sent to its own address.

    Raises:
        KantorError: the address is not an http(s) address.
        Unauthenticated: the key has a typing error (its checksum does not fit).
    """
    local = local_server()
    url_source = "argument url" if url else "KANTOR_URL"
    url = url or os.environ.get("KANTOR_URL")
    if not url:
        url, url_source = (local.url, str(local.path)) if local else (DEFAULT_URL, "default")
    url = url.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise KantorError(
            f"{url!r} is not the address of a server (from {url_source}); it should look like {DEFAULT_URL}"
        )
    key_source = "argument api_key" if api_key else "KANTOR_API_KEY"
    api_key = api_key or os.environ.get("KANTOR_API_KEY")
    if not api_key and local and local.url.rstrip("/") == url:
        api_key, key_source = local.api_key, str(local.path)
    if api_key:
        _check_key(api_key, key_source)
    return Endpoint(url, api_key or None, url_source, key_source if api_key else "none")


def _check_key(api_key: str, source: str) -> None:
    from api_schemas.keys import PREFIX, well_formed

    if not well_formed(api_key):
        raise Unauthenticated(
            f"the API key (from {source}) has a typing error: a key is {PREFIX} and 43 letters,"
            " of which the last 6 are a checksum"
        )


def _alive(pid: int) -> bool:
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
