"""Pictures of what a study's model says: marginals, contours, calibration, utilities; and the hypervolume."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kantor.errors import KantorError
from kantor.studies_plot import (
    BOTTOM,
    DOTS,
    HEIGHT,
    LEFT,
    LINE,
    RIGHT,
    TOP,
    WIDTH,
    Plot,
    Scale,
    chart,
    steps,
    svg,
    text,
    ticks_of,
)

if TYPE_CHECKING:
    from kantor.studies import Study

#: From low to high: dark blue, teal, green, yellow (close to the map "viridis", legible without colours).
_MAP = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))


def hypervolume(study: Study) -> Plot:
    """The hypervolume of the front after each trial."""
    found = study.progress()
    line = [(float(number), volume) for number, volume in zip(found.trials, found.hypervolume, strict=True)]
    if not line:
        raise KantorError(f"no trial of {study.name!r} has values yet: there is nothing to show")
    return chart(f"{study.name}: hypervolume", "trial", "hypervolume", [], steps(line), [])


def curves(study: Study, *, most: int = 40) -> Plot:
    """What the newest trials reported on their way: blue, of stopped ones orange, of those that have not ended grey."""
    objective = next(iter(study.info.objectives), "")
    drawn: list[tuple[str, list[tuple[float, float]]]] = []
    for trial in deque(study.trials(), maxlen=most):
        told = [(float(r.step), float(r.values.get(objective, "nan"))) for r in study.history(trial.number).reports]
        line = sorted((step, value) for step, value in told if math.isfinite(value))
        if line:
            colour = LINE if trial.state == "stopped" else DOTS if trial.done else "#adb5bd"
            drawn.append((colour, line))
    if not drawn:
        raise KantorError(f"none of the newest trials of {study.name!r} has reported {objective or 'anything'}")
    scale = Scale([point for _, line in drawn for point in line], HEIGHT)
    marks = [text(WIDTH / 2, 20, f"{study.name}: reported", anchor="middle", weight="bold")]
    for colour, line in drawn:
        places = list(map(scale, line))
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        marks.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        x, y = places[-1]
        marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>')
    return Plot(svg("".join(marks) + scale.frame("step", objective)))


def calibration(study: Study) -> Plot:
    """Predictions from all other trials against what was observed; on the line they agree."""
    name, found = next(iter(study.calibration().items()))
    dots = list(zip(found.observed, found.mean, strict=True))
    ends = [min(found.observed), max(found.observed)]
    covered = ", ".join(f"{float(level):.0%}: {share:.0%}" for level, share in found.coverage.items())
    line = [(end, end) for end in ends]
    return chart(f"{study.name}: {name} predicted; inside {covered}", "observed", "predicted", dots, line, [])


def marginals(study: Study, parameters: Sequence[str] = (), **settings: Any) -> Plot:
    """One strip for each parameter: the model's mean and two standard deviations."""
    parts, height = [], 170
    found = study.marginals(*parameters, **settings)
    for k, item in enumerate(found):
        choices, log = ticks_of(study.info.space[item.parameter])
        ticks = [str(value) for value in item.values] if choices else []
        at = [float(i) for i in range(len(ticks))] if choices else [float(v) for v in item.values]
        low = [m - 2 * s for m, s in zip(item.mean, item.std, strict=True)]
        high = [m + 2 * s for m, s in zip(item.mean, item.std, strict=True)]
        scale = Scale([*zip(at, low, strict=True), *zip(at, high, strict=True)], height, log=log, ticks=ticks)
        middle = [scale(p) for p in zip(at, item.mean, strict=True)]
        if ticks:
            ends = [(scale((x, a)), scale((x, b))) for x, a, b in zip(at, low, high, strict=True)]
            marks = "".join(
                f'<path d="M{x:.1f},{a:.1f} V{b:.1f}" stroke="{DOTS}" stroke-width="6" opacity="0.35"/>'
                for (x, a), (_, b) in ends
            )
            marks += "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{LINE}"/>' for x, y in middle)
        else:
            band = [scale(p) for p in [*zip(at, high, strict=True), *reversed([*zip(at, low, strict=True)])]]
            marks = f'<polygon points="{_path(band)}" fill="{DOTS}" opacity="0.25"/>'
            marks += f'<polyline points="{_path(middle)}" fill="none" stroke="{LINE}" stroke-width="2"/>'
        marks += scale.frame(item.parameter, item.objective)
        parts.append(f'<g transform="translate(0,{k * height})">{marks}</g>')
    return Plot(svg("".join(parts), height * max(1, len(found))))


def contour(study: Study, parameters: Sequence[str] = (), **settings: Any) -> Plot:
    """The model's mean over two parameters as colours; where it is unsure, they are pale."""
    x, y = parameters if len(parameters) == 2 else _important(study)
    found = study.contour(x, y, **settings)
    rows, columns = len(found.mean), len(found.mean[0])
    flat = [value for row in found.mean for value in row]
    low, high = min(flat), max(flat)
    unsure = max(max(row) for row in found.std) or 1.0
    width, height = (WIDTH - LEFT - RIGHT) / columns, (HEIGHT - TOP - BOTTOM) / rows
    cells = []
    for j, (means, stds) in enumerate(zip(found.mean, found.std, strict=True)):
        for i, (mean, std) in enumerate(zip(means, stds, strict=True)):
            place = (mean - low) / (high - low) if high > low else 0.5
            left, top = LEFT + i * width, HEIGHT - BOTTOM - (j + 1) * height
            shade = f'fill="{_colour(place)}" opacity="{1.0 - 0.6 * std / unsure:.2f}"'
            size = f'width="{width + 0.5:.1f}" height="{height + 0.5:.1f}"'
            cells.append(f'<rect x="{left:.1f}" y="{top:.1f}" {size} {shade}/>')
    ends = [(str(_short(values[0])), str(_short(values[-1]))) for values in found.values]
    labels = (
        text(
            WIDTH / 2, 20, f"{found.objective}: {low:.4g} (dark) to {high:.4g} (bright)", anchor="middle", weight="bold"
        )
        + text(LEFT, HEIGHT - BOTTOM + 18, ends[0][0])
        + text(WIDTH - RIGHT, HEIGHT - BOTTOM + 18, ends[0][1], anchor="end")
        + text(WIDTH / 2, HEIGHT - BOTTOM + 18, x, anchor="middle")
        + text(LEFT - 8, HEIGHT - BOTTOM, ends[1][0], anchor="end")
        + text(LEFT - 8, TOP + 10, ends[1][1], anchor="end")
        + text(LEFT - 8, HEIGHT / 2, y[:12], anchor="end")
    )
    return Plot(svg("".join(cells) + labels))


def utilities(study: Study) -> Plot:
    """Compared trials, best first: mean utility and one standard deviation, and the probability of being the best."""
    found = study.utilities()[:30]
    if not found:
        raise KantorError(f"no trials of {study.name!r} were compared yet: there is nothing to show")
    low = min(item.mean - item.std for item in found)
    span = max(item.mean + item.std for item in found) - low or 1.0
    rows, y = [], TOP
    for item in found:
        start, end, at = (150 + 380 * (v - low) / span for v in (item.mean - item.std, item.mean + item.std, item.mean))
        rows.append(text(10, y, f"trial {item.trial}"))
        rows.append(
            f'<line x1="{start:.1f}" x2="{end:.1f}" y1="{y - 4}" y2="{y - 4}" stroke="{DOTS}" stroke-width="2"/>'
        )
        rows.append(f'<circle cx="{at:.1f}" cy="{y - 4}" r="4" fill="{LINE}"/>')
        rows.append(text(WIDTH - 10, y, f"best: {item.best:.0%}", anchor="end"))
        y += 22
    return Plot(svg("".join(rows), y))


def _important(study: Study) -> tuple[str, str]:
    shares = next(iter(study.importance().values()))
    names = sorted(shares, key=lambda name: -shares[name])[:2]
    if len(names) < 2:
        raise KantorError("a contour needs two parameters")
    return names[0], names[1]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _short(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value


def _colour(place: float) -> str:
    at = min(max(place, 0.0), 1.0) * (len(_MAP) - 1)
    k = min(int(at), len(_MAP) - 2)
    mixed = (round(a + (b - a) * (at - k)) for a, b in zip(_MAP[k], _MAP[k + 1], strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)
