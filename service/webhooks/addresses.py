"""Where deliveries may go: nowhere inside the operator's network, unless the operator allows it.

The name is resolved, every address it has is checked, and the connection goes to the address that was checked: a name
that points elsewhere a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from api_schemas.errors import FieldError, KantorError
from service.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# They carry an IPv4 address inside: NAT64, 6to4, Teredo.
_TUNNELS = [ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]


# What a path or a query is written with: everything else, letters beyond ASCII too, is sent as per cent signs.
_AS_IT_IS = "/%:@!$&'()*+,;=~?"


@dataclass(frozen=True, slots=True)
class Place:
    """An address that was checked, for a URL."""

    scheme: str
    host: str
    port: int
    address: str
    path: str


def allowed(settings: Settings) -> list[Network]:
    """The networks of ``KANTOR_WEBHOOK_NETWORKS``.

    Raises:
        ValueError: not networks.
    """
    texts = [text.strip() for text in settings.webhook_networks.split(",")]
    return [ipaddress.ip_network(text) for text in texts if text]


def place(url: str, settings: Settings) -> Place:
    """Resolve and check.

    Raises:
        KantorError: ``invalid-request``: the address is not one that deliveries may go to, or there is none.
    """
    if not url.isprintable():
        raise _refused("has characters that cannot be printed")
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise _refused("is not an address of the web") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise _refused("must be an address like https://example.org/hook, without a user or password")
    networks = allowed(settings)
    try:
        host = parts.hostname.encode("idna").decode()
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _refused(f"the name {parts.hostname!r} cannot be resolved") from None
    addresses = [_plain(ipaddress.ip_address(str(entry[4][0]).partition("%")[0])) for entry in found]
    for address in addresses:
        inside = any(address in network for network in networks if network.version == address.version)
        if not inside and not _public(address):
            raise _refused(f"{parts.hostname!r} lies in a network that deliveries may not go to")
        if parts.scheme == "http" and not inside:
            raise _refused("must begin with https://")
    path = quote(parts.path or "/", _AS_IT_IS) + (f"?{quote(parts.query, _AS_IT_IS)}" if parts.query else "")
    return Place(parts.scheme, host, port, str(addresses[0]), path)


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def _public(address: Address) -> bool:
    tunnel = any(address in network for network in _TUNNELS if network.version == address.version)
    return address.is_global and not address.is_multicast and not tunnel


def _refused(detail: str) -> KantorError:
    return KantorError("invalid-request", f"url: {detail}", errors=[FieldError(pointer="/url", detail=detail)])
