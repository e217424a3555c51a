"""How much is measured: `tiny` in the tests, `quick` while working, `full` for the documented tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """All sizes of one run, so that a benchmark holds no numbers of its own.

    Attributes:
        rounds: interleaved rounds of the one-client latency comparison.
        block_seconds, blocks: length and number of the load blocks of each side.
        clients: numbers of concurrent clients of the overhead comparison.
        throughput_clients: numbers of concurrent clients of the throughput tables.
        submit_seconds: length of a submit-only block.
        table_sizes: how many finished jobs lie in the table when listing and claiming are measured.
        page_rounds: repetitions of each listing and claim.
        lp, milp: largest number of instances of each set (None: all that fit).
        lp_limit, milp_limit: time limit in seconds of one solve.
        known_seconds: MILP instances that took longer than this when they were collected are left out.
        repeats: how often an instance that solves within a second is solved by each side (others: twice, then once).
        parser_files, parser_repeats: for the parsers.
    """

    name: str
    rounds: int
    block_seconds: float
    blocks: int
    clients: tuple[int, ...]
    throughput_clients: tuple[int, ...]
    submit_seconds: float
    table_sizes: tuple[int, ...]
    page_rounds: int
    lp: int | None
    milp: int | None
    lp_limit: float
    milp_limit: float
    known_seconds: float
    repeats: int
    parser_files: int | None
    parser_repeats: int


TINY = Scale(
    name="tiny",
    rounds=5,
    block_seconds=0.5,
    blocks=1,
    clients=(2,),
    throughput_clients=(1,),
    submit_seconds=0.3,
    table_sizes=(0, 1_000),
    page_rounds=3,
    lp=2,
    milp=1,
    lp_limit=5,
    milp_limit=5,
    known_seconds=1.0,
    repeats=1,
    parser_files=2,
    parser_repeats=1,
)

QUICK = Scale(
    name="quick",
    rounds=200,
    block_seconds=2.0,
    blocks=2,
    clients=(1, 16),
    throughput_clients=(1, 16),
    submit_seconds=1.5,
    table_sizes=(0, 100_000),
    page_rounds=15,
    lp=8,
    milp=4,
    lp_limit=10,
    milp_limit=10,
    known_seconds=2.0,
    repeats=3,
    parser_files=9,
    parser_repeats=3,
)

FULL = Scale(
    name="full",
    rounds=1000,
    block_seconds=10.0,
    blocks=3,
    clients=(1, 16),
    throughput_clients=(1, 4, 16, 64),
    submit_seconds=5.0,
    table_sizes=(0, 100_000, 1_000_000),
    page_rounds=50,
    lp=None,
    milp=None,
    lp_limit=20,
    milp_limit=20,
    known_seconds=15.0,
    repeats=5,
    parser_files=None,
    parser_repeats=5,
)

SCALES = {scale.name: scale for scale in (TINY, QUICK, FULL)}
