"""Engines against each solver called directly: the same file, options and thread, on the shared collections."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.direct import RELATIVE_GAP
from benchmarks.harness.instances import Instance, collection, instances
from benchmarks.harness.pairing import LONG, Laboratory, Task, laboratory
from benchmarks.harness.report import Report, Table
from benchmarks.harness.scale import Scale
from benchmarks.harness.statistics import paired_ratio, shifted_geometric_mean
from benchmarks.harness.system import System

ENGINES = ("highs", "scip", "cp-sat", "pdlp", "clarabel")
#: Within this relative distance of the known optimum an answer is right.
AGREE = {"lp": 1e-6, "milp": RELATIVE_GAP, "pdlp": 1e-4, "clarabel": 1e-6}


def run(scale: Scale, report: Report, system: System | None) -> None:
    """Adds the tables of ratios; rows of each instance go to the data. ``system``: also through the whole service."""
    rows: list[dict[str, Any]] = []
    with laboratory() as lab:
        for engine in ENGINES:
            for family, chosen in plan(engine, scale).items():
                for instance in chosen:
                    rows.append(_one(engine, family, instance, scale, lab, system))
                    _say(rows[-1])
    report.data["engines"] = rows
    source = "the shared collection" if collection() else "the repository"
    for family, shift, words in (("lp", 0.01, "10 ms"), ("lp", 1.0, "1 s"), ("milp", 1.0, "1 s")):
        report.add(_ratios(rows, family, shift, words, source))
    report.add(_long(rows))
    trouble = _trouble(rows)
    if trouble.rows:
        report.add(trouble)


def plan(engine: str, scale: Scale) -> dict[str, list[Instance]]:
    """Which instances an engine is measured on."""
    lp = instances("lp", count=scale.lp)
    milp = instances("milp", count=scale.milp, known_seconds=scale.known_seconds)
    if engine == "highs":
        return {"lp": lp, "milp": milp}
    if engine == "scip":
        return {"milp": milp}
    if engine == "cp-sat":
        return {"milp": [i for i in milp if i.pure]}
    # First-order and interior-point methods: feasible programs; half of the count, since they take longer.
    feasible = [i for i in instances("lp") if i.status == "optimal"]
    if scale.lp is not None:
        feasible = feasible[: 6 * scale.lp : 6]
    return {"lp": feasible}


def _one(
    engine: str, family: str, instance: Instance, scale: Scale, lab: Laboratory, system: System | None
) -> dict[str, Any]:
    limit = scale.lp_limit if family == "lp" else scale.milp_limit
    pairs = lab.measure(Task(engine, instance.path, limit, scale.repeats))
    row: dict[str, Any] = {"engine": engine, "family": family, "instance": instance.name, "nonzeros": instance.nonzeros}
    row |= {"known": instance.optimum, "limit_seconds": limit, **asdict(pairs)}
    row |= {"service": [], "service_engine": [], "service_status": "", "service_error": ""}
    if pairs.error:
        return row
    gap = AGREE.get(engine, AGREE[family])
    row["direct_agrees"] = instance.agrees(pairs.direct_status, pairs.direct_objective, gap)
    row["agrees"] = instance.agrees(pairs.our_status, pairs.our_objective, gap)
    row["finished"] = (
        pairs.direct_status not in ("limit", "other") and pairs.our_limit is None and pairs.our_status != "imprecise"
    )
    if system is not None and row["finished"]:
        _through_service(row, engine, instance, limit, len(pairs.direct), system)
    return row


def _through_service(
    row: dict[str, Any], engine: str, instance: Instance, limit: float, repeats: int, system: System
) -> None:
    import kantor

    client = system.client()
    for _ in range(repeats):
        begin = time.perf_counter()
        try:
            job = client.submit(
                kantor.Program.from_file(Path(instance.path)), engine=engine, time_limit=limit, threads=1
            )
            answer = job.result()
        except kantor.KantorError as error:
            row["service_error"] = str(error)
            return
        row["service"].append(time.perf_counter() - begin)
        row["service_status"] = answer.status
        seconds = answer.statistics.get("seconds")
        if seconds is not None:
            row["service_engine"].append(seconds)
    row["service_agrees"] = instance.agrees(answer.status, answer.objective, AGREE.get(engine, AGREE[row["family"]]))


def _say(row: dict[str, Any]) -> None:
    if row["error"]:
        words = row["error"].strip().splitlines()[-1]
    else:
        words = f"direct {median(row['direct']):.3f} s, engine {median(row['ours']):.3f} s"
        if row["service"]:
            words += f", service {median(row['service']):.3f} s"
    print(f"  {row['engine']:8} {row['instance']:20} {words}", flush=True)


def _ratios(rows: Sequence[dict[str, Any]], family: str, shift: float, words: str, source: str) -> Table:
    name = {"lp": "LPs", "milp": "MILPs"}[family]
    table = Table(
        f"{name} of {source}: time over that of the solver called directly (shifted geometric means, shift {words})",
        ("engine", "solved", "same path", "direct s", "engine", "engine + certificate", "service / (read + direct)"),
        note="[..]: 95% interval over the instances (paired bootstrap). service: upload, parsing, queue, solve, "
        "certificate, download, against reading the file and solving in process. Only where both sides finish.",
    )
    for engine in ENGINES:
        mine = [r for r in rows if r["engine"] == engine and r["family"] == family]
        done = [r for r in mine if not r["error"] and r["finished"]]
        if not done:
            continue
        direct = [median(r["direct"]) for r in done]
        ours = [median(r["ours"]) for r in done]
        served = [r for r in done if r["service"]]
        whole = paired_ratio(
            [median(r["service"]) for r in served], [r["load"] + median(r["direct"]) for r in served], shift
        )
        table.rows.append(
            (
                engine,
                f"{len(done)}/{len(mine)}",
                sum(r["direct_work"] is not None and r["direct_work"] == r["our_work"] for r in done),
                f"{shifted_geometric_mean(direct, shift):.4f}",
                paired_ratio(ours, direct, shift).text(),
                paired_ratio([t + r["certify"] for t, r in zip(ours, done, strict=True)], direct, shift).text(),
                whole.text() if served else "-",
            )
        )
    return table


def _long(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(
        f"What an engine pays on a solve of more than {LONG:.0f} s (aim: at most 2%)",
        ("engine", "solves", "same path", "CPU", "time", "least", "greatest", "all, time", "service, time"),
        note="Ratios of sums, engine to direct. CPU, time, least (CPU), greatest (CPU), service: of those solves that "
        "take the same path (equal iterations; on the model that our engine builds where the file's own leads "
        "elsewhere), where the ratio is overhead alone. all: of all, where luck of the search comes in.",
    )
    for engine in ENGINES:
        done = [_on_one_path(r) for r in rows if r["engine"] == engine and not r["error"] and r["finished"]]
        done = [r for r in done if median(r["ours"]) > LONG]
        if not done:
            continue
        same = [r for r in done if r["base_work"] is not None and r["base_work"] == r["our_work"]]
        ratios = [median(r["ours_cpu"]) / median(r["base_cpu"]) for r in same]
        table.rows.append(
            (
                engine,
                len(done),
                len(same),
                _sum_ratio(same, "ours_cpu", "base_cpu"),
                _sum_ratio(same, "ours", "base"),
                f"{min(ratios, default=math.nan):.3f}",
                f"{max(ratios, default=math.nan):.3f}",
                _sum_ratio(done, "ours", "direct"),
                _sum_ratio([r for r in same if r["service"]], "service", "base"),
            )
        )
    return table


def _on_one_path(row: dict[str, Any]) -> dict[str, Any]:
    side = "same" if row["same"] else "direct"
    return row | {"base": row[side], "base_cpu": row[f"{side}_cpu"], "base_work": row[f"{side}_work"]}


def _sum_ratio(rows: Sequence[dict[str, Any]], above: str, below: str) -> str:
    if not rows:
        return "-"
    return f"{sum(median(r[above]) for r in rows) / sum(median(r[below]) for r in rows):.3f}"


def _trouble(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(
        "Where the engine or its certificate does not do as well as the solver alone, or something broke",
        ("engine", "instance", "what"),
    )
    for row in rows:
        words = []
        if row["error"]:
            words.append(row["error"].strip().splitlines()[-1])
        else:
            if row["direct_agrees"] and not row["agrees"]:
                words.append(f"engine: {row['our_status']} {row['our_objective']}; direct agrees with {row['known']}")
            if row["failures"]:
                words.append(f"checks that failed: {', '.join(row['failures'])}")
            if row["service_error"]:
                words.append(f"service: {row['service_error']}")
            elif row["service"] and not row["service_agrees"]:
                words.append(f"service: {row['service_status']}")
        if words:
            table.rows.append((row["engine"], row["instance"], "; ".join(words)[:80]))
    return table
