import pytest

from solvers.core.certificate import Certificate, Check
from solvers.programs.answer import InfeasibleSubsystem, ProgramAnswer
from solvers.programs.certificates import settle


def settled(status, *failed, passed=(), x=(1.0,), value=1e-5, tolerance=1e-6, message=""):
    checks = [Check(name, "failed", f"{name} is wrong.", value, tolerance) for name in failed]
    checks += [Check(name, "passed", "right") for name in passed]
    answer = ProgramAnswer(status, objective=1.0, bound=1.0, x=x, message=message)
    return settle(answer, Certificate(tuple(checks)))


POINT_CHECKS = [
    "primal-feasibility",
    "cones",
    "integrality",
    "semi-continuity",
    "special-ordered-sets",
    "indicators",
    "rounded-point",
]


@pytest.mark.parametrize("name", POINT_CHECKS)
@pytest.mark.parametrize("status", ["optimal", "feasible", "imprecise"])
def test_a_point_slightly_beyond_a_tolerance_is_imprecise(status, name):
    answer = settled(status, name)
    assert answer.status == "imprecise"
    assert answer.x is not None


@pytest.mark.parametrize("name", POINT_CHECKS)
@pytest.mark.parametrize(("value", "tolerance"), [(1.0, 1e-6), (float("nan"), 1e-6), (None, None)])
def test_a_point_far_beyond_a_tolerance_is_no_solution(name, value, tolerance):
    answer = settled("optimal", name, value=value, tolerance=tolerance)
    assert (answer.status, answer.x, answer.objective) == ("no-solution", None, None)


@pytest.mark.parametrize(
    ("claimed", "failed", "left"),
    [
        ("optimal", ["gap"], "feasible"),
        ("optimal", ["dual-bound"], "feasible"),
        ("optimal", ["best-of-pool"], "feasible"),
        ("optimal", ["gap", "dual-feasibility"], "feasible"),
        ("optimal", ["gap", "primal-feasibility"], "imprecise"),
        ("optimal", ["dual-feasibility"], "imprecise"),
        ("optimal", ["complementary-slackness"], "imprecise"),
        ("optimal", ["reduced-costs"], "imprecise"),
        ("optimal", ["objective"], "imprecise"),
        ("optimal", ["row-activity"], "imprecise"),
        ("optimal", ["basis"], "optimal"),
        ("optimal", ["pool"], "optimal"),
        ("feasible", ["objective"], "imprecise"),
        ("feasible", ["dual-feasibility"], "feasible"),
        ("feasible", ["dual-bound"], "feasible"),
        ("imprecise", ["gap"], "imprecise"),
        ("infeasible", ["farkas-ray"], "no-solution"),
        ("infeasible", ["infeasibility"], "feasible"),
        ("infeasible", ["iis"], "infeasible"),
        ("unbounded", ["unbounded-ray"], "feasible"),
        ("unbounded", ["unbounded-ray", "primal-feasibility"], "no-solution"),
        ("unbounded", ["primal-feasibility"], "infeasible-or-unbounded"),
        ("infeasible-or-unbounded", ["farkas-ray"], "no-solution"),
        ("infeasible-or-unbounded", ["unbounded-ray"], "no-solution"),
        ("no-solution", ["claim"], "no-solution"),
        ("error", ["claim"], "error"),
        ("splendid", ["claim"], "error"),
    ],
)
def test_each_failure_leaves_the_status_that_can_still_be_said(claimed, failed, left):
    assert settled(claimed, *failed).status == left


def test_optimal_never_survives_a_failed_claim_about_the_solution_or_its_optimality():
    for name in [*POINT_CHECKS, "objective", "gap", "dual-bound", "dual-feasibility", "answer"]:
        assert settled("optimal", name).status != "optimal", name


def test_without_failures_the_answer_is_untouched():
    answer = ProgramAnswer("optimal", objective=1.0)
    assert (
        settle(answer, Certificate((Check("gap", "trusted", "word"), Check("objective", "passed", "right")))) is answer
    )


def test_infeasibility_proved_by_the_checker_outlives_a_wrong_ray():
    assert settled("infeasible", "farkas-ray", passed=["infeasibility"]).status == "infeasible"


def test_the_engines_words_stay_and_the_checkers_are_added():
    answer = settled("optimal", "gap", message="Solved.")
    assert answer.message.startswith("Solved.\n")
    assert "gap is wrong." in answer.message
    assert "'optimal'" in answer.message
    assert "'feasible'" in answer.message


def test_parts_that_were_found_wrong_are_dropped():
    assert settled("feasible", "dual-bound").bound is None
    iis = InfeasibleSubsystem(((0, "lower"),), ())
    answer = ProgramAnswer("infeasible", iis=iis)
    reducible = settle(answer, Certificate((Check("iis-irreducible", "failed", "one too many"),)))
    assert reducible.iis is not None
    assert not reducible.iis.irreducible
    assert settle(answer, Certificate((Check("iis", "failed", "feasible"),))).iis is None
