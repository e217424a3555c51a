"""The API on a socket that its parent holds: while it is started again, callers wait instead of being refused."""

from __future__ import annotations

import socket
import sys

import uvicorn


def main(descriptor: int) -> None:
    """Serve on the inherited socket until SIGTERM."""
    config = uvicorn.Config(
        "service.app:create_app", factory=True, log_level="warning", timeout_graceful_shutdown=3, backlog=2048
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
