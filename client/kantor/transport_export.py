"""A transport answer for people and for programs: one line, plain text, a rich renderable, HTML, dictionaries."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from kantor.certificate import SIGNS, line
from kantor.errors import KantorError
from kantor.progress import percent, show

if TYPE_CHECKING:
    from kantor.transport_answer import TransportAnswer

_STATUS = {
    "optimal": "optimal",
    "feasible": "feasible, not shown to be within the tolerance",
    "imprecise": "imprecise: a check failed",
    "no-solution": "no plan was found",
    "error": "the engine failed",
}
_SOURCES = {
    "problem": "as given",
    "relative": "relative to the mean cost",
    "tolerance": "chosen for the tolerance",
}
_COLOURS = {"optimal": "green", "feasible": "yellow"}


def summary(answer: TransportAnswer) -> str:
    """One line."""
    parts = [answer.status]
    if answer.contract.batch is not None:
        parts.append(f"{answer.contract.batch.count} problems")
    if answer.cost is not None:
        parts.append(f"cost {show(answer.cost)}")
    if answer.gap is not None:
        parts.append(f"gap {percent(answer.gap)}")
    if answer.limit:
        parts.append(f"stopped by {answer.limit}")
    if answer.engine:
        parts.append(answer.engine)
    certificate = answer.certificate
    parts.append("proved" if certificate.proved else "verified" if certificate.verified else "not verified")
    return ", ".join(parts)


def facts(answer: TransportAnswer) -> list[tuple[str, str]]:
    """Label and words, in the order in which people want to know."""
    limit = f" ({answer.limit})" if answer.limit else ""
    rows = [("status", _STATUS.get(answer.status, answer.status) + limit)]
    if answer.message and answer.status != "optimal":
        rows.append(("", answer.message))
    if answer.contract.batch is not None:
        statuses = answer.contract.batch.status
        counts = {status: statuses.count(status) for status in dict.fromkeys(statuses)}
        rows.append(("problems", ", ".join(f"{count} {status}" for status, count in counts.items())))
    for label, value in (("cost", answer.cost), ("bound", answer.bound)):
        if value is not None:
            rows.append((label, show(value)))
    if answer.gap is not None:
        rows.append(("gap", percent(answer.gap)))
    if answer.objective is not None:
        words = show(answer.objective)
        if answer.objective_bound is not None:
            words += f", bound {show(answer.objective_bound)}, gap {percent(answer.objective_gap)}"
        rows.append(("regularized", words))
    if answer.epsilon:
        words = _SOURCES.get(answer.epsilon_from, answer.epsilon_from)
        rows.append(("epsilon", f"{answer.epsilon:.6g}" + (f", {words}" if words else "")))
    plan = answer.contract.plan
    if plan is not None:
        rows.append(("plan", f"{plan.shape[0]} by {plan.shape[1]}, kept as {plan.form}"))
    seconds = answer.job.summary.seconds if answer.job is not None and answer.job.summary else None
    engine = " ".join(part for part in (answer.engine, answer.engine_version) if part)
    if engine:
        rows.append(("engine", engine + (f", {seconds:.2f} s" if seconds is not None else "")))
    if answer.why:
        rows.append(("why", answer.why))
    return rows


def as_text(answer: TransportAnswer) -> str:
    lines = [f"{label:<13}{words}" for label, words in facts(answer)]
    for k, words in enumerate(answer.certificate.text.splitlines()):
        lines.append(f"{'certificate' if k == 0 else '':<13}{words.strip()}")
    return "\n".join(lines)


def as_rich(answer: TransportAnswer) -> Any:
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(padding=(0, 2))
    head.add_column(style="dim", no_wrap=True)
    head.add_column(overflow="fold")
    for k, (label, words) in enumerate(facts(answer)):
        head.add_row(label, Text(words, style=f"bold {_COLOURS.get(answer.status, 'red')}" if k == 0 else ""))
    certificate = answer.certificate
    colour = "red" if certificate.failed else "green" if certificate.proved else "cyan"
    head.add_row("certificate", Text(certificate.verdict, style=f"bold {colour}"))
    signs = {"failed": "red", "trusted": "yellow", "skipped": "dim"}
    for check in certificate.checks:
        head.add_row("", Text(line(check), style=signs.get(check.outcome, "")))
    return head


def as_html(answer: TransportAnswer) -> str:
    rows = "".join(f"<tr><th>{escape(label)}</th><td>{escape(words)}</td></tr>" for label, words in facts(answer))
    checks = "".join(
        f"<tr><th>{SIGNS[check.outcome]} {escape(check.name)}</th><td>{escape(check.text)}</td></tr>"
        for check in answer.certificate.checks
    )
    return f"<table>{rows}<tr><th>certificate</th><td>{escape(answer.certificate.verdict)}</td></tr>{checks}</table>"


def to_dict(answer: TransportAnswer) -> dict[str, Any]:
    """The contract's document, with every array as a list."""
    document = answer.contract.model_dump(mode="python", exclude={"plan", "batch", "arrays_artifact"})
    for name in ("f", "g", "support", "weights"):
        document[name] = _plain(answer._decode(getattr(answer.contract, name)))
    document["parameters"] = {name: _plain(values) for name, values in answer.parameters.items()}
    if answer.contract.plan is not None:
        document["plan"] = _plan(answer.contract.plan, answer._decode)
    batch = answer.contract.batch
    if batch is not None:
        document["batch"] = {
            "count": batch.count,
            "status": batch.status,
            "cost": _plain(answer.costs),
            "bound": _plain(answer.bounds),
        }
    document["job"] = answer.job.id
    return document


def to_pandas(answer: TransportAnswer) -> Any:
    """See ``TransportAnswer.to_pandas``."""
    try:
        import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise KantorError("to_pandas needs pandas; to_dict does without it") from None
    batch = answer.contract.batch
    if batch is not None:
        return pd.DataFrame({"status": batch.status, "cost": answer.costs, "bound": answer.bounds})
    if answer.contract.weights is not None:
        return pd.DataFrame({"weight": answer.weights})
    entries = answer.plan.tocoo()
    rows, columns = entries.coords
    return pd.DataFrame({"source": rows, "target": columns, "mass": entries.data})


def _plan(contract: Any, decode: Any) -> dict[str, Any]:
    plain = {"form", "shape", "epsilon"}
    return {
        name: value if name in plain else _plain(decode(value))
        for name, value in ((name, getattr(contract, name)) for name in type(contract).model_fields)
    }


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
