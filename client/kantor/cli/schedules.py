"""``kantor schedules``."""

from __future__ import annotations

from typing import Annotated

import typer

from api_schemas.schedules import ADVISED, ScheduleRequest
from kantor.cli import output
from kantor.cli.session import Json, session

app = typer.Typer(help="Learning rates and other knobs of a training.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id or name.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Of the schedule.")],
    horizon: Annotated[int, typer.Option(help="Steps of a training.")],
    policy: Annotated[str, typer.Option(help="linear, constant, cosine, wsd or refined.")] = "linear",
    warmup: Annotated[float, typer.Option(help="Share of the horizon.")] = 0.0,
    peak: Annotated[float, typer.Option(help="Largest value of the curve.")] = 1.0,
    json: Json = False,
) -> None:
    """Create a schedule, or load the one of this name with the same definition."""
    with session() as client:
        made = client.schedules.create(name, horizon=horizon, policy=policy, warmup=warmup, peak=peak)
    if json:
        output.print_json(made.info)
    else:
        output.say(f"{made.id} {made.name!r} has {made.info.versions} versions.")


@app.command("list")
def list_schedules(json: Json = False) -> None:
    """All schedules, newest first."""
    from rich.text import Text

    with session() as client:
        found = [schedule.info for schedule in client.schedules.list()]
    if json:
        output.print_json(found)
        return
    table = output.table("id", "name", "kind", "policy", "horizon>", "version>", "runs>", "created")
    for item in found:
        table.add_row(
            Text(item.id, no_wrap=True),
            Text(item.name),
            item.kind,
            item.policy,
            str(item.horizon),
            str(item.current),
            str(item.runs),
            output.ago(item.created_at),
        )
    output.show(table)


@app.command()
def show(name: Name, json: Json = False) -> None:
    """One schedule: its curve, and what it was made with."""
    with session() as client:
        found = client.schedules.get(name)
        curve = None if found.info.policy in ADVISED else found.curve()
    if json:
        output.print_json(found.info)
        return
    info = found.info
    output.show(f"{info.id} {info.name!r}: {info.kind}, {info.policy}, version {info.current} of {info.versions}")
    output.show(f"{info.horizon} steps, {info.runs} runs, {info.state}")
    fields = ScheduleRequest.model_fields
    chosen = {key: value for key, value in info.definition.items() if key in fields and value != fields[key].default}
    if chosen:
        output.show(", ".join(f"{key} {value}" for key, value in chosen.items() if value not in ({}, [])))
    if curve is not None:
        places = dict.fromkeys(round((info.horizon - 1) * k / 10) for k in range(11))
        output.show("curve: " + ", ".join(f"{step}: {curve(step):.4g}" for step in places))


@app.command()
def versions(name: Name, json: Json = False) -> None:
    """Its versions, with how they came about."""
    from rich.text import Text

    with session() as client:
        found = client.schedules.get(name).versions()
    if json:
        output.print_json(found)
        return
    table = output.table("version>", "knots>", "bound before>", "bound after>", "why")
    for item in found:
        before, after = (item.provenance.get(key) for key in ("bound_before", "bound_after"))
        table.add_row(
            str(item.version),
            str(len(item.curve)),
            "-" if before is None else f"{before:.4g}",
            "-" if after is None else f"{after:.4g}",
            Text(str(item.provenance.get("why", ""))),
        )
    output.show(table)


@app.command()
def runs(name: Name, json: Json = False) -> None:
    """Trainings that follow it, newest first, and why one failed."""
    from rich.text import Text

    with session() as client:
        found = client.schedules.get(name).runs()
    if json:
        output.print_json(found)
        return
    table = output.table("run>", "version>", "state", "final", "reason", "began")
    for item in found:
        final = ", ".join(f"{key}={value:.6g}" for key, value in (item.final or {}).items())
        table.add_row(
            str(item.number), str(item.version), item.state, final, Text(item.reason), output.ago(item.created_at)
        )
    output.show(table)


@app.command()
def refine(
    name: Name,
    run: Annotated[list[int] | None, typer.Option(help="From this run; repeat it. Else all that finished.")] = None,
    norm: Annotated[str, typer.Option(help="l2 (SGD) or l1 (Adam).")] = "l2",
    power: Annotated[
        float | None, typer.Option(help="How strongly norms weigh: 2 (l2) or 1 (l1) by the theory.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a new version from gradient norms."""
    with session() as client:
        made = client.schedules.get(name).refine(run or None, norm=norm, power=power)
    if json:
        output.print_json(made)
    else:
        output.say(f"Version {made.version}. {made.provenance.get('why', '')}")


@app.command()
def promote(name: Name, version: Annotated[int, typer.Argument(help="That new runs get.")], json: Json = False) -> None:
    """Give new runs another version."""
    with session() as client:
        schedule = client.schedules.get(name).promote(version)
    if json:
        output.print_json(schedule.info)
    else:
        output.say(f"New runs of {schedule.name!r} get version {version}.")


@app.command()
def archive(name: Name, json: Json = False) -> None:
    """Take no new runs."""
    with session() as client:
        schedule = client.schedules.get(name).archive()
    if json:
        output.print_json(schedule.info)
    else:
        output.say(f"{schedule.name!r} is archived.")


@app.command()
def delete(name: Name, json: Json = False) -> None:
    """Delete an archived schedule with all its runs."""
    with session() as client:
        schedule = client.schedules.get(name)
        schedule.delete()
    if json:
        output.print_json({"deleted": schedule.id})
    else:
        output.say(f"{schedule.name!r} is deleted.")
