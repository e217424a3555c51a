"""Where a validation error lies in the body: pydantic names the branches of a union, the sender only knows fields.

For a union that fails, pydantic reports the errors of every branch. The reader wants those of the branch that was
meant: the one whose form fits what was sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

WRONG_FORM = {
    "bool_type",
    "bool_parsing",
    "dict_type",
    "float_type",
    "float_parsing",
    "int_type",
    "int_parsing",
    "int_from_float",
    "list_type",
    "model_type",
    "model_attributes_type",
    "none_required",
    "string_type",
    "tuple_type",
}


@dataclass(frozen=True)
class Step:
    """One step of a location: a field or an index of the body, or (``tag``) the name of a branch of a union."""

    name: str | int
    tag: bool = False


@dataclass(frozen=True)
class Located:
    """An error and its way into the body.

    Attributes:
        steps: from the root.
        type: pydantic's name of the error.
        message: pydantic's text.
        context: what the text was made of.
        key: it is the name of the last step that is wrong, not its value.
        forms: where every branch of a union failed by form: the error types of the branches.
    """

    steps: tuple[Step, ...]
    type: str
    message: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    forms: tuple[str, ...] = ()
    key: bool = False

    @property
    def path(self) -> tuple[str | int, ...]:
        """Fields and indices only."""
        return tuple(step.name for step in self.steps if not step.tag)


def locate(value: Any, fault: Any) -> Located:
    """Tell fields from branches by walking the body along the location of a pydantic error."""
    location = fault["loc"]
    steps = []
    for k, name in enumerate(location):
        last = k == len(location) - 1
        if isinstance(name, int) and isinstance(value, list):
            inside = name < len(value)
            value = value[name] if inside else None
            steps.append(Step(name))
        elif isinstance(value, dict) and value.get("kind") == name and not (steps and steps[-1].tag):
            # the branch that ``kind`` names; a field may have the same name ("minimize")
            steps.append(Step(name, tag=True))
        elif isinstance(value, dict) and name in value:
            value = value[name]
            steps.append(Step(name))
        elif last and fault["type"] == "missing":
            steps.append(Step(name))
        elif last and name == "[key]":
            continue
        else:
            steps.append(Step(name, tag=True))
    key = bool(location) and location[-1] == "[key]"
    return Located(tuple(steps), fault["type"], fault["msg"], fault.get("ctx", {}), key=key)


def resolve(errors: list[Located]) -> list[Located]:
    """Keep of each failed union the branch that was meant; the order stays."""
    groups: dict[tuple[str | int, ...], list[Located]] = {}
    result: list[Located | tuple[str | int, ...]] = []
    for error in errors:
        first = next((k for k, step in enumerate(error.steps) if step.tag), None)
        if first is None:
            result.append(error)
            continue
        prefix = tuple(step.name for step in error.steps[:first])
        if prefix not in groups:
            groups[prefix] = []
            result.append(prefix)
        groups[prefix].append(error)
    resolved: list[Located] = []
    for entry in result:
        resolved.extend([entry] if isinstance(entry, Located) else _meant(len(entry), groups[entry]))
    return resolved


def _meant(depth: int, errors: list[Located]) -> list[Located]:
    branches: dict[str | int, list[Located]] = {}
    for error in errors:
        branches.setdefault(error.steps[depth].name, []).append(error)
    fitting = [group for group in branches.values() if not any(_fails_by_form(error, depth) for error in group)]
    if not fitting:
        forms = tuple(error.type for group in branches.values() for error in group)
        return [Located(errors[0].steps[:depth], "union", forms=forms)] if len(branches) > 1 else _cut(depth, errors)
    best = min(fitting, key=lambda group: (sum(e.type in {"missing", "extra_forbidden"} for e in group), len(group)))
    return resolve(_cut(depth, best))


def _fails_by_form(error: Located, depth: int) -> bool:
    return len(error.steps) == depth + 1 and error.type in WRONG_FORM


def _cut(depth: int, errors: list[Located]) -> list[Located]:
    """Without the step that named the branch."""
    return [replace(e, steps=e.steps[:depth] + e.steps[depth + 1 :]) for e in errors]
