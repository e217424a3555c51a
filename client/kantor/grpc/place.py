"""A call of REST taken apart: where it goes, what it carries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from api_schemas.proto.convert import fields_of
from kantor.errors import KantorError
from kantor.wire.steps import Call, Reply


@dataclass(frozen=True)
class Place:
    """``/v1/studies/ID/trials/7/tell`` is id ID, then trials, 7, tell."""

    method: str
    id: str
    rest: tuple[str, ...]
    query: dict[str, list[str]]
    body: dict[str, Any]

    def one(self, name: str) -> str | None:
        """A query parameter."""
        found = self.query.get(name)
        return found[0] if found else None

    def whole(self, name: str) -> int | None:
        """A query parameter that is a whole number."""
        found = self.one(name)
        return None if found is None else int(found)


def place(call: Call) -> Place:
    """Of a call."""
    address, _, text = call.path.partition("?")
    query: dict[str, list[str]] = {}
    for name, value in [*parse_qsl(text, keep_blank_values=True), *call.params]:
        query.setdefault(name, []).append(value)
    parts = address.strip("/").split("/")[2:]
    body = json.loads(call.body) if isinstance(call.body, bytes) and call.body else {}
    return Place(call.method, parts[0] if parts else "", tuple(parts[1:]), query, body)


def done(message: Any, **more: Any) -> Reply:
    """The reply of REST that has a message's fields."""
    return Reply(200, {}, json.dumps({**fields_of(message), **more}).encode())


def unknown(call: Call) -> KantorError:
    """For what gRPC does not offer."""
    return KantorError(f"{call.method} {call.path} is not offered by gRPC; use transport='http' for it")
