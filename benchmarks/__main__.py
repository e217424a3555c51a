"""``python -m benchmarks``: run the benchmarks, print tables, write JSON."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import bilevel, engines, expressions, overhead, parsers, studies, tables, throughput, transport, wire
from benchmarks.harness.facts import busy, summary
from benchmarks.harness.report import RESULTS, Report
from benchmarks.harness.scale import SCALES
from benchmarks.harness.store import store
from benchmarks.harness.system import System, kantor_system

NAMES = ("overhead", "engines", "throughput", "parsers", "wire", "studies", "transport", "expressions", "bilevel")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Method and results: docs/benchmarks.md")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", dest="scale", action="store_const", const="quick", help="a small part, under three minutes"
    )
    size.add_argument(
        "--tiny", dest="scale", action="store_const", const="tiny", help="next to nothing: do they still run?"
    )
    parser.add_argument(
        "--only", action="append", choices=NAMES, help="only this benchmark (may be given several times)"
    )
    parser.add_argument("--no-service", action="store_true", help="leave out what needs a running Kantor")
    parser.add_argument(
        "--output", type=Path, default=RESULTS, metavar="FOLDER", help="where the JSON goes (%(default)s)"
    )
    parser.set_defaults(scale="full")
    options = parser.parse_args(arguments)
    scale = SCALES[options.scale]
    wanted = options.only or list(NAMES)
    given = sys.argv[1:] if arguments is None else arguments
    report = Report(scale.name, " ".join(["python -m benchmarks", *given]))
    print(f"{report.command}\n{summary()}", flush=True)
    if busy():
        print(
            "Others are using this machine: times below are too long, and CPU times too, by up to a half.", flush=True
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every process that was started is ended
    begin = time.monotonic()
    try:
        with ExitStack() as stack:
            system: System | None = None
            databases = stack.enter_context(store())
            if not options.no_service and set(wanted) & {"overhead", "engines", "throughput"}:
                with _timed(report, "start"):
                    system = stack.enter_context(kantor_system())
            if "overhead" in wanted:
                with _timed(report, "overhead"):
                    overhead.run(scale, report, system, databases.fresh())
            if "throughput" in wanted and system is not None:
                with _timed(report, "throughput"):
                    throughput.run(scale, report, system)
            if "engines" in wanted:
                with _timed(report, "engines"):
                    engines.run(scale, report, system)
            if "throughput" in wanted:
                with _timed(report, "tables"):
                    tables.run(scale, report, databases.fresh())
            if "parsers" in wanted:
                with _timed(report, "parsers"):
                    parsers.run(scale, report)
            if "expressions" in wanted:
                with _timed(report, "expressions"):
                    expressions.run(scale, report)
            if "transport" in wanted:
                with _timed(report, "transport"):
                    transport.run(scale, report)
            if "bilevel" in wanted:
                with _timed(report, "bilevel"):
                    bilevel.run(scale, report)
            if "studies" in wanted:
                with _timed(report, "studies"):
                    studies.run(scale.name, report)
            if "wire" in wanted:
                with _timed(report, "wire"):
                    wire.run(scale, report)
    finally:
        if report.tables:
            print(f"\n{report.write(options.output)} after {time.monotonic() - begin:.0f} s", flush=True)
    return 0


@contextmanager
def _timed(report: Report, part: str) -> Iterator[None]:
    begin = time.monotonic()
    yield
    report.data.setdefault("seconds_of_parts", {})[part] = round(time.monotonic() - begin, 1)


if __name__ == "__main__":
    sys.exit(main())
