"""Features of studies by which engines are chosen (``EngineSpec.solves``)."""

from __future__ import annotations

from solvers.studies.parameters import Categorical
from solvers.studies.study import Study

ALL_FEATURES = frozenset(
    {"constraints", "conditional", "discrete", "categorical", "fidelity", "input-constraints", "noise", "objectives"}
)


def features_of(study: Study) -> frozenset[str]:
    """What an engine must be able to handle for this study."""
    space = study.space
    found = {
        "constraints": bool(study.constraints),
        "conditional": space.conditional,
        "discrete": any(p.levels is not None and p.levels > 1 for p in space.parameters),
        "categorical": any(isinstance(p, Categorical) and p.levels != 1 for p in space.parameters),
        "fidelity": bool(space.fidelities),
        "input-constraints": bool(space.constraints),
        "noise": study.noise == "high",
        "objectives": len(study.objectives) > 1,
        "comparisons": not study.objectives,
    }
    return frozenset(name for name, there in found.items() if there)
