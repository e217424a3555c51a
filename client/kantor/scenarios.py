"""Batches: one base program and a table of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kantor.arrays import vector, wrong
from kantor.parts import Names

_TABLES = ("objective", "row_lower", "row_upper", "lower", "upper")
_ROWS = frozenset({"row_lower", "row_upper"})


class Scenarios:
    """Changes to one program; each scenario is solved in turn, warm-started from the one before. The matrix does not
    change.

    Each table is one of

    - a mapping from variable or row (name or index) to its values, one for each scenario: ``upper={"x": [1, 2, 3]}``;
    - ``{"indices": [...], "values": [[...], ...]}``: a row of ``values`` for each scenario;
    - an array with a row for each scenario and a column for each variable (or row of ``A``).

    Args:
        objective, lower, upper: changes of variables.
        row_lower, row_upper: changes of rows.
        names: one for each scenario.

    Raises:
        InvalidProblem: tables of different lengths, or nothing changes.
    """

    def __init__(
        self,
        *,
        objective: Any = None,
        row_lower: Any = None,
        row_upper: Any = None,
        lower: Any = None,
        upper: Any = None,
        names: Sequence[str] | None = None,
    ) -> None:
        given = dict(zip(_TABLES, (objective, row_lower, row_upper, lower, upper), strict=True))
        self._tables = {name: _table(name, table) for name, table in given.items() if table is not None}
        self.names = None if names is None else [str(name) for name in names]
        counts = {name: len(values) for name, (_, values) in self._tables.items()}
        if not counts:
            raise wrong("/scenarios", f"no change is given: set at least one of {', '.join(_TABLES)}")
        self.count = next(iter(counts.values()))
        for name, count in counts.items():
            if count != self.count:
                first = next(iter(counts))
                raise wrong(f"/scenarios/{name}", f"{name} has {count} scenarios, but {first} has {self.count}")
        if self.names is not None and len(self.names) != self.count:
            raise wrong("/scenarios/names", f"{len(self.names)} names for {self.count} scenarios")

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        return f"Scenarios({self.count}: {', '.join(self._tables)})"

    def document(self, variables: Names, rows: Names) -> dict[str, Any]:
        """The contract's form."""
        document: dict[str, Any] = {"count": self.count}
        for name, (keys, values) in self._tables.items():
            names = rows if name in _ROWS else variables
            indices = [names.index(key, f"/scenarios/{name}/indices/{k}") for k, key in enumerate(keys)]
            document[name] = {"indices": indices, "values": values}
        if self.names is not None:
            document["names"] = self.names
        return document


def _table(name: str, table: Any) -> tuple[list[Any], list[list[float]]]:
    pointer = f"/scenarios/{name}"
    if hasattr(table, "model_dump"):
        table = table.model_dump()
    if isinstance(table, Mapping):
        if set(table) == {"indices", "values"}:
            keys, values = list(table["indices"]), _rows(table["values"], pointer)
        else:
            keys = list(table)
            columns = [vector(column, f"{pointer}/{key}").tolist() for key, column in table.items()]
            if len({len(column) for column in columns}) > 1:
                raise wrong(
                    pointer, f"the columns have different lengths: {sorted({len(column) for column in columns})}"
                )
            values = [list(row) for row in zip(*columns, strict=True)]
    else:
        values = _rows(table, pointer)
        keys = list(range(len(values[0]))) if values else []
    for k, row in enumerate(values):
        if len(row) != len(keys):
            raise wrong(f"{pointer}/values/{k}", f"{len(row)} values for {len(keys)} places")
    return keys, values


def _rows(values: Any, pointer: str) -> list[list[float]]:
    return [vector(row, f"{pointer}/values/{k}").tolist() for k, row in enumerate(values)]
