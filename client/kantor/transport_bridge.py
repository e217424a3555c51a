"""The light Schroedinger bridge that an answer's parameters describe: samples and drift.

With v = sum_k w_k N(r_k, e S_k), S_k diagonal, the plan is ``pi(y | x) ~ exp(<x, y> / e) v(y)`` (Korotin, Gushchin,
Burnaev, Light Schroedinger Bridge, ICLR 2024, proposition 3.3). On the way, at time t, the end y has the density
``~ v(y) exp(<x, y> / (e (1 - t)) - t |y|^2 / (2 e (1 - t)))``, again a mixture; the drift is ``(E[y] - x) / (1 - t)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kantor import transport_arrays as arrays
from kantor.errors import NoPoint


def _ends(parameters: Mapping[str, Any], x: Any, t: float) -> tuple[Any, Any, Any]:
    """Of the end y given the place x at time t: shares (n, K), means (n, K, d) and variances (K, d) of the mixture."""
    np = arrays.numpy()
    missing = {"log_weights", "centres", "scales", "epsilon"} - set(parameters)
    if missing:
        raise NoPoint("the answer describes no bridge: solve with engine='light-bridge'")
    centres, scales = np.asarray(parameters["centres"]), np.asarray(parameters["scales"])
    epsilon = float(np.ravel(parameters["epsilon"])[0])
    if x.shape[1] != centres.shape[1]:
        raise ValueError(f"x has points of dimension {x.shape[1]}, the bridge {centres.shape[1]}")
    precisions = (1.0 / scales + t / (1.0 - t)) / epsilon
    means = (centres / scales + x[:, None, :] / (1.0 - t)) / (epsilon * precisions)
    logs = 0.5 * (means**2 * precisions - centres**2 / (epsilon * scales) - np.log(precisions * epsilon * scales))
    logs = np.asarray(parameters["log_weights"]) + logs.sum(axis=2)
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True), means, 1.0 / precisions


def sample(parameters: Mapping[str, Any], x: Any, count: int, seed: int | None) -> Any:
    """(n, count, d) ends for each of the n starts."""
    np = arrays.numpy()
    x = arrays.points(x, "/x")
    shares, means, variances = _ends(parameters, x, 0.0)
    random = np.random.default_rng(seed)
    chosen = (random.random((len(x), count, 1)) > np.cumsum(shares, axis=1)[:, None, :]).sum(axis=2)
    chosen = np.minimum(chosen, shares.shape[1] - 1)
    noise = random.standard_normal((len(x), count, x.shape[1]))
    return means[np.arange(len(x))[:, None], chosen] + np.sqrt(variances)[chosen] * noise


def drift(parameters: Mapping[str, Any], x: Any, t: float) -> Any:
    """(n, d) velocities at the places x (n, d) and the time t in [0, 1)."""
    np = arrays.numpy()
    if not 0.0 <= t < 1.0:
        raise ValueError(f"the drift is known at times from 0 to below 1, not at {t}")
    x = arrays.points(x, "/x")
    shares, means, _ = _ends(parameters, x, t)
    return (np.einsum("nk,nkd->nd", shares, means) - x) / (1.0 - t)
