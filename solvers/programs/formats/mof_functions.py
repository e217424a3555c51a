"""The functions of MathOptFormat."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from solvers.core.errors import MalformedFile
from solvers.programs.expressions import OPERATORS, constant, variable
from solvers.programs.formats.draft import Draft
from solvers.programs.formats.quadratic import Quadratic, as_quadratic
from solvers.programs.problem import Expression

Json = dict[str, Any]

_BINARY = {"/": "/", "^": "pow", "atan": "atan2", "&&": "and", "||": "or"}
_COMPARISONS = ("<", "<=", "==", ">=", ">")
_DERIVED = ("inv", "abs2", "log2", "log1p", "expm1", "exp2")


@dataclass
class Function:
    """A scalar function: a quadratic part, and an expression where there is more."""

    quadratic: Quadratic = field(default_factory=Quadratic)
    expression: Expression | None = None


def entry(item: Any, key: str, kind: type | tuple[type, ...], pointer: str) -> Any:
    """``item[key]``, of the right JSON type."""
    if not isinstance(item, dict):
        raise MalformedFile("an object is needed here", pointer=pointer or "/")
    value = item.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        wanted = (
            "an object" if kind is dict else "a list" if kind is list else "a string" if kind is str else "a number"
        )
        problem = "is missing" if key not in item else "is not right"
        raise MalformedFile(f"{key!r} {problem}", pointer=f"{pointer}/{key}", hint=wanted)
    return value


def finite(value: Any, pointer: str, *, infinite: bool = False) -> float:
    """A JSON number; NaN never, infinite only if ``infinite``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MalformedFile(f"{value!r} is not a number", pointer=pointer)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isnan(number) or (math.isinf(number) and not infinite):
        raise MalformedFile(f"{number} is not a finite number", pointer=pointer)
    return number


def _index(draft: Draft, item: Any, key: str, pointer: str) -> int:
    name = entry(item, key, str, pointer)
    j = draft.variable_of.get(name)
    if j is None:
        raise MalformedFile(f"there is no variable {name!r}", pointer=f"{pointer}/{key}")
    return j


def scalar_function(draft: Draft, item: Json, pointer: str) -> Function:
    """Variable, ScalarAffineFunction, ScalarQuadraticFunction or ScalarNonlinearFunction."""
    kind = entry(item, "type", str, pointer)
    if kind in ("Variable", "SingleVariable"):
        j = _index(draft, item, "name" if kind == "Variable" else "variable", pointer)
        return Function(Quadratic(0.0, {j: 1.0}))
    if kind == "ScalarNonlinearFunction":
        nodes = _node_list(draft, item.get("node_list", []), pointer)
        return _simplified(_node(draft, item.get("root"), nodes, f"{pointer}/root"))
    if kind not in ("ScalarAffineFunction", "ScalarQuadraticFunction"):
        raise MalformedFile(f"the scalar function {kind!r} is not supported", pointer=f"{pointer}/type")
    key = "terms" if kind == "ScalarAffineFunction" else "affine_terms"
    result = Quadratic(finite(item.get("constant", 0.0), f"{pointer}/constant"))
    for k, term in enumerate(entry(item, key, list, pointer)):
        _add_affine(draft, result, term, f"{pointer}/{key}/{k}")
    if kind == "ScalarQuadraticFunction":
        for k, term in enumerate(entry(item, "quadratic_terms", list, pointer)):
            _add_quadratic(draft, result, term, f"{pointer}/quadratic_terms/{k}")
    return Function(result)


def vector_function(draft: Draft, item: Json, pointer: str) -> list[Function]:
    """VectorOfVariables, VectorAffineFunction, VectorQuadraticFunction or VectorNonlinearFunction, row by row."""
    kind = entry(item, "type", str, pointer)
    if kind == "VectorOfVariables":
        names = entry(item, "variables", list, pointer)
        rows = [{"name": name} for name in names]
        return [
            Function(Quadratic(0.0, {_index(draft, row, "name", f"{pointer}/variables/{k}"): 1.0}))
            for k, row in enumerate(rows)
        ]
    if kind == "VectorNonlinearFunction":
        nodes = _node_list(draft, item.get("node_list", []), pointer)
        return [
            _simplified(_node(draft, row, nodes, f"{pointer}/rows/{k}"))
            for k, row in enumerate(entry(item, "rows", list, pointer))
        ]
    if kind not in ("VectorAffineFunction", "VectorQuadraticFunction"):
        raise MalformedFile(f"the vector function {kind!r} is not supported", pointer=f"{pointer}/type")
    constants = entry(item, "constants", list, pointer)
    functions = [Function(Quadratic(finite(value, f"{pointer}/constants/{k}"))) for k, value in enumerate(constants)]
    keys = ["terms"] if kind == "VectorAffineFunction" else ["affine_terms", "quadratic_terms"]
    for key in keys:
        for k, term in enumerate(entry(item, key, list, pointer)):
            where = f"{pointer}/{key}/{k}"
            row = entry(term, "output_index", int, where)
            if not 1 <= row <= len(functions):
                raise MalformedFile(f"there is no row {row}", pointer=f"{where}/output_index")
            add = _add_quadratic if key == "quadratic_terms" else _add_affine
            add(draft, functions[row - 1].quadratic, entry(term, "scalar_term", dict, where), f"{where}/scalar_term")
    return functions


def _add_affine(draft: Draft, into: Quadratic, term: Json, pointer: str) -> None:
    j = _index(draft, term, "variable", pointer)
    value = finite(term.get("coefficient"), f"{pointer}/coefficient")
    into.linear[j] = into.linear.get(j, 0.0) + value


def _add_quadratic(draft: Draft, into: Quadratic, term: Json, pointer: str) -> None:
    """The format's function is x'Qx/2: an entry off the diagonal stands for both of the symmetric matrix."""
    i, j = _index(draft, term, "variable_1", pointer), _index(draft, term, "variable_2", pointer)
    value = finite(term.get("coefficient"), f"{pointer}/coefficient")
    into.add_product(i, j, 0.5 * value if i == j else value)


def _simplified(expression: Expression) -> Function:
    quadratic = as_quadratic(expression)
    return Function(expression=expression) if quadratic is None else Function(quadratic)


def _node_list(draft: Draft, items: Any, pointer: str) -> list[Expression]:
    if not isinstance(items, list):
        raise MalformedFile("node_list must be a list", pointer=f"{pointer}/node_list")
    nodes: list[Expression] = []
    for k, item in enumerate(items):
        nodes.append(_node(draft, item, nodes, f"{pointer}/node_list/{k}"))
    return nodes


def _node(draft: Draft, item: Any, nodes: list[Expression], pointer: str) -> Expression:
    if isinstance(item, str):
        return variable(_index(draft, {"name": item}, "name", pointer))
    if not isinstance(item, dict):
        return constant(finite(item, pointer))
    kind = entry(item, "type", str, pointer)
    if kind == "real":
        return constant(finite(item.get("value"), f"{pointer}/value"))
    if kind == "variable":
        return variable(_index(draft, item, "name", pointer))
    if kind == "node":
        index = item.get("index", item.get("node"))
        if not isinstance(index, int) or not 1 <= index <= len(nodes):
            raise MalformedFile(f"node {index!r} does not stand before this one", pointer=f"{pointer}/index")
        return nodes[index - 1]
    args = [
        _node(draft, argument, nodes, f"{pointer}/args/{k}")
        for k, argument in enumerate(entry(item, "args", list, pointer))
    ]
    return _operator(kind, args, pointer)


def _operator(kind: str, args: list[Expression], pointer: str) -> Expression:
    count = len(args)
    if kind == "+" and count:
        return args[0] if count == 1 else Expression("sum", tuple(args))
    if kind == "-" and count:
        if count == 1:
            return Expression("neg", (args[0],))
        rest = args[1] if count == 2 else Expression("sum", tuple(args[1:]))
        return Expression("-", (args[0], rest))
    if kind == "*" and count:
        product = args[0]
        for factor in args[1:]:
            product = Expression("*", (product, factor))
        return product
    if kind in _BINARY and count == 2:
        return Expression(_BINARY[kind], (args[0], args[1]))
    if kind in _COMPARISONS and count == 2:
        return Expression(kind, (args[0], args[1]))
    if kind in ("min", "max") and count:
        return Expression(kind, tuple(args))
    if kind == "ifelse" and count == 3:
        return Expression("if", tuple(args))
    if count == 1 and kind in OPERATORS and OPERATORS[kind][:2] == (1, 1):
        return Expression(kind, (args[0],))
    if count == 1 and kind in _DERIVED:
        return _derived(kind, args[0])
    raise MalformedFile(f"the operator {kind!r} with {count} arguments is not supported", pointer=f"{pointer}/type")


def _derived(kind: str, x: Expression) -> Expression:
    one, two = constant(1.0), constant(2.0)
    forms = {
        "inv": Expression("/", (one, x)),
        "abs2": Expression("pow", (x, two)),
        "log2": Expression("/", (Expression("log", (x,)), constant(math.log(2.0)))),
        "log1p": Expression("log", (Expression("+", (one, x)),)),
        "expm1": Expression("-", (Expression("exp", (x,)), one)),
        "exp2": Expression("pow", (two, x)),
    }
    return forms[kind]
