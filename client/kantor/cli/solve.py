"""``kantor solve``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kantor.cli import codes, output
from kantor.cli.session import EmbeddedServer, Json, session

if TYPE_CHECKING:
    from kantor.answer import Answer
    from kantor.families import Problem
    from kantor.job import Job

WRITERS = {".json": "to_json", ".csv": "to_csv", ".sol": "to_sol"}


def solve(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="MPS, QPS, LP, MathOptFormat, .nl or OPB, also .gz, .zst, .bz2; - for stdin. Or a problem in the"
            " expression language: YAML or JSON, with its .npy data beside it; or CUTEst's .SIF.",
        ),
    ],
    engine: Annotated[str, typer.Option("--engine", "-e", help="An engine's id, auto, or race.")] = "auto",
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", "-t", help="Seconds for the solve; the best answer is kept.")
    ] = None,
    gap: Annotated[float | None, typer.Option("--gap", help="Stop at this relative gap.")] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads of the engine.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="NAME=VALUE", help="Any other option; see `kantor engines`."),
    ] = None,
    options: Annotated[
        Path | None, typer.Option("--options", help="A JSON or YAML file of options.", exists=True, dir_okay=False)
    ] = None,
    format: Annotated[
        Literal["auto", "mps", "qps", "lp", "mof", "nl", "opb"], typer.Option("--format", help="Of the file.")
    ] = "auto",
    aux: Annotated[
        Path | None,
        typer.Option("--aux", help="MibS' auxiliary file: the MPS file is then a bilevel problem.", exists=True),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Of the job.")] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="To find the job again.")
    ] = None,
    priority: Annotated[int, typer.Option("--priority", min=-100, max=100, help="Higher goes first.")] = 0,
    result: Annotated[
        Path | None, typer.Option("--output", help="Write the answer to a file: .json, .csv or .sol.")
    ] = None,
    wait: Annotated[
        float | None, typer.Option("--wait", help="Seconds to wait at most; the job goes on after.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Submit only; print the job's id.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    embedded: EmbeddedServer = False,
    json: Json = False,
) -> None:
    """Solve a model file: live progress, then the answer and its certificate in plain words.

    Ctrl-C cancels the job and prints the best answer so far.
    """
    if result is not None and result.suffix not in WRITERS:
        raise typer.BadParameter(
            f"the file ends with one of {', '.join(WRITERS)}, not {result.suffix or 'nothing'!r}", param_hint="--output"
        )
    if no_wait and (embedded or result or wait is not None):
        raise typer.BadParameter(
            "a job that is not waited for cannot be combined with --embedded, --output or --wait",
            param_hint="--no-wait",
        )
    problem = read_problem(file, format, aux)
    given: dict[str, Any] = {"time_limit": time_limit, "relative_gap": gap, "threads": threads}
    chosen = {key: value for key, value in given.items() if value is not None}
    with session(embedded) as client:
        from kantor.cli.options import collect

        chosen = collect(client, problem.kind, engine, options, option or []) | chosen
        job = client.submit(
            problem,
            engine,
            name=name or (Path(file).name[:255] if file != "-" else ""),
            labels=_labels(label or []),
            priority=priority,
            **chosen,
        )
        if no_wait:
            output.print_json(job.info) if json else output.show(job.id)
            return
        answer, interrupted = follow(job, wait, quiet=quiet or json)
        if answer is not None:
            report(answer, json=json)
            if result is not None:
                _write(answer, result)
    if interrupted or answer is None:
        raise typer.Exit(codes.INTERRUPTED)
    raise typer.Exit(codes.of_status(answer.status) if not answer.certificate.failed else codes.FAILED)


def follow(job: Job, seconds: float | None, *, quiet: bool) -> tuple[Answer | None, bool]:
    """Wait with progress. Returns the answer, and True if an interrupt ended the waiting: then the best answer so far,
    if any."""
    from kantor.errors import JobCancelled

    try:
        job.watch(not quiet, seconds=seconds)
        return job.result(), False
    except KeyboardInterrupt:
        output.say(f"Stopping {job.id} and asking for its best answer; Ctrl-C again leaves at once.", "yellow")
    try:
        job.cancel()
        return job.result(60.0), True
    except JobCancelled as nothing:
        output.say(f"{nothing}.", "yellow")
    except KeyboardInterrupt:
        output.say(f"Left; see `kantor jobs show {job.id}`.", "yellow")
    return None, True


def report(answer: Answer, *, json: bool) -> None:
    """To stdout."""
    if json:
        output.print_json({**answer.job.info.model_dump(exclude={"answer"}), "answer": answer.to_dict()})
        return
    output.show(answer)
    if getattr(answer.contract, "scenarios", None):
        from kantor.render import scenarios_table

        output.show(scenarios_table(answer))


def read_problem(file: str, format: Any, aux: Path | None) -> Problem:
    from kantor.problem_file import is_problem_file, load
    from kantor.program import Program
    from kantor.sif import is_sif, read_sif

    if aux is not None:
        from kantor.bilevel_files import read_bilevel

        return read_bilevel(file, aux)
    if file != "-" and format == "auto" and is_problem_file(file):
        return load(file)
    if format == "auto" and is_sif(file):
        return read_sif(file)
    if file != "-":
        return Program.from_file(file, format=format)
    if sys.stdin.isatty():
        raise typer.BadParameter("the model is read from stdin, but nothing is piped into it", param_hint="FILE")
    return Program.from_file(sys.stdin.buffer.read(), format=format, filename="stdin")


def _labels(items: list[str]) -> dict[str, str]:
    labels = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{item!r} does not have the form KEY=VALUE", param_hint="--label")
        labels[key] = value
    return labels


def _write(answer: Answer, path: Path) -> None:
    if path.suffix == ".json":
        path.write_text(answer.to_json(indent=2) + "\n", encoding="utf-8")
    else:
        write = getattr(answer, WRITERS[path.suffix], None)
        if write is None:
            output.say(f"This answer has no form {path.suffix}; write it to a .json file.", "yellow")
            return
        write(path)
    output.say(f"Written to {path}.")
