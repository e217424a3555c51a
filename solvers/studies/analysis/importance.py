"""Which parameters matter: Sobol indices of the model's mean over the whole space.

A functional ANOVA of the Gaussian process of the engine ``gp`` (not of a random forest), by Monte Carlo on two Sobol
samples: first-order indices by Saltelli et al. 2010 (Comput. Phys. Commun. 181, table 2, b), total indices by Jansen
(table 2, f).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from solvers.studies.analysis.fitted import Fitted
from solvers.studies.encoding import Array
from solvers.studies.sampling import generator


def importance(fitted: Fitted, *, samples: int = 1024, seed: int = 0) -> dict[str, dict[str, dict[str, float]]]:
    """For every objective and parameter ``{"first": share, "total": share}`` of the variance of the predicted
    objective.

    ``first``: explained by the parameter alone. ``total``: with all its interactions. A parameter that does not vary
    has 0; a conditional one counts where it is active. Costs samples * n * (parameters + 2) kernel values.
    """
    encoding = fitted.encoding
    both = sobol_pair(len(encoding.names), samples, seed)
    told: dict[str, dict[str, dict[str, float]]] = {}
    for k, name in enumerate(fitted.study.names):
        a, b = (fitted.means(places, k) for places in both)
        variance = float(np.var(np.concatenate([a, b])))
        shares = {}
        for i, parameter in enumerate(encoding.names):
            mixed = both[0].copy()
            mixed[:, i] = both[1][:, i]
            f = fitted.means(mixed, k)
            first = float(np.mean(b * (f - a)) - np.mean(b) * np.mean(f - a))
            total = 0.5 * float(np.mean((a - f) ** 2))
            safe = variance if variance > 0 else 1.0
            shares[parameter] = {"first": max(first / safe, 0.0), "total": total / safe}
        told[name] = shares
    return told


def sobol_pair(width: int, samples: int, seed: int) -> tuple[Array, Array]:
    """Two samples of the unit cube, (samples, width) each: the halves of one sequence of twice the width. Two sequences
    that differ in their scrambling alone would depend on each other."""
    if 2 * width > qmc.Sobol.MAXDIM:
        both = generator(seed, 43).random((samples, 2 * width))
    else:
        both = qmc.Sobol(2 * width, scramble=True, rng=generator(seed, 43)).random(samples)
    return both[:, :width], both[:, width:]
