"""What studies show: marginals, contours, calibration, progress, stopping, and their pictures."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import kantor
import pytest


@pytest.fixture(scope="module")
def study(client: kantor.Client) -> Iterator[kantor.Study]:
    """y = (x - 2)^2 + z/10, measured on 25 points; ``idle`` does nothing."""
    space = {"x": kantor.Float(0, 5), "z": kantor.Float(0, 1), "idle": kantor.Categorical(["a", "b"])}
    made = client.studies.create(f"looks {uuid4()}", space, {"y": "min", "w": "max"}, seed=1)
    for k in range(25):
        x, z = 5 * ((k * 7) % 25) / 24, ((k * 11) % 25) / 24
        made.add({"x": x, "z": z, "idle": "ab"[k % 2]}, {"y": (x - 2) ** 2 + z / 10, "w": x})
    yield made
    made.archive().delete()


def test_a_marginal_follows_the_function_and_knows_where_it_is_sure(study: kantor.Study) -> None:
    (along,) = study.marginals("x", grid=11)
    assert along.values == pytest.approx([0.5 * k for k in range(11)])
    for x, mean, std in zip(along.values, along.mean, along.std, strict=True):
        assert abs(mean - ((x - 2) ** 2 + 0.05)) < max(0.15, 4 * std)
    (at_trial,) = study.marginals("z", trial=3, objective="w")
    third = next(trial for trial in study.trials() if trial.number == 3)
    assert at_trial.mean == pytest.approx([third["x"]] * len(at_trial.mean), abs=0.05)
    assert [one.parameter for one in study.marginals()] == ["x", "z", "idle"]


def test_a_contour_has_a_row_for_each_value_of_the_second_parameter(study: kantor.Study) -> None:
    found = study.contour("x", "idle", grid=9)
    assert (len(found.mean), len(found.mean[0])) == (2, 9)
    assert found.mean[0] == pytest.approx(found.mean[1], abs=0.2), "idle does nothing"
    assert found.values[1] == ["a", "b"]
    assert min(zip(found.mean[0], found.values[0], strict=True))[1] == pytest.approx(2, abs=0.7)


def test_the_model_is_calibrated_and_the_importance_right(study: kantor.Study) -> None:
    found = study.calibration()["y"]
    assert found.r2 > 0.9
    assert found.coverage["0.95"] >= 0.8
    effects = study.main_effects()["y"]
    assert effects["x"] > 0.9
    assert effects["idle"] < 0.05


def test_progress_and_stopping(study: kantor.Study) -> None:
    found = study.progress()
    assert found.trials == list(range(1, 26))
    assert found.best == sorted(found.best, reverse=True)
    assert found.hypervolume == sorted(found.hypervolume)
    with pytest.raises(kantor.KantorError, match="one objective"):
        study.stopping()


@pytest.mark.parametrize("kind", ["hypervolume", "calibration", "marginals", "contour", "importance"])
def test_every_picture_can_be_drawn(study: kantor.Study, kind: str) -> None:
    assert study.plot(kind).svg.count("<") > 10


def test_an_unknown_parameter_is_named(study: kantor.Study) -> None:
    with pytest.raises(kantor.InvalidRequest, match="nothing"):
        study.contour("x", "nothing")


def test_an_engine_that_no_worker_knows_is_refused_with_a_hint(client: kantor.Client) -> None:
    with pytest.raises(kantor.KantorError, match="did you mean 'gp'"):
        client.studies.create("of no engine", {"x": kantor.Float(0, 1)}, engine="gpp")
