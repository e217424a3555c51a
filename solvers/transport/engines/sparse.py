"""``sparse``: plans with at most k non-zeros a column, by the sparsity-constrained semi-dual.

The dual is that of the biconjugate relaxation: without ties in the k-th largest entries at the optimum there is no
gap, and the plan is optimal among k-sparse ones; with ties the marginal error of the sources stays positive, and the
answer says so. For the method, the floor and the formulas see ``quadratic`` and ``numerics.projected``.

Source: Liu, Puigcerver, Blondel, Sparsity-constrained optimal transport, ICLR 2023.
"""

from __future__ import annotations

from solvers.core.engine import EngineSpec
from solvers.transport.engines.quadratic import Quadratic


class Sparse(Quadratic):
    """See the module."""

    spec = EngineSpec(
        id="sparse",
        family="transport",
        version="1",
        title="Sparsity-constrained",
        summary="Plans with at most k non-zeros in each column",
        solves=frozenset({"points", "matrix", "balanced", "quadratic", "sparse"}),
        capabilities=frozenset({"potentials", "progress", "deterministic"}),
        process_group="torch",
        requires=("torch",),
        citation="arXiv:2209.15466",
    )


ENGINE = Sparse()
