"""The tables of the transport benchmark."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.harness.report import Table

#: Marginal error that counts as reached: what the engines are asked for, with room for evaluating the plan anew.
REACHED = 2e-9

KANTOR = "Kantor"


def marginals_table(rows: list[dict[str, Any]]) -> Table:
    """See its title."""
    peers = list(dict.fromkeys(row["peer"] for row in rows))
    table = Table(
        "Entropic transport to marginal errors of 1e-9: CPU seconds (median over seeds), one thread",
        ("n", "d", "eps / mean", "seeds", KANTOR, "certified", *peers[1:], "Kantor / best other"),
        note=f"Caps a solve: {_caps(rows)}. '-': not reached within the cap for one of the seeds, or for fewer points "
        "(or, with the error in brackets, the library ended by itself before). 'certified': Kantor with the check of "
        "its answer, which no peer has. The last column below 1: Kantor is ahead; above: this cell is lost.",
    )
    for n, d, epsilon in dict.fromkeys((row["n"], row["d"], row["epsilon"]) for row in rows):
        mine = [row for row in rows if (row["n"], row["d"], row["epsilon"]) == (n, d, epsilon)]
        if len(mine) != len(peers) * len({row["seed"] for row in mine}):
            continue  # this cell was cut
        texts, values = _cells(mine, peers)
        certified = [row["certified"] for row in mine if "certified" in row]
        seeds = len({row["seed"] for row in mine})
        texts.insert(1, f"{median(certified):.3f}" if certified else "-")
        table.rows.append((n, d, f"{epsilon:g}", seeds, *texts, _verdict(values)))
    return table


def batches_table(rows: list[dict[str, Any]]) -> Table:
    """See its title."""
    peers = list(dict.fromkeys(row["peer"] for row in rows))
    table = Table(
        "Batches of 64 x 64 problems to marginal errors of 1e-9: CPU seconds",
        ("problems", "d", "eps / mean", *peers, "Kantor / best other"),
        note=f"Caps a batch: {_caps(rows, 'count')}. Libraries without batches are called in a loop, measured on ten "
        "problems and multiplied up. '-' as above. Kantor's times contain bounds and plans.",
    )
    for count, d, epsilon in dict.fromkeys((row["count"], row["d"], row["epsilon"]) for row in rows):
        mine = [row for row in rows if (row["count"], row["d"], row["epsilon"]) == (count, d, epsilon)]
        if len(mine) != len(peers):
            continue
        texts, values = _cells(mine, peers)
        table.rows.append((count, d, f"{epsilon:g}", *texts, _verdict(values)))
    return table


def gaps_table(rows: list[dict[str, Any]]) -> Table:
    """See its title."""
    table = Table(
        "Without regularization, to a certified relative gap: CPU seconds (median over seeds)",
        ("n", "d", "gap", "POT emd (exact)", "Kantor auto", "certificate", "engine", "Sinkhorn-Newton"),
        note="POT's simplex has no gap to stop at: it always solves exactly. Kantor's times contain the bound; the "
        "certificate's own time is apart.",
    )
    for n, d, gap in dict.fromkeys((row["n"], row["d"], row["gap"]) for row in rows):
        mine = [row for row in rows if (row["n"], row["d"], row["gap"]) == (n, d, gap)]
        auto = mine[0]["auto"]

        def middle(name: str, mine: list[dict[str, Any]] = mine) -> str:
            found = [row[name] for row in mine if row.get(name) is not None]
            return f"{median(found):.3f}" if len(found) == len(mine) else "-"

        times = middle("POT emd"), middle(auto), middle(f"{auto}, certificate")
        table.rows.append((n, d, f"{gap:g}", *times, auto, middle("sinkhorn-newton")))
    return table


def _cells(rows: list[dict[str, Any]], peers: list[str]) -> tuple[list[str], dict[str, float]]:
    """A text for each peer, and the times of those that reached the error with every seed."""
    values: dict[str, float] = {}
    texts = []
    for peer in peers:
        theirs = [row for row in rows if row["peer"] == peer]
        reached = [row for row in theirs if row.get("error", 1.0) <= REACHED]
        if theirs and len(reached) == len(theirs):
            values[peer] = median(row["seconds"] for row in reached)
            texts.append(f"{values[peer]:.3f}")
        else:
            worst = max((row["error"] for row in theirs if "error" in row), default=0.0)
            texts.append(f"- ({worst:.0e})" if worst > REACHED else "-")
    return texts, values


def _verdict(values: dict[str, float]) -> str:
    others = [seconds for peer, seconds in values.items() if peer != KANTOR]
    if KANTOR not in values:
        return "lost" if others else "-"
    if not others:
        return "alone"
    ratio = values[KANTOR] / min(others)
    return f"{ratio:.2f}" if ratio <= 1.0 else f"{ratio:.2f}, lost"


def _caps(rows: list[dict[str, Any]], key: str = "n") -> str:
    caps = dict.fromkeys((row[key], row["cap"]) for row in rows)
    return ", ".join(f"{cap:g} s for {size:,}" for size, cap in caps)
