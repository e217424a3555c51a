"""What each library does with one transport problem. Every function is run in a process of its own, and only where its
library is installed (``pip install "kantor-server[bench]"``)."""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

Plan = np.ndarray
Solve = Callable[[np.ndarray, np.ndarray, np.ndarray, float], Plan]


def kantor(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    from solvers.core import registry
    from solvers.core.engine import LocalContext
    from solvers.transport.problem import Transport

    problem = Transport.build(M=M, a=a, b=b, regularization=epsilon)
    answer = registry.load("transport", "sinkhorn-newton").solve(problem, {}, LocalContext())
    return _plan(M, a, b, epsilon, answer)


def _plan(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float, answer: Any) -> Plan:
    plan: Plan = np.multiply(M, -1.0 / epsilon)
    plan += (answer.f / epsilon + np.log(a))[:, None]
    plan += answer.g / epsilon + np.log(b)
    np.exp(plan, out=plan)
    return plan


def kantor_certificate(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> float:
    """CPU seconds of solve and certificate together.

    Raises:
        RuntimeError: the certificate does not hold.
    """
    from solvers.core import registry
    from solvers.core.engine import LocalContext
    from solvers.transport.certificates import certify
    from solvers.transport.problem import Transport

    began = time.process_time()
    problem = Transport.build(M=M, a=a, b=b, regularization=epsilon)
    answer = registry.load("transport", "sinkhorn-newton").solve(problem, {}, LocalContext())
    answer, certificate = certify(problem, answer)
    seconds = time.process_time() - began
    if answer.status != "optimal" or not certificate.verified:
        raise RuntimeError(f"{answer.status}: {answer.message}")
    return seconds


def kantor_batch(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    from solvers.core import registry
    from solvers.core.engine import LocalContext
    from solvers.transport.problem import Transport

    batch = Transport.batch([Transport.build(M=one, a=a, b=b, regularization=epsilon) for one in M])
    answer = registry.load("transport", "batched-newton").solve(batch, {}, LocalContext())
    return np.stack([_plan(one, a, b, epsilon, found) for one, found in zip(M, answer.batch, strict=True)])


def pot_log(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    import ot

    return np.asarray(ot.bregman.sinkhorn_log(a, b, M, epsilon, stopThr=1e-10, numItermax=10**7, warn=False))


def pot_stabilized(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    import ot

    found = ot.bregman.sinkhorn_stabilized(a, b, M, epsilon, stopThr=1e-10, numItermax=10**7, warn=False)
    return np.asarray(found)


def regot_ssns(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    import regot

    return np.asarray(regot.sinkhorn_ssns(np.asfortranarray(M), a, b, epsilon, tol=2e-10, max_iter=100_000).plan)


def regot_splr(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    import regot

    return np.asarray(regot.sinkhorn_splr(np.asfortranarray(M), a, b, epsilon, tol=2e-10, max_iter=100_000).plan)


def ott(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    import jax

    jax.config.update("jax_enable_x64", True)
    from ott.geometry.geometry import Geometry
    from ott.problems.linear.linear_problem import LinearProblem
    from ott.solvers.linear.sinkhorn import Sinkhorn

    solver = Sinkhorn(threshold=1e-9, max_iterations=10**6)
    found = solver(LinearProblem(Geometry(cost_matrix=M, epsilon=epsilon), a=a, b=b))
    return np.asarray(found.matrix)


def pot_batch(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    import ot

    weights = (np.broadcast_to(a, M.shape[:2]), np.broadcast_to(b, (len(M), len(b))))
    return np.asarray(ot.batch.solve_batch(M, epsilon, *weights, max_iter=10_000, tol=1e-9).plan)


def ott_batch(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    import jax

    jax.config.update("jax_enable_x64", True)
    from ott.geometry.geometry import Geometry
    from ott.problems.linear.linear_problem import LinearProblem
    from ott.solvers.linear.sinkhorn import Sinkhorn

    def one(costs: Any, strength: Any) -> Any:
        solver = Sinkhorn(threshold=1e-9, max_iterations=10**6)
        return solver(LinearProblem(Geometry(cost_matrix=costs, epsilon=strength), a=a, b=b)).matrix

    compiled = _COMPILED.setdefault("ott", jax.jit(jax.vmap(one, in_axes=(0, None))))
    return np.asarray(compiled(M, epsilon))


def geomloss(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    import geomloss.ot as library
    import torch

    torch.set_num_threads(1)
    cost, first, second = (torch.from_numpy(array) for array in (M, a, b))
    return np.asarray(library.solve(cost, reg=epsilon, a=first, b=second, max_iter=1000).plan)


#: Compiled functions, by name: made once.
_COMPILED: dict[str, Any] = {}

#: Name in tables, import name that it needs, function.
PEERS: tuple[tuple[str, str, Solve], ...] = (
    ("Kantor", "torch", kantor),
    ("POT log", "ot", pot_log),
    ("POT stabilized", "ot", pot_stabilized),
    ("regot SSNS", "regot", regot_ssns),
    ("regot SPLR", "regot", regot_splr),
    ("OTT", "ott", ott),
    ("GeomLoss", "geomloss", geomloss),
)

#: What takes (B, n, m) costs; others are called in a loop.
BATCHED: dict[str, Solve] = {"Kantor": kantor_batch, "POT log": pot_batch, "OTT": ott_batch}


def installed() -> list[str]:
    """Names of the peers that can be run here, Kantor first."""
    return [name for name, module, _ in PEERS if importlib.util.find_spec(module) is not None]


def serve(name: str, pipe: Any) -> None:
    """Solve what comes through the pipe: (M, a, b, epsilon).

    Replies to each: that it is ready (an easy problem of the same shape was solved, so that compilers have done their
    work), then CPU seconds and marginal error, or what failed; of Kantor then the seconds with the certificate.
    """
    warnings.simplefilter("ignore")
    solve = next(function for peer, _, function in PEERS if peer == name)
    warm: set[tuple[int, ...]] = set()
    while (task := pipe.recv()) is not None:
        M, a, b, epsilon = task
        function = solve if M.ndim == 2 else BATCHED.get(name) or _loop(solve)
        try:
            if M.shape not in warm:
                warm.add(M.shape)
                function(M, a, b, float(M.max()))
            pipe.send({})
            began = time.process_time()
            plan = function(M, a, b, epsilon)
            seconds = time.process_time() - began
            off = np.abs(plan.sum(axis=-1) - a).sum(axis=-1) + np.abs(plan.sum(axis=-2) - b).sum(axis=-1)
            pipe.send({"seconds": seconds, "error": float(np.max(off))})
            if name == "Kantor" and M.ndim == 2:
                pipe.send({"certified": kantor_certificate(M, a, b, epsilon)})
        except Exception as failure:
            pipe.send({"failure": f"{type(failure).__name__}: {failure}"[:200]})


def _loop(solve: Solve) -> Solve:
    def all_of(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
        return np.stack([solve(one, a, b, epsilon) for one in M])

    return all_of
