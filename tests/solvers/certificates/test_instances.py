"""Real instances: right answers of HiGHS pass, and a fault planted in any part of them is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import certify, settle
from solvers.programs.formats import read
from solvers.programs.problem import Program
from tests.solvers.certificates.examples import check_named, failed_names
from tests.solvers.certificates.highs import answer_of, load, silent
from tests.solvers.formats.instances import OWN, Instance, collection, model_files

#: Size of the (compressed) files that are solved in the default run.
SMALL = 20_000

#: Seconds in which mixed-integer instances of the default run are known to be solved.
QUICK = 0.5

#: What HiGHS needs to end with a ray that proves infeasibility.
WITH_RAY = {"presolve": "off"}


def chosen(folder: str, own: tuple[str, ...], largest: float = np.inf, smallest: float = 0) -> list[Instance]:
    """Instances of a folder of the shared collection within these sizes; without it, the repository's own."""
    if collection() is None:
        return [Instance(name, OWN / f"{name}.mps.gz", {}) for name in own] if smallest == 0 else []
    found = [instance for instance in model_files(".mps") if folder in instance.path.parts]
    return [instance for instance in found if smallest < instance.path.stat().st_size <= largest]


LINEAR = chosen("netlib", ("afiro", "adlittle", "israel", "scrs8", "stair", "e226"), SMALL)
LARGE = chosen("netlib", (), smallest=SMALL) + chosen("kennington", ())
INFEASIBLE = chosen("infeas", ("galenet", "klein1", "box1"), SMALL)
INTEGER = [
    instance
    for instance in chosen("miplib3", ("bell5", "egout", "flugpl", "lseu", "rgn"))
    if instance.facts.get("verified", {}).get("time_s", 0.0) < QUICK
]


def named(instance: Instance) -> str:
    return instance.name


def solved(instance: Instance, **options: object) -> tuple[Program, ProgramAnswer]:
    problem = read(instance.path.read_bytes(), filename=instance.path.name)
    h = silent(**options)
    load(h, problem)
    return problem, answer_of(h, problem)


def prove_optimal(instance: Instance) -> tuple[Program, ProgramAnswer]:
    problem, answer = solved(instance)
    certificate = certify(problem, answer)
    assert certificate.proved, certificate.failures
    assert settle(answer, certificate).status == "optimal"
    optimum = instance.facts.get("optimum")
    if optimum is not None:
        bound = check_named(certificate, "dual-bound").value
        assert bound == pytest.approx(optimum, rel=1e-5, abs=1e-5)
    return problem, answer


@pytest.mark.parametrize("instance", LINEAR, ids=named)
def test_a_linear_optimum_is_proved_and_a_fault_in_any_part_is_found(instance):
    problem, answer = prove_optimal(instance)
    scale = max(1.0, abs(answer.objective))
    better = -1.0 if problem.sense == "min" else 1.0
    basic = int(np.abs(answer.x).argmax())
    moved = answer.x.copy()
    moved[basic] *= 1.01
    weights = np.abs(answer.row_duals) * np.where(np.isfinite(problem.row_lower + problem.row_upper), 0.0, 1.0)
    flipped = answer.row_duals.copy()
    if weights.any():
        flipped[int(weights.argmax())] *= -1.0
    else:
        flipped = 0.5 * flipped
    d = answer.reduced_costs.copy()
    d[int(np.abs(d).argmax())] += 0.1 * max(1.0, np.abs(d).max())
    activity = answer.row_activity.copy()
    activity[0] += 1e-3 * max(1.0, abs(activity[0]))
    faults = {
        "x": replace(answer, x=moved, objective=float(problem.objective_at(moved)), row_activity=None),
        "objective": replace(answer, objective=answer.objective + better * 1e-6 * scale),
        "bound": replace(answer, bound=answer.bound - better * 1e-4 * scale),
        "duals": replace(answer, row_duals=flipped, reduced_costs=None),
        "reduced costs": replace(answer, reduced_costs=d),
        "activity": replace(answer, row_activity=activity),
    }
    for part, wrong in faults.items():
        certificate = certify(problem, wrong)
        assert certificate.failures, part
        assert settle(wrong, certificate).status != "optimal", part


@pytest.mark.slow
@pytest.mark.parametrize("instance", LARGE, ids=named)
def test_a_large_linear_optimum_is_proved(instance):
    prove_optimal(instance)


@pytest.mark.parametrize("instance", INFEASIBLE, ids=named)
def test_a_farkas_ray_of_a_real_infeasible_program_passes_and_a_spoiled_one_does_not(instance):
    problem, answer = solved(instance, **WITH_RAY)
    if answer.dual_ray is None:
        pytest.skip("HiGHS ends without a ray")
    certificate = certify(problem, answer)
    assert certificate.proved, certificate.failures
    flipped = answer.dual_ray.copy()
    flipped[int(np.abs(flipped).argmax())] *= -1.0
    for spoiled in (-answer.dual_ray, flipped):
        assert failed_names(certify(problem, replace(answer, dual_ray=spoiled))) == {"farkas-ray"}


@pytest.mark.parametrize("instance", INTEGER, ids=named)
def test_an_incumbent_is_verified_and_its_bound_said_to_rest_on_the_engine(instance):
    problem, answer = solved(instance, mip_rel_gap=1e-6, time_limit=10.0)
    if answer.x is None:
        pytest.skip("not solved in time")
    whole = problem.integrality == 1
    x = np.where(whole, np.rint(answer.x), answer.x)
    answer = replace(answer, x=x, objective=float(problem.objective_at(x)), row_activity=None)
    certificate = certify(problem, answer)
    assert certificate.verified, certificate.failures
    assert set(certificate.rests_on_engine) <= {"dual-bound"}
    used = np.flatnonzero(whole)
    broken = x.copy()
    broken[used[0]] += 0.5
    assert "integrality" in failed_names(certify(problem, replace(answer, x=broken)))
    optimum = instance.facts.get("optimum")
    if optimum is not None:
        assert answer.objective == pytest.approx(optimum, rel=1e-4, abs=1e-4)
