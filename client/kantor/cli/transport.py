"""``kantor transport``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from kantor.cli import codes, output
from kantor.cli.session import EmbeddedServer, Json, session

READERS = (".npy", ".csv", ".txt", ".npz")


def transport(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="Points (rows) or an image: .npy, .npz, .csv, .txt.", exists=True)
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="The same, of the target.", exists=True)],
    images: Annotated[bool, typer.Option("--images", help="The files are images: pixels are the weights.")] = False,
    weights_a: Annotated[
        Path | None, typer.Option("--weights-a", help="Weights of A's points; by default equal.", exists=True)
    ] = None,
    weights_b: Annotated[Path | None, typer.Option("--weights-b", help="Of B's.", exists=True)] = None,
    normalize: Annotated[bool, typer.Option("--normalize", help="Divide the weights by their sums.")] = False,
    cost: Annotated[
        Literal["sqeuclidean", "euclidean", "l1", "cosine"], typer.Option("--cost", help="Of moving a unit of mass.")
    ] = "sqeuclidean",
    tolerance: Annotated[
        float | None, typer.Option("--tolerance", help="Stop at this relative gap between cost and bound.")
    ] = None,
    regularization: Annotated[
        float | None, typer.Option("--regularization", help="Entropic, in units of the mean cost.")
    ] = None,
    engine: Annotated[str, typer.Option("--engine", "-e", help="An engine's id, or auto.")] = "auto",
    device: Annotated[Literal["cpu", "cuda"] | None, typer.Option("--device", help="cuda: on a worker's GPU.")] = None,
    time_limit: Annotated[float | None, typer.Option("--time-limit", "-t", help="Seconds for the solve.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the answer into a file: .png, .svg, .pdf.")] = None,
    view: Annotated[
        Literal["auto", "coupling", "heatmap", "interpolation", "convergence"],
        typer.Option("--view", help="Of --plot."),
    ] = "auto",
    result: Annotated[
        Path | None, typer.Option("--output", help="The plan (.npz, scipy.sparse) or all (.json).")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    embedded: EmbeddedServer = False,
    json: Json = False,
) -> None:
    """Optimal transport between two files of points or images: cost, certified bound, plan, picture."""
    from kantor.cli.solve import follow
    from kantor.transport import Transport

    if result is not None and result.suffix not in (".npz", ".json"):
        raise typer.BadParameter(f"the file ends with .npz or .json, not {result.suffix!r}", param_hint="--output")
    left, right = read(a), read(b)
    if images:
        problem = Transport(A=left, B=right, cost=cost)
    else:
        masses = {"a": weights_a, "b": weights_b}
        given = {side: read(path).reshape(-1) for side, path in masses.items() if path is not None}
        problem = Transport(left, right, cost=cost, normalize=normalize, **given)
    chosen: dict[str, Any] = {"tolerance": tolerance, "time_limit": time_limit, "regularization": regularization}
    chosen["device"] = device
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if regularization:
        chosen["relative"] = True
    with session(embedded) as client:
        job = client.submit(problem, engine, name=f"{a.name} to {b.name}"[:255], **chosen)
        found, interrupted = follow(job, None, quiet=quiet or json)
        answer: Any = found
        if answer is not None:
            if json:
                output.print_json({**answer.job.info.model_dump(exclude={"answer"}), "answer": answer.to_dict()})
            else:
                output.show(answer)
            if plot is not None:
                answer.plot(view, path=plot)
                output.say(f"Drawn to {plot}.")
            if result is not None:
                write(answer, result)
    if interrupted or answer is None:
        raise typer.Exit(codes.INTERRUPTED)
    raise typer.Exit(codes.of_status(answer.status) if not answer.certificate.failed else codes.FAILED)


def read(path: Path) -> Any:
    """An array from a file.

    Raises:
        BadParameter: the file is of no known kind, cannot be read, or holds several arrays.
    """
    from kantor.transport_arrays import numpy

    np = numpy()
    if path.suffix not in READERS:
        raise typer.BadParameter(f"{path} is not one of {', '.join(READERS)}")
    try:
        if path.suffix in (".csv", ".txt"):
            return np.loadtxt(path, delimiter="," if path.suffix == ".csv" else None, ndmin=2)
        found = np.load(path, allow_pickle=False)
        if path.suffix == ".npy":
            return found
        with found:
            if len(found.files) != 1:
                raise typer.BadParameter(f"{path} holds {len(found.files)} arrays, one is wanted")
            return found[found.files[0]]
    except (ValueError, OSError, EOFError) as error:
        # numpy's own words advise to load foreign objects, which runs their code
        why = "it holds no array of numbers" if "pickle" in str(error) else str(error)
        raise typer.BadParameter(f"{path} cannot be read: {why}") from None


def write(answer: Any, path: Path) -> None:
    """The plan as a scipy.sparse file, or everything as JSON."""
    if path.suffix == ".json":
        path.write_text(answer.to_json(indent=2) + "\n", encoding="utf-8")
    else:
        import scipy.sparse

        scipy.sparse.save_npz(path, scipy.sparse.csr_matrix(answer.plan))
    output.say(f"Written to {path}.")
