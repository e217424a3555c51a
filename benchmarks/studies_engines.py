"""One interface over Kantor's engines and those of the peers that are installed (extra ``bench``), all in this
process."""

from __future__ import annotations

import importlib.util
import logging
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from benchmarks.studies_problems import Problem
from solvers.core import registry
from solvers.studies.observations import Observations, Trial
from solvers.studies.parameters import Choices, Fidelity, Int, Numeric, Ordinal, Value


class Player(Protocol):
    """Asks and learns, one point at a time."""

    def ask(self) -> Mapping[str, Value]: ...

    def tell(self, told: Mapping[str, float]) -> None:
        """Outcomes of the point asked last."""
        ...


class Kantor:
    """One of our engines, rebuilt for every suggestion as a worker does."""

    def __init__(self, problem: Problem, seed: int, engine: str) -> None:
        self.problem, self.seed = problem, seed
        self.engine: Any = registry.load("study", engine)
        self.trials: list[Trial] = []
        self.asked: Mapping[str, Value] = {}

    def ask(self) -> Mapping[str, Value]:
        advisor = self.engine.create(self.problem.study, seed=self.seed)
        advisor.update(Observations(tuple(self.trials)))
        self.asked = advisor.suggest(1)[0].parameters
        return self.asked

    def tell(self, told: Mapping[str, float]) -> None:
        names = self.problem.study.names
        self.trials.append(
            Trial(
                len(self.trials),
                dict(self.asked),
                values={name: told[name] for name in names},
                constraints={name: value for name, value in told.items() if name not in names},
            )
        )


class Optuna:
    """A sampler of Optuna."""

    def __init__(self, problem: Problem, seed: int, sampler: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore", module="optuna")
        self.problem = problem
        constraints = (lambda trial: trial.user_attrs["slacks"]) if problem.study.constraints else None
        made = {
            "TPE": lambda: optuna.samplers.TPESampler(seed=seed, constraints_func=constraints),
            "GP": lambda: optuna.samplers.GPSampler(
                seed=seed,
                constraints_func=constraints,
                deterministic_objective=problem.study.noise == "none",
            ),
        }[sampler]()
        directions = ["minimize" if o.goal == "min" else "maximize" for o in problem.study.objectives]
        self.study = optuna.create_study(sampler=made, directions=directions)
        self.trial: Any = None

    def ask(self) -> Mapping[str, Value]:
        self.trial = self.study.ask()
        point: dict[str, Value] = {}
        for p in self.problem.study.space.ordered:
            if not all(condition.holds(point) for condition in p.when):
                continue
            if isinstance(p, Choices):
                point[p.name] = self._choice(p)
            elif isinstance(p, Int):
                point[p.name] = self.trial.suggest_int(p.name, p.low, p.high, log=p.log)
            else:
                assert isinstance(p, Numeric)
                point[p.name] = self.trial.suggest_float(p.name, p.low, p.high, log=p.log)
        return point

    def _choice(self, p: Choices) -> Value:
        """Levels in an order are given as integers, which is the best that the peer offers for them."""
        if isinstance(p, Ordinal):
            return p.choices[self.trial.suggest_int(p.name, 0, len(p.choices) - 1)]
        value: Value = self.trial.suggest_categorical(p.name, p.choices)
        return value

    def tell(self, told: Mapping[str, float]) -> None:
        slacks = [c.slack(told[c.name]) for c in self.problem.study.constraints]
        if slacks:
            self.trial.set_user_attr("slacks", slacks)
        self.study.tell(self.trial, [told[name] for name in self.problem.study.names])


class Ax:
    """Ax's client with its default strategy."""

    def __init__(self, problem: Problem, seed: int) -> None:
        from ax.api.client import Client
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        logging.disable(logging.WARNING)
        warnings.filterwarnings("ignore")
        study = problem.study
        if study.space.conditional:
            raise Unfit
        self.client = Client(random_seed=seed)
        parameters: list[Any] = []
        for p in study.space.parameters:
            if isinstance(p, Choices):
                kind = "str" if isinstance(p.choices[0], str) else "float"
                values = list(p.choices) if kind == "str" else [float(v) for v in p.choices]
                parameters.append(
                    ChoiceParameterConfig(
                        name=p.name, values=values, parameter_type=kind, is_ordered=isinstance(p, Ordinal)
                    )
                )
            else:
                assert isinstance(p, Numeric)
                assert not isinstance(p, Fidelity)
                kind = "int" if isinstance(p, Int) else "float"
                parameters.append(
                    RangeParameterConfig(name=p.name, bounds=(float(p.low), float(p.high)), parameter_type=kind)
                )
        self.client.configure_experiment(parameters=parameters)
        objective = ", ".join(("-" if o.goal == "min" else "") + o.name for o in study.objectives)
        self.client.configure_optimization(
            objective=objective,
            outcome_constraints=[f"{c.name} {c.sense} {c.bound}" for c in study.constraints] or None,
        )
        self.problem = problem
        self.index = -1

    def ask(self) -> Mapping[str, Value]:
        ((self.index, point),) = self.client.get_next_trials(max_trials=1).items()
        by_name = self.problem.study.space.by_name
        plain: dict[str, Value] = {}
        for name, value in point.items():
            p = by_name[name]
            plain[name] = next(c for c in p.choices if c == value) if isinstance(p, Choices) else value
        return plain

    def tell(self, told: Mapping[str, float]) -> None:
        self.client.complete_trial(self.index, raw_data=dict(told))


class BoTorch:
    """SingleTaskGP and qLogNoisyExpectedImprovement, as in its tutorials; one objective over numbers."""

    def __init__(self, problem: Problem, seed: int) -> None:
        import torch

        study = problem.study
        plain = all(isinstance(p, Numeric) and p.levels is None for p in study.space.parameters)
        if not plain or study.space.conditional or study.constraints or len(study.objectives) > 1:
            raise Unfit
        warnings.filterwarnings("ignore")
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.study = study
        self.d = len(study.space.parameters)
        self.sobol = torch.quasirandom.SobolEngine(self.d, scramble=True, seed=seed)
        self.x: Any = torch.empty((0, self.d), dtype=torch.double)
        self.y: Any = torch.empty((0, 1), dtype=torch.double)
        self.asked: Any = None

    def ask(self) -> Mapping[str, Value]:
        import torch
        from botorch.acquisition import qLogNoisyExpectedImprovement
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from botorch.models.transforms import Standardize
        from botorch.optim import optimize_acqf
        from gpytorch.mlls import ExactMarginalLogLikelihood

        if len(self.x) < max(5, self.d):
            self.asked = self.sobol.draw(1).double()
        else:
            model = SingleTaskGP(self.x, self.y, outcome_transform=Standardize(1))
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            bounds = torch.stack([torch.zeros(self.d), torch.ones(self.d)]).double()
            acquisition = qLogNoisyExpectedImprovement(model, self.x, prune_baseline=True)
            self.asked, _ = optimize_acqf(acquisition, bounds, q=1, num_restarts=4, raw_samples=256)
        return {p.name: p.at(float(u)) for p, u in zip(self.study.space.parameters, self.asked[0], strict=True)}

    def tell(self, told: Mapping[str, float]) -> None:
        import torch

        objective = self.study.objectives[0]
        self.x = torch.cat([self.x, self.asked])
        self.y = torch.cat([self.y, torch.tensor([[-objective.sign * told[objective.name]]]).double()])


class Unfit(Exception):
    """The player does not take this problem."""


def players() -> dict[str, Callable[[Problem, int], Player]]:
    """By name; peers that are not installed are left out."""
    found: dict[str, Callable[[Problem, int], Player]] = {
        "Kantor auto": lambda problem, seed: Kantor(problem, seed, "auto"),
        "Kantor tpe": lambda problem, seed: Kantor(problem, seed, "tpe"),
        "Kantor quasi-random": lambda problem, seed: Kantor(problem, seed, "quasi-random"),
    }
    if importlib.util.find_spec("optuna"):
        found["Optuna TPE"] = lambda problem, seed: Optuna(problem, seed, "TPE")
        if importlib.util.find_spec("torch"):
            found["Optuna GP"] = lambda problem, seed: Optuna(problem, seed, "GP")
    if importlib.util.find_spec("botorch"):
        found["BoTorch qLogNEI"] = BoTorch
    if importlib.util.find_spec("ax"):
        found["Ax"] = Ax
    return found


def finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
