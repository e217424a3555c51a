"""Small transport problems with known answers, at least one for each feature an engine may claim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog

from solvers.transport.problem import Regularization, Transport


@dataclass(frozen=True)
class TransportCase:
    """A problem and its optimum: of the regularized objective where there is a regularization, otherwise of the cost.

    ``tolerance`` is relative to ``max(|optimum|, floor)``.
    """

    name: str
    problem: Transport
    optimum: float
    tolerance: float = 1e-6


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def exact() -> list[TransportCase]:
    """Without regularization, the optimum by another algorithm or in closed form."""
    r = _random(1)
    x, y = r.random((12, 2)), r.random((12, 2)) + 0.3
    M = ((x[:, None] - y[None]) ** 2).sum(axis=2)
    rows, columns = linear_sum_assignment(M)
    line_x, line_y = r.normal(size=15), r.normal(size=15) * 2.0 + 1.0
    sorted_cost = float(((np.sort(line_x) - np.sort(line_y)) ** 2).mean())
    sorted_l1 = float(np.abs(np.sort(line_x) - np.sort(line_y)).mean())
    shift = np.array([2.0, -1.0, 0.5])
    cloud = r.normal(size=(9, 3))
    a, b = r.random(8), r.random(11)
    a[3] = b[5] = b[6] = 0.0
    a, b = a / a.sum(), b / b.sum()
    C = r.random((8, 11))
    return [
        TransportCase("assignment", Transport.build(x, y), float(M[rows, columns].mean())),
        TransportCase("matrix with empty rows and columns", Transport.build(M=C, a=a, b=b), _linear(C, a, b)),
        TransportCase("line, squares", Transport.build(line_x, line_y), sorted_cost),
        TransportCase("line, distances", Transport.build(line_x, line_y, cost="l1"), sorted_l1),
        TransportCase("translation", Transport.build(cloud, cloud + shift), float(shift @ shift)),
        TransportCase("the same points twice", Transport.build(cloud, cloud), 0.0),
        TransportCase("one point", Transport.build([[0.0, 0.0]], [[3.0, 4.0]], cost="euclidean"), 5.0),
        TransportCase(
            "total mass other than one", Transport.build(M=C, a=a * 40.0, b=b * 40.0), 40.0 * _linear(C, a, b)
        ),
        TransportCase(
            "partial", Transport.build(M=C, a=a, b=b, variant="partial", mass=0.6), _linear(C, a, b, mass=0.6)
        ),
        TransportCase(
            "total variation",
            Transport.build(M=C, a=a, b=b * 2.0, variant="unbalanced", divergence="tv", strength=0.2),
            _linear(C, a, b * 2.0, strengths=(0.2, 0.2)),
        ),
        TransportCase(
            "semi-relaxed total variation",
            Transport.build(M=C, a=a, b=b * 2.0, variant="semi-relaxed", divergence="tv", strength=0.1),
            _linear(C, a, b * 2.0, strengths=(np.inf, 0.1)),
        ),
    ]


def _linear(
    M: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    *,
    mass: float | None = None,
    strengths: tuple[float, float] | None = None,
) -> float:
    """The optimum by HiGHS, as a linear program."""
    n, m = M.shape
    rows, columns = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    if strengths is not None:  # marginals plus slack: r + s_a - t_a = a
        extra = n + m
        slack = np.zeros((extra, 2 * extra))
        slack[:, :extra], slack[:, extra:] = np.eye(extra), -np.eye(extra)
        price = np.concatenate([np.full(n, strengths[0]), np.full(m, strengths[1])])
        price = np.where(np.isfinite(price), price, 1e6)
        A = np.hstack([np.vstack([rows, columns]), slack])
        result = linprog(np.concatenate([M.ravel(), price, price]), A_eq=A, b_eq=np.concatenate([a, b]))
    elif mass is not None:
        result = linprog(
            M.ravel(),
            A_ub=np.vstack([rows, columns]),
            b_ub=np.concatenate([a, b]),
            A_eq=np.ones((1, n * m)),
            b_eq=[mass],
        )
    else:
        result = linprog(M.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([a, b]))
    assert result.status == 0
    return float(result.fun)


def regularized() -> list[TransportCase]:
    """With a regularization: closed forms, and small problems by an independent solver."""
    return [*_two_by_two(), *_product(), *_penalized(), *_quadratic()]


def _two_by_two() -> list[TransportCase]:
    """Costs [[0, c], [c, 0]], uniform weights: one unknown, P_11 = p, with p / (1/2 - p) = exp(c / e)."""
    c, e = 1.0, 0.3
    p = 0.5 / (1.0 + np.exp(-c / e))
    q = 0.5 - p
    value = 2.0 * q * c + e * (2.0 * p * np.log(4.0 * p) + 2.0 * q * np.log(4.0 * q))
    two = np.array([[0.0, c], [c, 0.0]])
    big = 3.0 * np.array([0.5, 0.5])
    # scaled masses: KL of 3P against the product of weights that sum to 9
    scaled = 3.0 * value + e * (3.0 * np.log(3.0 / 9.0) - 3.0 + 9.0)
    return [
        TransportCase("entropic, two by two", Transport.build(M=two, regularization=e), float(value)),
        TransportCase(
            "entropic, relative to the mean cost",
            Transport.build(M=two, regularization=e / 0.5, relative=True),
            float(value),
        ),
        TransportCase(
            "entropic, masses of three", Transport.build(M=two, a=big, b=big, regularization=e), float(scaled)
        ),
    ]


def _product() -> list[TransportCase]:
    """Costs u_i + v_j: the plan is the product of the marginals whatever epsilon is."""
    r = _random(4)
    u, v, a, b = r.random(6), r.random(9), r.random(6), r.random(9)
    a, b = a / a.sum(), b / b.sum()
    problem = Transport.build(M=u[:, None] + v[None, :], a=a, b=b, regularization=0.01)
    return [TransportCase("entropic, separable costs", problem, float(u @ a + v @ b))]


def _penalized() -> list[TransportCase]:
    """One source, one target: minimize c p + e KL(p | a b) + tau KL(p | a) + tau KL(p | b) over p, in closed form."""
    c, e, tau, a, b = 0.7, 0.2, 0.5, 2.0, 3.0

    def kl(p: float, q: float) -> float:
        return float(p * np.log(p / q) - p + q)

    weight = e + 2.0 * tau
    p = float(np.exp((e * np.log(a * b) + tau * np.log(a) + tau * np.log(b) - c) / weight))
    both = c * p + e * kl(p, a * b) + tau * (kl(p, a) + kl(p, b))
    one = c * a + e * kl(a, a * b) + tau * kl(a, b)
    single = {"M": [[c]], "a": [a], "b": [b], "regularization": e}
    tv = c * a + e * kl(a, a * b) + 0.9 * abs(a - b)
    part = c * 1.5 + e * kl(1.5, a * b)
    return [
        TransportCase("unbalanced KL", Transport.build(**single, variant="unbalanced", strength=tau), both),
        TransportCase("semi-relaxed KL", Transport.build(**single, variant="semi-relaxed", strength=tau), one),
        TransportCase(
            "semi-relaxed total variation, entropic",
            Transport.build(**single, variant="semi-relaxed", divergence="tv", strength=0.9),
            tv,
        ),
        TransportCase("partial, entropic", Transport.build(**single, variant="partial", mass=1.5), part),
    ]


def _quadratic() -> list[TransportCase]:
    """Costs [[0, c], [c, 0]]: P_11 = p with 2p/e-terms in closed form; and a strength so large that the plan is
    uniform."""
    c, e = 1.0, 4.0
    p = min(0.5, 0.25 + c / (2.0 * e))  # minimize 2 c (1/2 - p) + e (p^2 + (1/2 - p)^2)
    value = 2.0 * c * (0.5 - p) + e * (p * p + (0.5 - p) ** 2)
    two = np.array([[0.0, c], [c, 0.0]])
    sparse = 2.0 * c * 0.0 + e * 0.25
    return [
        TransportCase(
            "quadratic, two by two", Transport.build(M=two, regularization=Regularization("quadratic", e)), value
        ),
        TransportCase("sparse, one a column", Transport.build(M=two, regularization=1.0, max_nonzeros=1), sparse / e),
    ]


def cases() -> list[TransportCase]:
    """All of them."""
    return [*exact(), *regularized()]


def hard(entropic: bool) -> Transport:
    """A problem that takes most engines the better part of a second, or more."""
    r = _random(7)
    x, y = r.random((1500, 2)), r.random((1500, 2)) ** 2
    return Transport.build(x, y, regularization=1e-5 if entropic else None, relative=True)
