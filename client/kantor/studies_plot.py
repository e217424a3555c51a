"""Pictures of a study as SVG, made here without any library: notebooks show them, ``save`` writes a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kantor.errors import KantorError

if TYPE_CHECKING:
    from kantor.studies import Study

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 100, 20, 36, 48
DOTS, LINE = "#4c6ef5", "#e8590c"


class Plot:
    """A picture; ``svg`` is its text. Notebooks show it; elsewhere ``save`` it."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def __repr__(self) -> str:
        return f"<Plot of {len(self.svg):,} characters of SVG: .save('picture.svg'), or shown by a notebook>"

    def save(self, file: str | Path) -> Path:
        """Write it as .svg.

        Raises:
            KantorError: another ending: what it names is not written here.
        """
        target = Path(file)
        if target.suffix.lower() not in ("", ".svg"):
            raise KantorError(f"{target}: this picture is written as SVG; call it {target.with_suffix('.svg').name}")
        target.write_text(self.svg, encoding="utf-8")
        return target

    def _repr_svg_(self) -> str:
        return self.svg


def plot(study: Study, kind: str, parameters: Sequence[str] = (), settings: Mapping[str, Any] | None = None) -> Plot:
    """See ``Study.plot``.

    Raises:
        KantorError: no such picture, or nothing to show yet.
    """
    from kantor import studies_plot_models as models

    given = dict(settings or {})
    kinds: dict[str, Callable[[], Plot]] = {
        "history": lambda: _history(study),
        "pareto": lambda: _pareto(study),
        "parameters": lambda: _parameters(study),
        "importance": lambda: _importance(study),
        "curves": lambda: models.curves(study, **given),
        "hypervolume": lambda: models.hypervolume(study),
        "calibration": lambda: models.calibration(study),
        "marginals": lambda: models.marginals(study, parameters, **given),
        "contour": lambda: models.contour(study, parameters, **given),
        "utilities": lambda: models.utilities(study),
    }
    if kind not in kinds:
        raise KantorError(f"there is no picture {kind!r}; there are: {', '.join(kinds)}")
    return kinds[kind]()


def _measured(study: Study) -> list[Any]:
    found = [trial for trial in study.trials("completed", "stopped") if trial.values_told]
    if not found:
        raise KantorError(f"no trial of {study.name!r} has values yet: there is nothing to show")
    return found


def _history(study: Study) -> Plot:
    if not study.info.objectives:
        raise KantorError("a study by preference has no values; see the picture 'utilities'")
    objective, goal = next(iter(study.info.objectives.items()))
    trials = _measured(study)
    dots = [(trial.number, trial.values_told[objective], bool(trial.feasible)) for trial in trials]
    best: list[tuple[float, float]] = []
    for number, value, feasible in dots:
        if feasible and (not best or (value < best[-1][1]) == (goal == "min")):
            best.append((number, value))
        elif best:
            best.append((number, best[-1][1]))
    return chart(
        f"{study.name}: {objective} ({goal})", "trial", objective, [(n, v) for n, v, ok in dots if ok], steps(best),
        [(n, v) for n, v, ok in dots if not ok],
    )  # fmt: skip


def _pareto(study: Study) -> Plot:
    names = list(study.info.objectives)
    if len(names) < 2:
        raise KantorError("a Pareto front needs two objectives")
    x, y = names[:2]

    def places(trials: Sequence[Any]) -> list[tuple[float, float]]:
        return [(trial.values_told[x], trial.values_told[y]) for trial in trials]

    trials = _measured(study)
    # the edge of what was reached: a step along x first where small values of x are good
    front = steps(sorted(places(study.pareto())), across_first=study.info.objectives[x] == "min")
    ok = [trial for trial in trials if trial.feasible]
    return chart(study.name, x, y, places(ok), front, places([trial for trial in trials if not trial.feasible]))


def _parameters(study: Study) -> Plot:
    """One strip for each parameter: its values against the first objective."""
    if not study.info.objectives:
        raise KantorError("a study by preference has no values; see the picture 'utilities'")
    objective = next(iter(study.info.objectives))
    trials = _measured(study)
    names = list(study.info.space)
    parts: list[str] = []
    height = 150
    for name in names:
        with_it = [trial for trial in trials if name in trial.params]
        if not with_it:
            continue
        ticks, log = ticks_of(study.info.space[name])
        dots = [
            (float(ticks.index(str(t.params[name])) if ticks else t.params[name]), t.values_told[objective])
            for t in with_it
        ]
        drawn = axes(dots, name, objective, height, log=log, ticks=ticks)
        parts.append(f'<g transform="translate(0,{len(parts) * height})">{drawn}</g>')
    return Plot(svg("".join(parts), height * len(parts)))


def ticks_of(parameter: Any) -> tuple[list[str], bool]:
    """The names of a parameter's choices, if it has any; and whether its scale is logarithmic."""
    return [str(choice) for choice in getattr(parameter, "choices", [])], bool(getattr(parameter, "log", False))


def steps(line: Places, *, across_first: bool = True) -> list[tuple[float, float]]:
    """The corners of a staircase through points in the order of x."""
    found = list(line[:1])
    for (left, low), (right, high) in pairwise(line):
        found += [(right, low) if across_first else (left, high), (right, high)]
    return found


def _importance(study: Study) -> Plot:
    found = study.importance()
    rows = []
    y = TOP
    for objective, shares in found.items():
        rows.append(text(10, y, objective, weight="bold"))
        for name, share in sorted(shares.items(), key=lambda item: -item[1]):
            y += 22
            width = 400 * min(1.0, share)
            rows.append(text(10, y, name))
            rows.append(f'<rect x="150" y="{y - 12}" width="{width:.1f}" height="14" fill="{DOTS}"/>')
            rows.append(text(160 + width, y, f"{share:.2f}"))
        y += 34
    return Plot(svg("".join(rows), y))


Places = Sequence[tuple[float, float]]


def chart(title: str, x: str, y: str, dots: Places, line: Places, grey: Places) -> Plot:
    every = [*dots, *line, *grey]
    scale = Scale(every, HEIGHT)
    marks = [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="#adb5bd"/>' for px, py in map(scale, grey)]
    marks += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{DOTS}"/>' for px, py in map(scale, dots)]
    if line:
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in map(scale, line))
        marks.append(f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    return Plot(svg(text(WIDTH / 2, 20, title, anchor="middle", weight="bold") + "".join(marks) + scale.frame(x, y)))


def axes(dots: Places, x: str, y: str, height: int, *, log: bool = False, ticks: Sequence[str] = ()) -> str:
    scale = Scale(dots, height, log=log, ticks=ticks)
    marks = [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{DOTS}"/>' for px, py in map(scale, dots)]
    return "".join(marks) + scale.frame(x, y)


class Scale:
    """From values to pixels.

    Args:
        log: x is spread by its logarithm.
        ticks: names of the places 0, 1, ... of x.
    """

    def __init__(self, points: Places, height: int, *, log: bool = False, ticks: Sequence[str] = ()) -> None:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        self.low, self.high = (min(xs), min(ys)), (max(xs), max(ys))
        if ticks:
            self.low, self.high = (-0.5, self.low[1]), (len(ticks) - 0.5, self.high[1])
        self.height = height
        self.log = log and self.low[0] > 0
        self.ticks = ticks

    def __call__(self, point: tuple[float, float]) -> tuple[float, float]:
        share = [
            (value - low) / (high - low) if high > low else 0.5
            for value, low, high in zip(point, self.low, self.high, strict=True)
        ]
        if self.log and self.high[0] > self.low[0]:
            share[0] = math.log(point[0] / self.low[0]) / math.log(self.high[0] / self.low[0])
        return (
            LEFT + share[0] * (WIDTH - LEFT - RIGHT),
            self.height - BOTTOM - share[1] * (self.height - TOP - BOTTOM),
        )

    def frame(self, x: str, y: str) -> str:
        bottom, right = self.height - BOTTOM + 8, WIDTH - RIGHT
        return (
            f'<path d="M{LEFT - 8},{TOP - 6} V{bottom} H{right}" fill="none" stroke="currentColor"/>'
            + self._names(x, bottom + 16, right)
            + text(LEFT - 12, bottom - 8, f"{self.low[1]:.4g}", anchor="end")
            + text(LEFT - 12, TOP + 4, f"{self.high[1]:.4g}", anchor="end")
            + text(LEFT - 12, (TOP + bottom) / 2, y[:14], anchor="end")
        )

    def _names(self, x: str, bottom: float, right: float) -> str:
        """Below the axis: its name between its ends, or between the names of its places."""
        if self.ticks:
            room = max(3, 80 // len(self.ticks))
            every = max(1, len(self.ticks) // 16)
            named = [(k, name) for k, name in enumerate(self.ticks) if k % every == 0]
            places = [text(self((k, 0.0))[0], bottom, name[:room], anchor="middle") for k, name in named]
            return "".join(places) + text((LEFT + right) / 2, bottom + 14, x, anchor="middle", weight="bold")
        return (
            text(LEFT, bottom, f"{self.low[0]:.4g}")
            + text(right, bottom, f"{self.high[0]:.4g}", anchor="end")
            + text((LEFT + right) / 2, bottom, f"{x} (log)" if self.log else x, anchor="middle", weight="bold")
        )


def text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="currentColor">'
        f"{escape(words)}</text>"
    )


def svg(content: str, height: float = HEIGHT) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'font-family="system-ui, sans-serif" font-size="12">{content}</svg>'
    )
