"""The kind of every linear constraint, by the classification of MIPLIB 2017.

MIPLIB has 17 kinds, from the most special to the most general; a side of a row has the first that fits. Binary
variables may be complemented (x replaced by 1 - x) to make coefficients positive. A row with two different finite sides
may be of two kinds, and is then counted twice, as on MIPLIB's instance pages.

Source of the definitions: Gleixner, Hendel, Gamrath, Achterberg et al., "MIPLIB 2017: data-driven compilation of the
6th mixed-integer programming library", Math. Prog. Comp. 13 (2021), and miplib.zib.de/statistics.html.

MIPLIB's own program looks at ``a'x >= b`` only as a set covering and otherwise leaves it to the last two kinds, while
it finds a knapsack in the same row written as ``-a'x <= -b``. Here such rows are multiplied by -1 and looked at again;
and what is left in the last two kinds is sorted further into flow balances and rows of continuous variables only. So
some rows that MIPLIB counts as mixed binary or general are of another kind here, and all other counts are the same or
larger; ``literal`` gives MIPLIB's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.programs.analysis.kind_rules import (
    Labels,
    label_integer_knapsacks,
    label_knapsacks,
    label_pairs,
    label_sums,
    rows_of,
)
from solvers.programs.analysis.kind_table import KINDS, NONE, Kind
from solvers.programs.analysis.network import network_rows
from solvers.programs.problem import Program


@dataclass(frozen=True)
class RowKinds:
    """Attributes:
    first: m codes: indices into ``KINDS``; NONE for rows with a nonlinear part.
    second: m codes of the other side, NONE where a row has only one kind to count.
    """

    first: np.ndarray
    second: np.ndarray

    def counts(self) -> np.ndarray:
        """How often each of ``KINDS`` occurs; rows of two kinds count twice."""
        both = np.concatenate([self.first, self.second])
        return np.asarray(np.bincount(both[both != NONE], minlength=len(KINDS)))


def classify(program: Program, *, literal: bool = False) -> RowKinds:
    """The kinds of the rows of ``A``.

    Args:
        literal: exactly as MIPLIB counts (see above).
    """
    rows = rows_of(program)
    labels = Labels(rows)
    empty = rows.size == 0
    labels.close(empty, "empty")
    labels.second[empty] = NONE
    labels.close(labels.open & np.isinf(rows.low) & np.isinf(rows.high), "free")
    labels.close(labels.open & (rows.size == 1), "singleton")
    labels.close(labels.open & (rows.size == 2) & rows.equation, "aggregation")
    alike, switch = label_pairs(program, labels.open & (rows.size == 2))
    labels.close(alike, "precedence")
    labels.close(switch, "variable-bound")
    label_sums(labels, literal)
    label_knapsacks(program, labels, literal)
    label_integer_knapsacks(labels, literal)
    left = np.isfinite(rows.low) | np.isfinite(rows.high)
    if not literal:
        balance = left & labels.open & network_rows(program)
        labels.close(balance, "flow-balance")
        labels.close(left & ~balance & rows.continuous, "continuous")
        left = np.isfinite(rows.low) | np.isfinite(rows.high)
    labels.close(left & rows.binary_integers, "mixed-binary")
    labels.close(left & ~rows.binary_integers, "general-linear")
    if program.nonlinear is not None:
        nonlinear = list(program.nonlinear.rows)
        labels.first[nonlinear] = labels.second[nonlinear] = NONE
    return RowKinds(labels.first, labels.second)


__all__ = ["KINDS", "NONE", "Kind", "RowKinds", "classify"]
