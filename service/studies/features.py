"""What a study asks of its engine, by the names of ``EngineSpec.solves``."""

from __future__ import annotations

from api_schemas.studies import StudyRequest


def features(study: StudyRequest) -> dict[str, str]:
    """The features that an engine must be able to handle for this study, each in words."""
    parameters = study.space.values()
    found = {
        "constraints": (bool(study.constraints), "constraints on outcomes"),
        "conditional": (any(getattr(p, "when", None) for p in parameters), "conditional parameters"),
        "discrete": (any(p.type in ("int", "ordinal", "categorical") for p in parameters), "whole numbers and levels"),
        "categorical": (
            any(p.type == "categorical" and len(p.choices) > 1 for p in parameters),
            "categorical parameters",
        ),
        "fidelity": (any(p.type == "fidelity" for p in parameters), "a fidelity"),
        "input-constraints": (bool(study.input_constraints), "constraints on the inputs"),
        "noise": (study.noise is True, "noise"),
        "objectives": (len(study.objectives) > 1, "several objectives"),
        "comparisons": (study.preference, "comparisons instead of values"),
    }
    return {name: words for name, (there, words) in found.items() if there}
