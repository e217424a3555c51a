"""One wrong field in plain words: where, what is wrong, what would be right. Of the input a few letters are echoed."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from api_schemas.errors import FieldError
from api_schemas.jobs import OPTIONS
from service.rest.union_errors import Located

_FORMS = {
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of usual size",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a string",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "datetime_parsing": "a time like 2026-01-31T12:00:00Z",
    "datetime_from_date_parsing": "a time like 2026-01-31T12:00:00Z",
    "datetime_type": "a time like 2026-01-31T12:00:00Z",
    "timezone_aware": "a time with its zone, like 2026-01-31T12:00:00Z",
}
_BOUNDS = {
    "greater_than": ("must be above {gt}"),
    "greater_than_equal": ("must be at least {ge}"),
    "less_than": ("must be below {lt}"),
    "less_than_equal": ("must be at most {le}"),
    "string_too_long": ("must have at most {max_length} characters"),
    "string_too_short": ("must have at least {min_length} characters"),
}
_LINE = r"^[^\x00-\x1f\x7f]*$"
"""The pattern of ``api_schemas.base.Line``."""
_QUOTED = re.compile(r"'([^']*)'")


def describe(model: type[BaseModel], value: Any, error: Located) -> FieldError:
    """Words for an error at ``error.path`` of the body ``value``, which should have been a ``model``."""
    path = error.path
    relative = error.context.get("pointer", "") if error.type == "invalid_problem" else ""
    if error.key:
        detail, hint = "the name " + words(None, error)[0].removesuffix(_but(None)), ""
    else:
        detail, hint = words(_at(value, path), error)
    if error.type == "extra_forbidden":
        hint = near(str(path[-1]), _fields_at(model, value, error))
    if error.type == "union_tag_invalid" and error.context["discriminator"] == "_kind()":
        relative, tag = "/kind", error.context["tag"]
        choices = _QUOTED.findall(error.context["expected_tags"])
        detail, hint = f"must be {_either(choices)}{_but(tag)}", near(tag, choices)
    return FieldError(pointer=pointer(path) + str(relative), detail=detail, hint=hint)


def pointer(path: tuple[str | int, ...]) -> str:
    """The JSON pointer (RFC 6901) of a path; over-long names are cut."""
    return "".join("/" + str(name)[:80].replace("~", "~0").replace("/", "~1") for name in path)


def near(name: str, known: list[str], *, listed: bool = True) -> str:
    """A hint: the known name that was probably meant, or else (if ``listed``) what there is."""
    close = difflib.get_close_matches(name.lower()[:80], [k.lower() for k in known], n=1, cutoff=0.6)
    if close:
        meant = next(k for k in known if k.lower() == close[0])
        return f"did you mean {meant!r}?"
    if not known or not listed:
        return ""
    shown = ", ".join(known[:30])
    return f"there are: {shown}" + (f" and {len(known) - 30} more" if len(known) > 30 else "")


def words(value: Any, error: Located) -> tuple[str, str]:
    """What is wrong with ``value``, and what would be right."""
    kind, context = error.type, error.context
    if kind == "missing":
        return "is missing", ""
    if kind == "extra_forbidden":
        return "is unknown here", ""
    if kind == "union":
        forms = list(dict.fromkeys(_FORMS.get(form, "") for form in error.forms))
        if "a number" in forms and "a whole number" in forms:
            forms.remove("a whole number")
        return f"must be {_either([form for form in forms if form])}{_but(value)}", ""
    if kind == "finite_number":
        return "must be a finite number: NaN and infinity are not allowed here", ""
    if kind in _FORMS:
        return f"must be {_FORMS[kind]}{_but(value)}", ""
    if kind == "string_pattern_mismatch" and context["pattern"] == _LINE:
        return f"must have no control characters{_but(value)}", ""
    if kind in _BOUNDS:
        text = _BOUNDS[kind].format(**{k: _number(v) for k, v in context.items()})
        return text.replace(" 1 characters", " 1 character") + _but(value), ""
    if kind in {"too_long", "too_short"}:
        limit = f"at most {context['max_length']}" if kind == "too_long" else f"at least {context['min_length']}"
        return f"must have {limit} entries, but has {context['actual_length']}", ""
    if kind in {"literal_error", "enum"}:
        choices = _QUOTED.findall(str(context["expected"])) or [str(context["expected"])]
        return f"must be {_either(choices)}{_but(value)}", near(value, choices) if isinstance(value, str) else ""
    if kind == "string_pattern_mismatch":
        return f"does not have the form {context['pattern']}{_but(value)}", ""
    if kind == "union_tag_not_found" and context["discriminator"][:1] == "'":
        return f"has no {context['discriminator'].strip(chr(39))}", ""
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        choices = _QUOTED.findall(str(context.get("expected_tags", "")))
        return f"{str(context['discriminator']).strip(chr(39))} must be {_either(choices)}", ""
    if kind == "invalid_problem":
        return str(context["message"]), str(context.get("hint", ""))
    if kind == "value_error":
        return str(context["error"]), ""
    return error.message.replace("Input should", "must").replace("Value should", "must")[:200], ""


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for name in path:
        try:
            value = value[name]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _but(value: Any) -> str:
    """What was sent instead, short."""
    if value is None:
        return ", but is null"
    if isinstance(value, bool):
        return f", but is {str(value).lower()}"
    if isinstance(value, int | float):
        text = str(value) if isinstance(value, float) or abs(value) < 10**20 else "a very large number"
        return f", but is {text}"
    if isinstance(value, str):
        return f', but is "{value}"' if len(value) <= 40 and value.isprintable() else f", but is a text of {len(value)}"
    return ", but is a list" if isinstance(value, list) else ", but is an object"


def _either(choices: list[str]) -> str:
    if len(choices) > 20:
        choices = [*choices[:20], "..."]
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1]))) if choices else "something else"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _fields_at(model: type[BaseModel], value: Any, error: Located) -> list[str]:
    """Names of the fields of the models that may stand where an unknown field was found."""
    models = {model}
    for k, name in enumerate(error.path[:-1]):
        if isinstance(name, str):
            models = {m for owner in models if name in owner.model_fields for m in _models(owner, name)}
            sent = _at(value, error.path[: k + 1])
            models = {m for m in models if _says(m, sent)} or models
            if name == "options":
                kind = _at(value, (*error.path[:k], "problem", "kind"))
                models = {m for m in models if isinstance(kind, str) and m is OPTIONS.get(kind)} or models
    tags = {step.name for step in error.steps if step.tag}
    chosen = {m for m in models if m.__name__ in tags} or models
    return sorted({name for m in chosen for name in m.model_fields})


def _says(model: type[BaseModel], sent: Any) -> bool:
    """``kind`` and ``type`` of what was sent are those of the model."""
    if not isinstance(sent, dict):
        return True
    for name in ("kind", "type"):
        found = model.model_fields.get(name)
        choices = get_args(found.annotation) if found is not None and get_origin(found.annotation) is Literal else ()
        if found is not None and choices and sent.get(name, found.get_default()) not in choices:
            return False
    return True


@cache
def _models(owner: type[BaseModel], name: str) -> frozenset[type[BaseModel]]:
    """The models within the type of a field."""
    found: set[type[BaseModel]] = set()
    pending: list[Any] = [owner.model_fields[name].annotation]
    while pending:
        kind = pending.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found.add(kind)
        pending.extend(get_args(kind))
    return frozenset(found)
