"""A network that can be slow or silent: TCP proxies between the roles and their stores, in a process of their own.

A silent link is what a lost route looks like: connections stay open, new ones are accepted, and nothing comes through
until it is mended; then what was held is delivered, as TCP would by sending again.

The process reads one JSON command a line: ``{"links": [name, ...], "delay": seconds, "silent": bool}``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Link:
    """One way from a role to a store.

    Attributes:
        delay: seconds, in each direction.
    """

    target: str
    delay: float = 0.0
    silent: bool = False
    mended: asyncio.Event = field(default_factory=asyncio.Event)

    def change(self, delay: float, silent: bool) -> None:
        self.delay, self.silent = delay, silent
        if silent:
            self.mended.clear()
        else:
            self.mended.set()


async def _pass_on(link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side ends; pieces keep their order whatever the delay becomes."""
    loop = asyncio.get_running_loop()
    pieces: deque[tuple[float, bytes]] = deque()
    arrived = asyncio.Event()

    async def deliver() -> None:
        while True:
            while not pieces:
                arrived.clear()
                await arrived.wait()
            at, data = pieces.popleft()
            if (left := at - loop.time()) > 0:
                await asyncio.sleep(left)
            await link.mended.wait()
            if not data:
                return
            writer.write(data)
            await writer.drain()

    async def collect() -> None:
        data = b" "
        while data:
            try:
                data = await reader.read(1 << 16)
            except OSError:  # a process that was killed: the other side hears of it
                data = b""
            pieces.append((loop.time() + link.delay, data))
            arrived.set()

    collector = asyncio.create_task(collect())
    collector.add_done_callback(lambda task: task.cancelled() or task.exception())  # a cut connection is no news
    try:
        await deliver()
    finally:
        collector.cancel()


async def _serve(link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await link.mended.wait()
        far_reader, far_writer = await asyncio.open_unix_connection(link.target)
        try:
            ways = [
                asyncio.create_task(_pass_on(link, reader, far_writer)),
                asyncio.create_task(_pass_on(link, far_reader, writer)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            far_writer.close()
    writer.close()


async def _main(targets: Mapping[str, str], host: str) -> None:
    links = {name: Link(target) for name, target in targets.items()}
    ports = {}
    for name, link in links.items():
        link.mended.set()

        async def accept(r: asyncio.StreamReader, w: asyncio.StreamWriter, link: Link = link) -> None:
            await _serve(link, r, w)

        server = await asyncio.start_server(accept, host, 0)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = json.loads(line)
        for name in command["links"]:
            links[name].change(command["delay"], command["silent"])


class Links:
    """The process of the proxies. ``targets``: name of a link to the Unix socket behind it."""

    def __init__(self, targets: Mapping[str, str], host: str = "127.0.0.1") -> None:
        self.host = host
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.links", json.dumps(dict(targets)), host],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.ports: dict[str, int] = json.loads(self._process.stdout.readline())

    def change(self, names: Sequence[str], *, delay: float = 0.0, silent: bool = False) -> None:
        """From now on these links are slow, or silent; with neither they are as they should be."""
        assert self._process.stdin is not None
        command = {"links": list(names), "delay": delay, "silent": silent}
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1]), sys.argv[2]))
