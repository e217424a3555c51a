"""Plans in the client: products, rows and largest entries, without building what would not fit into memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from kantor import transport_arrays as arrays
from kantor.errors import KantorError

TILE = 1 << 20
"""Entries of a plan that are computed at a time."""
LARGEST = 25_000_000
"""Entries of a plan that is made a matrix on demand."""
LARGEST_DENSE = 100_000_000
"""Entries of a plan that is made a dense array on demand."""
FAINT = 1e-15
"""Entries below this part of the largest in their row are left out of such a matrix."""


class Space:
    """Points, weights and costs of a problem, as the plan needs them.

    Attributes:
        x, y: (n, d) and (m, d) points, or None with a matrix alone.
        a, b: weights as the plan has them.
    """

    def __init__(self, found: dict[str, Any], fields: dict[str, Any]) -> None:
        np = arrays.numpy()
        if "A" in found:
            spacing = float(fields.get("spacing", 1.0))
            self.x, a = _pixels(found["A"], spacing)
            self.y, b = _pixels(found["B"], spacing)
        else:
            self.x, self.y = (_rows(found.get(name)) for name in "xy")
            a, b = found.get("a"), found.get("b")
        self.matrix = found.get("M")
        n, m = self.matrix.shape if self.matrix is not None else (len(self.x), len(self.y))
        a = np.full(n, 1.0 / n) if a is None else np.asarray(a, dtype=float)
        b = np.full(m, 1.0 / m) if b is None else np.asarray(b, dtype=float)
        if fields.get("normalize"):
            a, b = a / math.fsum(a), b / math.fsum(b)
        if fields.get("variant", "balanced") == "balanced":
            b = b * (math.fsum(a) / math.fsum(b))
        self.a, self.b = a, b
        self.metric = "matrix" if self.matrix is not None else fields.get("cost", "sqeuclidean")
        self.p = float(fields.get("p", 2.0))

    def costs(self, start: int, end: int) -> Any:
        """Rows start..end of the cost matrix."""
        if self.matrix is not None:
            return self.matrix[start:end]
        return distances(self.x[start:end], self.y, self.metric, self.p)


def _rows(points: Any) -> Any:
    if points is None:
        return None
    points = arrays.numpy().asarray(points, dtype=float)
    return points[:, None] if points.ndim == 1 else points


def _pixels(image: Any, spacing: float) -> tuple[Any, Any]:
    np = arrays.numpy()
    image = np.asarray(image, dtype=float)
    where = np.stack(np.unravel_index(np.arange(image.size), image.shape), axis=1) * spacing
    return where, image.reshape(-1) / math.fsum(image.reshape(-1))


def distances(x: Any, y: Any, metric: str, p: float) -> Any:
    """(n, m) costs between points."""
    np = arrays.numpy()
    if metric == "cosine":
        lengths = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)
        return 1.0 - x @ y.T / lengths
    total = np.zeros((len(x), len(y)))
    for k in range(x.shape[1]):
        step = np.abs(x[:, k, None] - y[None, :, k])
        total += step if metric == "l1" else step**p if metric == "lp" else step * step
    return np.sqrt(total) if metric == "euclidean" else total


class Plan:
    """A plan P of shape (n, m). Matrices of large plans are never made: use ``apply``, ``rows``, ``top``.

    Attributes:
        form: "sparse", "potential" (``a_i b_j exp((f_i + g_j - M_ij) / epsilon)`` and a rank-one rest) or "low-rank".
        shape: (n, m).
    """

    def __init__(self, contract: Any, decode: Callable[[Any], Any], space: Callable[[], Space]) -> None:
        self.form: str = contract.form
        self.shape: tuple[int, int] = tuple(contract.shape)
        names = {
            "sparse": ("data", "indices", "indptr"),
            "potential": ("f", "g", "row_rest", "column_rest"),
            "low-rank": ("Q", "R", "weights"),
        }[self.form]
        self._contract, self._decode = contract, decode
        self._names = names
        self._epsilon = getattr(contract, "epsilon", None)
        self._space = space
        self._sparse: Any = None

    def part(self, name: str) -> Any:
        """An array of the form, fetched when it is first looked at."""
        return arrays.numpy().asarray(self._decode(getattr(self._contract, name)))

    def matrix(self) -> Any:
        """As scipy.sparse CSR. Of a plan that is not sparse, entries below 1e-15 of the largest in their row are left
        out.

        Raises:
            KantorError: it would have more than 25 million entries before that; or scipy is not installed.
        """
        if self._sparse is None:
            sparse = _scipy()
            if self.form == "sparse":
                parts = self.part("data"), self.part("indices"), self.part("indptr")
                self._sparse = sparse.csr_array(parts, shape=self.shape)
            else:
                n, m = self.shape
                if n * m > LARGEST:
                    raise KantorError(
                        f"a plan of {n:,} by {m:,} entries is not made a matrix; use coupling.apply, .rows or .top"
                    )
                self._sparse = sparse.vstack(
                    [sparse.csr_array(_clear(block)) for _, block in self.blocks()], format="csr"
                )
        return self._sparse

    def toarray(self) -> Any:
        """As a dense (n, m) array; ``numpy.asarray(plan)`` too.

        Raises:
            KantorError: it would have more than 100 million entries.
        """
        n, m = self.shape
        if n * m > LARGEST_DENSE:
            raise KantorError(
                f"a plan of {n:,} by {m:,} entries is not made an array; use its apply, rows, tile or top instead"
            )
        return self.rows(0, n)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if copy is False:
            raise ValueError("a plan is not kept as an array: it cannot be had without making one")
        return arrays.numpy().asarray(self.toarray(), dtype=dtype)

    def rows(self, start: int, end: int | None = None) -> Any:
        """Rows start..end (one row without ``end``), dense: (end - start, m).

        Raises:
            IndexError: outside of the plan.
        """
        end = start + 1 if end is None else end
        if not 0 <= start <= end <= self.shape[0]:
            raise IndexError(f"rows {start} to {end} of a plan with {self.shape[0]}")
        np = arrays.numpy()
        if self.form == "sparse":
            return self.matrix()[start:end].toarray()
        if self.form == "low-rank":
            return (self.part("Q")[start:end] / self.part("weights")) @ self.part("R").T
        space = self._space()
        with np.errstate(under="ignore"):
            exponents = (self.part("f")[start:end, None] + self.part("g") - space.costs(start, end)) / self._epsilon
            block = space.a[start:end, None] * space.b * np.exp(exponents)
        return block + self.part("row_rest")[start:end, None] * self.part("column_rest")

    def tile(self, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
        """The block of rows rows[0]..rows[1] and columns columns[0]..columns[1], dense.

        Raises:
            IndexError: outside of the plan.
        """
        if not 0 <= columns[0] <= columns[1] <= self.shape[1]:
            raise IndexError(f"columns {columns[0]} to {columns[1]} of a plan with {self.shape[1]}")
        if self.form == "sparse" and 0 <= rows[0] <= rows[1] <= self.shape[0]:
            return self.matrix()[rows[0] : rows[1], columns[0] : columns[1]].toarray()
        np = arrays.numpy()
        step = max(1, TILE // self.shape[1])
        starts = range(rows[0], max(rows[1], rows[0] + 1), step)
        parts = [self.rows(start, min(start + step, rows[1]))[:, columns[0] : columns[1]] for start in starts]
        return np.concatenate(parts)

    def blocks(self) -> Iterator[tuple[int, Any]]:
        """The whole plan in blocks of rows: (first row, rows)."""
        n, m = self.shape
        step = max(1, TILE // m)
        for start in range(0, n, step):
            yield start, self.rows(start, min(start + step, n))

    def apply(self, v: Any) -> Any:
        """``P v`` for v of shape (m,) or (m, k)."""
        np = arrays.numpy()
        v = np.asarray(v, dtype=float)
        if len(v) != self.shape[1]:
            raise ValueError(f"{len(v)} rows for a plan with {self.shape[1]} columns")
        if self.form == "sparse":
            return self.matrix() @ v
        if self.form == "low-rank":
            return (self.part("Q") / self.part("weights")) @ (self.part("R").T @ v)
        return np.concatenate([block @ v for _, block in self.blocks()])

    def apply_transposed(self, v: Any) -> Any:
        """``P' v`` for v of shape (n,) or (n, k)."""
        np = arrays.numpy()
        v = np.asarray(v, dtype=float)
        if len(v) != self.shape[0]:
            raise ValueError(f"{len(v)} rows for a plan with {self.shape[0]} rows")
        if self.form == "sparse":
            return self.matrix().T @ v
        if self.form == "low-rank":
            return self.part("R") @ ((self.part("Q") / self.part("weights")).T @ v)
        total = np.zeros((self.shape[1], *v.shape[1:]))
        for start, block in self.blocks():
            total += block.T @ v[start : start + len(block)]
        return total

    def top(self, k: int = 1) -> tuple[Any, Any]:
        """The k largest entries of every row: their columns and values, (n, k) each, largest first. Where a sparse row
        has fewer, columns with value 0 follow."""
        np = arrays.numpy()
        k = min(k, self.shape[1])
        if self.form == "sparse":
            return self._top_of_sparse(k)
        columns, values = [], []
        for _, block in self.blocks():
            found = np.argpartition(-block, k - 1, axis=1)[:, :k]
            inside = np.take_along_axis(block, found, axis=1)
            order = np.argsort(-inside, axis=1, kind="stable")
            columns.append(np.take_along_axis(found, order, axis=1))
            values.append(np.take_along_axis(inside, order, axis=1))
        return np.concatenate(columns), np.concatenate(values)

    def _top_of_sparse(self, k: int) -> tuple[Any, Any]:
        np = arrays.numpy()
        matrix, n = self.matrix(), self.shape[0]
        counts = np.diff(matrix.indptr)
        row = np.repeat(np.arange(n), counts)
        order = np.lexsort((-matrix.data, row))
        place = np.arange(len(row)) - matrix.indptr[row]
        near = place < k
        columns, values = np.zeros((n, k), dtype=np.int64), np.zeros((n, k))
        columns[row[near], place[near]] = matrix.indices[order][near]
        values[row[near], place[near]] = matrix.data[order][near]
        # a row with fewer entries is filled up with columns where it has none: of the first k, enough are free
        first = matrix.indices < k
        taken = np.zeros((n, k), dtype=bool)
        taken[row[first], matrix.indices[first]] = True
        free = np.argsort(taken, axis=1, kind="stable")
        beyond = np.arange(k) - np.minimum(counts, k)[:, None]
        filled = np.take_along_axis(free, np.maximum(beyond, 0), axis=1)
        return np.where(beyond >= 0, filled, columns), values

    def marginals(self) -> tuple[Any, Any]:
        """``P 1`` and ``P' 1``."""
        np = arrays.numpy()
        return self.apply(np.ones(self.shape[1])), self.apply_transposed(np.ones(self.shape[0]))

    def __repr__(self) -> str:
        return f"<Plan {self.shape[0]} by {self.shape[1]}, {self.form}>"


def _clear(block: Any) -> Any:
    np = arrays.numpy()
    return np.where(block > FAINT * block.max(axis=1, keepdims=True), block, 0.0)


def _scipy() -> Any:
    try:
        import scipy.sparse
    except ImportError:
        raise KantorError("plans as matrices need scipy: pip install 'kantor[transport]'") from None
    return scipy.sparse
