"""What counts as agreement: the tolerances of a certificate, taken from the options of the solve."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solvers.programs.options import OPTIONS

#: A claimed number that is a plain function of the point (objective, activity) must be right up to this relative error.
ARITHMETIC_TOLERANCE = 1e-9

#: Seconds after which optional parts of a check (members of a pool, of an infeasible subsystem) are left out.
TIME_BUDGET = 2.0


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Attributes:
    primal: a row or bound with finite side b may be violated by ``primal * max(1, |b|)``.
    dual: a reduced cost may have the wrong sign by ``dual * max(1, |c_j|)``; a dual by ``dual``. The objective of a
        continuous program may differ from the proved bound by ``dual * max(1, |objective|)``.
    integrality: distance from an integer, absolute.
    relative_gap, absolute_gap: a discrete program is solved when |objective - bound| is at most the larger of
        ``relative_gap * |objective|`` and ``absolute_gap``.
    """

    primal: float
    dual: float
    integrality: float
    relative_gap: float
    absolute_gap: float

    def continuous_gap(self, objective: float) -> float:
        return self.dual * max(1.0, abs(objective))

    def discrete_gap(self, objective: float) -> float:
        return max(self.relative_gap * abs(objective), self.absolute_gap)


_DEFAULTS: dict[str, float] = {
    option.name: float(option.default)
    for option in OPTIONS
    if option.type == "float" and option.default is not None and not isinstance(option.default, str)
}


def tolerances(options: Mapping[str, Any] | None) -> Tolerances:
    """The tolerances of a solve with these options; a value that is missing or no number gives the option's default."""

    def value(name: str) -> float:
        given = None if options is None else options.get(name)
        if isinstance(given, (int, float)) and not isinstance(given, bool) and math.isfinite(given) and given >= 0:
            return float(given)
        return _DEFAULTS[name]

    return Tolerances(
        primal=value("primal_tolerance"),
        dual=value("dual_tolerance"),
        integrality=value("integrality_tolerance"),
        relative_gap=value("relative_gap"),
        absolute_gap=value("absolute_gap"),
    )
