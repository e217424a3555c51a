"""The wire between worker and runner."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from workers.runner.frames import MAX_BODY, MAX_HEADER, Channel, ProtocolError


def _pair() -> tuple[Channel, Channel, socket.socket]:
    ours, theirs = socket.socketpair()
    return Channel(ours, patience=5.0), Channel(theirs), theirs


def test_frames_arrive_whole_and_in_order() -> None:
    ours, theirs, _ = _pair()
    big = bytes(range(256)) * 20_000
    sender = threading.Thread(target=lambda: [theirs.send("a", x=k, body=big) for k in range(3)])
    sender.start()
    heard = []
    while len(heard) < 3:
        heard += ours.poll()
    sender.join()
    assert [(frame.type, frame.fields, frame.body == big) for frame in heard] == [
        ("a", {"x": k}, True) for k in range(3)
    ]


def test_the_polling_side_can_send_more_than_the_socket_holds() -> None:
    ours, theirs, _ = _pair()
    big = bytes(5_000_000)
    heard = []
    reader = threading.Thread(target=lambda: heard.append(theirs.receive()))
    reader.start()
    ours.send("job", big)
    reader.join(10)
    assert heard[0] is not None
    assert len(heard[0].body) == len(big)


def test_who_takes_nothing_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, patience=0.1)
    with pytest.raises(TimeoutError):
        channel.send("job", bytes(5_000_000))
    theirs.close()


def test_the_end_of_the_other_side_is_seen() -> None:
    ours, theirs, _ = _pair()
    theirs.close()
    assert ours.poll() == []
    assert ours.closed
    ours, theirs, _ = _pair()
    ours.close()
    assert theirs.receive() is None


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<IQ", MAX_HEADER + 1, 0),
        struct.pack("<IQ", 2, MAX_BODY + 1),
        struct.pack("<IQ", 2, 0) + b"{}",
        struct.pack("<IQ", 2, 0) + b"[]",
        struct.pack("<IQ", 4, 0) + b"\x80\x04K\x01",
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    ours, _, theirs = _pair()
    theirs.sendall(data)
    with pytest.raises(ProtocolError):
        ours.poll()


def test_too_large_a_body_is_not_sent() -> None:
    ours, _, _ = _pair()

    class Huge(bytes):
        def __len__(self) -> int:
            return MAX_BODY + 1

    with pytest.raises(ProtocolError):
        ours.send("job", Huge())
