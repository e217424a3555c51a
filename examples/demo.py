"""`make demo`: start an embedded Kantor, solve real instances through it, print what was found and what is known, stop.

Everything goes the way of any user's job: HTTP, PostgreSQL, the broker, a worker, a runner, and the certificate.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import kantor

INSTANCES = Path(__file__).parent / "instances"
TOLERANCE = 1e-6
COLUMNS = (
    ("instance", 12),
    ("set", 17),
    ("known optimum", 17),
    ("found", 17),
    ("status", 11),
    ("engine", 9),
    ("certificate", 29),
    ("seconds", 8),
)


def main() -> int:
    items = json.loads((INSTANCES / "manifest.json").read_text())["items"]
    print("Starting an embedded Kantor (PostgreSQL, Valkey, API, dispatcher, worker)...", flush=True)
    begin = time.perf_counter()
    with kantor.embedded() as client:
        print(f"Ready after {time.perf_counter() - begin:.1f} s. {len(items)} real instances follow.\n", flush=True)
        print("  ".join(f"{title:<{width}}" for title, width in COLUMNS).rstrip())
        print("  ".join("-" * width for _, width in COLUMNS), flush=True)
        jobs = [
            client.submit(
                kantor.Program.from_file(INSTANCES / f"{item['name']}.mps.gz"),
                name=item["name"],
                relative_gap=0.0,
                time_limit=120,
            )
            for item in items
        ]
        right = [show(item, job) for item, job in zip(items, jobs, strict=True)]
    print(f"\n{sum(right)} of {len(items)} agree with the known answer and passed every check. ", end="")
    print(f"{time.perf_counter() - begin:.1f} s in all.")
    print("Next: `make serve`, then `kantor solve examples/instances/p0548.mps.gz` in another terminal.")
    return 0 if all(right) else 1


def show(item: dict[str, object], job: kantor.Job) -> bool:
    """Print one row; True if status and optimum are the known ones and no check failed."""
    answer = job.result()
    known = item["optimum"]
    agrees = answer.status == item["status"]
    if isinstance(known, float):
        agrees &= answer.objective is not None and abs(answer.objective - known) <= TOLERANCE * max(1.0, abs(known))
    certificate = answer.certificate
    agrees &= certificate.verified
    words = "proved" if certificate.proved else "verified" if certificate.verified else "not verified"
    if certificate.rests_on_engine:
        words += f" ({', '.join(certificate.rests_on_engine)}: engine)"
    row = (
        item["name"],
        item["set"],
        number(known) if isinstance(known, float) else "-",
        number(answer.objective) if answer.status == "optimal" else "-",
        answer.status,
        answer.engine,
        words,
        f"{job.summary.seconds or 0.0:.2f}" if job.summary else "-",
    )
    cells = "  ".join(f"{text!s:<{width}}" for text, (_, width) in zip(row, COLUMNS, strict=True))
    print(cells.rstrip() + ("" if agrees else "   <- differs"), flush=True)
    return agrees


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.10g}"


if __name__ == "__main__":
    sys.exit(main())
