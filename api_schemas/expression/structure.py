"""What can be known of an expression from its operations alone: degree, convexity, smoothness, names used.

Everything here is a sufficient rule: ``unknown`` means that no rule decides, never that the opposite holds.
Convexity by the rules of disciplined convex programming (Grant, Boyd, Ye 2006), for functions where they are defined.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from api_schemas.expression.curvature import Curvature, Fact, fact
from api_schemas.expression.program import Input, Operation, reachable
from api_schemas.expression.signs import Sign

#: Polynomials of a higher degree are not told apart from other functions.
MAX_DEGREE = 64


@dataclass(frozen=True)
class Structure:
    """Of one expression, as a function of some variables, all other names held fixed.

    Attributes:
        degree: of the polynomial in those variables; None if it is none (or beyond 64).
        curvature: ``constant``, ``affine``, ``convex``, ``concave`` or ``unknown``.
        sign: ``positive``, ``nonnegative``, ``nonpositive``, ``negative`` or ``unknown``.
        smooth: continuously differentiable wherever it is defined, by its operations.
        strongly_convex: True if it is strongly convex in those variables for all values of the others.
        modulus: of strong convexity, as far as numbers in the text and bounds of data give it; 0 if unknown.
        variables: those of the variables that it uses.
        parameters: other variables that it uses.
        data: data that it uses.
    """

    degree: int | None
    curvature: Curvature
    sign: Sign
    smooth: bool
    strongly_convex: bool
    modulus: float
    variables: frozenset[str]
    parameters: frozenset[str]
    data: frozenset[str]

    @property
    def convex(self) -> bool:
        """Affine counts."""
        return self.curvature in ("constant", "affine", "convex")

    @property
    def concave(self) -> bool:
        """Affine counts."""
        return self.curvature in ("constant", "affine", "concave")

    @property
    def words(self) -> str:
        """For people: ``convex quadratic``, ``affine``, ``nonlinear, not smooth``..."""
        if self.curvature in ("constant", "affine"):
            return self.curvature
        degree = {None: "", 2: "quadratic"}.get(self.degree, f"polynomial of degree {self.degree}")
        kind = "strongly convex" if self.strongly_convex else "" if self.curvature == "unknown" else self.curvature
        words = f"{kind} {degree}".strip() or "nonlinear"
        return words if self.smooth else f"{words}, not smooth"


def structure(
    operations: Sequence[Operation], inputs: Mapping[str, Input], root: int, variables: Collection[str]
) -> Structure:
    """Analyse ``operations[root]`` as a function of ``variables``. Each operation is looked at once."""
    listed = list(operations)
    facts: dict[int, Fact] = {}
    used: set[str] = set()
    for index in reachable(listed, [root]):
        operation = listed[index]
        if operation.op == "input":
            used.add(operation.attribute("name"))
        facts[index] = fact(index, listed, inputs, variables, facts)
    last = facts[root]
    wanted = frozenset(variables)
    strong = bool(wanted) and last.curvature == "convex" and wanted <= last.strong.keys()
    return Structure(
        degree=last.degree if last.degree is not None and last.degree <= MAX_DEGREE else None,
        curvature=last.curvature,
        sign=last.sign,
        smooth=last.smooth,
        strongly_convex=strong,
        modulus=min(last.strong[name] for name in wanted) if strong else 0.0,
        variables=frozenset(used & wanted),
        parameters=frozenset(name for name in used - wanted if inputs[name].role == "variable"),
        data=frozenset(name for name in used if inputs[name].role == "data"),
    )
