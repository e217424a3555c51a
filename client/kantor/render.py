"""An answer for people: one line, plain text, a rich renderable, HTML."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Any

from kantor.certificate import SIGNS
from kantor.errors import NoPoint
from kantor.progress import percent, show

if TYPE_CHECKING:
    from kantor.answer import Answer

SCENARIOS = 20
"""Scenarios shown."""
FIRST = 10
"""Non-zero variables shown."""

_STATUS = {
    "optimal": "optimal",
    "feasible": "feasible, not proved optimal",
    "infeasible": "infeasible: no point satisfies all constraints",
    "unbounded": "unbounded: the objective improves without end",
    "infeasible-or-unbounded": "infeasible or unbounded",
    "imprecise": "imprecise: the engine's claim does not hold within the tolerances",
    "no-solution": "no feasible point was found",
    "error": "the engine failed",
}
_COLOURS = {"optimal": "green", "feasible": "yellow", "infeasible": "magenta", "unbounded": "magenta"}


def summary(answer: Answer) -> str:
    """One line."""
    parts = [answer.status]
    if answer.objective is not None and answer.status != "unbounded":
        parts.append(f"objective {show(answer.objective)}")
    if answer.bound is not None and answer.status != "optimal":
        parts.append(f"bound {show(answer.bound)}")
    if answer.limit:
        parts.append(f"stopped by {answer.limit}")
    if answer.engine:
        parts.append(answer.engine)
    # "feasible, proved" would be taken for an optimum
    done = answer.status not in ("feasible", "locally-stationary", "not-verified")
    parts.append(
        "proved"
        if answer.certificate.proved and done
        else "verified"
        if answer.certificate.verified
        else "not verified"
    )
    return ", ".join(parts)


def facts(answer: Answer) -> list[tuple[str, str]]:
    """Label and words, in the order in which people want to know."""
    rows = [
        ("status", _STATUS.get(answer.status, answer.status) + (f" ({answer.limit} limit)" if answer.limit else ""))
    ]
    if answer.limit == "cancelled":
        rows[0] = ("status", f"{_STATUS.get(answer.status, answer.status)} (cancelled)")
    if answer.message and answer.status != "optimal":
        rows.append(("", answer.message))
    if answer.objective is not None:
        base = " at the point from which it does" if answer.status == "unbounded" else ""
        rows.append(("objective", show(answer.objective) + base))
    if answer.bound is not None:
        rows.append(("bound", show(answer.bound)))
    if answer.gap is not None:
        rows.append(("gap", percent(answer.gap)))
    if answer.contract.scenarios:
        items = answer.contract.scenarios
        done = sum(item.certified for item in items)
        rows.append(("scenarios", f"{len(items)}, {done} certified"))
    seconds = answer.job.summary.seconds if answer.job is not None and answer.job.summary else None
    engine = " ".join(part for part in (answer.engine, answer.engine_version) if part)
    if engine:
        rows.append(("engine", engine + (f", {seconds:.2f} s" if seconds is not None else "")))
    if answer.why:
        rows.append(("why", answer.why))
    if answer.iis is not None:
        kind = "irreducible" if answer.iis.irreducible else "not shown irreducible"
        rows.append(("conflict", f"{len(answer.iis.rows)} rows and {len(answer.iis.bounds)} bounds ({kind})"))
        members = [f"{member.name} ({member.side})" for member in (*answer.iis.rows, *answer.iis.bounds)]
        rows.append(
            ("", ", ".join(members[:FIRST]) + (f" and {len(members) - FIRST} more" if len(members) > FIRST else ""))
        )
    return rows


def nonzeros(answer: Answer) -> tuple[list[tuple[str, float]], int, int]:
    """The first non-zero variables, how many there are, and of how many variables. Zeros by the measure of 1e-9."""
    try:
        values = answer.values()
    except NoPoint:
        return [], 0, 0
    found = [(name, value) for name, value in values.items() if abs(value) > 1e-9]
    return list(islice(found, FIRST)), len(found), len(values)


def as_text(answer: Answer) -> str:
    lines = [f"{label:<12}{words}" for label, words in facts(answer)]
    lines += [
        f"{'certificate' if k == 0 else '':<12}{words.strip()}"
        for k, words in enumerate(answer.certificate.text.splitlines())
    ]
    first, count, total = nonzeros(answer)
    if first:
        lines.append(
            f"{'variables':<12}{count} of {total} are not zero"
            + (f"; the first {len(first)}:" if count > len(first) else ":")
        )
        width = max(len(name) for name, _ in first)
        lines += [f"{'':<12}{name:<{width}}  {show(value)}" for name, value in first]
    return "\n".join(lines)


def as_rich(answer: Answer) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(padding=(0, 2))
    head.add_column(style="dim", no_wrap=True)
    head.add_column(overflow="fold")
    for k, (label, words) in enumerate(facts(answer)):
        head.add_row(label, Text(words, style=f"bold {_COLOURS.get(answer.status, 'red')}" if k == 0 else ""))
    certificate = answer.certificate
    colour = (
        "red" if certificate.failed else "green" if certificate.proved else "cyan" if certificate.verified else "yellow"
    )
    head.add_row("certificate", Text(certificate.verdict, style=f"bold {colour}"))
    signs = {"passed": "green", "failed": "red", "trusted": "yellow", "skipped": "dim"}
    from kantor.certificate import line

    for check in certificate.checks:
        head.add_row("", Text(line(check), style=signs[check.outcome] if check.outcome != "passed" else ""))
    first, count, total = nonzeros(answer)
    if not first:
        return head
    title = f"{count} of {total} variables are not zero" + (f"; the first {len(first)}:" if count > len(first) else ":")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("variable", style="dim")
    table.add_column("value", justify="right")
    for name, value in first:
        table.add_row(Text(name), show(value))
    return Group(head, Text(f"\n{title}"), table)


def as_html(answer: Answer) -> str:
    rows = "".join(f"<tr><th>{escape(label)}</th><td>{escape(words)}</td></tr>" for label, words in facts(answer))
    checks = "".join(
        f"<tr><th>{SIGNS[check.outcome]} {escape(check.name)}</th><td>{escape(check.text)}</td></tr>"
        for check in answer.certificate.checks
    )
    first, count, total = nonzeros(answer)
    values = "".join(f"<tr><td>{escape(name)}</td><td>{show(value)}</td></tr>" for name, value in first)
    listing = f"<p>{count} of {total} variables are not zero</p><table>{values}</table>" if first else ""
    verdict = escape(answer.certificate.verdict)
    return f"<table>{rows}<tr><th>certificate</th><td>{verdict}</td></tr>{checks}</table>{listing}"


def scenarios_table(answer: Answer) -> Any:
    """The first scenarios of a batch."""
    from rich.table import Table
    from rich.text import Text

    scenarios = answer.scenarios
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column, justify in (("scenario", "left"), ("status", "left"), ("objective", "right"), ("certified", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for k, item in enumerate(scenarios[:SCENARIOS]):
        table.add_row(Text(item.name or str(k)), item.status, show(item.objective), "yes" if item.certified else "no")
    if len(scenarios) > SCENARIOS:
        table.add_row(f"and {len(scenarios) - SCENARIOS} more")
    return table
