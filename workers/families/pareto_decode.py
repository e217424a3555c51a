"""A problem of several objectives, as stored, to ``solvers.pareto`` types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from api_schemas.expression import Scope
from solvers.core.errors import SolverError
from solvers.onelevel.problem import Constraint, Minimize
from solvers.pareto.options import OPTIONS
from solvers.pareto.problem import Pareto, Sense
from workers.families import Files, Refusal, Work
from workers.families.expressions import declare, facts, read_data, refused, values_of
from workers.families.options import Options, limits

OPTION_RULES = Options(OPTIONS, {"memory_limit", "reference", "preferences"})


def decode(document: Mapping[str, Any], files: Files) -> Work:
    """Problem and options of ``{"problem": …, "options": …}``.

    Raises:
        Refusal, SolverError: with pointers into the request's body.
    """
    options = document.get("options") or {}
    problem = _problem(document["problem"], options, files)
    return Work(problem=problem, options=OPTION_RULES.settings(options), **limits(options))


def _problem(given: Mapping[str, Any], options: Mapping[str, Any], files: Files) -> Pareto:
    scope = Scope()
    data = read_data(scope, given.get("data") or {}, files)
    variables = given["variables"]
    declare(scope, variables, "/problem/variables")
    for name, source in (given.get("let") or {}).items():
        with refused(f"/problem/let/{name}"):
            scope.let(name, source)
    roots: list[int] = []
    senses: list[Sense] = []
    for name, goal in given["objectives"].items():
        word = "maximize" if goal.get("minimize") is None else "minimize"
        with refused(f"/problem/objectives/{name}/{word}"):
            root = scope.objective(goal[word]).root
        roots.append(scope.add("neg", (root,), ()) if word == "maximize" else root)
        senses.append("max" if word == "maximize" else "min")
    constraints, outputs = [], {}
    for k, source in enumerate(given.get("constraints") or ()):
        with refused(f"/problem/constraints/{k}"):
            found = scope.constraint(source)
        outputs[f"constraint{k}"] = found.root
        constraints.append(Constraint(f"constraint{k}", found.sense, facts(scope, found.root, variables), source))
    names = tuple(given["objectives"])
    signs = np.array([-1.0 if sense == "max" else 1.0 for sense in senses])
    common: dict[str, Any] = {
        field: values_of(variables, field, files, "/problem/variables") for field in ("start", "lower", "upper")
    }
    plain = scope.plain({f"objective{k}": root for k, root in enumerate(roots)})
    each = tuple(facts(scope, root, variables) for root in roots)
    try:
        weighted, weights = _weighted(scope, data, roots, outputs, constraints, variables, common)
        boundary, origin, direction = _boundary(scope, data, roots, outputs, constraints, variables, common)
        return Pareto.build(
            plain,
            data,
            names=names,
            senses=tuple(senses),
            facts=each,
            weighted=weighted,
            boundary=boundary,
            data_names=(weights, origin, direction),
            preferences=_preferences(options.get("preferences"), names),
            reference=_reference(options.get("reference"), names, signs),
            name=given.get("name", ""),
        )
    except SolverError as error:
        error.pointer = f"/problem{error.pointer}"
        raise


def _weighted(
    scope: Scope,
    data: Mapping[str, Any],
    roots: list[int],
    outputs: Mapping[str, int],
    constraints: list[Constraint],
    variables: Mapping[str, Any],
    common: Mapping[str, Any],
) -> tuple[Minimize, str]:
    """The sum of the objectives with weights that are data, and these data's name."""
    k = len(roots)
    name = _free(scope, "weights")
    scope.data(name, (k,), least=0.0)
    total: int | None = None
    for i, root in enumerate(roots):
        term = scope.add("mul", (scope.expression(f"{name}[{i}]").root, root), ())
        total = term if total is None else scope.add("add", (total, term), ())
    assert total is not None
    found = Minimize.build(
        scope.plain({"objective": total, **outputs}),
        {**data, name: np.full(k, 1.0 / k)},
        facts=facts(scope, total, variables),
        constraints=constraints,
        **common,
    )
    return found, name


def _boundary(
    scope: Scope,
    data: Mapping[str, Any],
    roots: list[int],
    outputs: Mapping[str, int],
    constraints: list[Constraint],
    variables: Mapping[str, Any],
    common: Mapping[str, Any],
) -> tuple[Minimize, str, str]:
    """``min t`` with ``objective - origin - t direction <= 0``, and the names of origin and direction."""
    k = len(roots)
    t, origin, direction = (_free(scope, name) for name in ("t", "origin", "direction"))
    scope.variable(t)
    scope.data(origin, (k,))
    scope.data(direction, (k,), least=0.0)
    every = {*variables, t}
    limits_: list[Constraint] = []
    added = dict(outputs)
    for i, root in enumerate(roots):
        shift = scope.expression(f"{origin}[{i}] + {t}*{direction}[{i}]").root
        added[f"limit{i}"] = scope.add("sub", (root, shift), ())
        limits_.append(Constraint(f"limit{i}", "<=", facts(scope, added[f"limit{i}"], every)))
    objective = scope.expression(t).root
    found = Minimize.build(
        scope.plain({"objective": objective, **added}),
        {**data, origin: np.zeros(k), direction: np.ones(k)},
        facts=facts(scope, objective, every),
        constraints=[*constraints, *limits_],
        **common,
    )
    return found, origin, direction


def _free(scope: Scope, name: str) -> str:
    """A name that the problem does not use."""
    while name in scope.inputs or name in scope.lets:
        name += "_"
    return name


def _preferences(given: Any, names: tuple[str, ...]) -> np.ndarray | None:
    if given is None:
        return None
    rows = np.array([_row(row, names, f"/options/preferences/{i}", 0.0) for i, row in enumerate(given)])
    for i, row in enumerate(rows):
        if (row < 0.0).any() or not row.any():
            words = "weights are not negative, and not all zero"
            raise Refusal("invalid-option", words, pointer=f"/options/preferences/{i}")
    return rows


def _reference(given: Any, names: tuple[str, ...], signs: np.ndarray) -> np.ndarray | None:
    if given is None:
        return None
    row = _row(given, names, "/options/reference", 0.0)
    missing = [name for name in names if name not in given]
    if missing:
        words = f"no value for the objective {missing[0]!r}"
        raise Refusal("invalid-option", words, pointer="/options/reference", hint="one number for each objective")
    found: np.ndarray = signs * np.array(row)
    return found


def _row(given: Mapping[str, float], names: tuple[str, ...], pointer: str, missing: float) -> list[float]:
    for name in given:
        if name not in names:
            words = f"there is no objective {name!r}"
            raise Refusal("invalid-option", words, pointer=f"{pointer}/{name}", hint=f"objectives: {', '.join(names)}")
    return [float(given.get(name, missing)) for name in names]
