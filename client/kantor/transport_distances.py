"""All distances between the measures of a collection, as one job."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from kantor import transport_arrays as arrays
from kantor.errors import KantorError
from kantor.transport import METRICS

if TYPE_CHECKING:
    from kantor.client import Client
    from kantor.progress import Progress

PAIRS = 200_000
"""Pairs in one job; larger collections become several."""

_WASSERSTEIN = {"wasserstein-1": ("euclidean", 1.0), "wasserstein-2": ("sqeuclidean", 0.5)}


class Distances:
    """Distances between k measures, each with what was proved of it.

    Attributes:
        matrix: (k, k), symmetric, 0 on the diagonal, NaN where not computed (a limit came first).
        lower: (k, k), certified lower bounds; ``matrix`` holds the certified upper ones.
        metric: as asked for.
        answers: the ``TransportAnswer`` of each job, with its certificate.
    """

    def __init__(self, matrix: Any, lower: Any, metric: str, answers: list[Any]) -> None:
        self.matrix, self.lower, self.metric, self.answers = matrix, lower, metric, answers

    @property
    def missing(self) -> list[tuple[int, int]]:
        """Pairs that were not computed."""
        np = arrays.numpy()
        rows, columns = np.nonzero(np.triu(np.isnan(self.matrix), 1))
        return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True)]

    @property
    def verified(self) -> bool:
        """Every job's certificate holds."""
        return all(answer.certificate.verified for answer in self.answers)

    def save(self, path: Any) -> None:
        """As .npz, to resume from later."""
        arrays.numpy().savez(path, matrix=self.matrix, lower=self.lower, metric=self.metric)

    @classmethod
    def load(cls, path: Any) -> Distances:
        """What ``save`` wrote."""
        with arrays.numpy().load(path, allow_pickle=False) as found:
            return cls(found["matrix"], found["lower"], str(found["metric"]), [])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return arrays.numpy().array(self.matrix, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.matrix)

    def __repr__(self) -> str:
        left = len(self.missing)
        more = f", {left} pairs missing" if left else ""
        return f"<Distances {self.metric} between {len(self)} measures{more}>"

    def _repr_html_(self) -> str:
        shown = min(len(self), 12)
        cells = "".join(
            f"<tr><th>{i}</th>" + "".join(f"<td>{self.matrix[i, j]:.4g}</td>" for j in range(shown)) + "</tr>"
            for i in range(shown)
        )
        head = "<tr><th></th>" + "".join(f"<th>{j}</th>" for j in range(shown)) + "</tr>"
        proved = "verified" if self.verified else "not verified"
        more = f"; the first {shown} are shown" if len(self) > shown else ""
        return f"<p>{escape(repr(self)[1:-1])}, {proved}{more}</p><table>{head}{cells}</table>"


def distances(
    collection: Sequence[Any],
    metric: str = "wasserstein-2",
    *,
    client: Client | None = None,
    resume: Distances | None = None,
    progress: bool | Callable[[Progress], object] | None = None,
    engine: str = "auto",
    **options: Any,
) -> Distances:
    """Distances between all pairs of measures, with a certificate.

    Called again with the same arguments while the server still has the job, it takes up that job instead of starting
    another: an interrupted session loses nothing. After a limit, ``resume=`` computes only what is missing.

    Args:
        collection: each an (n_k, d) array of points (equal weights), or a pair (weights, points). Weights are divided
            by their sums.
        metric: "wasserstein-1" or "wasserstein-2" (of the Euclidean distance), or the plain transport cost by
            "sqeuclidean", "euclidean", "l1" or "cosine".
        client: to ask; by default ``kantor.Client()``.
        resume: an earlier result over the same collection.
        progress: True shows it on stderr; a callable gets a ``Progress`` for each report.
        options: of the solve: ``time_limit``, ``tolerance``...

    Raises:
        InvalidProblem: a measure that is none; other dimensions.
        KantorError: an unknown metric, or an earlier result of another collection or metric.
    """
    from kantor.client import Client

    np = arrays.numpy()
    if metric not in _WASSERSTEIN and (metric not in METRICS or metric == "lp"):
        known = ", ".join([*_WASSERSTEIN, *(name for name in METRICS if name != "lp")])
        raise KantorError(f"there is no metric {metric!r}; one of: {known}")
    cost, power = _WASSERSTEIN.get(metric, (metric, 1.0))
    k = len(collection)
    if k < 2:
        raise KantorError("distances need at least two measures")
    if resume is not None and (len(resume) != k or resume.metric != metric):
        raise KantorError(f"the earlier result has {len(resume)} measures by {resume.metric}, not {k} by {metric}")
    matrix, lower = _empty(np, k) if resume is None else (resume.matrix.copy(), resume.lower.copy())
    pairs: Iterator[tuple[int, int]] = itertools.combinations(range(k), 2) if resume is None else iter(resume.missing)
    answers: list[Any] = []
    asked = client if client is not None else Client()
    try:
        while part := list(itertools.islice(pairs, PAIRS)):
            answer = _solve(asked, collection, part, cost, progress, engine, options)
            answers.append(answer)
            i, j = np.array(part).T
            upper, bound = np.asarray(answer.costs, dtype=float), np.asarray(answer.bounds, dtype=float)
            matrix[i, j] = matrix[j, i] = np.maximum(upper, 0.0) ** power
            lower[i, j] = lower[j, i] = np.maximum(bound, 0.0) ** power
    finally:
        if client is None:
            asked.close()
    return Distances(matrix, lower, metric, answers)


def _empty(np: Any, k: int) -> tuple[Any, Any]:
    matrix = np.full((k, k), np.nan)
    np.fill_diagonal(matrix, 0.0)
    return matrix, matrix.copy()


def _solve(
    client: Client,
    collection: Sequence[Any],
    pairs: list[tuple[int, int]],
    cost: str,
    progress: Any,
    engine: str,
    options: Mapping[str, Any],
) -> Any:
    from kantor.errors import Conflict, IdempotencyMismatch
    from kantor.transport_others import Pairs

    problem = Pairs(collection, pairs, cost=cost)  # type: ignore[arg-type]
    digest = hashlib.sha256(repr((cost, engine, sorted(options.items()))).encode())
    for array in problem.arrays.values():
        digest.update(array.tobytes())
    key = f"distances-{digest.hexdigest()}"
    try:
        job = client.submit(problem, engine, idempotency_key=key, **options)
        if job.state in ("failed", "cancelled", "expired"):
            raise Conflict("the earlier job did not end well")
    except (Conflict, IdempotencyMismatch):
        job = client.submit(problem, engine, **options)
    return job.watch(progress or False).result()
