"""Convex piecewise linear and quadratic expressions as linear rows and a quadratic objective over more variables.

``abs(a)`` becomes t with t >= a, t >= -a; ``maximum``, ``relu``, ``amax``, ``norm1`` likewise; ``a**2`` of an affine a,
and ``relu(a)**2``, become a variable whose square is in the objective; ``huber(a, d)`` becomes u**2/2 + d*v with
|a| <= u + v. What is added is only ever pushed down, which is right where it enters the objective (or a side <= 0)
with weights that are not negative: everything else is refused.

Floor: a row or two and a variable for each element of a kink; the matrices stay sparse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from solvers.expression.evaluate import evaluate_many
from solvers.expression.numpy_kernels import kernel
from solvers.expression.program import Operation, Program

#: More entries than this are not made.
MOST_ENTRIES = 10_000_000
_SELECTING = frozenset({"index", "reshape", "transpose", "take", "concatenate", "stack"})


class Unfit(Exception):
    """The expression is not of this kind."""


@dataclass(frozen=True)
class Part:
    """For each element ``A z + b + (D z**2)/2`` with D >= 0, over all variables z so far.

    Attributes:
        exact: equal to the expression, not only above it: then it may also be subtracted.
        nonnegative: never below 0, so that its square grows with it.
    """

    A: sp.csr_array
    b: np.ndarray
    D: sp.csr_array
    exact: bool = True
    nonnegative: bool = False

    @property
    def size(self) -> int:
        return int(self.b.size)


class Epigraph:
    """Rows ``low <= R z <= high`` that come with the expressions asked for.

    Args:
        offsets: of each variable's first element in the vector of all, ``n`` long.
    """

    def __init__(self, program: Program, data: Mapping[str, np.ndarray], offsets: Mapping[str, int], n: int) -> None:
        self._program, self._data, self._offsets = program, data, offsets
        self.n = self.columns = n
        self.rows: list[tuple[sp.csr_array, np.ndarray, np.ndarray]] = []
        self.nonnegative: list[tuple[int, int]] = []
        self._moving = program.depends(offsets)
        self._known: dict[tuple[int, bool], Part] = {}
        self._entries = 0

    def above(self, root: int, *, negated: bool = False) -> Part:
        """The operation's value (or its negative), bounded from above.

        Raises:
            Unfit: it is not known to be convex (concave), or of other operations.
        """
        key = (root, negated)
        if key not in self._known:
            made = self._made(root, negated=negated)
            self._entries += made.A.nnz + made.D.nnz
            if self._entries > MOST_ENTRIES:
                raise Unfit
            self._known[key] = made
        return self._known[key]

    def padded(self, matrix: sp.csr_array) -> sp.csr_array:
        """With columns for the variables that came later."""
        return sp.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], self.columns))

    def _made(self, root: int, *, negated: bool) -> Part:
        operation = self._program.operations[root]
        if not self._moving[root]:
            value = evaluate_many(self._program, [root], self._data)[0].reshape(-1)
            return self._constant(-value if negated else value)
        op, given = operation.op, operation.arguments
        if op == "input":
            size = int(np.prod(operation.shape))
            begin = self._offsets[operation.attributes["name"]]
            sign = -1.0 if negated else 1.0
            columns = np.arange(begin, begin + size)
            A = sp.csr_array((np.full(size, sign), (np.arange(size), columns)), shape=(size, self.columns))
            return Part(A, np.zeros(size), self._none(size))
        if op == "float":
            return self.above(given[0], negated=negated)
        if op == "neg":
            return self.above(given[0], negated=not negated)
        if op in ("add", "sub"):
            left, right = (
                self._spread(operation, given[0], negated),
                self._spread(operation, given[1], negated != (op == "sub")),
            )
            return self._sum(left, right)
        if op in ("mul", "div"):
            return self._scaled(operation, negated)
        if op in _SELECTING:
            return self._selected(operation, negated)
        if op in ("sum", "mean"):
            return self._reduced(operation, self.above(given[0], negated=negated))
        if op == "matmul":
            return self._matmul(operation, negated)
        return self._kink(operation, negated)

    def _kink(self, operation: Operation, negated: bool) -> Part:
        op, given = operation.op, operation.arguments
        if (op in ("maximum", "amax") and negated) or (op in ("minimum", "amin") and not negated):
            raise Unfit
        if op in ("maximum", "minimum"):
            return self._largest([self._spread(operation, k, negated) for k in given])
        if op in ("amax", "amin"):
            part = self.above(given[0], negated=negated)
            return self._over_axis(operation, part)
        if negated:
            raise Unfit
        inner = self.above(given[0])
        if op == "relu":
            return replace(self._largest([inner, self._constant(np.zeros(inner.size))]), nonnegative=True)
        other = self.above(given[0], negated=True) if op in ("abs", "norm1", "huber") else None
        if op == "abs":
            return replace(self._largest([inner, _needed(other)]), nonnegative=True)
        if op == "norm1":
            return self._reduced(operation._replace(op="sum"), self._largest([inner, _needed(other)]))
        if op == "square" or (op == "pow" and operation.attributes["exponent"] == 2):
            return self._squared(inner)
        if op == "norm2sq":
            return self._reduced(operation._replace(op="sum"), self._squared(inner))
        if op == "huber":
            return self._huber(inner, _needed(other), float(operation.attributes["delta"]))
        raise Unfit

    def _constant(self, value: np.ndarray) -> Part:
        flat = np.asarray(value, dtype=np.float64).reshape(-1)
        if not np.isfinite(flat).all():
            raise Unfit
        return Part(self._none(flat.size), flat, self._none(flat.size))

    def _none(self, size: int) -> sp.csr_array:
        return sp.csr_array((size, self.columns))

    def _sum(self, left: Part, right: Part) -> Part:
        A = self.padded(left.A) + self.padded(right.A)
        D = self.padded(left.D) + self.padded(right.D)
        return Part(A, left.b + right.b, D, left.exact and right.exact)

    def _spread(self, operation: Operation, argument: int, negated: bool) -> Part:
        part = self.above(argument, negated=negated)
        shape = self._program.operations[argument].shape
        return _picked(part, np.broadcast_to(np.arange(part.size).reshape(shape), operation.shape).reshape(-1))

    def _scaled(self, operation: Operation, negated: bool) -> Part:
        left, right = operation.arguments
        if operation.op == "mul" and left == right:
            return self._squared(self._unsigned(left, negated))
        if operation.op == "mul" and self._moving[right]:
            left, right = right, left
        if self._moving[right]:
            raise Unfit
        value = evaluate_many(self._program, [right], self._data)[0]
        with np.errstate(all="ignore"):
            factor = np.broadcast_to(value if operation.op == "mul" else 1.0 / value, operation.shape).reshape(-1)
        if not np.isfinite(factor).all():
            raise Unfit
        return self._weighted(sp.diags_array(factor, format="csr"), operation, left, negated)

    def _weighted(self, W: sp.csr_array, operation: Operation | None, argument: int, negated: bool) -> Part:
        """W times an expression: any W for what is affine, else one of a single sign."""
        positive, negative = bool((W.data >= 0.0).all()), bool((W.data <= 0.0).all())
        flipped = negated != (negative and not positive)
        if operation is None:
            part = self.above(argument, negated=flipped)
        else:
            part = self._spread(operation, argument, flipped)
        if not part.exact and not (positive or negative):
            raise Unfit
        V = -W if flipped != negated else W
        return Part(sp.csr_array(V @ part.A), V @ part.b, sp.csr_array(V @ part.D), part.exact)

    def _matmul(self, operation: Operation, negated: bool) -> Part:
        left, right = operation.arguments
        shapes = [self._program.operations[k].shape for k in (left, right)]
        if self._moving[left] and self._moving[right]:
            if left == right and operation.shape == ():
                squares = self._squared(self._unsigned(left, negated))
                return Part(
                    sp.csr_array(squares.A.sum(axis=0)[None, :]),
                    squares.b.sum(keepdims=True),
                    sp.csr_array(squares.D.sum(axis=0)[None, :]),
                    exact=False,
                )
            raise Unfit
        if any(len(shape) > 2 for shape in shapes):
            raise Unfit
        fixed, moved = (right, left) if self._moving[left] else (left, right)
        value = evaluate_many(self._program, [fixed], self._data)[0]
        if fixed == left:
            count = 1 if len(shapes[1]) == 1 else shapes[1][1]
            W = sp.kron(sp.csr_array(np.atleast_2d(value)), sp.eye_array(count), format="csr")
        else:
            count = 1 if len(shapes[0]) == 1 else shapes[0][0]
            columns = value.reshape(-1, 1) if value.ndim == 1 else value
            W = sp.kron(sp.eye_array(count), sp.csr_array(columns.T), format="csr")
        return self._weighted(sp.csr_array(W), None, moved, negated)

    def _selected(self, operation: Operation, negated: bool) -> Part:
        given = operation.arguments[:1] if operation.op == "take" else operation.arguments
        parts = [self.above(k, negated=negated) for k in given]
        begin, places = 0, []
        for part, k in zip(parts, given, strict=True):
            places.append(np.arange(begin, begin + part.size).reshape(self._program.operations[k].shape))
            begin += part.size
        if operation.op == "take":
            places.append(evaluate_many(self._program, [operation.arguments[1]], self._data)[0])
        chosen = np.asarray(kernel(operation.op, operation.attributes, operation.shape)(*places), dtype=np.int64)
        whole = Part(
            sp.csr_array(sp.vstack([self.padded(part.A) for part in parts])),
            np.concatenate([part.b for part in parts]),
            sp.csr_array(sp.vstack([self.padded(part.D) for part in parts])),
            all(part.exact for part in parts),
        )
        return _picked(whole, chosen.reshape(-1))

    def _groups(self, operation: Operation) -> np.ndarray:
        """For each element of the argument the element of the result that it belongs to."""
        shape = self._program.operations[operation.arguments[0]].shape
        axis = operation.attributes.get("axis")
        if axis is None:
            return np.zeros(int(np.prod(shape)), dtype=np.int64)
        result = np.arange(int(np.prod(operation.shape))).reshape(operation.shape)
        return np.broadcast_to(np.expand_dims(result, axis), shape).reshape(-1)

    def _reduced(self, operation: Operation, part: Part) -> Part:
        groups = self._groups(operation)
        size = int(np.prod(operation.shape))
        weight = size / part.size if operation.op == "mean" else 1.0
        S = sp.csr_array((np.full(part.size, weight), (groups, np.arange(part.size))), shape=(size, part.size))
        return Part(sp.csr_array(S @ part.A), S @ part.b, sp.csr_array(S @ part.D), part.exact)

    def _over_axis(self, operation: Operation, part: Part) -> Part:
        groups = self._groups(operation)
        t = self._variable(int(np.prod(operation.shape)))
        self._below(part, _picked(t, groups))
        return replace(t, exact=False)

    def _unsigned(self, argument: int, negated: bool) -> Part:
        if negated:
            raise Unfit
        return self.above(argument)

    def _variable(self, size: int, *, nonnegative: bool = False) -> Part:
        columns = np.arange(self.columns, self.columns + size)
        self.columns += size
        if nonnegative:
            self.nonnegative.append((int(columns[0]), self.columns))
        A = sp.csr_array((np.ones(size), (np.arange(size), columns)), shape=(size, self.columns))
        return Part(A, np.zeros(size), self._none(size))

    def _below(self, low: Part, high: Part) -> None:
        """Rows ``low <= high``, both without squares."""
        if low.D.nnz or high.D.nnz:
            raise Unfit
        self.rows.append(
            (
                sp.csr_array(self.padded(low.A) - self.padded(high.A)),
                np.full(low.size, -np.inf),
                high.b - low.b,
            )
        )

    def _largest(self, parts: Sequence[Part]) -> Part:
        t = self._variable(parts[0].size)
        for part in parts:
            self._below(part, t)
        return replace(t, exact=False)

    def _squared(self, inner: Part) -> Part:
        """``inner**2``: of a variable u = inner; or u >= inner, where that is never negative."""
        if inner.D.nnz or not (inner.exact or inner.nonnegative):
            raise Unfit
        u = self._variable(inner.size)
        low = -inner.b if inner.exact else np.full(inner.size, -np.inf)
        self.rows.append((sp.csr_array(self.padded(inner.A) - self.padded(u.A)), low, -inner.b))
        D = sp.csr_array((np.full(inner.size, 2.0), (np.arange(inner.size), u.A.indices)), shape=u.A.shape)
        return Part(self._none(inner.size), np.zeros(inner.size), D, exact=False, nonnegative=True)

    def _huber(self, inner: Part, other: Part, delta: float) -> Part:
        u, v = self._variable(inner.size), self._variable(inner.size, nonnegative=True)
        both = self._sum(u, v)
        self._below(inner, both)
        self._below(other, both)
        D = sp.csr_array((np.ones(inner.size), (np.arange(inner.size), u.A.indices)), shape=(inner.size, self.columns))
        return Part(sp.csr_array(delta * v.A), np.zeros(inner.size), D, exact=False)


def _needed(part: Part | None) -> Part:
    if part is None:
        raise Unfit
    return part


def _picked(part: Part, places: np.ndarray) -> Part:
    if places.size == part.size and (places == np.arange(part.size)).all():
        return part
    return Part(
        sp.csr_array(part.A[places]), part.b[places], sp.csr_array(part.D[places]), part.exact, part.nonnegative
    )
