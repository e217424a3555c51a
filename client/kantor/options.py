"""Options of a solve, checked before anything is sent."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from kantor.errors import InvalidOption, InvalidRequest

if TYPE_CHECKING:
    from pydantic import ValidationError

    from api_schemas.errors import FieldError

Method = Literal["auto", "simplex", "primal-simplex", "dual-simplex", "ipm", "pdlp", "branch-and-bound"]
Part = Literal["primal", "row_duals", "reduced_costs", "row_activity", "basis", "rays", "pool", "names"]

OTHER_NAMES = {
    "gap": "relative_gap",
    "mipgap": "relative_gap",
    "miprelgap": "relative_gap",
    "relgap": "relative_gap",
    "mipgapabs": "absolute_gap",
    "mipabsgap": "absolute_gap",
    "absgap": "absolute_gap",
    "timeout": "time_limit",
    "maxtime": "time_limit",
    "timelimitseconds": "time_limit",
    "maxiter": "iteration_limit",
    "maxiterations": "iteration_limit",
    "maxnodes": "node_limit",
    "randomseed": "seed",
    "warmstart": "start",
    "initial": "start",
    "x0": "start",
    "feasibilitytolerance": "primal_tolerance",
    "feastol": "primal_tolerance",
    "optimalitytolerance": "dual_tolerance",
    "numthreads": "threads",
    "algorithm": "method",
    "solver": "engine",
    "verbose": "progress",
    "poolsolutions": "pool_size",
    "memory": "memory_limit",
}
"""What other tools call an option (without underscores), for the hint of an unknown one."""


_TAGS = frozenset(
    {"program", "csr", "coo", "RawArray", "ArrayReference", "transport", "coupling", "batch", "barycenter", "gromov"}
    | {"sliced"}
)


class Options(TypedDict, total=False):
    """Options that all engines for a kind of problem have; ``kantor engines ID`` shows the defaults."""

    time_limit: float | None
    """Wall-clock seconds for the solve; the best answer so far is kept."""
    memory_limit: int | None
    """MB for the process that solves."""
    relative_gap: float | None
    absolute_gap: float | None
    primal_tolerance: float | None
    dual_tolerance: float | None
    integrality_tolerance: float | None
    threads: int | None
    seed: int | None
    node_limit: int | None
    iteration_limit: int | None
    solution_limit: int | None
    objective_limit: float | None
    cutoff: float | None
    method: Method | None
    presolve: bool | None
    pool_size: int | None
    ranging: bool | None
    iis: bool | None
    relax: bool | None
    log: bool | None
    start: Any
    """An ``Answer``, values by position (NaN where unknown), values by name, or ``{"primal": ..., "row_duals": ...,
    "basis": ...}``."""
    race: list[str] | None
    """Engines for ``engine="race"``."""
    engine_options: dict[str, float | int | bool | str]
    """Options that only the chosen engine has."""
    include: list[Part] | list[Literal["plan", "potentials", "trace"]] | None
    """Parts of the answer to keep; by default all."""

    # of transport
    tolerance: float | None
    """Stop at this relative gap between cost and bound."""
    marginal_tolerance: float | None
    """Largest accepted error of a regularized plan's marginals, relative to the mass."""
    regularization: float | None
    """Strength of what is added to the cost; in units of the mean cost where ``relative``."""
    relative: bool | None
    regularizer: Literal["entropic", "quadratic"] | None
    device: Literal["auto", "cpu", "cuda"] | None


def check(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The given options without those that are None; ``start`` is left as it is.

    Args:
        kind: of the problem.

    Raises:
        InvalidOption: unknown (with the near one), of the wrong type, or out of range.
    """
    from pydantic import ValidationError

    from api_schemas.errors import FieldError
    from api_schemas.jobs import OPTIONS

    model = OPTIONS[kind]
    known = model.model_fields
    for name in options:
        if name not in known:
            detail, hint = f"there is no option {name!r}", suggestion(name, known)
            raise InvalidOption(detail, errors=[FieldError(pointer=f"/options/{name}", detail=detail, hint=hint)])
    given = {name: value for name, value in options.items() if value is not None}
    try:
        model.model_validate({name: value for name, value in given.items() if name != "start"})
    except ValidationError as error:
        errors = field_errors(error, prefix="/options")
        raise InvalidOption(f"{errors[0].pointer[9:]}: {errors[0].detail}", errors=errors) from None
    return given


_WORDS = {
    "extra_forbidden": "is unknown here",
    "missing": "is missing",
    "model_attributes_type": "should be an object, such as kantor.Float(0, 1) for a parameter",
}


def suggestion(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """What was probably meant."""
    plain = name.lower().replace("_", "").replace("-", "")
    other = OTHER_NAMES.get(plain)
    if other is not None:
        return f"did you mean {other!r}?"
    by_plain = {option.replace("_", ""): option for option in known}
    near = difflib.get_close_matches(plain, by_plain, n=1)
    if near:
        return f"did you mean {by_plain[near[0]]!r}?"
    return f"known options: {', '.join(sorted(known))}; those of one engine go into engine_options"


def field_errors(error: ValidationError, *, prefix: str = "", given: Any = None) -> list[FieldError]:
    """As the server writes them: a JSON pointer and plain words for each.

    Args:
        given: what was checked, if it is plain data: names of a union's branches are no part of it.
    """
    from api_schemas.errors import FieldError

    entries = error.errors(include_url=False)
    # of a union that nothing fits, the branch that is nearest to what was given: not those that wanted another type
    nearer = [entry for entry in entries if entry["type"] not in ("model_type", "dict_type", "list_type")]
    errors = []
    for entry in nearer or entries:
        pointer = entry.get("ctx", {}).get("pointer")
        if pointer is None:
            parts = _fields(entry, given) if isinstance(given, dict) else [p for p in entry["loc"] if p not in _TAGS]
            pointer = "".join(f"/{part}" for part in map(str, parts) if "[" not in part)
        detail = _WORDS.get(entry["type"]) or entry["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if entry["type"] in ("union_tag_invalid", "union_tag_not_found"):
            known = entry.get("ctx", {}).get("expected_tags", "").replace("'", "")
            detail = (
                f"{entry['ctx']['discriminator'].strip(chr(39))} must be one of: {known}" if known else "has no type"
            )
        if entry["type"] == "too_short":
            least, has = entry["ctx"]["min_length"], entry["ctx"]["actual_length"]
            detail = f"must have at least {least} {'entry' if least == 1 else 'entries'}, but has {has}"
        hint = str(entry.get("ctx", {}).get("hint", ""))
        errors.append(FieldError(pointer=prefix + pointer, detail=detail[:1].lower() + detail[1:], hint=hint))
    return errors


def _fields(entry: Any, value: Any) -> list[Any]:
    """The location without names of branches, which the data do not have."""
    parts = []
    for k, part in enumerate(entry["loc"]):
        inside = isinstance(value, dict) and part in value
        if inside or (isinstance(value, list) and isinstance(part, int) and part < len(value)):
            value = value[part]
            parts.append(part)
        elif k == len(entry["loc"]) - 1 and entry["type"] == "missing":
            parts.append(part)
    return parts


def invalid_request(error: ValidationError, given: Any = None) -> InvalidRequest:
    """The refusal of name, labels, priority and their like; ``given`` as for ``field_errors``."""
    errors = field_errors(error, given=given)
    return InvalidRequest(f"{errors[0].pointer}: {errors[0].detail}".removeprefix(": "), errors=errors)
