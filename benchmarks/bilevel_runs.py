"""The methods of the bilevel comparison, each in a process of its own. A peer that is not installed is said to be
so."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import bilevel_peers
from benchmarks.bilevel_problems import Task, task

Trace = list[tuple[float, np.ndarray]]

METHODS = (
    "kantor auto",
    "kantor implicit",
    "kantor penalty",
    "kantor soba",
    "kantor f2sa",
    "jaxopt GD",
    "jaxopt LBFGS",
    "torchopt CG",
    "betty neumann",
    "betty cg",
    "boat PGDO",
    "boat CG",
)


def serve(pipe: Any, method: str, name: str, seed: int, shrink: float, budget: float) -> None:
    """Run one method and send its trace, or the reason why there is none."""
    try:
        pipe.send(_run(method, task(name, seed, shrink), budget))
    except ImportError as error:
        pipe.send(f"not installed: {error.name}")
    except Exception as error:  # a peer may break in its own way
        pipe.send(f"{type(error).__name__}: {str(error)[:60]}")


def _run(method: str, made: Task, budget: float) -> Trace | str:
    library, _, variant = method.partition(" ")
    if library == "kantor":
        return _kantor(made, variant, budget)
    if importlib.util.find_spec("boat_torch" if library == "boat" else library) is None:
        return "not installed"
    if library in ("betty", "boat"):
        import torch

        torch.set_num_threads(1)
        clock = _Clock(budget)
        functions = _torch_functions(made)
        getattr(bilevel_peers, library)(made, variant, *functions, clock.note, lambda: clock.over)
        return clock.trace
    return _jaxopt(made, variant, budget) if library == "jaxopt" else _torchopt(made, budget)


class _Clock:
    """CPU seconds since the beginning; keeps a trace of what was tried, at most every 5 ms."""

    def __init__(self, budget: float) -> None:
        self.trace: Trace = []
        self._budget = budget
        self._began = time.process_time()

    def note(self, x: np.ndarray) -> None:
        now = time.process_time() - self._began
        if not self.trace or now - self.trace[-1][0] >= 0.005:
            self.trace.append((now, np.array(x, dtype=np.float64)))

    @property
    def over(self) -> bool:
        return time.process_time() - self._began > self._budget


def _kantor(made: Task, engine: str, budget: float) -> Trace:
    import torch

    from solvers.bilevel.problem import Bilevel, Level, Structure
    from solvers.bilevel.select import choose
    from solvers.core import registry
    from solvers.core.engine import LocalContext, StopReason

    torch.set_num_threads(1)
    upper, lower = _torch_functions(made)
    structure = Structure(lower_convex=True, lower_strongly_convex=True)
    offered = [registry.load("bilevel", name).spec for name in registry.names("bilevel")]
    clock = _Clock(budget)

    def noted(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        clock.note(x.detach().numpy())
        return upper(x, y)

    class Budget(LocalContext):
        def should_stop(self) -> StopReason | None:
            return "time" if clock.over else None

    problem = Bilevel(Level.build(noted, made.x0), Level.build(lower, np.zeros(made.m)), structure)
    name = choose(problem, {}, offered)[0] if engine == "auto" else engine
    registry.load("bilevel", name).solve(problem, {"log": False}, Budget())
    return clock.trace


def _torch_functions(made: Task) -> tuple[Callable[..., Any], Callable[..., Any]]:
    import torch

    data = {name: torch.tensor(value) for name, value in made.data.items()}
    X, y, Xv, yv = (data[name] for name in ("X", "y", "Xv", "yv"))
    if made.name == "ridge":
        return (
            lambda _, w: 0.5 * ((Xv @ w - yv) ** 2).mean(),
            lambda x, w: 0.5 * ((X @ w - y) ** 2).mean() + 0.5 * ((4.0 * torch.tanh(x / 4.0)).exp() * w * w).sum(),
        )

    def losses(X: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        z = X @ w.reshape(-1, 10)
        return torch.logsumexp(z, dim=1) - z.gather(1, y[:, None])[:, 0]

    return (
        lambda _, w: losses(Xv, yv, w).mean(),
        lambda x, w: (torch.sigmoid(x) * losses(X, y, w)).mean() + 5e-4 * (w * w).sum(),
    )


def _adam(gradient: Callable[[np.ndarray], np.ndarray], x: np.ndarray, clock: _Clock, rate: float = 0.1) -> Trace:
    m, v = np.zeros_like(x), np.zeros_like(x)
    for k in range(1, 100_000):
        if clock.over:
            break
        clock.note(x)
        g = gradient(x)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - rate * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-12)
    clock.note(x)
    return clock.trace


def _jaxopt(made: Task, variant: str, budget: float) -> Trace:
    import jax
    import jax.numpy as jnp
    import jaxopt

    jax.config.update("jax_enable_x64", True)
    data = {name: jnp.asarray(value) for name, value in made.data.items()}
    X, y, Xv, yv = (data[name] for name in ("X", "y", "Xv", "yv"))

    def losses(X: Any, y: Any, w: Any) -> Any:
        z = X @ w.reshape(-1, 10)
        return jax.scipy.special.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]

    def lower(w: Any, x: Any) -> Any:
        if made.name == "ridge":
            return 0.5 * jnp.mean((X @ w - y) ** 2) + 0.5 * jnp.sum(jnp.exp(4.0 * jnp.tanh(x / 4.0)) * w * w)
        return jnp.mean(jax.nn.sigmoid(x) * losses(X, y, w)) + 5e-4 * jnp.sum(w * w)

    def upper(w: Any) -> Any:
        return 0.5 * jnp.mean((Xv @ w - yv) ** 2) if made.name == "ridge" else jnp.mean(losses(Xv, yv, w))

    kinds = {"GD": jaxopt.GradientDescent, "LBFGS": jaxopt.LBFGS}
    solver = kinds[variant](fun=lower, maxiter=20, tol=1e-10, implicit_diff=True)

    def hyper(x: Any, w: Any) -> Any:
        found = solver.run(w, x).params
        return upper(found), found

    both = jax.jit(jax.value_and_grad(hyper, has_aux=True))
    state = {"w": jnp.zeros(made.m)}
    clock = _Clock(budget)

    def gradient(x: np.ndarray) -> np.ndarray:
        (_, state["w"]), g = both(jnp.asarray(x), state["w"])
        return np.asarray(g)

    return _adam(gradient, made.x0, clock)


def _torchopt(made: Task, budget: float) -> Trace:
    import torch
    import torchopt

    torch.set_num_threads(1)
    upper, lower = _torch_functions(made)

    def objective(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return lower(x, w)

    @torchopt.diff.implicit.custom_root(
        torch.func.grad(objective, argnums=0),
        argnums=1,
        solve=torchopt.linear_solve.solve_cg(maxiter=20, atol=0),
    )
    def solve(w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        w = w.detach().clone().requires_grad_(True)
        method = torch.optim.LBFGS([w], max_iter=20, line_search_fn="strong_wolfe", tolerance_grad=1e-10)

        def closure() -> torch.Tensor:
            method.zero_grad()
            value = objective(w, x.detach())
            value.backward()
            return value

        with torch.enable_grad():
            method.step(closure)
        return w.detach().requires_grad_(True)

    state = {"w": torch.zeros(made.m, dtype=torch.float64)}
    clock = _Clock(budget)

    def gradient(x: np.ndarray) -> np.ndarray:
        point = torch.tensor(x, requires_grad=True)
        w = solve(state["w"], point)
        state["w"] = w.detach()
        (g,) = torch.autograd.grad(upper(point, w), point)
        return g.numpy()

    return _adam(gradient, made.x0, clock)
