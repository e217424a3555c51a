"""From the bytes of a body to a model of the contract, or to an error that names every wrong field."""

from __future__ import annotations

import re
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from api_schemas.errors import FieldError, KantorError
from service.rest import field_errors, union_errors

M = TypeVar("M", bound=BaseModel)

MOST_ERRORS = 50
_MOST_LISTED = 5000
"""Of more errors only the number is told."""
_MOST_FIELDS = 250_000
"""Fields that a body may name. Each that is wrong costs half a kilobyte before a report can be cut short."""
_MOST_VALUES = 5_000_000
"""Values in a body: each takes about a hundred bytes of memory while it is parsed."""
_UNBOUNDED = 1 << 20
"""A body up to this size needs no counting."""
_FIELD = re.compile(rb'"\s*:')
_POSITION = re.compile(r"(.*) at line (\d+) column (\d+)$", re.DOTALL)
_JSON_WORDS = {
    "recursion limit exceeded": "lists and objects are nested more than 200 deep",
    "trailing characters": "there is more text after the end of the JSON",
    "trailing comma": "a comma stands before a closing bracket",
    "expected value": "a value is missing, or is not JSON (text needs double quotes)",
    "expected ident": "a word is not JSON: only true, false and null may stand without quotes",
    "key must be a string": "the name of a field needs double quotes",
    "number out of range": "a number has too many digits",
    "invalid unicode code point": "the text is not UTF-8",
    "unexpected end of hex escape": "a \\u escape is not a character",
    "lone leading surrogate in hex escape": "a \\u escape is half of a character",
}


def parse(model: type[M], body: bytes) -> M:
    """The body as a ``model``.

    Raises:
        KantorError: ``malformed-json`` with line and column; else ``invalid-request``, ``invalid-problem`` or
            ``invalid-option`` with an entry for each wrong field.
    """
    if len(body) > _UNBOUNDED:
        _bound(body)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        _refuse(model, body, error)


def _bound(body: bytes) -> None:
    """Refuse what would take gigabytes to parse, by counting without parsing."""
    for count, most, what in (
        (body.count(b","), _MOST_VALUES, "values"),
        (body.count(b":") and sum(1 for _ in _FIELD.finditer(body)), _MOST_FIELDS, "fields"),
    ):
        if count > most:
            raise KantorError(
                "too-large",
                f"The body has more than {most:,} {what}; large data go into raw arrays, model files or artifacts.",
            )


def _refuse(model: type[BaseModel], body: bytes, error: ValidationError) -> NoReturn:
    if error.error_count() > _MOST_LISTED:
        raise KantorError("invalid-request", f"{error.error_count():,} fields are wrong or unknown.") from None
    faults = error.errors(include_url=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        raise _not_json(body, str(faults[0]["ctx"]["error"])) from None
    value = from_json(body)
    paths = union_errors.resolve([union_errors.locate(value, fault) for fault in faults])
    errors = [field_errors.describe(model, value, path) for path in paths]
    code = _code(paths, errors)
    left = len(errors) - MOST_ERRORS
    detail = errors[0].detail if len(errors) == 1 else f"{len(errors)} fields are wrong"
    where = f"{errors[0].pointer}: " if len(errors) == 1 and errors[0].pointer else ""
    more = f" (the first {MOST_ERRORS} are listed)" if left > 0 else ""
    raise KantorError(code, f"{where}{detail}{more}", errors=errors[:MOST_ERRORS]) from None


def _code(paths: list[union_errors.Located], errors: list[FieldError]) -> str:
    """Options of their own code; contradictions within a problem of theirs; whatever else is wrong comes first."""
    if all(error.pointer.startswith("/options/") for error in errors):
        return "invalid-option"
    if all(path.type in {"invalid_problem", "value_error", "finite_number"} for path in paths) and all(
        error.pointer.startswith("/problem") for error in errors
    ):
        return "invalid-problem"
    return "invalid-request"


def _not_json(body: bytes, text: str) -> KantorError:
    if not body.strip():
        return KantorError("malformed-json", "the body is empty; send a JSON object")
    match = _POSITION.match(text)
    words, line, column = match.groups() if match else (text, "1", "0")
    if words.startswith("EOF"):
        words = "the text ends too early" + words.removeprefix("EOF").replace("while parsing", "within")
    words = _JSON_WORDS.get(words, words)
    return KantorError(
        "malformed-json",
        f"the body is not JSON: {words} (line {line}, column {column})",
        errors=[FieldError(pointer=f"line {line}", detail=f"{words}, at column {column}")],
    )
