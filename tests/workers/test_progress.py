"""What is told of a running job."""

from __future__ import annotations

import pytest

from workers.progress import LOG_EVENT, TAIL, LogBook, Progress


def test_metrics_are_merged_and_the_gap_is_computed() -> None:
    progress = Progress("min")
    progress.note({"objective": 10.0, "nodes": 3}, "a")
    progress.note({"bound": 8.0}, "a")
    data = progress.take(0.0)
    assert data == {"t": 0.0, "objective": 10.0, "bound": 8.0, "nodes": 3, "engine": "a", "gap": pytest.approx(0.2)}


def test_racers_best_values_count_in_the_sense_of_the_problem() -> None:
    for sense, objectives, bounds, best in (
        ("min", (5.0, 7.0), (1.0, 2.0), (5.0, 2.0)),
        ("max", (5.0, 7.0), (9.0, 8.0), (7.0, 8.0)),
    ):
        progress = Progress(sense)
        for engine, objective, bound in zip("ab", objectives, bounds, strict=True):
            progress.note({"objective": objective, "bound": bound}, engine, racing=True)
        data = progress.take(1.0)
        assert data is not None
        assert (data["objective"], data["bound"]) == best


def test_infinite_bounds_give_no_gap_and_lose_to_numbers() -> None:
    progress = Progress("min")
    progress.note({"objective": 1.0, "bound": "-Infinity"}, "a", racing=True)
    data = progress.take(0.0)
    assert data is not None
    assert "gap" not in data
    progress.note({"bound": 0.5}, "b", racing=True)
    progress.note({"bound": "-Infinity"}, "a", racing=True)
    data = progress.take(9.0)
    assert data is not None
    assert data["bound"] == 0.5


def test_a_long_job_tells_less_often_but_a_better_point_at_once() -> None:
    progress = Progress("min")
    told = 0
    for second in range(36_000):
        progress.note({"bound": float(second)}, "a")
        told += progress.take(second / 10) is not None
    assert 1500 < told < 4000
    progress.note({"objective": 3.0}, "a")
    assert progress.take(3600.01) is not None


def test_nothing_new_is_not_told_and_the_last_is_told_always() -> None:
    progress = Progress("min")
    assert progress.take(0.0, last=True) is None
    progress.note({"nodes": 1}, "a")
    assert progress.take(0.0) is not None
    progress.note({"nodes": 2}, "a")
    assert progress.take(0.01) is None
    data = progress.take(0.02, last=True)
    assert data is not None
    assert data["nodes"] == 2


def test_a_log_is_gathered_into_events() -> None:
    book = LogBook(1 << 20)
    for k in range(100):
        book.add(f"{k}\n")
    assert book.take(0.0) == ["".join(f"{k}\n" for k in range(100))]
    book.add("more\n")
    assert book.take(0.1) == []
    assert book.take(0.3) == ["more\n"]


def test_beyond_its_limit_only_the_end_of_a_log_is_kept() -> None:
    book = LogBook(1000)
    texts: list[str] = []
    for k in range(100_000):
        book.add(f"line {k}\n")
        texts += book.take(k / 100)
    texts += book.take(2000.0, last=True)
    log = "".join(texts)
    assert len(log) < 1000 + TAIL + 300
    assert log.startswith("line 0\n")
    assert log.endswith("line 99999\n")
    assert "letters left out" in log
    assert all(len(text) <= LOG_EVENT for text in texts)


def test_the_end_of_a_log_is_kept_to_the_letter_however_it_came() -> None:
    book = LogBook(10)
    book.add("x" * 10)
    book.add("a" * TAIL)
    book.add("and a last line\n")
    *_, end = book.take(0.0, last=True)
    assert end == "[16 letters left out]\n" + "a" * (TAIL - 16) + "and a last line\n"
