"""Kantor's engines as a hyperparameter search of scikit-learn."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from uuid import uuid4

from kantor.client import Client
from kantor.errors import KantorError
from kantor.integrations import missing
from kantor.studies import Study, StudyDone
from kantor.studies_trial import Trial

try:
    import sklearn  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "sklearn":
        raise
    raise missing("scikit-learn", "sklearn") from None

from joblib import effective_n_jobs
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state

from kantor.integrations.sklearn_space import Distributions

HOPELESS = 3
"""If so many candidates fail before any has succeeded, the error of the last one is raised."""


class KantorSearchCV(BaseSearchCV):  # type: ignore[misc, unused-ignore]
    """Cross-validated search by an engine of Kantor; otherwise as ``sklearn.model_selection.RandomizedSearchCV``.

    Args:
        estimator: to be tuned; also a pipeline.
        param_distributions: name to a distribution: one of ``scipy.stats`` (frozen), a list of values, a parameter
            like ``kantor.Float(1e-4, 1, log=True)``, also with ``when``; or a list of such dictionaries, of which the
            engine chooses one for each candidate.
        n_iter: candidates to evaluate.
        scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score: of scikit-learn. With
            several metrics and no ``refit`` by name all of them are objectives, and the front is in ``study_``.
        n_points: candidates that are asked for, and evaluated, at once; by default as many as keep ``n_jobs`` busy.
        random_state: seed of the engine.
        client: by default ``kantor.Client()``: from the environment, or the server of ``kantor up``.
        engine: of Kantor; "auto" chooses by space and data.
        name: of the study in Kantor: a search with the same name and distributions goes on with what is known. By
            default a new one.
        wait: seconds that an ask waits for a suggestion that knows the newest results.

    Attributes:
        cv_results_, best_index_, best_params_, best_score_, best_estimator_, ...: of scikit-learn. Candidates whose
            fits all failed are not among the results; the study has them.
        study_id_, study_name_: of the study in Kantor.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,
        "param_distributions": [dict, list],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 30,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[..., int] = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        n_points: int | None = None,
        random_state: Any = None,
        error_score: Any = math.nan,
        return_train_score: bool = False,
        client: Client | None = None,
        engine: str = "auto",
        name: str | None = None,
        wait: float = 10.0,
    ) -> None:
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.n_points = n_points
        self.random_state = random_state
        self.client = client
        self.engine = engine
        self.name = name
        self.wait = wait
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Without the client, which belongs to this process: elsewhere it is made from the environment."""
        return {**super().__getstate__(), "client": None}

    @property
    def study_(self) -> Study:
        """The study in Kantor as it is now."""
        return self._connected().studies.get(self.study_id_)

    def _run_search(self, evaluate_candidates: Callable[..., dict[str, Any]]) -> None:
        if self.n_iter < 1:
            raise ValueError(f"n_iter is at least 1, not {self.n_iter}")
        distributions = Distributions(self.param_distributions)
        if not distributions.space:
            evaluate_candidates([distributions.candidate({})])
            return
        study, metrics = self._study(distributions)
        done = failed = 0
        while done + failed < self.n_iter:
            try:
                asked = study.ask(min(self._at_once(), self.n_iter - done - failed), wait=self.wait, lease_seconds=300)
            except StudyDone as error:
                if not done:
                    raise ValueError(str(error)) from None
                return
            try:
                good = self._evaluate([trial.keep() for trial in asked], distributions, evaluate_candidates, metrics)
            except _AllFailed as error:
                failed += len(asked)
                if not done and failed >= min(HOPELESS, self.n_iter):
                    raise error.cause from None
                words = str(error.cause).strip().partition("\n")[0]
                warnings.warn(f"{words} The search goes on.", FitFailedWarning, stacklevel=2)
            else:
                done += good

    def _evaluate(
        self,
        asked: Sequence[Trial],
        distributions: Distributions,
        evaluate_candidates: Callable[..., dict[str, Any]],
        metrics: dict[str, str],
    ) -> int:
        """Evaluate and tell. If it is ended by an error or interrupt, the trials go back."""
        try:
            results = evaluate_candidates([distributions.candidate(trial.params) for trial in asked])
        except ValueError as error:
            if not str(error).lstrip().startswith("All the "):
                self._give_back(asked)
                raise
            for trial in asked:
                trial.fail(str(error).strip()[:2000])
            raise _AllFailed(error) from error
        except BaseException:
            self._give_back(asked)
            raise
        for place, trial in enumerate(asked, start=len(results["params"]) - len(asked)):
            missed = [key for key in metrics.values() if key not in results]
            if missed:
                self._give_back(asked)
                raise ValueError(f"there is no score {missed[0]!r}: say by refit which of the metrics counts")
            trial.complete(**{name: float(results[key][place]) for name, key in metrics.items()})
        return len(asked)

    @staticmethod
    def _give_back(asked: Sequence[Trial]) -> None:
        for trial in asked:
            trial.let_go()
            if not trial.done:
                try:
                    trial.release()
                except KantorError:
                    continue  # its lease ends by itself

    def _study(self, distributions: Distributions) -> tuple[Study, dict[str, str]]:
        """The study, and of each objective the column of the results."""
        if isinstance(self.refit, str):
            metrics = {self.refit: f"mean_test_{self.refit}"}
        elif isinstance(self.scoring, list | tuple | set | dict):
            metrics = {name: f"mean_test_{name}" for name in sorted(self.scoring)}
        else:
            metrics = {"score": "mean_test_score"}
        seed = None if self.random_state is None else int(check_random_state(self.random_state).randint(2**31 - 1))
        study = self._connected().studies.create(
            self.name or f"{type(self.estimator).__name__} {uuid4().hex[:8]}",
            distributions.space,
            dict.fromkeys(metrics, "max"),
            engine=self.engine,
            seed=seed,
            parallel=self._at_once(),
        )
        self.study_id_, self.study_name_ = study.id, study.name
        return study, metrics

    def _at_once(self) -> int:
        if self.n_points is not None:
            return max(1, self.n_points)
        busy: int = effective_n_jobs(self.n_jobs)
        return max(1, -(-busy // int(self.n_splits_)))

    def _connected(self) -> Client:
        return self.client if self.client is not None else Client()


class _AllFailed(Exception):
    """All fits of all candidates that were evaluated together."""

    def __init__(self, cause: ValueError) -> None:
        super().__init__(str(cause))
        self.cause = cause


__all__ = ["KantorSearchCV"]
