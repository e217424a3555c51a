"""How the parts of a program hang together: blocks, lengths, repeated rows and columns, network rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import scipy.sparse.csgraph

from solvers.programs.analysis.network import network_rows
from solvers.programs.problem import INTEGER, Program

#: How many of the largest blocks are listed.
LISTED_BLOCKS = 10

#: Coefficients of parallel rows may differ by this, relative to the row's first coefficient.
PARALLEL_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Lengths:
    """Numbers of nonzeros of the rows, or of the columns.

    Attributes:
        histogram: (from, to, how many): powers of two, from 0 on, empty classes left out.
    """

    smallest: int
    median: float
    mean: float
    largest: int
    histogram: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Block:
    """A part of the program that shares no variable with the rest."""

    rows: int
    variables: int


@dataclass(frozen=True)
class Structure:
    """Attributes:
    blocks: number of independent parts with at least one constraint; they can be solved apart.
    largest_blocks: by number of variables.
    empty_rows, empty_columns, singleton_rows, singleton_columns: without, or with one nonzero in ``A``.
    repeated_rows, repeated_columns: those that are multiples of an earlier one.
    network_rows: see ``network``.
    objective_nonzeros: variables with a cost (linear).
    objective_step: if all costs are on integer variables and are multiples of one number, the largest such number: then
        two feasible points differ by a multiple of it; None otherwise.
    """

    blocks: int
    largest_blocks: tuple[Block, ...]
    row_lengths: Lengths
    column_lengths: Lengths
    empty_rows: int
    empty_columns: int
    singleton_rows: int
    singleton_columns: int
    repeated_rows: int
    repeated_columns: int
    network_rows: int
    objective_nonzeros: int
    objective_step: float | None


def structure_of(program: Program) -> Structure:
    A = program.A
    rows = np.diff(A.indptr)
    columns = np.bincount(A.indices, minlength=program.n)
    number, largest = _blocks(program)
    return Structure(
        blocks=number,
        largest_blocks=largest,
        row_lengths=_lengths(rows),
        column_lengths=_lengths(columns),
        empty_rows=int(np.count_nonzero(rows == 0)),
        empty_columns=int(np.count_nonzero(columns == 0)),
        singleton_rows=int(np.count_nonzero(rows == 1)),
        singleton_columns=int(np.count_nonzero(columns == 1)),
        repeated_rows=_repeated(A),
        repeated_columns=_repeated(sp.csr_array(A.T)),
        network_rows=int(np.count_nonzero(network_rows(program))),
        objective_nonzeros=int(np.count_nonzero(program.c)),
        objective_step=_objective_step(program),
    )


def _lengths(counts: np.ndarray) -> Lengths:
    if not counts.size:
        return Lengths(0, 0.0, 0.0, 0, ())
    powers = np.zeros(counts.size, dtype=np.int64)
    powers[counts > 0] = np.frexp(counts[counts > 0].astype(np.float64))[1]
    classes = np.bincount(powers)
    histogram = tuple(
        (0 if k == 0 else 2 ** (k - 1), 0 if k == 0 else 2**k - 1, int(count))
        for k, count in enumerate(classes)
        if count
    )
    return Lengths(int(counts.min()), float(np.median(counts)), float(counts.mean()), int(counts.max()), histogram)


def _links(program: Program) -> Iterator[np.ndarray]:
    """Sets of variables that belong together without a row of ``A``."""
    yield from (np.unique(cone.F.indices) for cone in program.cones)
    yield from (group.indices for group in program.sos)
    yield from (np.append(one.indices, one.binary) for one in program.indicators)


def _blocks(program: Program) -> tuple[int, tuple[Block, ...]]:
    A, n, m = program.A, program.n, program.m
    row = np.repeat(np.arange(m), np.diff(A.indptr))
    links = list(_links(program))
    tails = [row + n, np.repeat(np.arange(len(links)) + n + m, [link.size for link in links])]
    heads = [A.indices, np.concatenate(links) if links else np.zeros(0, dtype=np.int64)]
    if program.Q is not None:
        tails.append(np.repeat(np.arange(n), np.diff(program.Q.indptr)))
        heads.append(program.Q.indices)
    size = n + m + len(links)
    tail, head = np.concatenate(tails), np.concatenate(heads)
    if not size:
        return 0, ()
    graph = sp.coo_array((np.ones(tail.size, dtype=np.int8), (tail, head)), shape=(size, size)).tocsr()
    count, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    variables = np.bincount(label[:n], minlength=count)
    rows = np.bincount(label[n : n + m], minlength=count)
    bound = np.bincount(label[n:], minlength=count) > 0
    bound &= variables > 0
    order = np.argsort(-variables[bound], kind="stable")[:LISTED_BLOCKS]
    largest = tuple(Block(int(rows[bound][k]), int(variables[bound][k])) for k in order)
    return int(np.count_nonzero(bound)), largest


def _repeated(A: sp.csr_array) -> int:
    """Number of nonempty rows that are multiples of an earlier one.

    Rows are compared by two sums of random numbers, of their columns and of their scaled coefficients: equal rows have
    equal sums, different ones differ but for a chance of about 1e-12.
    """
    size = np.diff(A.indptr)
    used = size > 0
    if np.count_nonzero(used) < 2:
        return 0
    starts = A.indptr[:-1][used]
    random = np.random.default_rng(20171011)
    tags = random.integers(1, 2**63, size=A.shape[1], dtype=np.uint64)
    weights = random.random(A.shape[1]) + 0.5
    pattern = np.add.reduceat(tags[A.indices], starts)
    scaled = A.data / np.repeat(A.data[starts], size[used])
    sums = np.add.reduceat(scaled * weights[A.indices], starts)
    spread = np.add.reduceat(np.abs(scaled) * weights[A.indices], starts)
    order = np.lexsort((sums, pattern))
    pattern, sums, spread = pattern[order], sums[order], spread[order]
    equal = (pattern[1:] == pattern[:-1]) & (np.abs(np.diff(sums)) <= PARALLEL_TOLERANCE * spread[1:])
    return int(np.count_nonzero(equal))


def _objective_step(program: Program) -> float | None:
    """The greatest common divisor of the costs, if these are whole multiples of a power of ten and on integers only."""
    costs = program.c[program.c != 0]
    if program.Q is not None or (program.nonlinear is not None and program.nonlinear.objective is not None):
        return None
    if not costs.size or (program.integrality[program.c != 0] != INTEGER).any():
        return None
    for decimals in range(7):
        scaled = costs * 10.0**decimals
        if np.abs(scaled).max() > 2.0**53:
            return None
        whole = np.round(scaled)
        if (np.abs(scaled - whole) <= 1e-9 * np.maximum(1.0, np.abs(scaled))).all():
            return float(np.gcd.reduce(whole.astype(np.int64))) / 10.0**decimals
    return None
