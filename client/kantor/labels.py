"""Labels of pandas: what is given with labels is put into one order by them, not by position."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kantor.arrays import wrong

SHOWN = 3


class Axis:
    """The order of variables or rows.

    Its labels are those of the first labelled thing. pandas' own numbering 0, 1, 2... counts as labels only beside
    the same numbers in another order, as sorting leaves them.

    Args:
        names: given in words; they set the order where they are the same labels, and are new names otherwise.
        labelled: pairs (value, attribute with its labels: "index" or "columns").
    """

    def __init__(self, names: Sequence[str] | None, labelled: Iterable[tuple[Any, str]]) -> None:
        found = [labels for value, where in labelled if (labels := labels_of(value, where)) is not None]
        first: Any = found[0] if found else None
        # the numbering of pandas says nothing beside other labels
        if first is not None and _numbered(first):
            first = next((labels for labels in found if set(labels) != set(first)), first)
        self.names = None if names is None else [str(name) for name in names]
        if first is not None and self.names is None and all(isinstance(label, str) for label in first):
            self.names = list(first)
        same = first is not None and names is not None and len(names) == len(first) and set(names) == set(first)
        self.labels: Any = type(first)(list(names or ())) if same else first

    def align(self, value: Any, name: str, where: str = "index") -> Any:
        """The value in this order; what has no labels as it is.

        Raises:
            InvalidProblem: other labels; or labels that come twice, in another order.
        """
        labels = labels_of(value, where)
        if labels is None or self.labels is None or labels.equals(self.labels):
            return value
        mine, others = set(self.labels), set(labels)
        if mine != others:
            if _numbered(labels) or _numbered(self.labels):
                return value
            raise wrong(f"/{name}", f"{name} has other labels: " + _difference(others - mine, mine - others))
        if len(labels) != len(others) or len(self.labels) != len(mine):
            raise wrong(f"/{name}", f"{name} has labels that come twice, so that it cannot be put in order by them")
        return value.iloc[:, labels.get_indexer(self.labels)] if where == "columns" else value.reindex(self.labels)


def labels_of(value: Any, where: str = "index") -> Any:
    """The pandas labels of a series or data frame; None of anything else."""
    labels = getattr(value, where, None) if hasattr(value, "iloc") else None
    return labels if labels is not None and len(labels) else None


def _numbered(labels: Any) -> bool:
    return hasattr(labels, "step") and (labels.start, labels.step) == (0, 1)


def _difference(more: set[Any], less: set[Any]) -> str:
    def listed(labels: set[Any]) -> str:
        found = sorted(map(str, labels))
        return ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")

    parts = [f"{listed(more)} of its own"] if more else []
    return "; ".join([*parts, f"{listed(less)} missing"] if less else parts)
