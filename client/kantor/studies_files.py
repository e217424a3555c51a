"""Trials of a study as files: CSV, JSON, Parquet; and back, also as Optuna's data frames write them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kantor.errors import KantorError

if TYPE_CHECKING:
    from api_schemas.studies import Study as StudyInfo
    from api_schemas.studies import Trial as TrialInfo
    from kantor.studies import StudyBase

FORMATS = (".csv", ".json", ".parquet")
_STATES = {"complete": "completed", "pruned": "stopped", "fail": "failed"}
"""Names of Optuna's."""
_UNFINISHED = ("running", "waiting")


def export(rows: Sequence[Mapping[str, Any]], path: str | Path) -> Path:
    """Write all trials: one a row, by number; ``params_...`` and ``values_...`` are columns.

    Args:
        path: ends with .csv, .json or .parquet (which needs pyarrow).

    Raises:
        KantorError: another ending; pyarrow is not installed.
    """
    path = Path(path)
    known(path)
    if path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1, default=str) + "\n", encoding="utf-8")
        return path
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["number"]
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return path
    arrow, parquet = _arrow()
    parquet.write_table(arrow.table({name: _column([row.get(name) for row in rows]) for name in columns}), path)
    return path


def row_of(study: StudyInfo, info: TrialInfo) -> dict[str, Any]:
    """A trial as a plain dictionary: a row of a data frame."""
    metrics = [*study.objectives, *study.constraints]
    values = info.values or {}
    row: dict[str, Any] = {"number": info.number, "state": info.state}
    row |= {f"params_{name}": info.params.get(name) for name in study.space}
    row |= {f"values_{name}": values.get(name) for name in [*metrics, *(n for n in values if n not in metrics)]}
    row |= {"feasible": info.feasible, "reason": info.reason, "origin": info.origin, "engine": info.engine}
    for name in ("started_at", "finished_at"):
        moment = getattr(info, name)
        row[name] = None if moment is None else moment.isoformat()
    return row


def read(study: StudyBase, path: str | Path) -> list[dict[str, Any]]:
    """Finished trials of a file for ``study.add_trials``: of ``export``, of Optuna's ``trials_dataframe()``, or any
    table whose columns are named like parameters and metrics. Each has a key, so that a file comes in once.

    Raises:
        KantorError: another ending, or a file without the study's columns; a value that is no choice.
    """
    path = Path(path)
    known(path)
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows: list[Mapping[str, Any]] = list(csv.DictReader(file))
    elif path.suffix == ".json":
        rows = json.loads(path.read_text(encoding="utf-8"))
    else:
        rows = _arrow()[1].read_table(path).to_pylist()
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise KantorError(f"{path} is no list of trials")
    if rows and not any(_cell(rows[0], "params_", name) is not None for name in study.info.space):
        wanted = ", ".join(study.info.space)
        raise KantorError(f"{path} has none of the columns {wanted} (nor with params_ in front)")
    trials = [_trial(study, row, f"{path.name} {place}", place) for place, row in enumerate(rows, start=1)]
    return [trial for trial in trials if trial["state"] not in _UNFINISHED]


def _trial(study: StudyBase, row: Mapping[str, Any], key: str, place: int) -> dict[str, Any]:
    state = str(row.get("state") or "completed").rpartition(".")[2].lower()
    state = _STATES.get(state, state)
    params = {}
    for name, parameter in study.info.space.items():
        given = _cell(row, "params_", name)
        if given is not None:
            try:
                params[name] = _value(parameter, given)
            except ValueError:
                raise KantorError(f"row {place}: {given!r} is no value of {name!r}") from None
    values = {}
    metrics = [*study.info.objectives, *study.info.constraints]
    for k, name in enumerate(metrics):
        given = _cell(row, "values_", name)
        if given is None and name in study.info.objectives:
            given = row.get("value") if len(study.info.objectives) == 1 else row.get(f"values_{k}")
        if given is not None and given != "":
            try:
                values[name] = float(given)
            except ValueError:
                raise KantorError(f"row {place}: {given!r} is no value of {name!r}") from None
    if state in ("completed", "stopped") and len(values) < len(metrics):
        if state == "completed" and not row.get("state"):
            missing = next(name for name in metrics if name not in values)
            raise KantorError(f"row {place} has no value of {missing!r}: give it a state, failed or infeasible")
        state = "failed"
    reason = str(row.get("reason") or "")
    finished = {"params": params, "state": state, "key": key}
    return {**finished, "values": values or None, "reason": reason or ("not told" if state == "failed" else "")}


def _cell(row: Mapping[str, Any], prefix: str, name: str) -> Any:
    given = row.get(prefix + name, row.get(name))
    empty = given is None or given == "" or (isinstance(given, float) and math.isnan(given))
    return None if empty else given


def _value(parameter: Any, given: Any) -> Any:
    choices = getattr(parameter, "choices", None)
    if choices is not None:
        for choice in choices:
            if choice == given and isinstance(choice, bool) == isinstance(given, bool):
                return choice
        for choice in choices:
            if str(choice) == str(given) or _same_number(choice, given):
                return choice
        raise ValueError
    number = float(given)
    whole = parameter.type == "int" or (parameter.type == "fidelity" and parameter.whole)
    if whole and number != round(number):
        raise ValueError
    return round(number) if whole else number


def _same_number(choice: Any, given: Any) -> bool:
    try:
        return not isinstance(choice, bool) and float(choice) == float(given)
    except (TypeError, ValueError):
        return False


def _column(values: list[Any]) -> list[Any]:
    """Values of one kind: of several kinds their texts."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        return [None if value is None else float(value) if float in kinds else value for value in values]
    return values if len(kinds) < 2 else [None if value is None else str(value) for value in values]


def known(path: Path) -> None:
    if path.suffix not in FORMATS:
        raise KantorError(f"{path}: trials are written and read as {', '.join(FORMATS)}")


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise KantorError("Parquet needs pyarrow: pip install pyarrow; or take .csv or .json") from None
    return pyarrow, pyarrow.parquet
