"""Points that need no model: Sobol sequences, uniform draws, and the whole of a small finite space."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from solvers.studies.encoding import Array, Encoding
from solvers.studies.parameters import Numeric, Parameter


def generator(seed: int, *stream: int) -> np.random.Generator:
    """A generator for one use: the same seed and stream give the same numbers on every machine."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed & 0xFFFFFFFF, *stream])))


def sobol(encoding: Encoding, count: int, seed: int, skip: int = 0) -> Array:
    """Place rows number ``skip`` to ``skip + count`` of a scrambled Sobol sequence (Owen scrambling by the seed)."""
    width = len(encoding.names)
    if width > qmc.Sobol.MAXDIM:
        return generator(seed, 11, skip).random((count, width))
    sequence = qmc.Sobol(width, scramble=True, rng=generator(seed, 7))
    if skip:
        sequence.fast_forward(skip)
    total = 1 << max(count - 1, 0).bit_length()
    return np.asarray(sequence.random(total if skip == 0 else count)[:count])


def every_row(encoding: Encoding, limit: int) -> Array | None:
    """All different complete rows of a finite space in the order of its parameters' levels, or None if there may be
    more than ``limit`` before conditions."""
    if not encoding.space.size <= limit:
        return None
    axes = [level_places(parameter) for parameter in encoding.parameters]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    rows = encoding.complete(grid)
    if not encoding.space.conditional:
        return rows
    first: dict[bytes, int] = {}
    for i, key in enumerate(encoding.keys(rows)):
        first.setdefault(key, i)
    return rows[list(first.values())]


def level_places(parameter: Parameter) -> Array:
    """The places of all levels of a countable parameter, ascending."""
    levels = parameter.levels or 0
    if isinstance(parameter, Numeric) and parameter.log and parameter.step is not None and levels > 1:
        return np.array([parameter.unit(parameter.low + k * parameter.step) for k in range(levels)])
    return np.asarray((np.arange(levels) + 0.5) / levels)


def around(centre: Array, count: int, rng: np.random.Generator) -> Array:
    """Rows near a row: Gaussian steps of sizes from 0.5 down to 0.001, in all columns or in a random few."""
    width = len(centre)
    sizes = 10.0 ** rng.uniform(-3.0, -0.3, count)
    moved = centre + sizes[:, None] * rng.standard_normal((count, width))
    share = np.where(rng.random(count) < 0.5, 1.0, min(1.0, 3.0 / width))
    keep = rng.random((count, width)) >= share[:, None]
    moved[keep] = np.broadcast_to(centre, moved.shape)[keep]
    return np.abs(1.0 - np.abs(1.0 - np.clip(moved, -1.0, 2.0)))  # reflected at the walls
