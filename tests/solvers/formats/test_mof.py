"""MathOptFormat, on documents made by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from solvers.core.errors import MalformedFile
from solvers.programs.formats.mof import read_mof
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program

INF = float("inf")


def affine(constant: float = 0.0, **terms: float) -> dict[str, Any]:
    listed = [{"coefficient": value, "variable": name} for name, value in terms.items()]
    return {"type": "ScalarAffineFunction", "constant": constant, "terms": listed}


def vector(constants: list[float], terms: list[tuple[int, str, float]]) -> dict[str, Any]:
    listed = [{"output_index": k, "scalar_term": {"coefficient": a, "variable": name}} for k, name, a in terms]
    return {"type": "VectorAffineFunction", "constants": constants, "terms": listed}


def variables(*names: str) -> dict[str, Any]:
    return {"type": "VectorOfVariables", "variables": list(names)}


def variable(name: str) -> dict[str, Any]:
    return {"type": "Variable", "name": name}


def document(*constraints: tuple[dict[str, Any], dict[str, Any]], **parts: Any) -> dict[str, Any]:
    listed = [{"name": f"c{k}", "function": function, "set": set_} for k, (function, set_) in enumerate(constraints)]
    return {
        "version": {"major": 1, "minor": 5},
        "name": "made",
        "variables": [{"name": name} for name in "xyz"],
        "objective": {"sense": "max", "function": affine(2.0, x=3.0, y=-1.0)},
        "constraints": listed,
        **parts,
    }


def parsed(*constraints: tuple[dict[str, Any], dict[str, Any]], **parts: Any) -> Program:
    return read_mof(json.dumps(document(*constraints, **parts)).encode())


def test_linear_rows_are_read_with_their_constants() -> None:
    program = parsed(
        (affine(1.0, x=2.0, y=3.0), {"type": "LessThan", "upper": 10.0}),
        (affine(0.0, x=1.0, z=1.0), {"type": "Interval", "lower": -1.0, "upper": 4.0}),
        (affine(0.0, y=1.0), {"type": "EqualTo", "value": 4.0}),
        (affine(0.0, y=1.0, z=2.0), {"type": "GreaterThan", "lower": 4.0}),
    )
    assert (program.name, program.sense, program.offset, program.c.tolist()) == ("made", "max", 2.0, [3, -1, 0])
    assert program.A.toarray().tolist() == [[2, 3, 0], [1, 0, 1], [0, 1, 0], [0, 1, 2]]
    assert program.row_lower.tolist() == [-INF, -1, 4, 4]
    assert program.row_upper.tolist() == [9, 4, 4, INF]
    assert program.lower.tolist() == [-INF] * 3
    assert program.constraint_names == ("c0", "c1", "c2", "c3")


@pytest.mark.parametrize(
    ("sets", "lower", "upper", "kind"),
    [
        ([{"type": "ZeroOne"}], 0, 1, INTEGER),
        ([{"type": "Integer"}, {"type": "Interval", "lower": -2, "upper": 7}], -2, 7, INTEGER),
        ([{"type": "GreaterThan", "lower": 1}, {"type": "LessThan", "upper": 3}], 1, 3, 0),
        ([{"type": "Semicontinuous", "lower": 2, "upper": 5}], 2, 5, SEMI_CONTINUOUS),
        ([{"type": "Semiinteger", "lower": 2, "upper": 5}], 2, 5, SEMI_INTEGER),
        ([{"type": "Parameter", "value": 2.5}], 2.5, 2.5, 0),
    ],
)
def test_sets_of_one_variable_are_bounds_and_kinds(
    sets: list[dict[str, Any]], lower: float, upper: float, kind: int
) -> None:
    program = parsed(*((variable("y"), one) for one in sets))
    assert (program.m, program.lower[1], program.upper[1], program.integrality[1]) == (0, lower, upper, kind)


def test_vectors_become_rows_with_numbered_names() -> None:
    program = parsed(
        (vector([1.0, 2.0], [(1, "x", 1.0), (2, "y", 3.0)]), {"type": "Nonnegatives", "dimension": 2}),
        (vector([5.0], [(1, "z", 1.0)]), {"type": "Zeros", "dimension": 1}),
        (vector([5.0], [(1, "z", 1.0)]), {"type": "Nonpositives", "dimension": 1}),
        (variables("x", "y"), {"type": "HyperRectangle", "lower": [0, 1], "upper": [2, 3]}),
        (variables("x"), {"type": "Reals", "dimension": 1}),
    )
    assert program.constraint_names == ("c0_1", "c0_2", "c1", "c2", "c3_1", "c3_2")
    assert program.row_lower.tolist() == [-1, -2, -5, -INF, 0, 1]
    assert program.row_upper.tolist() == [INF, INF, -5, -5, 2, 3]


def test_quadratic_functions_have_a_half() -> None:
    quadratic = {
        "type": "ScalarQuadraticFunction",
        "constant": 1.0,
        "affine_terms": [{"coefficient": 1.0, "variable": "x"}],
        "quadratic_terms": [
            {"coefficient": -2.0, "variable_1": "x", "variable_2": "x"},
            {"coefficient": -1.0, "variable_1": "y", "variable_2": "x"},
            {"coefficient": -6.0, "variable_1": "y", "variable_2": "y"},
        ],
    }
    program = parsed(
        (quadratic, {"type": "GreaterThan", "lower": -4.0}), objective={"sense": "max", "function": quadratic}
    )
    assert program.Q is not None
    assert program.Q.toarray()[:2, :2].tolist() == [[-2, -1], [-1, -6]]
    assert program.objective_at(np.array([2.0, 1.0, 0.0])) == 1 + 2 - 4 - 2 - 3
    assert len(program.cones) == 1


def test_cones_sets_and_indicators_are_read() -> None:
    program = parsed(
        (variable("z"), {"type": "ZeroOne"}),
        (variables("x", "y", "z"), {"type": "SecondOrderCone", "dimension": 3}),
        (vector([1.0, 0.0, 0.0], [(1, "x", 1.0), (2, "y", 1.0), (3, "z", 2.0)]), {"type": "RotatedSecondOrderCone"}),
        (variables("x", "y"), {"type": "SOS2", "weights": [2.0, 1.0]}),
        (
            vector([0.0, 1.0], [(1, "z", 1.0), (2, "x", 1.0), (2, "y", -1.0)]),
            {"type": "Indicator", "activate_on": "zero", "set": {"type": "LessThan", "upper": 3.0}},
        ),
    )
    plain, rotated = program.cones
    assert plain.F.toarray().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    for point in np.random.default_rng(1).uniform(-1, 3, size=(100, 3)):
        t, u, w = point[0] + 1, point[1], 2 * point[2]
        value = rotated.F @ point + rotated.g
        inside = t >= 0 and u >= 0 and 2 * t * u >= w * w
        assert (value[0] >= np.linalg.norm(value[1:])) == inside
    (one,) = program.sos
    assert (one.type, one.indices.tolist(), one.weights.tolist()) == (2, [0, 1], [2, 1])
    (indicator,) = program.indicators
    assert (indicator.binary, indicator.active, indicator.upper) == (2, 0, 2)
    assert (indicator.indices.tolist(), indicator.coefficients.tolist()) == ([0, 1], [1, -1])


def test_nonlinear_functions_are_read_and_polynomials_recognised() -> None:
    nonlinear = {
        "type": "ScalarNonlinearFunction",
        "root": {"type": "+", "args": [{"type": "node", "index": 2}, "z", 1.5]},
        "node_list": [
            {"type": "*", "args": [2.0, {"type": "variable", "name": "x"}]},
            {"type": "sin", "args": [{"type": "node", "index": 1}]},
        ],
    }
    square = {"type": "ScalarNonlinearFunction", "root": {"type": "^", "args": ["x", 2]}, "node_list": []}
    program = parsed((nonlinear, {"type": "LessThan", "upper": 3.0}), objective={"sense": "min", "function": square})
    assert program.Q is not None
    assert program.Q[0, 0] == 2
    assert program.nonlinear is not None
    assert program.nonlinear.objective is None
    assert list(program.nonlinear.rows) == [0]


def test_feasibility_and_the_names_of_old_versions_are_read() -> None:
    old = document((({"type": "SingleVariable", "variable": "x"}), {"type": "LessThan", "upper": 3}))
    old["version"] = {"major": 0, "minor": 6}
    old["objective"] = {"sense": "feasibility"}
    program = read_mof(json.dumps(old).encode())
    assert (program.upper[0], program.c.tolist()) == (3, [0, 0, 0])


MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"version": {"major": 7}}, "/version/major", "not known"),
    ({"variables": [{"name": "x"}, {"name": "x"}]}, "/variables/1/name", "used twice"),
    ({"variables": [{}]}, "/variables/0/name", "is missing"),
    ({"objective": {"sense": "up"}}, "/objective/sense", "unknown sense"),
    ({"objective": {"sense": "min", "function": affine(q=1.0)}}, "/objective/function/terms/0/variable", "no variable"),
    (
        {"constraints": [{"function": affine(x=1.0), "set": {"type": "LessThan"}}]},
        "/constraints/0/set/upper",
        "is missing",
    ),
    (
        {"constraints": [{"function": affine(x=float("nan")), "set": {"type": "LessThan", "upper": 1}}]},
        "/constraints/0/function/terms/0/coefficient",
        "finite",
    ),
    (
        {"constraints": [{"function": variables("x", "y"), "set": {"type": "ExponentialCone"}}]},
        "/constraints/0/set/type",
        "ExponentialCone is not supported",
    ),
    (
        {"constraints": [{"function": variables("x", "y"), "set": {"type": "SecondOrderCone", "dimension": 3}}]},
        "/constraints/0/set/dimension",
        "dimension 3",
    ),
    (
        {"constraints": [{"function": affine(x=1.0), "set": {"type": "Integer"}}]},
        "/constraints/0/set",
        "only a variable",
    ),
]


@pytest.mark.parametrize(("parts", "pointer", "words"), MISTAKES)
def test_a_mistake_is_refused_with_its_place(parts: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        parsed(**parts)
    assert (caught.value.pointer, words in str(caught.value)) == (pointer, True)


def test_truncated_json_is_refused_with_its_line() -> None:
    text = json.dumps(document(), indent=1)
    half = text[: len(text) // 2]
    with pytest.raises(MalformedFile, match=f"line {half.count(chr(10)) + 1}: not JSON"):
        read_mof(half.encode())


def test_deep_nesting_is_refused_and_does_not_crash() -> None:
    node = '{"type":"neg","args":[' * 3000 + '"x"' + "]}" * 3000
    constraint = f'"constraints": [{{"function": {{"root": {node}}}}}]'
    text = json.dumps(document()).replace('"constraints": []', constraint)
    with pytest.raises(MalformedFile):
        read_mof(text.encode())
