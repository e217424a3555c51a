"""The kinds of linear constraints: the 17 of MIPLIB 2017, from the most special to the most general, and two more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """Attributes:
    id: in kebab-case.
    formula: the definition; x binary, y integer, s continuous.
    words: what it says, for people.
    """

    id: str
    formula: str
    words: str


KINDS: tuple[Kind, ...] = (
    Kind("empty", "0 <= b", "no variables"),
    Kind("free", "-inf <= a'x <= inf", "no finite side: it restricts nothing"),
    Kind("singleton", "a x <= b", "one variable: it is a bound"),
    Kind("aggregation", "a x + b y = c", "two variables, one of which can be replaced by the other"),
    Kind("precedence", "a x - a y <= b, x and y of the same type", "one variable is at most another plus a constant"),
    Kind("variable-bound", "a x + b y <= c, x binary", "a binary variable switches the bound of another variable"),
    Kind("set-partitioning", "sum x_i = 1", "exactly one of several yes-no decisions is taken"),
    Kind("set-packing", "sum x_i <= 1", "at most one of several yes-no decisions is taken"),
    Kind("set-covering", "sum x_i >= 1", "at least one of several yes-no decisions is taken"),
    Kind("cardinality", "sum x_i = k, k >= 2", "exactly k of several yes-no decisions are taken"),
    Kind("invariant-knapsack", "sum x_i <= k, k >= 2", "at most k of several yes-no decisions are taken"),
    Kind("equation-knapsack", "sum a_i x_i = b, a and b whole, b >= 2", "weights of the chosen items add up exactly"),
    Kind("bin-packing", "sum a_i x_i + a x <= a, a whole, a >= 2", "the items fit only if a bin is open"),
    Kind("knapsack", "sum a_i x_i <= b, a and b whole, b >= 2", "the weights of the chosen items stay below a limit"),
    Kind("integer-knapsack", "sum a_i y_i <= b, a and b whole, y >= 0", "weights of counted items stay below a limit"),
    Kind("mixed-binary", "sum a_i x_i + sum p_j s_j <= or = b", "yes-no decisions (and continuous amounts) combined"),
    Kind("general-linear", "a'x <= or = b", "no special structure"),
    # not MIPLIB's: parts of its last two kinds
    Kind("flow-balance", "sum_in y_j - sum_out y_j = b", "what flows into a node of a network flows out of it"),
    Kind("continuous", "sum p_j s_j <= or = b", "a linear combination of continuous amounts"),
)

#: Kind to its index in ``KINDS``.
CODE = {kind.id: code for code, kind in enumerate(KINDS)}
#: No kind.
NONE = -1
