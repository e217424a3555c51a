"""The shared collection through the contract, the family and the certificate; without it, these tests are skipped, and
those of test_known_answers and test_exact stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api_schemas.bilevel import BilevelProblem
from solvers.bilevel.answer import BilevelAnswer
from solvers.core import registry
from solvers.core.certificate import Certificate
from solvers.core.engine import LocalContext
from tests.solvers.bilevel.collection import COMPLETE, Instance, instances
from workers.families.bilevel import FAMILY

pytestmark = pytest.mark.skipif(not COMPLETE, reason="the shared collection is not here")

LISTED = instances() if COMPLETE else []
#: Linear and quadratic ones, which take hundredths of a second each.
QUICK = ("bolib-linear", "basblib-LP-LP", "basblib-LP-QP")


class NoFiles:
    folder = Path()

    def fetch(self, artifact: str, pointer: str) -> Path:
        raise AssertionError

    def store(self, path: Path, filename: str) -> str:
        raise AssertionError


def solved(instance: Instance, seconds: float, **options: Any) -> tuple[str, BilevelAnswer, Certificate]:
    document = BilevelProblem.model_validate(instance.document).model_dump(mode="json", exclude_unset=True)
    work = FAMILY.decode({"problem": document, "options": {"time_limit": seconds, "log": False, **options}}, NoFiles())
    offered = [registry.load("bilevel", name).spec for name in registry.names("bilevel")]
    choice = FAMILY.choose(work, "auto", offered)
    answer = FAMILY.solve(work, choice.engines[0], choice.why, LocalContext(time_limit=seconds))
    done = FAMILY.certify(work, answer)
    return choice.engines[0], done.answer, done.certificate


@pytest.mark.parametrize(
    "instance", [item for item in LISTED if item.subfamily in QUICK], ids=lambda instance: instance.name
)
def test_linear_and_quadratic_instances_are_solved_to_proved_optimality(instance: Instance) -> None:
    engine, answer, certificate = solved(instance, 10.0)
    assert engine == "exact"
    assert not certificate.failures
    assert answer.objective == pytest.approx(instance.optimum, abs=instance.tolerance)
    assert answer.status == "globally-optimal"


@pytest.mark.slow
@pytest.mark.parametrize(
    "instance", [item for item in LISTED if item.subfamily not in QUICK], ids=lambda instance: instance.name
)
def test_no_answer_says_more_than_is_true(instance: Instance) -> None:
    """Whatever is found: a global claim is the known optimum, and nothing verified is better than it."""
    _, answer, certificate = solved(instance, 10.0)
    if instance.optimum is None or instance.status != "optimal":
        return
    if answer.status == "globally-optimal":
        assert answer.objective == pytest.approx(instance.optimum, abs=instance.tolerance)
    if answer.status in ("globally-optimal", "locally-stationary", "feasible"):
        assert answer.objective is not None
        nonconvex = "lower-gap" in certificate.rests_on_engine
        assert nonconvex or answer.objective >= instance.optimum - instance.tolerance
