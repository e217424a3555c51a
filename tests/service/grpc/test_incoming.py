"""How messages are taken in: after the key, few large ones at once, in their time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
from api_schemas.proto.kantor.v1.kantor_pb2_grpc import JobsStub
from service.grpc.incoming import AT_ONCE_OF_A_PROJECT
from service.settings import Settings
from tests.service.grpc.living import LiveGrpc
from tests.service.grpc.test_protocol import PROBLEM

Metadata = tuple[tuple[str, str], ...]
WHOLE = 3.0


@pytest.fixture(scope="module")
def live(settings: Settings) -> Iterator[LiveGrpc]:
    """A server of little patience."""
    with LiveGrpc(settings.model_copy(update={"body_seconds": WHOLE})) as server:
        yield server


class Silent:
    """A call whose message does not come. On the wire, a method with one message is like one with a stream."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata, method: str = "SubmitJob") -> None:
        self._ended = threading.Event()
        call = channel.stream_unary(
            f"/kantor.v1.Jobs/{method}", pb.SubmitJobRequest.SerializeToString, pb.Job.FromString
        )
        self.future = call.future(self._messages(), metadata=metadata, timeout=20)

    def _messages(self) -> Iterator[Any]:
        self._ended.wait(20)
        yield from ()

    def end(self) -> grpc.StatusCode:
        """How the server ended it."""
        try:
            code: grpc.StatusCode = self.future.exception(15).code()
            return code
        finally:
            self._ended.set()


def _submit(channel: grpc.Channel, metadata: Metadata, problem: bytes = PROBLEM) -> str:
    job = JobsStub(channel).SubmitJob(pb.SubmitJobRequest(problem=problem), metadata=metadata, timeout=30)  # type: ignore[no-untyped-call]
    return str(job.state)


@pytest.mark.parametrize("method", ["SubmitJob", "WatchJob"])
def test_who_has_no_key_is_refused_before_the_message(channel: grpc.Channel, method: str) -> None:
    began = time.monotonic()
    assert Silent(channel, (), method).end() == grpc.StatusCode.UNAUTHENTICATED
    assert time.monotonic() - began < WHOLE / 2


def test_silent_senders_keep_only_their_own_project_waiting_and_not_for_long(
    channel: grpc.Channel, mine: Metadata, theirs: Metadata
) -> None:
    began = time.monotonic()
    silent = [Silent(channel, mine) for _ in range(AT_ONCE_OF_A_PROJECT)]
    time.sleep(0.3)

    assert _submit(channel, theirs) == "queued"
    assert time.monotonic() - began < WHOLE / 2
    assert _submit(channel, mine) == "queued"
    assert WHOLE - 0.5 < time.monotonic() - began < WHOLE + 2
    assert {call.end() for call in silent} == {grpc.StatusCode.DEADLINE_EXCEEDED}


def test_large_messages_of_a_project_are_taken_in_a_few_at_a_time(
    live: LiveGrpc, channel: grpc.Channel, mine: Metadata, theirs: Metadata
) -> None:
    large = PROBLEM + b" " * (4 << 20)
    many = 3 * AT_ONCE_OF_A_PROJECT
    turn = live.state.large_bodies = asyncio.Semaphore(0)  # where messages that were taken in wait to be parsed
    with ThreadPoolExecutor(many + 1) as threads:
        replies = [threads.submit(_submit, channel, mine, large) for _ in range(many)]
        _until(lambda: len(turn._waiters or ()) == AT_ONCE_OF_A_PROJECT)
        time.sleep(0.5)
        assert len(turn._waiters or ()) == AT_ONCE_OF_A_PROJECT
        other = threads.submit(_submit, channel, theirs, large)
        _until(lambda: len(turn._waiters or ()) == AT_ONCE_OF_A_PROJECT + 1)
        live.loop.call_soon_threadsafe(turn.release)
        assert [reply.result() for reply in [*replies, other]] == ["queued"] * (many + 1)


def _until(true: Any) -> None:
    end = time.monotonic() + 15
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
