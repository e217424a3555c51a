"""A zygote that was given up touches nothing any more, though its runners still hold on to it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading

import pytest

from workers import zygotes
from workers.zygotes import ZygoteLostError


def test_a_zygote_that_was_closed_harms_nobody_who_has_its_descriptors() -> None:
    zygote, process = zygotes._launch()
    number = zygote._pidfd
    zygote.close()
    process.wait(10)
    other = subprocess.Popen(["sleep", "60"])
    taken = [os.pidfd_open(other.pid)]
    try:
        while taken[-1] != number and len(taken) < 200:
            taken.append(os.pidfd_open(other.pid))
        assert taken[-1] == number, "the number is another's now"
        assert not zygote.alive
        zygote.end()
        with pytest.raises(ZygoteLostError):
            zygote.wait(other.pid)
        zygote.close()
        assert other.poll() is None
    finally:
        for descriptor in taken:
            os.close(descriptor)
        other.kill()
        other.wait()


def test_who_waits_for_a_zygote_that_is_closed_comes_back() -> None:
    zygote, process = zygotes._launch()
    ended = threading.Event()

    def wait() -> None:
        with contextlib.suppress(ZygoteLostError):
            while True:
                zygote.call("list")
        ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    zygote.close()
    process.wait(10)
    thread.join(10)
    assert ended.is_set()
