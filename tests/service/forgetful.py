"""A way to PostgreSQL on which a reply can be lost: the statement is done, and who sent it is not told."""

from __future__ import annotations

import contextlib
import socket
import threading

from service.settings import Settings


class Forgetful:
    """A proxy. After ``forget`` the next reply (with these bytes) is lost, and its connection with it. A context."""

    def __init__(self, settings: Settings) -> None:
        folder = settings.database_url.partition("host=")[2].partition("&")[0]
        self._target = f"{folder}/.s.PGSQL.5432"
        self._server = socket.create_server(("127.0.0.1", 0))
        name = settings.database_url.partition("@/")[2].partition("?")[0]
        port = self._server.getsockname()[1]
        url = f"postgresql://kantor@127.0.0.1:{port}/{name}?sslmode=disable"
        self.settings = settings.model_copy(update={"database_url": url})
        self._armed = threading.Event()
        self._sought = b""
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Forgetful:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def forget(self, sought: bytes = b"") -> None:
        self._sought = sought
        self._armed.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            for pair, replies in (((near, far), False), ((far, near), True)):
                threading.Thread(target=self._pass_on, args=(*pair, replies), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, replies: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if replies and self._armed.is_set() and self._sought in data:
                    self._armed.clear()
                    self.lost += 1
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
