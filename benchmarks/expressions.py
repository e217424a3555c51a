"""Gradients of expressions against hand-written torch: what the language costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.harness.pairs import interleaved
from benchmarks.harness.report import Report, Table
from benchmarks.harness.scale import Scale

#: Gradients within one timing, so that a timing is some milliseconds.
INNER = 20


def run(scale: Scale, report: Report) -> None:
    """Adds one table: ridge regression 300x100, softmax regression 900x65x10, robust regression 300x100."""
    import torch

    torch.set_num_threads(1)
    repeats = {"full": 60, "quick": 20}.get(scale.name, 2)
    made = {"ridge 300x100": _ridge, "softmax 900x65x10": _softmax, "huber 300x100": _huber}
    rows = [_row(name, *make(), repeats) for name, make in made.items()]
    report.data["expressions"] = rows
    report.add(
        Table(
            "Gradient of an expression against hand-written torch (one thread, float64, CPU time)",
            ("objective", "torch, µs", "Kantor, µs", "ratio, median of pairs"),
            [(row["objective"], f"{row['torch']:.0f}", f"{row['kantor']:.0f}", f"{row['ratio']:.3f}") for row in rows],
        )
    )


def _row(name: str, ours: Callable[[], Any], theirs: Callable[[], Any], repeats: int) -> dict[str, Any]:
    difference = max(float((a - b).abs().max()) for a, b in zip(ours(), theirs(), strict=True))
    assert difference < 1e-12, f"{name}: gradients differ by {difference}"

    def many(function: Callable[[], Any]) -> Callable[[], None]:
        def call() -> None:
            for _ in range(INNER):
                function()

        return call

    taken = interleaved({"torch": many(theirs), "kantor": many(ours)}, repeats, warm_up=3, clock=time.thread_time)
    # both sides of a round see the same machine; the median of rounds leaves out those that were disturbed
    ratio = median(mine / its for mine, its in zip(taken["kantor"], taken["torch"], strict=True))
    fastest = {key: min(times) / INNER * 1e6 for key, times in taken.items()}
    return {"objective": name, **fastest, "ratio": ratio}


def _ridge() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import torch

    random = torch.Generator().manual_seed(0)
    X = torch.randn(300, 100, dtype=torch.float64, generator=random)
    y = torch.randn(300, dtype=torch.float64, generator=random)
    w = torch.randn(100, dtype=torch.float64, generator=random).requires_grad_()
    lam = torch.randn(100, dtype=torch.float64, generator=random).requires_grad_()
    function = _compiled(
        "mean((X @ w - y)**2) + sum(exp(lam)*w**2)", {"w": [100], "lam": [100]}, {"X": X.numpy(), "y": y.numpy()}
    )

    def theirs() -> Any:
        return torch.autograd.grad(((X @ w - y) ** 2).mean() + (lam.exp() * w**2).sum(), (w, lam))

    return lambda: torch.autograd.grad(function({"w": w, "lam": lam}), (w, lam)), theirs


def _softmax() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import torch

    random = torch.Generator().manual_seed(1)
    X = torch.randn(900, 65, dtype=torch.float64, generator=random)
    labels = torch.randint(0, 10, (900,), generator=random)
    W = torch.randn(65, 10, dtype=torch.float64, generator=random).requires_grad_()
    s = torch.randn(900, dtype=torch.float64, generator=random).requires_grad_()
    text = "mean(sigmoid(s)*cross_entropy(X @ W, k)) + 0.0005*norm2sq(W)"
    function = _compiled(text, {"W": [65, 10], "s": [900]}, {"X": X.numpy(), "k": labels.numpy()})

    def theirs() -> Any:
        losses = torch.nn.functional.cross_entropy(X @ W, labels, reduction="none")
        return torch.autograd.grad((torch.sigmoid(s) * losses).mean() + 0.0005 * (W * W).sum(), (W, s))

    return lambda: torch.autograd.grad(function({"W": W, "s": s}), (W, s)), theirs


def _huber() -> tuple[Callable[[], Any], Callable[[], Any]]:
    import torch

    random = torch.Generator().manual_seed(2)
    X = torch.randn(300, 100, dtype=torch.float64, generator=random)
    y = torch.randn(300, dtype=torch.float64, generator=random)
    w = torch.randn(100, dtype=torch.float64, generator=random).requires_grad_()
    function = _compiled("mean(huber(X @ w - y))", {"w": [100]}, {"X": X.numpy(), "y": y.numpy()})
    return (
        lambda: torch.autograd.grad(function({"w": w}), (w,)),
        lambda: torch.autograd.grad(torch.nn.functional.huber_loss(X @ w, y), (w,)),
    )


def _compiled(text: str, variables: dict[str, list[int]], data: dict[str, Any]) -> Any:
    from api_schemas.expression import Scope
    from solvers.expression.function import compile

    scope = Scope()
    for name, shape in variables.items():
        scope.variable(name, shape)
    for name, array in data.items():
        scope.data(name, array.shape, "int64" if array.dtype.kind == "i" else "float64")
    return compile(scope.plain({"f": scope.objective(text).root}), data)
