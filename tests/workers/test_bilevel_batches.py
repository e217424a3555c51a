"""Mini-batches: stated with the problem, drawn by stochastic engines, never by the certificate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from api_schemas.bilevel import BilevelProblem
from solvers.core import registry
from solvers.core.engine import LocalContext
from tests.workers.test_bilevel_global import NoFiles
from workers.families.bilevel import FAMILY


def ridge(rows: int = 600, features: int = 6, **changes: Any) -> dict[str, Any]:
    """One penalty for each feature; only the first two features matter."""
    random = np.random.default_rng(0)
    X, Xv = random.normal(size=(rows, features)), random.normal(size=(rows // 2, features))
    truth = np.array([2.0, -1.0, *[0.0] * (features - 2)])
    y, yv = X @ truth + random.normal(size=rows), Xv @ truth + random.normal(size=rows // 2)
    data = {"X": X.tolist(), "y": y.tolist(), "Xv": Xv.tolist(), "yv": yv.tolist()}
    return {
        "kind": "bilevel",
        "data": data,
        "upper": {
            "variables": {"lam": {"shape": [features], "start": 0.0, "lower": -6, "upper": 3}},
            "minimize": "mean((Xv @ w - yv)**2)",
        },
        "lower": {
            "variables": {"w": {"shape": [features]}},
            "minimize": "mean((X @ w - y)**2) + sum(exp(lam)*w**2)",
        },
        "batches": {"X": 64, "y": 64, "Xv": 64, "yv": 64},
        **changes,
    }


def decoded(problem: dict[str, Any], **options: Any) -> Any:
    given = BilevelProblem.model_validate(problem).model_dump(mode="json", exclude_unset=True)
    return FAMILY.decode({"problem": given, "options": options}, NoFiles())


@pytest.mark.parametrize("engine", ["soba", "f2sa"])
def test_batches_lead_near_the_optimum_of_all_data(engine: str) -> None:
    full = decoded(ridge(batches={}))
    best = FAMILY.solve(full, "implicit", "", LocalContext()).objective
    work = decoded(ridge(), iteration_limit=1500, seed=1)
    start = float(work.problem.upper.objective(*_start(work.problem)))
    answer = FAMILY.solve(work, engine, "", LocalContext())
    assert answer.objective - best < 0.02 * (start - best)
    # the point's objective and y are those of all data
    done = FAMILY.certify(work, answer)
    outcome = {check.name: check.outcome for check in done.certificate.checks}
    assert outcome["objective"] == outcome["lower-gap"] == outcome["hypergradient"] == "passed"


def _start(problem: Any) -> tuple[Any, Any]:
    from solvers.bilevel.engines.lower import LowerPoint, LowerSolver
    from solvers.bilevel.problem import tensor

    x, y = tensor(problem.upper.start), tensor(problem.lower.start)
    return x, LowerSolver(problem)(x, LowerPoint(y)).y


def test_a_step_sees_the_rows_of_a_batch_and_rows_stay_together() -> None:
    problem = ridge()
    problem["data"]["y"] = [float(k) for k in range(600)]
    problem["data"]["X"] = [[float(k)] * 6 for k in range(600)]
    sampler = decoded(problem).problem.sampler
    batch = sampler.taken({600: np.arange(5, 69), 300: np.arange(64)})
    assert batch["X"].shape == (64, 6)
    assert (batch["X"][:, 0] == batch["y"]).all()
    first, again, other = (sampler.draws(seed)()[1] for seed in (3, 3, 4))
    import torch

    x, y = torch.zeros(6, dtype=torch.float64), torch.ones(6, dtype=torch.float64)
    assert float(first(x, y)) == float(again(x, y)) != float(other(x, y))


def test_auto_takes_a_stochastic_engine_and_says_so() -> None:
    offered = [registry.load("bilevel", name).spec for name in registry.names("bilevel")]
    choice = FAMILY.choose(decoded(ridge()), "auto", offered)
    assert choice.engines == ("soba",)
    assert "64 rows of X" in choice.why
    assert "all data" in choice.why


@pytest.mark.parametrize(
    ("batches", "pointer", "words"),
    [
        ({"Z": 4}, "/batches/Z", "no data 'Z'"),
        ({"X": 601, "y": 601}, "/batches/X", "601 rows"),
        ({"X": 64, "y": 32}, "/batches/y", "as long"),
        ({"X": 64}, "/batches", "do not fit"),
    ],
)
def test_batches_that_do_not_fit_are_refused_at_submit(batches: dict[str, int], pointer: str, words: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        BilevelProblem.model_validate(ridge(batches=batches))
    (error,) = refusal.value.errors()
    assert words in error["msg"]
    assert error["ctx"]["pointer"] == pointer
