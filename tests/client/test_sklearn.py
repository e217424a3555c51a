"""The search of scikit-learn by Kantor's engines, against a whole Kantor with a worker."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import kantor
import numpy as np
import pytest

pytest.importorskip("sklearn")
import scipy.stats as st
from kantor.integrations.sklearn import KantorSearchCV
from kantor.integrations.sklearn_space import Distributions
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

IRIS = load_iris(return_X_y=True)


@pytest.fixture(scope="module", autouse=True)
def _server(environment: dict[str, str]) -> Iterator[None]:
    """For searches without a client of their own, as after `kantor up`."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KANTOR_URL", "KANTOR_API_KEY"):
            patch.setenv(name, environment[name])
        yield


def test_it_finds_good_parameters_and_has_the_results_of_scikit_learn() -> None:
    search = KantorSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {"svc__C": st.loguniform(1e-3, 1e3), "svc__gamma": st.loguniform(1e-4, 1e1), "svc__kernel": ["rbf"]},
        n_iter=14,
        cv=3,
        random_state=0,
    ).fit(*IRIS)

    assert search.best_score_ > 0.96
    assert search.predict(IRIS[0]).shape == (150,)
    assert len(search.cv_results_["params"]) == 14
    assert {"mean_test_score", "rank_test_score", "param_svc__C", "std_fit_time"} <= search.cv_results_.keys()
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]
    assert search.best_params_["svc__kernel"] == "rbf"
    best = search.study_.best()
    assert (best.values_told or {})["score"] == pytest.approx(search.best_score_)
    assert sum(trial.info.origin == "engine" for trial in search.study_.trials()) >= 10


def test_lists_of_spaces_conditions_objects_and_any_distribution(client: kantor.Client) -> None:
    scalers = [StandardScaler(), MinMaxScaler(), None]
    spaces: list[dict[str, Any]] = [
        {"standardscaler": scalers, "svc": [SVC()], "svc__C": st.expon(scale=10), "svc__degree": st.randint(2, 5)},
        {"svc": [LogisticRegression(max_iter=500)], "svc__C": kantor.Float(1e-2, 1e2, log=True)},
    ]
    search = KantorSearchCV(
        make_pipeline(StandardScaler(), SVC()), spaces, n_iter=8, cv=3, client=client, n_points=4, random_state=1
    ).fit(*IRIS)

    kinds = {type(params["svc"]) for params in search.cv_results_["params"]}
    assert kinds == {SVC, LogisticRegression}
    for params in search.cv_results_["params"]:
        assert params.keys() == (spaces[0] if isinstance(params["svc"], SVC) else spaces[1]).keys()
        assert type(params.get("svc__degree", 2)) is int


def test_distributions_are_understood() -> None:
    given = {
        "a": st.uniform(2, 3),
        "b": st.loguniform(1e-3, 10),
        "c": st.randint(1, 9),
        "d": st.norm(5, 2),
        "e": [3, 1, 2],
        "f": ["x", None, True],
        "g": (1e-6, 1e-1, "log-uniform"),
        "h": np.logspace(-2, 2, 5),
        "i": ["only"],
        "k": st.poisson(3),
    }
    made = Distributions(given)
    fields = {name: parameter.fields for name, parameter in made.space.items()}

    assert fields["a"] == {"type": "float", "low": 2.0, "high": 5.0}
    assert fields["b"] == {"type": "float", "low": pytest.approx(1e-3), "high": pytest.approx(10.0), "log": True}
    assert fields["c"] == {"type": "int", "low": 1, "high": 8, "step": 1} or fields["c"]["high"] == 8
    assert fields["e"]["choices"] == [1, 2, 3]
    assert fields["h"]["type"] == "ordinal"
    assert "i" not in fields
    point = {"a": 2.5, "b": 1.0, "c": 3, "d": 0.5, "e": 2, "f": "None", "g": 1e-3, "h": 1.0, "k": 1.0}
    candidate = made.candidate(point)
    assert candidate["d"] == pytest.approx(5.0)
    assert candidate["f"] is None
    assert candidate["i"] == "only"
    assert isinstance(candidate["k"], int)
    for wrong, words in ((3.0, "take a list"), ("abc", "take a list"), ([], "is empty")):
        with pytest.raises((TypeError, ValueError), match=words):
            Distributions({"a": wrong})


def test_several_metrics_are_several_objectives_unless_refit_names_one(client: kantor.Client) -> None:
    x, y = make_classification(120, 6, random_state=0)
    space = {"C": st.loguniform(1e-3, 1e2)}
    both = KantorSearchCV(LogisticRegression(), space, scoring=["accuracy", "recall"], refit=False, n_iter=5, cv=2)
    one = KantorSearchCV(LogisticRegression(), space, scoring=["accuracy", "recall"], refit="recall", n_iter=5, cv=2)

    assert both.fit(x, y).study_.objectives == {"accuracy": "max", "recall": "max"}
    assert len(both.study_.pareto()) >= 1
    assert one.fit(x, y).study_.objectives == {"recall": "max"}
    assert one.best_score_ == max(one.cv_results_["mean_test_recall"])


class Fragile(ClassifierMixin, BaseEstimator):
    """Fits only where ``a`` is small."""

    def __init__(self, a: float = 0.0) -> None:
        self.a = a

    def fit(self, X: Any, y: Any) -> Fragile:
        if self.a > 0.7:
            raise ValueError("a is too large")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.where(np.arange(len(X)) % 10 < 10 * self.a, self.classes_[0], self.classes_[1])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
def test_candidates_that_do_not_fit_are_failed_trials_and_an_estimator_that_never_fits_is_an_error() -> None:
    x, y = make_classification(60, 5, random_state=0)
    search = KantorSearchCV(Fragile(), {"a": st.uniform(0, 1)}, n_iter=14, cv=2, random_state=3).fit(x, y)
    failed = list(search.study_.trials("failed"))

    assert failed
    assert all(trial["a"] > 0.7 and "a is too large" in trial.info.reason for trial in failed)
    assert len(search.cv_results_["params"]) + len(failed) == 14
    never = KantorSearchCV(Fragile(), {"a": st.uniform(0.8, 0.1)}, n_iter=14, cv=2)
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        never.fit(x, y)
    with pytest.raises(ValueError, match="a is too large"):
        KantorSearchCV(Fragile(), {"a": st.uniform(0.8, 0.1)}, n_iter=4, cv=2, error_score="raise").fit(x, y)


def test_jobs_run_at_once_a_name_goes_on_and_a_search_can_be_cloned(client: kantor.Client) -> None:
    search = KantorSearchCV(
        RandomForestClassifier(n_estimators=5, random_state=0),
        {"max_depth": st.randint(1, 9), "min_samples_leaf": [1, 2, 4]},
        n_iter=4,
        cv=2,
        n_jobs=2,
        n_points=2,
        client=client,
        name="forest",
        random_state=0,
    )
    first = clone(search).fit(*IRIS)
    second = clone(search).fit(*IRIS)

    assert first.study_id_ == second.study_id_
    assert second.study_.info.trials.completed == 8
    assert first.client is client
    finite = KantorSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, n_iter=10, cv=2).fit(*IRIS)
    assert len(finite.cv_results_["params"]) == 2, "there are no more points"
    single = KantorSearchCV(Ridge(), {"alpha": [0.5]}, cv=2).fit(*IRIS)
    assert single.best_params_ == {"alpha": 0.5}


@pytest.mark.slow
def test_the_checks_of_scikit_learn_pass() -> None:
    search = KantorSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, n_iter=2, cv=2, random_state=0)
    search.set_params(error_score="raise")  # messages of the estimator's own reach the checks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = check_estimator(search, on_fail=None, on_skip=None)
    failed = {item["check_name"]: item["exception"] for item in outcomes if item["status"] == "failed"}

    assert failed == {}
    assert sum(item["status"] == "passed" for item in outcomes) > 40


def test_without_scikit_learn_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['sklearn'] = None\n"
        "try:\n    import kantor.integrations.sklearn\n"
        "except ImportError as error:\n    assert \"pip install 'kantor[sklearn]'\" in str(error), error\n"
        "else:\n    raise SystemExit(1)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
