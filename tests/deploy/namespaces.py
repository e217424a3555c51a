"""Network namespaces: each role on a machine of its own, as far as the network goes, with a cable to pull."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from types import TracebackType


def allowed() -> bool:
    """May this user make them?"""
    if os.geteuid() != 0:
        return False
    with contextlib.suppress(OSError):
        name = f"kantor-try-{os.getpid()}"
        made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        return made
    return False


class Namespaces:
    """A context: one namespace for each name, all on one bridge.

    Attributes:
        gateway: this machine's address on the bridge.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._mark = f"k{os.getpid() % 100_000}"
        self._net = f"10.213.{os.getpid() % 250}"
        self.gateway = f"{self._net}.1"

    def __enter__(self) -> Namespaces:
        try:
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("addr", "add", f"{self.gateway}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
            for k, name in enumerate(self._names):
                space, cable = self._space(name), self._cable(name)
                _ip("netns", "add", space)
                _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
                _ip("link", "set", cable, "master", self._bridge, "up")
                _ip("-n", space, "addr", "add", f"{self._net}.{k + 10}/24", "dev", "eth0")
                _ip("-n", space, "link", "set", "eth0", "up")
                _ip("-n", space, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._names:
            subprocess.run(["ip", "link", "del", self._cable(name)], capture_output=True, check=False)
            subprocess.run(["ip", "netns", "del", self._space(name)], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", self._bridge], capture_output=True, check=False)

    def address(self, name: str) -> str:
        return f"{self._net}.{self._names.index(name) + 10}"

    def wrap(self, name: str) -> list[str]:
        """What a command stands behind to run there."""
        return ["ip", "netns", "exec", self._space(name)]

    def pull(self, name: str) -> None:
        """Nothing comes through to this one any more, and nobody is told."""
        _ip("link", "set", self._cable(name), "down")

    def plug(self, name: str) -> None:
        _ip("link", "set", self._cable(name), "up")

    @property
    def _bridge(self) -> str:
        return f"{self._mark}br"

    def _space(self, name: str) -> str:
        return f"{self._mark}-{name}"

    def _cable(self, name: str) -> str:
        return f"{self._mark}v{self._names.index(name)}"


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
