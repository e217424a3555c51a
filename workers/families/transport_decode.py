"""A transport problem's document, as stored, to ``solvers.transport`` types."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from solvers.core.errors import SolverError
from solvers.transport.options import OPTIONS
from solvers.transport.problem import (
    Barycenter,
    Gromov,
    Measure,
    Sliced,
    Transport,
    TransportBatch,
    TransportProblem,
)
from solvers.transport.start import Start
from workers.families import Files, Refusal, Work, arrays
from workers.families.options import Options, limits

#: Options of the contract that are not passed on by name.
OPTION_RULES = Options(OPTIONS, {"regularization", "relative", "regularizer"})

#: Pairs of a collection in one job.
MOST_PAIRS = 500_000

_ARRAYS = {
    "coupling": ("x", "y", "M", "A", "B", "a", "b"),
    "gromov": ("C", "D", "x", "y", "a", "b", "M"),
    "sliced": ("x", "y", "a", "b"),
    "barycenter": ("weights", "support"),
}
_NOT_FIELDS = frozenset({"kind", "type", "regularizer", "measures", "images"})


def decode(document: Mapping[str, Any], files: Files) -> Work:
    """Problem and options of ``{"problem": …, "options": …}``.

    Raises:
        Refusal, SolverError: with pointers into the request's body.
    """
    given = document["problem"]
    options = document.get("options") or {}
    problem = _problem(_with_regularization(given, options), files, "/problem")
    settings = OPTION_RULES.settings(options)
    if settings.get("device") != "cuda":
        settings["device"] = "cpu"  # a job is let use a GPU where it asks for one: this worker may be of any pool
    if options.get("start") is not None:
        settings["start"] = _start(options["start"], problem, files)
    return Work(
        problem=problem,
        options=settings,
        **limits(options),
        extra={
            "include": options.get("include"),
            "type": given.get("type", "coupling"),
            "collection": given.get("collection") is not None,
        },
    )


def _with_regularization(given: Mapping[str, Any], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The regularization may be given with the problem or with the solve, not with both."""
    found = {
        name: options[name] for name in ("regularization", "relative", "regularizer") if options.get(name) is not None
    }
    if not found:
        return given
    own = given.get("problems") or [given]
    if given.get("type") in ("batch", "sliced") and given.get("problems") is None:
        raise Refusal("invalid-option", "this problem has no regularization", pointer=f"/options/{next(iter(found))}")
    if any(one.get("regularization") for one in own) and "regularization" in found:
        raise Refusal(
            "invalid-option",
            "the problem has a regularization of its own",
            pointer="/options/regularization",
            hint="give it once",
        )
    if given.get("problems") is not None:
        return {**given, "problems": [{**one, **found} for one in own]}
    return {**given, **found}


def _problem(given: Mapping[str, Any], files: Files, pointer: str) -> TransportProblem:
    kind = given.get("type", "coupling")
    if kind == "batch":
        return _batch(given, files, pointer)
    fields = {name: value for name, value in given.items() if name not in _NOT_FIELDS and value is not None}
    for name in _ARRAYS[kind]:
        if name in fields:
            fields[name] = arrays.tensor(fields[name], files, f"{pointer}/{name}")
    build: Callable[..., TransportProblem]
    if kind == "barycenter":
        build = Barycenter.build
        if given.get("images") is not None:
            fields |= {"measures": _images(given["images"], files, pointer), "images": True}
        else:
            fields["measures"] = [
                _measure(one, files, f"{pointer}/measures/{k}") for k, one in enumerate(given["measures"])
            ]
    elif kind == "gromov":
        build = Gromov.build
    elif kind == "sliced":
        build = Sliced.build
    else:
        build = Transport.build
        if given.get("regularizer") is not None:
            fields["kind"] = given["regularizer"]
    try:
        return build(**fields)
    except SolverError as error:
        error.pointer = f"{pointer}{'/regularizer' if error.pointer == '/kind' else error.pointer}"
        raise


def _images(given: Any, files: Files, pointer: str) -> list[np.ndarray]:
    return [arrays.tensor(image, files, f"{pointer}/images/{k}") for k, image in enumerate(given)]


def _measure(given: Mapping[str, Any], files: Files, pointer: str) -> Measure | np.ndarray:
    points = arrays.tensor(given["points"], files, f"{pointer}/points")
    if given.get("weights") is None:
        return points
    return Measure(arrays.vector(given["weights"], files, f"{pointer}/weights"), points)


def _batch(given: Mapping[str, Any], files: Files, pointer: str) -> TransportBatch:
    if given.get("problems") is not None:
        problems = [_problem(one, files, f"{pointer}/problems/{k}") for k, one in enumerate(given["problems"])]
        return TransportBatch(tuple(problems), given.get("name", ""))  # type: ignore[arg-type]
    measures = _collection(given["collection"], files, f"{pointer}/collection")
    pairs = _pairs(given.get("pairs"), len(measures), files, f"{pointer}/pairs")
    cost, p = given.get("cost", "sqeuclidean"), float(given.get("p", 2.0))
    for k, measure in enumerate(measures):
        try:  # each against the next: every measure and every dimension is looked at once
            other = measures[(k + 1) % len(measures)]
            Transport.build(measure.points, other.points, a=measure.weights, b=other.weights, cost=cost, p=p)
        except SolverError as error:
            error.pointer = f"{pointer}/collection/points"
            raise
    found = [
        Transport(
            a=measures[i].weights,
            b=_scaled(measures[j].weights, measures[i].weights),
            x=measures[i].points,
            y=measures[j].points,
            cost=cost,
            p=p,
        )
        for i, j in pairs
    ]
    return TransportBatch(tuple(found), given.get("name", ""))


def _scaled(weights: np.ndarray, like: np.ndarray) -> np.ndarray:
    """With exactly the same total."""
    total, wanted = math.fsum(weights), math.fsum(like)
    return weights if total == wanted else weights * (wanted / total)


def _collection(given: Mapping[str, Any], files: Files, pointer: str) -> list[Measure]:
    from solvers.transport.validation import points as checked_points
    from solvers.transport.validation import weights as checked_weights

    try:
        points = checked_points(arrays.tensor(given["points"], files, f"{pointer}/points"), "/points")
        weights = None if given.get("weights") is None else arrays.tensor(given["weights"], files, f"{pointer}/weights")
        if given.get("offsets") is None:
            if weights is None or weights.ndim != 2:
                raise Refusal(
                    "invalid-problem",
                    "measures on common points need a matrix of weights, one row each",
                    pointer=f"{pointer}/weights",
                )
            rows = [checked_weights(row, len(points), f"/weights/{k}", normalize=True) for k, row in enumerate(weights)]
            return [Measure(row[row > 0.0], points[row > 0.0]) for row in rows]
        offsets = arrays.vector(given["offsets"], files, f"{pointer}/offsets", "integer")
        if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != len(points) or (np.diff(offsets) < 1).any():
            raise Refusal(
                "invalid-problem",
                "offsets do not cut the points into measures",
                pointer=f"{pointer}/offsets",
                hint=f"rising from 0 to {len(points)}",
            )
        flat = np.ones(len(points)) if weights is None else checked_weights(weights, len(points), "/weights")
        found = []
        for k, (i, j) in enumerate(itertools.pairwise(offsets.tolist())):
            found.append(Measure(checked_weights(flat[i:j], j - i, f"/weights/{k}", normalize=True), points[i:j]))
        return found
    except SolverError as error:
        error.pointer = f"{pointer}{error.pointer}"
        raise


def _pairs(given: Any, count: int, files: Files, pointer: str) -> list[tuple[int, int]]:
    if given is None:
        number = count * (count - 1) // 2
        if number > MOST_PAIRS:
            raise _too_many(number, pointer)
        return list(itertools.combinations(range(count), 2))
    flat = arrays.vector(given, files, pointer, "integer")
    if flat.size % 2 or not flat.size:
        raise Refusal("invalid-problem", f"{flat.size} numbers are no pairs", pointer=pointer, hint="two for each pair")
    if flat.size // 2 > MOST_PAIRS:
        raise _too_many(flat.size // 2, pointer)
    wrong = np.flatnonzero((flat < 0) | (flat >= count))
    if wrong.size:
        words = f"there is no measure {flat[wrong[0]]}"
        raise Refusal("invalid-problem", words, pointer=f"{pointer}/{wrong[0]}", hint=f"0 to {count - 1}")
    return [(int(i), int(j)) for i, j in flat.reshape(-1, 2)]


def _too_many(number: int, pointer: str) -> Refusal:
    hint = f"at most {MOST_PAIRS} in one job; give pairs, and the rest in another job"
    return Refusal("invalid-problem", f"{number} pairs", pointer=pointer, hint=hint)


def _start(given: Mapping[str, Any], problem: TransportProblem, files: Files) -> Start:
    if not isinstance(problem, Transport):
        raise Refusal("invalid-option", "only one transport problem has a start", pointer="/options/start")
    found: dict[str, np.ndarray] = {}
    for name, size in (("f", problem.n), ("g", problem.m)):
        if given.get(name) is not None:
            values = arrays.vector(given[name], files, f"/options/start/{name}")
            if values.size != size:
                words = f"{values.size} potentials for {size} points"
                raise Refusal("invalid-option", words, pointer=f"/options/start/{name}")
            found[name] = values
    return Start(**found)
