"""Betty and BOAT on the problems of the bilevel comparison. Both take fixed steps in the lower level: here the step is
one over a bound of its curvature for every x, so that none of them diverges by the choice of a step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.bilevel_problems import Task

Loss = Callable[..., Any]
Note = Callable[[np.ndarray], None]
Over = Callable[[], bool]

#: Step of Adam on the upper level, as for every other peer, and steps below for one above.
RATE, INNER = 0.1, 10
#: BOAT imports its losses by name; this is where they are found.
_losses: dict[str, Loss] = {}


def step_size(made: Task) -> float:
    """One over a bound of the lower objective's curvature that holds for every x."""
    X = made.data["X"]
    largest = float(np.linalg.eigvalsh(X.T @ X / X.shape[0])[-1])
    # ridge: penalties are at most e^4; digits: a softmax curves by at most 1/2, weights are at most 1
    return 1.0 / (largest + np.exp(4.0)) if made.name == "ridge" else 1.0 / (0.5 * largest + 1e-3)


def betty(made: Task, variant: str, upper: Loss, lower: Loss, note: Note, over: Over) -> None:
    """Ten steps below, then one of Adam above with the hypergradient by ten terms or iterations of ``variant``."""
    import torch
    from betty.configs import Config, EngineConfig
    from betty.engine import Engine
    from betty.problems import ImplicitProblem

    rate = step_size(made)
    above = Config(type="darts", log_step=-1)
    below = Config(
        type=variant,
        unroll_steps=INNER,
        neumann_iterations=INNER,
        neumann_alpha=rate,
        cg_iterations=INNER,
        cg_alpha=1.0,
    )

    class Upper(ImplicitProblem):  # type: ignore[misc]
        def training_step(self, batch: Any) -> Any:  # noqa: ARG002
            note(self.module.v.detach().numpy())
            return upper(self.module.v, self.lower.module.v)

        def get_batch(self) -> Any:
            return None

    class Lower(ImplicitProblem):  # type: ignore[misc]
        def training_step(self, batch: Any) -> Any:  # noqa: ARG002
            return lower(self.upper.module.v, self.module.v)

        def get_batch(self) -> Any:
            return None

    x, w = _vector(made.x0), _vector(np.zeros(made.m))
    one = Upper("upper", config=above, module=x, optimizer=torch.optim.Adam(x.parameters(), RATE), device="cpu")
    two = Lower("lower", config=below, module=w, optimizer=torch.optim.SGD(w.parameters(), rate), device="cpu")
    edges = {"u2l": {one: [two]}, "l2u": {two: [one]}}
    engine = Engine([one, two], config=EngineConfig(train_iters=INNER), dependencies=edges)
    while not over():
        engine.run()
    note(x.v.detach().numpy())


def boat(made: Task, variant: str, upper: Loss, lower: Loss, note: Note, over: Over) -> None:
    """``PGDO``: the penalty method of Shen and Chen; ``CG``: gradient steps below, conjugate gradients across."""
    import boat_torch
    import torch

    x, w = _vector(made.x0), _vector(np.zeros(made.m))
    rate = step_size(made)
    _losses.update(upper=upper, lower=lower)
    with tempfile.TemporaryDirectory() as folder:
        config = {
            "fo_op": "PGDO" if variant == "PGDO" else None,
            "gm_op": None if variant == "PGDO" else ["NGD"],
            "na_op": None if variant == "PGDO" else ["CG"],
            "lower_level_model": w,
            "upper_level_model": x,
            "lower_level_var": list(w.parameters()),
            "upper_level_var": list(x.parameters()),
            "lower_level_opt": torch.optim.SGD(w.parameters(), rate),
            "upper_level_opt": torch.optim.Adam(x.parameters(), RATE),
            "lower_iters": INNER if variant == "CG" else 1,
            "device": "cpu",
            "loss_log_path": os.path.join(folder, "losses.json"),
            "fo_ol_batch_input": False,
            "accumulate_grad": False,
            "return_grad": False,
            "copy_last_param": True,
            "GDA": {"alpha_init": 0.0, "alpha_decay": 1.0},
            "RGT": {"truncate_iter": 0},
            "CG": {"tolerance": 1e-10, "k": INNER},
            "PGDO": {
                "y_hat_lr": rate,
                "gamma_init": 10.0,
                "gamma_max": 10.0,
                "gamma_argmax_step": 1,
                "update_y_ahead": False,
                "penalty": "difference",
            },
        }
        names = {f"{which}_level_loss": {"function": f"{__name__}.boat_{which}"} for which in ("lower", "upper")}
        problem = boat_torch.Problem(config, names)
        problem.build_ll_solver()
        problem.build_ul_solver()
        # its file of losses is rewritten as a whole at every step, which is no part of the method
        problem.save_losses = lambda **_: None
        k = 0
        while not over():
            note(x.v.detach().numpy())
            problem.run_iter({}, {}, k)
            k += 1
    note(x.v.detach().numpy())


def boat_lower(feed: Any, above: Any, below: Any, params: Any = None) -> Any:  # noqa: ARG001
    """The lower objective as BOAT calls it."""
    return _losses["lower"](above.v, below.v if params is None else below(params=params))


def boat_upper(feed: Any, above: Any, below: Any, params: Any = None) -> Any:  # noqa: ARG001
    """The upper objective as BOAT calls it."""
    return _losses["upper"](above.v, below.v if params is None else below(params=params))


def _vector(start: np.ndarray) -> Any:
    """A module of one parameter, ``v``."""
    import torch

    class Vector(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.v = torch.nn.Parameter(torch.tensor(start))

        def forward(self) -> Any:
            return self.v

    return Vector()
