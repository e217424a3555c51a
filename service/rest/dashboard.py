"""The dashboard's files: read once at start, sent compressed, kept by browsers for as long as their names last.

They are built by ``dashboard/build.py`` into ``service/_dashboard``; without them ``pages.home`` says how to get them.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from service.rest import headers

SERVER_PATHS = ("/v1", "/health", "/openapi", "/docs")
SECURITY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Scripts, styles and connections from this server only; nothing inline, no eval."""
_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    packed: bytes
    media_type: str
    etag: str
    cache: str


class Dashboard(BaseRoute):
    """Every address that is no other route's: a file, or for a page's address (``/jobs/...``) the page itself, whose
    script reads the address.

    Args:
        folder: a build with ``index.html``; files below ``assets`` have a hash of their content in their names.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {
            "/" + path.relative_to(folder).as_posix(): _read(path, folder)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Only what it has, so that everything else gets the usual answers."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"} or self._find(scope) is None:
            return Match.NONE, {}
        return Match.FULL, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, compressed if the browser takes that."""
        file = self._find(scope)
        assert file is not None
        request = Request(scope)
        common = {"ETag": file.etag, "Cache-Control": file.cache, "Vary": "Accept-Encoding", **SECURITY}
        if headers.matches(request.headers.get("if-none-match"), file.etag):
            await Response(status_code=304, headers=common)(scope, receive, send)
            return
        packed = file.packed and "gzip" in request.headers.get("accept-encoding", "")
        if packed:
            common["Content-Encoding"] = "gzip"
        await Response(file.packed if packed else file.content, media_type=file.media_type, headers=common)(
            scope, receive, send
        )

    def _find(self, scope: Scope) -> _File | None:
        path: str = scope["path"]
        if path in self._files:
            return self._files[path]
        if path.startswith(tuple(f"{prefix}/" for prefix in SERVER_PATHS)) or "." in path.rpartition("/")[2]:
            return None
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"*/*")
        if path != "/" and b"text/html" not in accept:
            return None
        return self._files.get("/index.html")


def _read(path: Path, folder: Path) -> _File:
    content = path.read_bytes()
    packed = gzip.compress(content, 9, mtime=0)
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _File(
        content=content,
        packed=packed if len(packed) < 0.9 * len(content) else b"",
        media_type="text/html; charset=utf-8" if path.suffix == ".html" else kind,
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        cache=_FOREVER if path.relative_to(folder).parts[0] == "assets" else "no-cache",
    )
