"""Reading MPS files against highspy's reader, and checking an answer against finding it."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness.instances import Instance, instances
from benchmarks.harness.pairs import interleaved
from benchmarks.harness.report import Report, Table
from benchmarks.harness.scale import Scale
from benchmarks.harness.statistics import paired_ratio, shifted_geometric_mean

SHIFT = 0.001


def run(scale: Scale, report: Report) -> None:
    """Adds two tables: parsers, and certificates of optimal linear programs."""
    chosen = sorted(instances("lp") + instances("milp"), key=lambda i: i.bytes)
    if scale.parser_files is not None:
        step = max(1, len(chosen) // scale.parser_files)
        chosen = chosen[step - 1 :: step][: scale.parser_files]
    rows = [_read(instance, scale.parser_repeats) for instance in chosen]
    report.data["parsers"] = rows
    report.add(_parsers(rows))
    solved = [_certify(instance, scale.parser_repeats) for instance in chosen if instance.family == "lp"]
    report.data["certificates"] = solved
    report.add(_certificates(solved))


def _read(instance: Instance, repeats: int) -> dict[str, Any]:
    import highspy

    from solvers.programs.formats import read

    content = Path(instance.path).read_bytes()
    plain = gzip.decompress(content) if instance.path.endswith(".gz") else content
    with tempfile.NamedTemporaryFile(suffix=".mps") as file:
        file.write(plain)
        file.flush()

        def theirs() -> None:
            highs = highspy.Highs()
            highs.setOptionValue("output_flag", False)
            highs.readModel(file.name)

        taken = interleaved(
            {
                "highspy": theirs,
                "kantor": lambda: read(plain, filename="model.mps"),
                "kantor .gz": lambda: read(content, filename="model.mps.gz"),
            },
            repeats,
            warm_up=1,
        )
    row: dict[str, Any] = {"instance": instance.name, "bytes": len(plain), "nonzeros": instance.nonzeros}
    return row | {name: median(seconds) for name, seconds in taken.items()}


def _parsers(rows: list[dict[str, Any]]) -> Table:
    table = Table(
        "Reading MPS: highspy's reader (C++) and Kantor's (seconds; shifted geometric mean, shift 1 ms)",
        ("files", "count", "MB", "highspy", "Kantor", "ratio", "Kantor MB/s", "with .gz"),
    )
    groups: list[tuple[str, Callable[[int], bool]]] = [
        ("below 100 kB", lambda size: size < 100_000),
        ("100 kB to 1 MB", lambda size: 100_000 <= size < 1_000_000),
        ("above 1 MB", lambda size: size >= 1_000_000),
        ("all", lambda size: size >= 0),
    ]
    for name, fits in groups:
        mine = [row for row in rows if fits(row["bytes"])]
        if not mine:
            continue
        theirs, ours = [r["highspy"] for r in mine], [r["kantor"] for r in mine]
        size = sum(r["bytes"] for r in mine) / 1e6
        table.rows.append(
            (
                name,
                len(mine),
                size,
                f"{shifted_geometric_mean(theirs, SHIFT):.4f}",
                f"{shifted_geometric_mean(ours, SHIFT):.4f}",
                paired_ratio(ours, theirs, SHIFT).text(),
                size / sum(ours),
                f"{shifted_geometric_mean([r['kantor .gz'] for r in mine], SHIFT):.4f}",
            )
        )
    return table


def _certify(instance: Instance, repeats: int) -> dict[str, Any]:
    from solvers.core import registry
    from solvers.core.engine import LocalContext
    from solvers.programs.certificates import certify
    from solvers.programs.formats import read

    problem = read(Path(instance.path).read_bytes(), filename=Path(instance.path).name)
    engine = registry.load("program", "highs")
    options = {"time_limit": 60.0, "threads": 1}
    answer = engine.solve(problem, options, LocalContext(time_limit=60.0))
    certificate = certify(problem, answer, options)
    taken = interleaved(
        {
            "solve": lambda: engine.solve(problem, options, LocalContext(time_limit=60.0)),
            "certify": lambda: certify(problem, answer, options),
        },
        repeats,
        warm_up=0,
    )
    return {
        "instance": instance.name,
        "nonzeros": instance.nonzeros,
        "status": answer.status,
        "verified": certificate.verified,
        "proved": certificate.proved,
        "arithmetic": {check.name: check.arithmetic for check in certificate.checks},
        **{name: median(seconds) for name, seconds in taken.items()},
    }


def _certificates(rows: list[dict[str, Any]]) -> Table:
    table = Table(
        "Certificates of linear programs against the solve they check (seconds, HiGHS)",
        ("entries", "count", "proved", "solve, sum", "certify, sum", "share", "largest share", "of"),
        note="share: certify / solve.",
    )
    groups = [("below 1,000", 0, 1_000), ("1,000 to 10,000", 1_000, 10_000), ("above 10,000", 10_000, 1 << 60)]
    for name, low, high in [*groups, ("all", 0, 1 << 60)]:
        mine = [row for row in rows if low <= row["nonzeros"] < high]
        if not mine:
            continue
        solve, certify = sum(r["solve"] for r in mine), sum(r["certify"] for r in mine)
        worst = max(mine, key=lambda r: r["certify"] / r["solve"])
        table.rows.append(
            (
                name,
                len(mine),
                sum(r["proved"] for r in mine),
                solve,
                certify,
                certify / solve,
                worst["certify"] / worst["solve"],
                worst["instance"],
            )
        )
    return table
