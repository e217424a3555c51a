"""Studies by preference through the client, against a whole Kantor with a worker."""

from __future__ import annotations

from uuid import uuid4

import kantor
import pytest

SPACE = {"sugar": kantor.Float(0, 1), "salt": kantor.Float(0, 1)}


def taste(point: kantor.Trial) -> float:
    """What the taster never says: the lower the better."""
    return (point["sugar"] - 0.7) ** 2 + (point["salt"] - 0.3) ** 2


def test_a_taster_who_only_says_which_is_better_is_led_to_what_he_likes(client: kantor.Client) -> None:
    study = client.studies.create(f"taste {uuid4()}", SPACE, "preference", seed=5)
    first = sorted(study.ask(4), key=taste)
    study.rank(first[:2], first[2:])
    for _ in range(9):
        (new,) = study.ask(1)
        best = study.best()
        better, worse = sorted((new, best), key=taste)
        study.prefer(better, worse)

    assert taste(study.best()) < 0.02
    assert {trial.state for trial in study.trials()} == {"completed"}
    ranked = study.utilities()
    assert ranked[0].best > 1 / len(ranked)
    assert "preferred" in list(study.trials())[-1].why
    shares = study.importance()["utility"]
    assert set(shares) == {"sugar", "salt"}
    assert "<svg" in study.plot("utilities").svg
    assert "<svg" in study.plot("contour").svg
    last = [trial for trial in study.trials() if trial.info.origin == "engine"][-1]
    assert study.replay(last.number)["again"] == pytest.approx(last.params, rel=1e-12)
    told = list(study.comparisons())
    assert study.retract(told[-1]).retracted is not None
    with pytest.raises(kantor.KantorError, match="by preference"):
        study.optimize(taste, trials=1, progress=False)
    study.archive().delete()
