"""``kantor studies export`` and ``import``; descriptions of studies in files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kantor.cli import output
from kantor.cli.session import Json, session

Name = Annotated[str, typer.Argument(metavar="STUDY", help="Id or name.")]


def described(file: Path) -> dict[str, Any]:
    """The fields of a study from a JSON or YAML file, or stdin.

    Raises:
        KantorError: it cannot be read, or lacks name or space.
    """
    import json
    import sys

    from kantor.errors import KantorError

    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    try:
        fields = json.loads(text)
    except ValueError as error:
        fields = _yaml(file, text, error)
    if not isinstance(fields, dict):
        raise KantorError(f"{file} holds no object")
    missing = [name for name in ("name", "space") if name not in fields]
    if missing:
        raise KantorError(f"{file} has no {missing[0]!r}")
    return fields


def _yaml(file: Path, text: str, error: ValueError) -> Any:
    from kantor.errors import KantorError

    if file.suffix == ".json":
        raise KantorError(f"{file} is not JSON: {error}") from None
    try:
        import yaml
    except ModuleNotFoundError:
        raise KantorError(f"{file} is not JSON ({error}); for YAML: pip install 'kantor[yaml]'") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise KantorError(f"{file} is neither JSON nor YAML: {fault}") from None


def export(
    name: Name,
    file: Annotated[Path, typer.Argument(help="Ends with .csv, .json or .parquet.")],
) -> None:
    """Write all trials to a file, one a row."""
    with session() as client:
        client.studies.get(name).export(file)
    output.say(f"Written to {file}.")


def bring_in(
    name: Name,
    file: Annotated[Path | None, typer.Argument(help=".csv, .json or .parquet, also of Optuna's data frames.")] = None,
    optuna: Annotated[str, typer.Option(help="An Optuna storage instead: sqlite:///trials.db")] = "",
    optuna_study: Annotated[str, typer.Option(help="Of its studies this one; by default the only one.")] = "",
    json: Json = False,
) -> None:
    """Bring in evaluations made elsewhere. Those that came in before are left out."""
    from kantor.errors import KantorError

    if (file is None) == (not optuna):
        raise KantorError("say where from: a file, or --optuna with a storage")
    with session() as client:
        if file is None:
            from kantor.integrations.optuna import load

            study, new = load(client, optuna, optuna_study or None, name)
        else:
            from kantor.studies_files import read

            study = client.studies.get(name)
            new = study.add_trials(read(study, file))
    if json:
        output.print_json({"study": study.id, "imported": new})
    else:
        output.say(f"{new} trials came into {study.name!r}.")
