"""Which engines there are. Built-in ones are named here, one line each, and imported only when asked for."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from solvers.core.engine import Engine
from solvers.core.errors import UnknownEngine

#: family, engine id, "module:attribute", and the import names without which it is not offered.
BUILT_IN: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("program", "highs", "solvers.programs.engines.highs:ENGINE", ("highspy",)),
    ("program", "scip", "solvers.programs.engines.scip:ENGINE", ("pyscipopt",)),
    ("program", "cp-sat", "solvers.programs.engines.cp_sat:ENGINE", ("ortools",)),
    ("program", "pdlp", "solvers.programs.engines.pdlp:ENGINE", ("ortools",)),
    ("program", "clarabel", "solvers.programs.engines.clarabel:ENGINE", ("clarabel",)),
    ("study", "auto", "solvers.studies.engines.auto:ENGINE", ()),
    ("study", "gp", "solvers.studies.engines.gp:ENGINE", ()),
    ("study", "trust-region", "solvers.studies.engines.trust_region:ENGINE", ()),
    ("study", "tpe", "solvers.studies.engines.tpe:ENGINE", ()),
    ("study", "cma-es", "solvers.studies.engines.cma_es:ENGINE", ("cmaes",)),
    ("study", "config", "solvers.studies.engines.config:ENGINE", ()),
    ("study", "ranking", "solvers.studies.engines.ranking:ENGINE", ()),
    ("study", "preference", "solvers.studies.engines.preference:ENGINE", ()),
    ("study", "botorch", "solvers.studies.engines.botorch:ENGINE", ("botorch", "gpytorch", "torch")),
    ("study", "consensus", "solvers.studies.engines.consensus:ENGINE", ()),
    ("study", "gradient-free", "solvers.studies.engines.gradient_free:ENGINE", ()),
    ("study", "quasi-random", "solvers.studies.engines.quasi_random:ENGINE", ()),
    ("study", "grid", "solvers.studies.engines.grid:ENGINE", ()),
    ("study", "random", "solvers.studies.engines.random_search:ENGINE", ()),
    ("schedule", "standard", "solvers.schedules.engine:ENGINE", ()),
    ("transport", "line", "solvers.transport.engines.line:ENGINE", ()),
    ("transport", "network-simplex", "solvers.transport.engines.network_simplex:ENGINE", ("torch", "ot")),
    ("transport", "sinkhorn", "solvers.transport.engines.sinkhorn:ENGINE", ("torch",)),
    ("transport", "sinkhorn-newton", "solvers.transport.engines.sinkhorn_newton:ENGINE", ("torch",)),
    ("transport", "multiscale", "solvers.transport.engines.multiscale:ENGINE", ()),
    ("transport", "quadratic", "solvers.transport.engines.quadratic:ENGINE", ("torch",)),
    ("transport", "sparse", "solvers.transport.engines.sparse:ENGINE", ("torch",)),
    ("transport", "batched-newton", "solvers.transport.engines.batched_newton:ENGINE", ("torch",)),
    ("transport", "barycenter", "solvers.transport.engines.barycenter:ENGINE", ("torch", "ot")),
    ("transport", "pot-gromov", "solvers.transport.engines.pot_gromov:ENGINE", ("torch", "ot")),
    ("transport", "pot-low-rank", "solvers.transport.engines.pot_low_rank:ENGINE", ("torch", "ot")),
    ("transport", "sliced", "solvers.transport.engines.sliced:ENGINE", ()),
    ("transport", "light-bridge", "solvers.transport.engines.light_bridge:ENGINE", ("torch",)),
    ("bilevel", "exact", "solvers.bilevel.engines.exact:ENGINE", ("torch", "pyscipopt", "clarabel")),
    ("bilevel", "value-function", "solvers.bilevel.engines.value_function:ENGINE", ("torch", "pyscipopt")),
    ("bilevel", "global", "solvers.bilevel.engines.global_search:ENGINE", ("torch", "pyscipopt")),
    ("bilevel", "implicit", "solvers.bilevel.engines.implicit:ENGINE", ("torch",)),
    ("bilevel", "penalty", "solvers.bilevel.engines.penalty:ENGINE", ("torch",)),
    ("bilevel", "f2sa", "solvers.bilevel.engines.f2sa:ENGINE", ("torch",)),
    ("bilevel", "soba", "solvers.bilevel.engines.soba:ENGINE", ("torch",)),
    ("bilevel", "lv-hba", "solvers.bilevel.engines.lv_hba:ENGINE", ("torch",)),
    ("bilevel", "bda", "solvers.bilevel.engines.bda:ENGINE", ("torch",)),
    ("minimize", "lbfgs", "solvers.onelevel.engines.lbfgs:ENGINE", ("torch",)),
    ("minimize", "newton", "solvers.onelevel.engines.newton:ENGINE", ("torch",)),
    ("minimize", "gauss-newton", "solvers.onelevel.engines.least_squares:ENGINE", ("torch",)),
    ("minimize", "proximal", "solvers.onelevel.engines.proximal:ENGINE", ("torch",)),
    ("minimize", "augmented-lagrangian", "solvers.onelevel.engines.augmented_lagrangian:ENGINE", ("torch",)),
    ("minimize", "highs", "solvers.onelevel.engines.highs:ENGINE", ("torch", "highspy")),
    ("minimize", "clarabel", "solvers.onelevel.engines.clarabel:ENGINE", ("torch", "clarabel")),
    ("saddle", "convex-program", "solvers.saddle.engines.convex_program:ENGINE", ("torch", "clarabel", "highspy")),
    ("saddle", "extragradient", "solvers.saddle.engines.extragradient:ENGINE", ("torch",)),
    ("saddle", "optimistic", "solvers.saddle.engines.optimistic:ENGINE", ("torch",)),
    ("pareto", "weighted-sum", "solvers.pareto.engines.weighted_sum:ENGINE", ("torch", "moocore")),
    ("pareto", "boundary", "solvers.pareto.engines.boundary:ENGINE", ("torch", "moocore")),
    ("pareto", "jacobian-descent", "solvers.pareto.engines.jacobian_descent:ENGINE", ("torch", "torchjd", "moocore")),
    ("minimize", "ipopt", "solvers.onelevel.engines.ipopt:ENGINE", ("torch", "ipyopt")),
    ("minimize", "scip", "solvers.onelevel.engines.scip:ENGINE", ("torch", "pyscipopt", "clarabel")),
)

#: Optional extras of the distribution, by the module that tells whether they are there.
_EXTRAS = {"botorch": "botorch", "gpytorch": "botorch"}
ENTRY_POINT_GROUP = "kantor.engines"


@cache
def _catalogue() -> dict[tuple[str, str], str]:
    """(family, id) to "module:attribute" of every engine whose requirements are installed."""
    found = {
        (family, name): target
        for family, name, target, requires in BUILT_IN
        if all(importlib.util.find_spec(module) for module in requires)
    }
    for point in entry_points(group=ENTRY_POINT_GROUP):
        family, _, name = point.name.partition(":")
        found.setdefault((family, name), point.value)
    return found


def names(family: str) -> tuple[str, ...]:
    """Ids of the engines offered for a family, in the order of the registry. Imports none of them."""
    return tuple(name for kind, name in _catalogue() if kind == family)


def absent(family: str, name: str) -> tuple[str, ...]:
    """What a built-in engine requires and this installation lacks, by import name; empty if offered or unknown."""
    requires = next((needs for kind, known, _, needs in BUILT_IN if (kind, known) == (family, name)), ())
    return tuple(module for module in requires if importlib.util.find_spec(module) is None)


def foundation(family: str, name: str) -> str:
    """The library that an engine stands on, by its import name: "" for none but our own dependencies. Engines with the
    same one may be imported in the same process. Of other than built-in engines nothing is known before they are
    imported: they stand alone, on their own name."""
    for kind, known, _, requires in BUILT_IN:
        if (kind, known) == (family, name):
            return requires[0] if requires else ""
    return f"{family}:{name}"


def families() -> tuple[str, ...]:
    """The families for which at least one engine is offered."""
    return tuple(dict.fromkeys(kind for kind, _ in _catalogue()))


@cache
def load(family: str, name: str) -> Engine[Any, Any]:
    """Import and return an engine.

    Raises:
        UnknownEngine: no such engine, or what it requires is not installed.
    """
    target = _catalogue().get((family, name))
    if target is None:
        missing = absent(family, name)
        if missing:
            extra = _EXTRAS.get(missing[0])
            wanted = f"'kantor-server[{extra}]'" if extra else " ".join(missing)
            raise UnknownEngine(
                f"the {family} engine {name!r} is not installed: it needs {', '.join(missing)}",
                pointer="/engine",
                hint=f"pip install {wanted}",
            )
        near = difflib.get_close_matches(name, names(family), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"offered: {', '.join(names(family)) or 'none'}"
        raise UnknownEngine(f"no {family} engine is called {name!r}", pointer="/engine", hint=hint)
    module, _, attribute = target.partition(":")
    engine: Engine[Any, Any] = getattr(importlib.import_module(module), attribute)
    return engine
