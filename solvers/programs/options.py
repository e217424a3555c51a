"""Options that every program engine shares. An engine that cannot honour one of them says so in its spec's capabilities
and ignores it only where ignoring cannot make an answer wrong; otherwise it raises ``UnsupportedProblem``."""

from __future__ import annotations

from solvers.core.common_options import LOG, SEED, THREADS, TIME_LIMIT
from solvers.core.engine import Option

METHODS = ("auto", "simplex", "primal-simplex", "dual-simplex", "ipm", "pdlp", "branch-and-bound")

OPTIONS: tuple[Option, ...] = (
    TIME_LIMIT,
    Option("relative_gap", "float", 1e-4, "Stop when |objective - bound| <= relative_gap * |objective|", minimum=0.0),
    Option("absolute_gap", "float", 1e-6, "Stop when |objective - bound| <= absolute_gap", minimum=0.0),
    Option(
        "primal_tolerance", "float", 1e-6, "Largest accepted violation of a row or bound", minimum=1e-10, maximum=1e-2
    ),
    Option(
        "dual_tolerance",
        "float",
        1e-6,
        "Largest accepted violation of a reduced cost's sign",
        minimum=1e-10,
        maximum=1e-2,
    ),
    Option(
        "integrality_tolerance", "float", 1e-6, "Largest accepted distance from an integer", minimum=1e-10, maximum=1e-1
    ),
    THREADS,
    SEED,
    Option("node_limit", "integer", None, "Largest number of branch-and-bound nodes", minimum=0),
    Option(
        "iteration_limit",
        "integer",
        None,
        "Largest number of simplex, interior-point or first-order iterations",
        minimum=0,
    ),
    Option("solution_limit", "integer", None, "Stop after this many improving solutions", minimum=1),
    Option("objective_limit", "float", None, "Stop as soon as a feasible point at least this good is known"),
    Option("cutoff", "float", None, "Ignore points worse than this objective value"),
    Option("method", "string", "auto", "Algorithm for continuous programs and relaxations", choices=METHODS),
    Option("presolve", "boolean", True, "Simplify the program before solving"),
    Option("pool_size", "integer", 1, "How many different feasible points to return", minimum=1, maximum=10_000),
    Option("ranging", "boolean", False, "Return sensitivity ranges (linear programs, from the optimal basis)"),
    Option("iis", "boolean", False, "For an infeasible program, find an irreducible infeasible subsystem"),
    Option("relax", "boolean", False, "For an infeasible program, find the cheapest relaxation of its bounds"),
    LOG,
)
# A warm start is not an option but part of the call: options["start"], a solvers.programs.start.Start or None.
