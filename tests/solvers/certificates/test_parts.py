"""Bases, ranges, relaxations and scenarios."""

from dataclasses import replace

import numpy as np
import pytest

from solvers.programs.answer import Basis, ProgramAnswer, Ranging, Relaxation, ScenarioAnswer
from solvers.programs.certificates import certify, certify_scenario, settle
from solvers.programs.problem import Program
from tests.solvers.certificates.examples import check_named, diet, failed_names


def with_part(**part):
    program, answer = diet()
    answer = replace(answer, **part)
    certificate = certify(program, answer)
    return certificate, settle(answer, certificate)


def basis(variables, rows):
    return with_part(basis=Basis(np.array(variables), np.array(rows)))


def test_a_right_basis_passes():
    certificate, settled = basis([0, 0], [1, 1])
    assert check_named(certificate, "basis").outcome == "passed"
    assert settled.basis is not None


@pytest.mark.parametrize(
    ("variables", "rows", "words"),
    [
        ([0, 0], [0, 1], "3 basic"),
        ([0, 1], [0, 1], "'bread' is at-lower"),
        ([2, 0], [0, 1], "'apples' is at-upper"),
        ([0, 3], [0, 1], "'bread' is free"),
        ([0, 4], [0, 1], "'bread' is fixed"),
        ([0, 0], [1, 2], "'protein' is at-upper"),
        ([0, 7], [1, 1], "status 7"),
        ([0, -1], [1, 1], "status -1"),
        ([0], [1, 1], "shape"),
        ([0, 0.5], [1, 1], "whole number"),
    ],
)
def test_a_basis_that_does_not_fit_fails_with_words_and_is_dropped(variables, rows, words):
    certificate, settled = basis(variables, rows)
    assert failed_names(certificate) == {"basis"}
    assert words in check_named(certificate, "basis").text
    assert (settled.status, settled.basis) == ("optimal", None)


def ranging(**changes):
    arrays = {
        "cost_down": [1.0, 2.0],
        "cost_up": [3.0, 6.0],
        "row_down": [2.0, 4.0],
        "row_up": [4.5, np.inf],
        "bound_down": [-np.inf, -np.inf],
        "bound_up": [3.0, 1.0],
    }
    return with_part(ranging=Ranging(**{name: np.array(values) for name, values in (arrays | changes).items()}))


def test_ranges_that_contain_the_present_numbers_rest_on_the_engine_for_their_ends():
    certificate, settled = ranging()
    assert certificate.rests_on_engine == ("ranging",)
    assert settled.ranging is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cost_up": [3.0, 2.5]}, "'bread' does not contain its cost 3"),
        ({"cost_down": [2.5, 2.0]}, "'apples'"),
        ({"row_down": [5.0, 4.0]}, "row_down"),
        ({"bound_up": [3.0]}, "bound_up must have 2"),
        ({"cost_up": [np.nan, 6.0]}, "cost_up"),
    ],
)
def test_ranges_that_do_not_fit_fail_and_are_dropped(changes, words):
    certificate, settled = ranging(**changes)
    assert failed_names(certificate) == {"ranging"}
    assert words in check_named(certificate, "ranging").text
    assert (settled.status, settled.ranging) == ("optimal", None)


def relaxed(rows, bounds, violation, x):
    program = Program.build(
        c=[0.0, 0.0], A=np.array([[1.0, 1.0]]), row_lower=[10.0], upper=[3.0, 4.0], constraint_names=["need"]
    )
    answer = ProgramAnswer("infeasible", x=x, relaxation=Relaxation(violation, rows, bounds))
    certificate = certify(program, answer)
    return check_named(certificate, "relaxation"), settle(answer, certificate)


def test_the_point_of_a_relaxation_satisfies_the_moved_sides():
    check, settled = relaxed({0: -2.0}, {1: 1.0}, 3.0, np.array([3.0, 5.0]))
    assert check.outcome == "trusted"
    assert "satisfies the relaxed program" in check.text
    assert (settled.status, settled.relaxation is not None) == ("infeasible", True)


@pytest.mark.parametrize(
    ("rows", "bounds", "violation", "x", "words"),
    [
        ({0: -1.0}, {1: 1.0}, 2.0, [3.0, 5.0], "'need'"),
        ({0: 1.0}, {}, 1.0, [3.0, 4.0], "no side"),
        ({5: -1.0}, {}, 1.0, [3.0, 4.0], "no row 5"),
        ({0: np.nan}, {}, 1.0, [3.0, 4.0], "nan"),
        ({0: -3.0}, {}, -3.0, [3.0, 4.0], "no amount"),
    ],
)
def test_a_relaxation_that_does_not_fit_fails_with_words(rows, bounds, violation, x, words):
    check, settled = relaxed(rows, bounds, violation, np.array(x))
    assert check.outcome == "failed"
    assert words in check.text
    assert settled.relaxation is None


def test_a_scenario_is_certified_on_the_program_with_its_changes():
    program, answer = diet()
    dearer = replace(program, c=np.array([2.0, 4.0]))
    right = ScenarioAnswer("optimal", 10.0, 10.0, answer.x, np.array([1.0, 1.0]), certified=False)
    assert certify_scenario(dearer, right).proved
    assert certify_scenario(program, right).failures
    assert certify_scenario(dearer, replace(right, row_duals=np.array([1.5, 0.5]))).failures
