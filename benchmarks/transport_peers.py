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
    plan: Plan = a[:, None] * b * np.exp((answer.f[:, None] + answer.g - M) / epsilon)
    return plan


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


def geomloss(M: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float) -> Plan:
    import geomloss.ot as library
    import torch

    torch.set_num_threads(1)
    cost, first, second = (torch.from_numpy(array) for array in (M, a, b))
    return np.asarray(library.solve(cost, reg=epsilon, a=first, b=second, max_iter=1000).plan)


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


def installed() -> list[str]:
    """Names of the peers that can be run here, Kantor first."""
    return [name for name, module, _ in PEERS if importlib.util.find_spec(module) is not None]


def serve(name: str, pipe: Any) -> None:
    """Solve what comes through the pipe: (M, a, b, epsilon); answer (CPU seconds, sum of marginal errors).

    The first problem is solved twice and the second time counts, so that compilers have done their work.
    """
    warnings.simplefilter("ignore")
    solve = next(function for peer, _, function in PEERS if peer == name)
    warm: set[tuple[int, ...]] = set()
    while (task := pipe.recv()) is not None:
        M, a, b, epsilon = task
        try:
            if M.shape not in warm:
                warm.add(M.shape)
                solve(M, a, b, float(M.max()))  # an easy one of the same shape
            began = time.process_time()
            plan = solve(M, a, b, epsilon)
            seconds = time.process_time() - began
            error = float(np.abs(plan.sum(axis=1) - a).sum() + np.abs(plan.sum(axis=0) - b).sum())
            pipe.send((seconds, error))
        except Exception as failure:
            pipe.send(f"{type(failure).__name__}: {failure}"[:200])
