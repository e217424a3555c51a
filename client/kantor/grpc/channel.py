"""The connection: address, TLS, the key as metadata."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kantor._version import __version__
from kantor.errors import KantorError

try:
    import grpc
except ImportError:  # pragma: no cover
    raise KantorError("gRPC needs a package that is not installed: pip install 'kantor[grpc]'") from None

DEFAULT_PORT = 50051


def target(url: str) -> str:
    """Host and port for gRPC: ``KANTOR_GRPC_TARGET``, else the host of the server's address and port 50051; an address
    ``grpc://host:port`` or ``grpcs://host:port`` is taken as it is."""
    given = os.environ.get("KANTOR_GRPC_TARGET")
    if given:
        return given
    parts = urlsplit(url)
    host = parts.hostname or "127.0.0.1"
    port = parts.port if parts.scheme.startswith("grpc") and parts.port else DEFAULT_PORT
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def secure(url: str) -> bool:
    """TLS for https and grpcs."""
    return urlsplit(url).scheme in ("https", "grpcs")


def connect(url: str) -> grpc.Channel:
    """A channel; it connects when first used.

    ``KANTOR_GRPC_AUTHORITY``, ``KANTOR_GRPC_CERTIFICATE`` and ``KANTOR_GRPC_KEY`` name PEM files: the authority to
    trust instead of the system's, and this client's own certificate (mTLS).
    """
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.primary_user_agent", f"kantor-python/{__version__}"),
        # the client has rules of its own for trying again
        ("grpc.enable_retries", 0),
    ]
    if not secure(url):
        return grpc.insecure_channel(target(url), options=options)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_file("KANTOR_GRPC_AUTHORITY"),
        private_key=_file("KANTOR_GRPC_KEY"),
        certificate_chain=_file("KANTOR_GRPC_CERTIFICATE"),
    )
    return grpc.secure_channel(target(url), credentials, options=options)


def _file(variable: str) -> bytes | None:
    path = os.environ.get(variable)
    if not path:
        return None
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise KantorError(f"{variable}: {path}: {error.strerror}") from None
