"""Examples in the OpenAPI of schedules; the tests send them."""

from typing import Any

SCHEDULE_REQUESTS: dict[str, Any] = {
    "refined": {
        "summary": "A learning rate that is refined from gradient norms",
        "value": {"name": "lr", "kind": "learning-rate", "horizon": 10000, "policy": "refined", "warmup": 0.05},
    },
    "bandit": {
        "summary": "The relaxation of a solver, learnt from what solves cost",
        "value": {
            "name": "omega",
            "kind": "solver-parameter",
            "horizon": 1,
            "policy": "sor-bandit",
            "low": 1.0,
            "high": 1.95,
            "arms": 12,
        },
    },
}
PROMOTE_REQUESTS: dict[str, Any] = {"back": {"summary": "Back to the first version", "value": {"version": 1}}}
REFINE_REQUESTS: dict[str, Any] = {"all": {"summary": "From all finished runs", "value": {"norm": "l2", "tau": 0.1}}}
RUN_REQUESTS: dict[str, Any] = {"run": {"summary": "A training", "value": {"client_id": "seed-3"}}}
OBSERVATIONS: dict[str, Any] = {
    "norms": {
        "summary": "Two steps",
        "value": {"observations": [{"step": 0, "norm": 3.5, "loss": 2.3}, {"step": 10, "norm": 2.9, "loss": 2.1}]},
    }
}
FINISH_REQUESTS: dict[str, Any] = {"done": {"summary": "The end", "value": {"final": {"loss": 0.31, "cost": 57}}}}
