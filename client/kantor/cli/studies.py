"""``kantor studies``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kantor.cli import output, studies_files
from kantor.cli.session import Json, session

if TYPE_CHECKING:
    from api_schemas.studies import Trial as TrialInfo

app = typer.Typer(help="Black-box optimization by ask and tell.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="STUDY", help="Id or name.")]


@app.command()
def create(
    file: Annotated[
        Path, typer.Argument(help="JSON or YAML: name, space, objectives...; '-' for stdin.", allow_dash=True)
    ],
    json: Json = False,
) -> None:
    """Create a study, or load the one of this name with the same definition."""
    fields = studies_files.described(file)
    with session() as client:
        study = client.studies.create(**fields)
    if json:
        output.print_json(study.info)
    else:
        output.say(f"{study.id} {study.name!r} is {study.state}.")


@app.command("list")
def list_studies(
    state: Annotated[str | None, typer.Option(help="active, paused or archived.")] = None, json: Json = False
) -> None:
    """All studies, newest first."""
    from rich.text import Text

    with session() as client:
        found = [study.info for study in client.studies.list(state)]
    if json:
        output.print_json(found)
        return
    table = output.table("id", "name", "state", "objectives", "done>", "running>", "failed>", "created")
    for study in found:
        counts = study.trials
        table.add_row(
            Text(study.id, no_wrap=True),
            Text(study.name),
            study.state,
            Text(", ".join(f"{goal} {name}" for name, goal in study.objectives.items())),
            str(counts.completed + counts.stopped),
            str(counts.running),
            str(counts.failed + counts.infeasible),
            output.ago(study.created_at),
        )
    output.show(table)


@app.command()
def show(name: Name, json: Json = False) -> None:
    """One study, with its best trial."""
    from kantor.errors import NotFinished

    with session() as client:
        study = client.studies.get(name)
        try:
            best = study.best().info
        except NotFinished:
            best = None
    if json:
        output.print_json({"study": study.info, "best": best})
        return
    output.show(repr(study))
    if study.info.problem:
        output.say(study.info.problem, "yellow")
    output.show("No trial has feasible values yet." if best is None else _line(best))


@app.command()
def trials(
    name: Name,
    state: Annotated[list[str] | None, typer.Option(help="completed, running...; repeat it.")] = None,
    json: Json = False,
) -> None:
    """Its trials by number."""
    from rich.text import Text

    with session() as client:
        found = [trial.info for trial in client.studies.get(name).trials(*(state or ()))]
    if json:
        output.print_json(found)
        return
    table = output.table("number>", "state", "values", "params", "why")
    for trial in found:
        values = ", ".join(f"{key}={value:.6g}" for key, value in (trial.values or {}).items())
        words = ", ".join(f"{key}={_short(value)}" for key, value in trial.params.items())
        table.add_row(str(trial.number), trial.state, Text(values), Text(words), Text(trial.reason or trial.why))
    output.show(table)


@app.command()
def best(name: Name, json: Json = False) -> None:
    """The best feasible trial; of several objectives as `pareto`."""
    with session() as client:
        study = client.studies.get(name)
        found = study.pareto() if len(study.objectives) > 1 else [study.best()]
    if json:
        output.print_json([trial.info for trial in found])
        return
    for trial in found:
        output.show(_line(trial.info))


app.command()(studies_files.export)
app.command("import")(studies_files.bring_in)


@app.command()
def pareto(name: Name, json: Json = False) -> None:
    """The feasible trials that no other one beats in all objectives."""
    with session() as client:
        found = [trial.info for trial in client.studies.get(name).pareto()]
    if json:
        output.print_json(found)
        return
    for trial in found:
        output.show(_line(trial))


@app.command()
def rank(
    name: Name,
    best: Annotated[list[int], typer.Argument(help="Numbers of trials, best first.")],
    worse: Annotated[
        list[int] | None, typer.Option("--worse", "-w", help="Worse than all of these; repeat it.")
    ] = None,
    json: Json = False,
) -> None:
    """Of a study by preference: which of several trials are best, in order."""
    with session() as client:
        found = client.studies.get(name).rank(best, worse or ())
    if json:
        output.print_json(found)
    else:
        output.say(f"Comparison {found.number}: {' > '.join(map(str, found.best))}")


@app.command()
def importance(name: Name, json: Json = False) -> None:
    """How much each parameter matters."""
    from rich.text import Text

    with session() as client:
        found = client.studies.get(name).importance()
    if json:
        output.print_json(found)
        return
    for objective, shares in found.items():
        table = output.table("parameter", "share>", "", title=objective)
        for parameter, share in sorted(shares.items(), key=lambda item: -item[1]):
            table.add_row(Text(parameter), f"{share:.3f}", "#" * round(40 * min(1.0, share)))
        output.show(table)


@app.command()
def ask(
    name: Name,
    count: Annotated[int, typer.Option("--count", "-n", help="How many.")] = 1,
    client_id: Annotated[str, typer.Option(help="Of this evaluator.")] = "",
) -> None:
    """Trials to evaluate, as JSON. Tell their results within the study's lease_seconds."""
    with session() as client:
        output.print_json([trial.info for trial in client.studies.get(name).ask(count, client_id=client_id)])


@app.command()
def tell(
    name: Name,
    number: Annotated[int, typer.Argument(help="The trial's.")],
    values: Annotated[list[str] | None, typer.Argument(help="loss=0.3 memory=12...")] = None,
    failed: Annotated[str, typer.Option(help="It failed, for this reason.")] = "",
    json: Json = False,
) -> None:
    """The result of a trial."""
    pairs = dict(_pair(text) for text in values or ())
    with session() as client:
        study = client.studies.get(name)
        if failed:
            trial = study.tell(number, state="failed", reason=failed)
        else:
            trial = study.tell(number, pairs or None)
    if json:
        output.print_json(trial.info)
    else:
        output.say(_line(trial.info))


def _change(what: str) -> Any:
    def change(name: Name, json: Json = False) -> None:
        with session() as client:
            study = getattr(client.studies.get(name), what)()
        if json:
            output.print_json(study.info)
        else:
            output.say(f"{study.name!r} is {study.state}.")

    change.__doc__ = {
        "pause": "Hand out no more trials; results are still taken.",
        "resume": "Go on after a pause, or take out of the archive.",
        "archive": "Take nothing any more; evaluators are told to stop.",
    }[what]
    return change


for _what in ("pause", "resume", "archive"):
    app.command(_what)(_change(_what))


@app.command()
def delete(name: Name, json: Json = False) -> None:
    """Delete an archived study with all its trials."""
    with session() as client:
        study = client.studies.get(name)
        study.delete()
    if json:
        output.print_json({"deleted": study.id})
    else:
        output.say(f"{study.name!r} is deleted.")


def _line(trial: TrialInfo) -> str:
    values = ", ".join(f"{name} {value:.6g}" for name, value in (trial.values or {}).items())
    params = ", ".join(f"{name}={_short(value)}" for name, value in trial.params.items())
    return f"trial {trial.number} ({trial.state}): {values or trial.reason or '-'} at {params}"


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _pair(text: str) -> tuple[str, float]:
    from kantor.errors import KantorError

    name, equals, value = text.partition("=")
    try:
        if not equals:
            raise ValueError
        return name, float(value)
    except ValueError:
        raise KantorError(f"{text!r} is not of the form metric=number") from None
