"""A study's trials as tables: rows, data frames, files, HTML; parts of ``kantor.studies.Study``, also awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kantor.errors import KantorError

if TYPE_CHECKING:
    from api_schemas.studies import Study as StudyInfo
    from kantor.studies_async import AsyncTrial
    from kantor.studies_trial import Trial


class StudyTables:
    if TYPE_CHECKING:
        info: StudyInfo

        def trials(self, *states: str) -> Iterator[Trial]: ...
        def best(self) -> Trial: ...

    def table(self) -> list[dict[str, Any]]:
        """A plain dictionary for each trial."""
        from kantor.studies_files import row_of

        return [row_of(self.info, trial.info) for trial in self.trials()]

    def to_pandas(self) -> Any:
        """A data frame with one row a trial, by number: state, ``params_...``, ``values_...``.

        Raises:
            KantorError: pandas is not installed.
        """
        return frame(self.table())

    def export(self, path: str | Path) -> Path:
        """Write all trials to a .csv, .json or .parquet file, one a row; ``table()`` gives the rows themselves."""
        from kantor.studies_files import export, known

        known(Path(path))
        return export(self.table(), path)

    @property
    def best_params(self) -> dict[str, Any]:
        """The parameters of ``best()``, asked of the server."""
        return self.best().params

    @property
    def best_value(self) -> float:
        """The first objective of ``best()``, asked of the server."""
        return (self.best().values_told or {})[next(iter(self.info.objectives))]


class AsyncStudyTables:
    if TYPE_CHECKING:
        info: StudyInfo

        def trials(self, *states: str) -> AsyncIterator[AsyncTrial]: ...

    async def table(self) -> list[dict[str, Any]]:
        from kantor.studies_files import row_of

        return [row_of(self.info, trial.info) async for trial in self.trials()]

    async def to_pandas(self) -> Any:
        return frame(await self.table())

    async def export(self, path: str | Path) -> Path:
        from kantor.studies_files import export, known

        known(Path(path))
        return export(await self.table(), path)


def frame(rows: list[dict[str, Any]]) -> Any:
    """Raises:
    KantorError: pandas is not installed.
    """
    try:
        import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise KantorError("to_pandas needs pandas; table() and export() do without it") from None
    return pd.DataFrame(rows).set_index("number") if rows else pd.DataFrame(index=pd.Index([], name="number"))


def as_html(info: StudyInfo) -> str:
    """What is known of a study, for notebooks."""
    counts = {name: count for name, count in info.trials.model_dump().items() if count}
    goals = ", ".join(f"{name} ({goal})" for name, goal in info.objectives.items()) or "by preference"
    rows = [
        ("study", f"{info.name}, {info.state}"),
        ("objectives", goals),
        ("constraints", ", ".join(f"{name} {limit}" for name, limit in info.constraints.items())),
        ("parameters", ", ".join(f"{name} ({parameter.type})" for name, parameter in info.space.items())),
        ("engine", info.engine),
        ("trials", ", ".join(f"{count} {name}" for name, count in counts.items()) or "none yet"),
    ]
    cells = "".join(f"<tr><th>{label}</th><td>{escape(words)}</td></tr>" for label, words in rows if words)
    return f"<table>{cells}</table>"
