"""More problems with constraints on outcomes than the one of the table, so that no engine is made for that one alone.

Sources: Gardner et al., Bayesian Optimization with Inequality Constraints, ICML 2014 (two simulations); Gramacy et al.,
Modeling an Augmented Lagrangian, Technometrics 2016; Hock & Schittkowski; designs of a vessel, a spring, a beam and a
speed reducer as in Coello Coello, Computers in Industry 41, 2000. Best values of the first three are minima of a fine
grid, polished; those of the designs are the least that are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from solvers.studies.parameters import Float, Int, Parameter
from solvers.studies.space import Space
from solvers.studies.study import Objective, OutcomeConstraint, Study

Outcome = dict[str, float]


def gardner1(x: Sequence[float]) -> Outcome:
    a, b = x
    return {"y": math.cos(2 * a) * math.cos(b) + math.sin(a), "c": math.cos(a + b) - 0.5}


def gardner2(x: Sequence[float]) -> Outcome:
    a, b = x
    return {"y": math.sin(a) + b, "c": math.sin(a) * math.sin(b) + 0.95}


def gramacy(x: Sequence[float]) -> Outcome:
    a, b = x
    return {
        "y": a + b,
        "c0": 1.5 - a - 2 * b - 0.5 * math.sin(2 * math.pi * (a * a - 2 * b)),
        "c1": a * a + b * b - 1.5,
    }


def rosenbrock_disk(x: Sequence[float]) -> Outcome:
    a, b = x
    return {"y": (1 - a) ** 2 + 100 * (b - a * a) ** 2, "c": a * a + b * b - 2}


def simionescu(x: Sequence[float]) -> Outcome:
    a, b = x
    edge = 1 + 0.2 * math.cos(8 * math.atan2(a, b))
    return {"y": 0.1 * a * b, "c": a * a + b * b - edge * edge}


def bird(x: Sequence[float]) -> Outcome:
    a, b = x
    y = math.sin(b) * math.exp((1 - math.cos(a)) ** 2) + math.cos(a) * math.exp((1 - math.sin(b)) ** 2) + (a - b) ** 2
    return {"y": y, "c": (a + 5) ** 2 + (b + 5) ** 2 - 25}


def vessel(x: Sequence[float]) -> Outcome:
    """Thicknesses of shell and head in sixteenths of an inch, radius, length."""
    shell, head, r, h = x[0] / 16, x[1] / 16, x[2], x[3]
    y = 0.6224 * shell * r * h + 1.7781 * head * r * r + 3.1661 * shell**2 * h + 19.84 * shell**2 * r
    return {
        "y": y,
        "c0": 0.0193 * r - shell,
        "c1": 0.00954 * r - head,
        "c2": 1296000 - math.pi * r * r * h - 4 / 3 * math.pi * r**3,
    }


def spring(x: Sequence[float]) -> Outcome:
    d, w, n = x
    return {
        "y": (n + 2) * w * d * d,
        "c0": 1 - w**3 * n / (71785 * d**4),
        "c1": (4 * w * w - d * w) / (12566 * (w * d**3 - d**4)) + 1 / (5108 * d * d) - 1,
        "c2": 1 - 140.45 * d / (w * w * n),
        "c3": (w + d) / 1.5 - 1,
    }


def beam(x: Sequence[float]) -> Outcome:
    """A welded beam: weld's height and length, bar's height and thickness."""
    h, w, t, b = x
    p, span, e, g = 6000.0, 14.0, 30e6, 12e6
    direct = p / (math.sqrt(2) * h * w)
    radius = math.sqrt(w * w / 4 + ((h + t) / 2) ** 2)
    polar = 2 * (math.sqrt(2) * h * w * (w * w / 12 + ((h + t) / 2) ** 2))
    twist = p * (span + w / 2) * radius / polar
    shear = math.sqrt(direct**2 + direct * twist * w / radius + twist**2)
    buckling = 4.013 * e * math.sqrt(t * t * b**6 / 36) / span**2 * (1 - t / (2 * span) * math.sqrt(e / (4 * g)))
    return {
        "y": 1.10471 * h * h * w + 0.04811 * t * b * (14 + w),
        "c0": shear - 13600,
        "c1": 6 * p * span / (b * t * t) - 30000,
        "c2": h - b,
        "c3": 4 * p * span**3 / (e * t**3 * b) - 0.25,
        "c4": p - buckling,
    }


def reducer(x: Sequence[float]) -> Outcome:
    b, m, z, l1, l2, d1, d2 = x
    y = (
        0.7854 * b * m * m * (3.3333 * z * z + 14.9334 * z - 43.0934)
        - 1.508 * b * (d1 * d1 + d2 * d2)
        + 7.4777 * (d1**3 + d2**3)
        + 0.7854 * (l1 * d1 * d1 + l2 * d2 * d2)
    )
    return {
        "y": y,
        "c0": 27 / (b * m * m * z) - 1,
        "c1": 397.5 / (b * m * m * z * z) - 1,
        "c2": 1.93 * l1**3 / (m * z * d1**4) - 1,
        "c3": 1.93 * l2**3 / (m * z * d2**4) - 1,
        "c4": math.sqrt((745 * l1 / (m * z)) ** 2 + 16.9e6) / (110 * d1**3) - 1,
        "c5": math.sqrt((745 * l2 / (m * z)) ** 2 + 157.5e6) / (85 * d2**3) - 1,
        "c6": m * z / 40 - 1,
        "c7": 5 * m / b - 1,
        "c8": b / (12 * m) - 1,
        "c9": (1.5 * d1 + 1.9) / l1 - 1,
        "c10": (1.1 * d2 + 1.9) / l2 - 1,
    }


#: Name, function, ranges (whole numbers where both ends are), the best feasible value.
PROBLEMS: tuple[tuple[str, Callable[[Sequence[float]], Outcome], tuple[tuple[float, float], ...], float], ...] = (
    ("Gardner 1", gardner1, ((0.0, 6.0), (0.0, 6.0)), -2.0),
    ("Gardner 2", gardner2, ((0.0, 6.0), (0.0, 6.0)), 0.2532360),
    ("Gramacy", gramacy, ((0.0, 1.0), (0.0, 1.0)), 0.5997880),
    ("Rosenbrock in a disk", rosenbrock_disk, ((-1.5, 1.5), (-1.5, 1.5)), 0.0),
    ("Simionescu", simionescu, ((-1.25, 1.25), (-1.25, 1.25)), -0.0720000),
    ("bird", bird, ((-10.0, 0.0), (-6.5, 0.0)), -106.7645367),
    ("pressure vessel", vessel, ((1, 99), (1, 99), (10.0, 200.0), (10.0, 200.0)), 6059.7143),
    ("spring", spring, ((0.05, 2.0), (0.25, 1.3), (2.0, 15.0)), 0.0126652),
    ("welded beam", beam, ((0.125, 5.0), (0.1, 10.0), (0.1, 10.0), (0.1, 5.0)), 1.7248523),
    (
        "speed reducer",
        reducer,
        ((2.6, 3.6), (0.7, 0.8), (17, 28), (7.3, 8.3), (7.3, 8.3), (2.9, 3.9), (5.0, 5.5)),
        2994.4711,
    ),
)


def study_of(function: Callable[[Sequence[float]], Outcome], ranges: tuple[tuple[float, float], ...]) -> Study:
    """Its parameters are x0, x1...; every outcome but y is to be at most 0."""
    parameters: list[Parameter] = []
    for i, (low, high) in enumerate(ranges):
        if isinstance(low, int):
            parameters.append(Int(name=f"x{i}", low=low, high=int(high)))
        else:
            parameters.append(Float(name=f"x{i}", low=low, high=high))
    told = function([0.5 * (low + high) for low, high in ranges])
    constraints = tuple(OutcomeConstraint(name, "<=", 0.0) for name in told if name != "y")
    return Study(Space(tuple(parameters)), (Objective("y"),), constraints)


def at(function: Callable[[Sequence[float]], Outcome], point: Mapping[str, Any]) -> Outcome:
    return function([float(point[f"x{i}"]) for i in range(len(point))])
