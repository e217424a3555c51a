"""An answer in other forms: dictionaries, JSON, data frames, CSV, MIPLIB's solution files."""

from __future__ import annotations

import csv
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kantor.errors import KantorError, NoPoint

if TYPE_CHECKING:
    from kantor.answer import Answer

TABLES = ("variables", "constraints", "scenarios")
_VECTORS = {
    "primal": "primal",
    "row_duals": "duals",
    "reduced_costs": "reduced_costs",
    "row_activity": "row_activity",
    "row_slacks": "slacks",
    "primal_ray": "primal_ray",
    "dual_ray": "dual_ray",
    "cone_duals": "cone_duals",
    "basis": "basis",
}


def to_dict(answer: Answer) -> dict[str, Any]:
    """The contract's document, with every array as a list."""
    document = answer.contract.model_dump(
        mode="python", exclude={*_VECTORS, "pool", "scenarios", "ranging", "arrays_artifact"}
    )
    for field, attribute in _VECTORS.items():
        document[field] = _plain(getattr(answer, attribute))
    document["pool"] = [{"objective": objective, "primal": _plain(values)} for objective, values in answer.pool]
    document["scenarios"] = [
        {
            **item.contract.model_dump(exclude={"primal", "row_duals"}),
            "primal": _plain(item.primal),
            "row_duals": _plain(item.duals),
        }
        for item in answer.scenarios
    ]
    ranging = answer.ranging
    document["ranging"] = (
        None if ranging is None else {name: _plain(getattr(ranging, name)) for name in type(ranging).model_fields}
    )
    document["variable_names"], document["constraint_names"] = answer.variable_names, answer.constraint_names
    document["job"] = answer.job.id
    return document


def to_json(answer: Answer, *, indent: int | None = None) -> str:
    from pydantic_core import to_json as dump

    return dump(to_dict(answer), indent=indent, inf_nan_mode="strings").decode()


def to_pandas(answer: Answer, what: str) -> Any:
    try:
        import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise KantorError("to_pandas needs pandas; to_csv and to_dict do without it") from None
    header, rows = table(answer, what)
    frame = pd.DataFrame(rows, columns=header)
    return frame.set_index("name")


def to_csv(answer: Answer, path: str | PathLike[str], what: str = "variables") -> None:
    header, rows = table(answer, what)
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)


def to_sol(answer: Answer, path: str | PathLike[str]) -> None:
    values = answer.values()
    with Path(path).open("w", encoding="utf-8") as file:
        if answer.objective is not None:
            file.write(f"=obj= {answer.objective!r}\n")
        file.writelines(f"{name} {value!r}\n" for name, value in values.items())


def table(answer: Answer, what: str) -> tuple[list[str], list[list[Any]]]:
    """Header and rows.

    Raises:
        NoPoint: the answer has none.
        ValueError: an unknown table.
    """
    if what == "scenarios":
        header = ["name", "status", "objective", "bound", "certified"]
        scenarios = enumerate(answer.scenarios)
        return header, [
            [item.name or k, item.status, item.objective, item.bound, item.certified] for k, item in scenarios
        ]
    if what == "variables":
        values = answer.values()
        costs = _plain(answer.reduced_costs) or [None] * len(values)
        return ["name", "value", "reduced_cost"], [
            [*pair, cost] for pair, cost in zip(values.items(), costs, strict=True)
        ]
    if what == "constraints":
        activity = _plain(answer.row_activity)
        if activity is None:
            raise NoPoint("the answer has no row activities")
        names = answer.constraint_names or [f"c{i}" for i in range(len(activity))]
        duals = _plain(answer.duals) or [None] * len(names)
        slacks = _plain(answer.slacks) or [None] * len(names)
        rows = zip(names, activity, slacks, duals, strict=True)
        return ["name", "activity", "slack", "dual"], [list(row) for row in rows]
    raise ValueError(f"there is no table {what!r}; there are {', '.join(TABLES)}")


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
