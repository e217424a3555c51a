"""``kantor jobs``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kantor.cli import codes, output
from kantor.cli.session import Json, session

if TYPE_CHECKING:
    from kantor.client import Client
    from kantor.job import Job
    from kantor.progress import Progress

app = typer.Typer(help="List, show, watch, cancel and delete jobs.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]
JobIds = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of jobs.")]
_COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "running": "cyan",
    "cancelled": "yellow",
    "expired": "yellow",
    "queued": "",
}


@app.command("list")
def list_jobs(
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help="queued, running, succeeded, failed, cancelled, expired; several may be given."),
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="program, transport, bilevel, minimize, ...")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what Kantor asks of itself: suggestions of studies, refinements.")
    ] = False,
    engine: Annotated[str | None, typer.Option("--engine", help="As asked for.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Exactly this name.")] = None,
    name_begins: Annotated[str | None, typer.Option("--name-begins", help="Names that begin so.")] = None,
    label: Annotated[list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="All of these.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="AGE", help="Not older than this: 90s, 15min, 2h, 7d.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 20,
    json: Json = False,
) -> None:
    """Jobs, newest first."""
    from kantor.cli.solve import _labels

    after = None if since is None else datetime.now(UTC) - timedelta(seconds=seconds(since, "--since"))
    with session() as client:
        found = list(
            client.jobs(
                state=state,
                kind=kind,
                without_kind=None if kind or everything else ("study", "schedule"),
                engine=engine,
                name=name,
                name_begins=name_begins,
                labels=_labels(label or []),
                created_after=after,
                limit=limit,
            )
        )
    if json:
        output.print_json([job.info for job in found])
        return
    if not found:
        output.say("No such jobs.")
        return
    table = output.table(
        "id", "name", "kind", "state", "engine", "status", "objective>", "gap>", "certificate", "seconds>", "created"
    )
    for job in found:
        table.add_row(*_row(job))
    output.show(table)


@app.command()
def show(job_id: JobId, json: Json = False) -> None:
    """A job, with its answer if it has one."""
    from kantor.errors import KantorError

    with session() as client:
        job = client.job(job_id)
        answer = job.result(0.0) if job.info.answer is not None else None
        if json:
            extra = {"answer": answer.to_dict()} if answer is not None else {}
            output.print_json({**job.info.model_dump(exclude={"answer"}), **extra})
            return
        output.show(_details(job, _waiting(job, client)))
        if answer is not None:
            from rich.text import Text

            output.show(Text(""))
            output.show(answer)
        elif job.info.inspection is not None:
            from kantor.cli.inspect import report

            report(job.info.inspection)
        elif job.done:
            try:
                job.result()
            except KantorError as error:
                output.say(str(error), "red")


@app.command()
def watch(job_id: JobId, json: Json = False) -> None:
    """Follow a job to its end; then its answer. Ctrl-C only stops watching."""
    from kantor.cli.solve import report

    with session() as client:
        job = client.job(job_id)
        try:
            job.watch(not json)
        except KeyboardInterrupt:
            output.say(f"{job.id} goes on.", "yellow")
            raise typer.Exit(codes.INTERRUPTED) from None
        answer = job.result()
        report(answer, json=json)
    raise typer.Exit(codes.of_status(answer.status))


@app.command()
def log(job_id: JobId, json: Json = False) -> None:
    """The engine's log."""
    with session() as client:
        text = client.job(job_id).log()
    if json:
        output.print_json({"id": job_id, "log": text})
    else:
        typer.echo(text.rstrip("\n"))


@app.command()
def events(
    job_id: JobId, after: Annotated[int, typer.Option("--after", min=0, help="Only those with a greater number.")] = 0
) -> None:
    """The job's events as JSON, one on each line, until it is over."""
    with session() as client:
        for event in client.job(job_id).events(after):
            typer.echo(event.model_dump_json())


@app.command()
def cancel(job_ids: JobIds, json: Json = False) -> None:
    """Ask jobs to stop; they keep their best answers so far."""
    with session() as client:
        found = [client.job(job_id).cancel() for job_id in job_ids]
    if json:
        output.print_json([job.info for job in found])
        return
    for job in found:
        output.show(f"{job.id} {job.state}" if job.done else f"{job.id} is asked to stop")


@app.command()
def delete(job_ids: JobIds, json: Json = False) -> None:
    """Remove finished jobs with their problems, answers and events."""
    with session() as client:
        for job_id in job_ids:
            client.job(job_id).delete()
    if json:
        output.print_json({"deleted": job_ids})
    else:
        output.say(f"{len(job_ids)} deleted.")


def seconds(text: str, parameter: str) -> float:
    """Of "90", "90s", "15min", "2h" or "7d"."""
    units = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "": 1.0}
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = text[len(digits) :].strip()
    try:
        return float(digits) * units[unit]
    except (ValueError, KeyError):
        raise typer.BadParameter(
            f"{text!r} is not a duration; write 90s, 15min, 2h or 7d", param_hint=parameter
        ) from None


def _row(job: Job) -> list[Any]:
    from rich.text import Text

    from kantor.progress import percent
    from kantor.progress import show as number

    summary, error = job.summary, job.error
    now = _now(job)
    status = summary.status if summary else error.code if error else ""
    certificate = (
        "" if summary is None else "proved" if summary.proved else "verified" if summary.verified else "not verified"
    )
    seconds = summary.seconds if summary else _elapsed(job)
    known = summary or now
    return [
        Text(job.id, no_wrap=True),
        Text(job.name or "-"),
        job.info.kind,
        Text(job.state, style=_COLOURS[job.state]),
        Text((known.engine if known and known.engine else job.engine) or "-"),
        Text(status or "-"),
        number(known.objective if known else None),
        percent(known.gap if known else None),
        certificate or "-",
        f"{seconds:.2f}" if seconds is not None else "-",
        output.ago(job.info.created_at),
    ]


def _now(job: Job) -> Progress | None:
    """What a running job last reported."""
    from kantor.progress import Progress

    return Progress.read(job.progress) if job.state == "running" and job.progress else None


def _elapsed(job: Job) -> float | None:
    """Seconds since a running job began."""
    if job.state != "running" or job.info.started_at is None:
        return None
    return max(0.0, (datetime.now(UTC) - job.info.started_at).total_seconds())


def _waiting(job: Job, client: Client) -> str:
    """Who else waits where a queued job waits."""
    if job.state != "queued":
        return ""
    queue = next((queue for queue in client.status().queues if queue.pool == job.info.pool), None)
    if queue is None:
        return f"in pool {job.info.pool!r}"
    return f"in pool {queue.pool!r} ({queue.queued} queued, {queue.running} running)"


def _details(job: Job, waiting: str) -> Any:
    from rich.table import Table
    from rich.text import Text

    info, elapsed, now = job.info, _elapsed(job), _now(job)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    rows: list[tuple[str, Any]] = [
        ("job", info.id),
        ("name", info.name),
        ("state", Text(info.state, style=_COLOURS[info.state])),
        ("kind", info.kind),
        ("task", info.task if info.task != "solve" else ""),
        ("asked for", f"{info.engine}, priority {info.priority}"),
        ("labels", ", ".join(f"{key}={value}" for key, value in info.labels.items())),
        ("created", f"{info.created_at:%Y-%m-%d %H:%M:%S} UTC ({output.ago(info.created_at)})"),
        ("waits", waiting),
        ("runs for", "" if elapsed is None else f"{elapsed:.1f} s"),
        ("progress", "" if now is None else str(now).strip()),
        ("attempt", f"{info.attempt} of {info.max_attempts}" if info.attempt > 1 else ""),
        ("kept until", f"{info.expires_at:%Y-%m-%d}" if info.expires_at else ""),
    ]
    for label, words in rows:
        if words:
            grid.add_row(label, words if isinstance(words, Text) else Text(words))
    return grid
