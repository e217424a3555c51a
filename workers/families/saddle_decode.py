"""A saddle problem, as stored, to ``solvers.saddle`` types."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Literal

from api_schemas.expression import Scope, structure
from api_schemas.expression import program as form
from solvers.core.errors import SolverError
from solvers.onelevel.problem import Constraint, Minimize
from solvers.saddle.options import OPTIONS
from solvers.saddle.problem import Saddle
from workers.families import Files, Work
from workers.families.expressions import declare, facts, read_data, refused, values_of
from workers.families.options import Options, limits

OPTION_RULES = Options(OPTIONS, {"memory_limit"})


def decode(document: Mapping[str, Any], files: Files) -> Work:
    """Problem and options of ``{"problem": …, "options": …}``.

    Raises:
        Refusal, SolverError: with pointers into the request's body.
    """
    options = document.get("options") or {}
    problem = _problem(document["problem"], files)
    return Work(problem=problem, options=OPTION_RULES.settings(options), **limits(options))


def _problem(given: Mapping[str, Any], files: Files) -> Saddle:
    scope = Scope()
    data = read_data(scope, given.get("data") or {}, files)
    sides: dict[str, Mapping[str, Any]] = {name: given[name] for name in ("minimize_over", "maximize_over")}
    for name, variables in sides.items():
        declare(scope, variables, f"/problem/{name}", name)
    for name, source in (given.get("let") or {}).items():
        with refused(f"/problem/let/{name}"):
            scope.let(name, source)
    with refused("/problem/objective"):
        root = scope.objective(given["objective"]).root
    constraints: dict[str, list[tuple[int, Any]]] = {name: [] for name in sides}
    for k, source in enumerate(given.get("constraints") or ()):
        with refused(f"/problem/constraints/{k}"):
            found = scope.constraint(source)
        owner = next(n for n, v in sides.items() if structure(scope.operations, scope.inputs, found.root, v).variables)
        constraints[owner].append((k, found))
    names = {*sides["minimize_over"], *sides["maximize_over"]}
    try:
        return Saddle.build(
            scope.plain({"objective": root}),
            data,
            minimizer=_player(scope, data, root, "min", sides, constraints["minimize_over"], files),
            maximizer=_player(scope, data, root, "max", sides, constraints["maximize_over"], files),
            degree=structure(scope.operations, scope.inputs, root, names).degree,
            source=given["objective"],
            name=given.get("name", ""),
        )
    except SolverError as error:
        error.pointer = f"/problem{error.pointer}"
        raise


def _player(
    scope: Scope,
    data: Mapping[str, Any],
    root: int,
    sense: Literal["min", "max"],
    sides: Mapping[str, Mapping[str, Any]],
    constraints: list[tuple[int, Any]],
    files: Files,
) -> Minimize:
    """One player's problem while the other stands still at its start."""
    own, other = ("minimize_over", "maximize_over") if sense == "min" else ("maximize_over", "minimize_over")
    variables, pointer = sides[own], f"/problem/{own}"
    if sense == "max":
        root = scope.add("neg", (root,), ())
    outputs = {"objective": root, **{f"constraint{k}": found.root for k, found in constraints}}
    fixed = Minimize.build(
        scope.plain({"objective": root}),
        data,
        facts=facts(scope, root, variables),
        start=values_of(sides[other], "start", files, f"/problem/{other}"),
        lower=values_of(sides[other], "lower", files, f"/problem/{other}"),
        upper=values_of(sides[other], "upper", files, f"/problem/{other}"),
    )
    standing = {name: part for name, part in fixed.layout.split(fixed.start).items() if name in sides[other]}
    return Minimize.build(
        _plain(scope, outputs, sides[other]),
        {**data, **standing},
        facts=facts(scope, root, variables),
        start=values_of(variables, "start", files, pointer),
        lower=values_of(variables, "lower", files, pointer),
        upper=values_of(variables, "upper", files, pointer),
        constraints=[
            Constraint(f"constraint{k}", found.sense, facts(scope, found.root, variables), found.source)
            for k, found in constraints
        ],
        sense=sense,
        words=structure(scope.operations, scope.inputs, root, variables).words,
    )


def _plain(scope: Scope, outputs: Mapping[str, int], fixed: Collection[str]) -> dict[str, Any]:
    """The intermediate form in which the other player's variables are data."""
    inputs = {name: replace(given, role="data") if name in fixed else given for name, given in scope.inputs.items()}
    return form.plain(scope.operations, inputs, outputs)
