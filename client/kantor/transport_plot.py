"""Pictures of transport answers, with matplotlib: in a notebook, or as a file."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from kantor import transport_arrays as arrays
from kantor.errors import KantorError, NoPoint

if TYPE_CHECKING:
    from kantor.transport_answer import TransportAnswer

LINES = 2000
"""Heaviest entries of a plan that are drawn as lines."""
CELLS = 400
"""Rows and columns of a heat map; larger plans are summed into so many."""
FRAMES = 5


def plot(
    answer: TransportAnswer, view: str = "auto", *, path: str | PathLike[str] | None = None, **options: Any
) -> Any:
    """Draw an answer.

    Args:
        view: "coupling": points and the mass moved between them (of points in the plane, or the first two coordinates).
            "heatmap": the plan as a matrix. "interpolation": the way from x to y in frames. "convergence": marginal
            error over time. "measure": a barycenter. "auto": what fits.
        path: of a file to write (.png, .svg, .pdf).
        options: ``lines`` (how many entries are drawn), ``frames`` (how many), ``ax`` (to draw into; not for frames).

    Returns:
        The matplotlib figure.

    Raises:
        KantorError: matplotlib is not installed; the answer has nothing of the kind; an unknown view.
    """
    figure_of = _pyplot()
    drawing = {
        "coupling": _coupling,
        "heatmap": _heatmap,
        "interpolation": _interpolation,
        "convergence": _convergence,
        "measure": _measure,
    }
    view = _fitting(answer) if view == "auto" else view
    if view not in drawing:
        raise KantorError(f"there is no view {view!r}; one of: auto, {', '.join(drawing)}")
    figure = drawing[view](answer, figure_of, options)
    if options:
        raise KantorError(f"the view {view!r} has no option {next(iter(options))!r}")
    if path is not None:
        figure.savefig(path, dpi=150, bbox_inches="tight")
    return figure


def _pyplot() -> Any:
    """Figures of their own, without pyplot's global state: nothing pops up, nothing is left open."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise KantorError("pictures need matplotlib: pip install 'kantor[plot]'") from None

    def make(width: float, height: float) -> Any:
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        return figure

    return make


def _fitting(answer: TransportAnswer) -> str:
    if answer.contract.weights is not None:
        return "measure"
    try:
        space = answer._space()
    except KantorError:
        return "heatmap"
    return "coupling" if space.x is not None and space.y is not None and answer.contract.plan is not None else "heatmap"


def _axes(make: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    ax = options.pop("ax", None)
    if ax is not None:
        return ax.figure, ax
    figure = make(6.0, 5.0)
    return figure, figure.subplots()


def _plane(points: Any) -> Any:
    np = arrays.numpy()
    return points[:, :2] if points.shape[1] > 1 else np.column_stack([points[:, 0], np.zeros(len(points))])


def _sizes(weights: Any) -> Any:
    largest = min(64.0, max(4.0, 6000.0 / len(weights)))
    return 2.0 + largest * weights / max(float(weights.max()), 1e-300)


def _heaviest(answer: TransportAnswer, count: int) -> tuple[Any, Any, Any]:
    """Rows, columns and masses of the largest entries."""
    np = arrays.numpy()
    plan = answer.coupling
    if plan.form == "sparse" or plan.shape[0] * plan.shape[1] <= CELLS**2:
        entries = answer.plan.tocoo()
        rows, columns = entries.coords
        masses = entries.data
    else:
        columns, masses = plan.top(max(1, count // plan.shape[0]))
        rows = np.repeat(np.arange(len(columns)), columns.shape[1])
        columns, masses = columns.ravel(), masses.ravel()
    keep = np.argsort(-masses, kind="stable")[:count]
    return rows[keep], columns[keep], masses[keep]


def _coupling(answer: TransportAnswer, make: Any, options: dict[str, Any]) -> Any:
    from matplotlib.collections import LineCollection

    np = arrays.numpy()
    space = answer._space()
    if space.x is None or space.y is None:
        raise KantorError("the problem has no points to draw; view='heatmap' shows the plan")
    rows, columns, masses = _heaviest(answer, int(options.pop("lines", LINES)))
    figure, ax = _axes(make, options)
    x, y = _plane(space.x), _plane(space.y)
    if space.x.shape[1] == 1:
        y = y + np.array([0.0, 1.0])
        ax.set_yticks([0.0, 1.0], ["x", "y"])
    strength = masses / masses.max()
    colours = np.column_stack([np.full((len(masses), 3), 0.45), 0.15 + 0.6 * strength])
    lines = np.stack([x[rows], y[columns]], axis=1)
    ax.add_collection(LineCollection(lines, colors=colours, linewidths=0.4 + strength))
    ax.scatter(*x.T, s=_sizes(space.a), color="tab:blue", label="x", zorder=3, linewidths=0)
    ax.scatter(*y.T, s=_sizes(space.b), color="tab:orange", label="y", zorder=3, linewidths=0)
    ax.set_title(_title(answer))
    ax.legend(loc="best")
    if space.x.shape[1] > 1:
        ax.set_aspect("equal", adjustable="datalim")
    return figure


def _heatmap(answer: TransportAnswer, make: Any, options: dict[str, Any]) -> Any:
    figure, ax = _axes(make, options)
    image = ax.imshow(_summed(answer), cmap="magma_r", interpolation="nearest", aspect="auto")
    n, m = answer.coupling.shape
    ax.set_xlabel(f"{m} targets")
    ax.set_ylabel(f"{n} sources")
    ax.set_title(_title(answer))
    figure.colorbar(image, ax=ax, label="mass")
    return figure


def _summed(answer: TransportAnswer) -> Any:
    """The plan, or its sums over blocks of rows and columns."""
    np = arrays.numpy()
    plan = answer.coupling
    n, m = plan.shape
    height, width = min(n, CELLS), min(m, CELLS)
    cells = np.zeros((height, width))
    to_column = np.arange(m) * width // m
    if plan.form == "sparse":
        entries = answer.plan.tocoo()
        np.add.at(cells, (entries.coords[0] * height // n, to_column[entries.coords[1]]), entries.data)
        return cells
    starts = np.searchsorted(to_column, np.arange(width))
    for first, block in plan.blocks():
        np.add.at(cells, (np.arange(first, first + len(block)) * height // n,), np.add.reduceat(block, starts, axis=1))
    return cells


def _interpolation(answer: TransportAnswer, make: Any, options: dict[str, Any]) -> Any:
    np = arrays.numpy()
    frames = int(options.pop("frames", FRAMES))
    figure = make(2.6 * frames, 2.8)
    axes = figure.subplots(1, frames, squeeze=False, sharex=True, sharey=True)[0]
    for ax, t in zip(axes, np.linspace(0.0, 1.0, frames), strict=True):
        points, masses = answer.interpolate(float(t))
        points = _plane(points)
        heavy = masses > 1e-3 * masses.max()
        ax.scatter(*points[heavy].T, s=_sizes(masses[heavy]) / 2, color=(1.0 * t, 0.5, 1.0 - t), linewidths=0)
        ax.set_title(f"t = {t:.2g}")
        ax.set_aspect("equal")
    figure.suptitle(_title(answer))
    return figure


def _convergence(answer: TransportAnswer, make: Any, options: dict[str, Any]) -> Any:
    np = arrays.numpy()
    trace = answer.statistics.get("trace")
    if not trace:
        raise KantorError(
            f"{answer.engine} kept no trace of its progress: only iterative engines do, such as sinkhorn and quadratic;"
            " regularization=... chooses one"
        )
    seconds, errors = np.array([[float(value) for value in row[:2]] for row in trace]).T
    figure, ax = _axes(make, options)
    positive = errors > 0.0
    ax.semilogy(seconds[positive], errors[positive], marker=".")
    ax.set_xlabel("seconds")
    ax.set_ylabel("marginal error")
    ax.set_title(_title(answer))
    ax.grid(alpha=0.3)
    return figure


def _measure(answer: TransportAnswer, make: Any, options: dict[str, Any]) -> Any:
    np = arrays.numpy()
    if answer.contract.weights is None:
        raise NoPoint("the answer has no measure: it is no barycenter")
    figure, ax = _axes(make, options)
    weights, support = np.asarray(answer.weights), answer.support
    images = [array for name, array in getattr(answer._problem, "arrays", {}).items() if name.startswith("images/")]
    if images and images[0].ndim == 2 and images[0].size == len(weights):
        ax.imshow(weights.reshape(images[0].shape), cmap="gray_r")
    elif support is not None:
        ax.scatter(*_plane(np.asarray(support)).T, s=_sizes(weights), linewidths=0)
        ax.set_aspect("equal", adjustable="datalim")
    else:
        ax.plot(weights)
    ax.set_title(_title(answer))
    return figure


def _title(answer: TransportAnswer) -> str:
    parts = [] if answer.cost is None else [f"cost {answer.cost:.6g}"]
    if answer.gap is not None:
        parts.append(f"gap {answer.gap:.1g}")
    return ", ".join([*parts, "verified" if answer.certificate.verified else "not verified"])
