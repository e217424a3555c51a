"""Requests of gRPC as the models of the contract, checked by the same rules as REST's bodies."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
from pydantic import BaseModel

from api_schemas.errors import FieldError, KantorError
from api_schemas.proto.convert import fields_of
from service.rest import bodies, parsing

M = TypeVar("M", bound=BaseModel)


def read(model: type[M], message: Any, *without: str, limit: int = 1 << 20) -> M:
    """The model with the message's fields but those ``without``; empty texts are taken as absent.

    Raises:
        KantorError: as ``service.rest.parsing.parse``.
    """
    given = {name: value for name, value in fields(message).items() if name not in without and value != ""}
    return document(model, orjson.dumps(given), limit=limit)


def document(model: type[M], text: bytes, *, limit: int = 1 << 20) -> M:
    """The model in a JSON text.

    Raises:
        KantorError: as ``service.rest.parsing.parse``; ``too-large``.
    """
    if len(text) > limit:
        raise bodies.too_large(limit)
    return parsing.parse(model, text)


def fields(message: Any) -> dict[str, Any]:
    """The message's fields.

    Raises:
        KantorError: ``malformed-json``: a field of bytes is no JSON.
    """
    try:
        return fields_of(message)
    except ValueError as error:
        words, name = error.args
        wrong = FieldError(pointer=f"/{name}", detail=f"is not JSON: {words}")
        raise KantorError("malformed-json", f"/{name}: {wrong.detail}", errors=[wrong]) from None


def positive(name: str, number: int) -> int:
    """A number of a trial, a version or a run.

    Raises:
        KantorError: ``invalid-request``.
    """
    if number < 1:
        wrong = FieldError(pointer=f"/{name}", detail="must be 1 or more")
        raise KantorError("invalid-request", f"/{name}: must be 1 or more", errors=[wrong])
    return number


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """A text of a list.

    Raises:
        KantorError: ``invalid-request``.
    """
    if value not in allowed:
        wrong = FieldError(pointer=f"/{name}", detail=f"must be one of {', '.join(allowed)}")
        raise KantorError("invalid-request", f"/{name}: {wrong.detail}, not {value[:40]!r}", errors=[wrong])
    return value
