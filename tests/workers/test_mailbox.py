"""Points in shared memory: whole ones only, the newest, once, and after the writer's death."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from workers.runner.mailbox import Mailbox


@pytest.fixture
def pair() -> tuple[Mailbox, Mailbox]:
    writer = Mailbox.create("test")
    return writer, Mailbox(os.dup(writer.fd))


def test_the_newest_point_is_taken_once(pair: tuple[Mailbox, Mailbox]) -> None:
    writer, reader = pair
    assert reader.take() is None
    for k in range(5):
        writer.put(float(k), np.arange(1000) + k)
    point = reader.take()
    assert point is not None
    assert point[0] == 4.0
    assert np.array_equal(point[1], np.arange(1000) + 4)
    assert reader.take() is None


def test_points_of_different_sizes_follow_each_other(pair: tuple[Mailbox, Mailbox]) -> None:
    writer, reader = pair
    for size in (10, 100_000, 3, 600, 100_000, 0, 512, 513):
        writer.put(float(size), np.full(size, float(size)))
        point = reader.take()
        assert point is not None
        assert point[1].shape == (size,)
        assert (point[1] == size).all()


def test_after_clear_there_is_nothing(pair: tuple[Mailbox, Mailbox]) -> None:
    writer, reader = pair
    writer.put(1.0, np.ones(3))
    writer.stop = "cancelled"
    writer.clear()
    reader.renew()
    assert reader.take() is None
    assert reader.stop is None


def test_a_reason_to_stop_is_seen_at_once(pair: tuple[Mailbox, Mailbox]) -> None:
    writer, reader = pair
    writer.stop = "beaten"
    assert reader.stop == "beaten"


def test_a_header_that_promises_more_than_there_is_is_not_believed(pair: tuple[Mailbox, Mailbox]) -> None:
    writer, reader = pair
    writer.put(1.0, np.ones(3))
    os.ftruncate(writer.fd, 4096)
    assert reader.take() is None


def test_what_a_killed_writer_leaves_is_a_whole_point() -> None:
    """Killed at any moment: the objective is the sum of the values that belong to it."""
    for delay in (0.001, 0.003, 0.006, 0.01, 0.02):
        writer = Mailbox.create("test")
        pid = os.fork()
        if pid == 0:
            k = 0
            while True:
                k += 1
                writer.put(float(k) * 50_000, np.full(50_000, float(k)))
        reader = Mailbox(os.dup(writer.fd))
        end = time.monotonic() + delay
        while time.monotonic() < end:
            seen = reader.take()
            assert seen is None or seen[1].sum() == seen[0]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        last = reader.take() or seen
        assert last is None or last[1].sum() == last[0]
        reader.close()
        writer.close()
