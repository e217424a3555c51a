"""Options that every transport engine shares. Warm potentials are not an option but part of the call:
``options["start"]``, a ``solvers.transport.start.Start`` or None."""

from __future__ import annotations

from solvers.core.common_options import LOG, SEED, THREADS, TIME_LIMIT
from solvers.core.engine import Option

OPTIONS: tuple[Option, ...] = (
    TIME_LIMIT,
    Option(
        "tolerance",
        "float",
        None,
        "Stop at this relative gap between cost and bound of the problem without regularization; engines that "
        "regularize choose their epsilon for it. Left out: 1e-9 for exact engines, 1e-3 for others",
        minimum=1e-12,
        maximum=1.0,
    ),
    Option(
        "marginal_tolerance",
        "float",
        1e-9,
        "Largest accepted sum of absolute marginal errors of a regularized plan, relative to its total mass",
        minimum=1e-14,
        maximum=1.0,
    ),
    Option("iteration_limit", "integer", None, "Largest number of iterations, as the engine counts them", minimum=0),
    THREADS,
    SEED,
    Option(
        "memory_limit",
        "float",
        None,
        "Megabytes the solve may use; engines refuse before they begin",
        minimum=1.0,
        unit="MB",
    ),
    Option("device", "string", "auto", "Where torch engines compute", choices=("auto", "cpu", "cuda")),
    LOG,
)
