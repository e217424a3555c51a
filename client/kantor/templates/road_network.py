"""Road networks, also from the files of the TransportationNetworks collection (``_net.tntp``)."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from kantor.arrays import wrong


@dataclass(frozen=True)
class RoadNetwork:
    """Directed links between nodes 0, 1, 2...

    Attributes:
        nodes: how many.
        tail, head: of each link.
        cost: travel cost of each link without congestion.
        capacity: of each link; empty if unknown.
    """

    nodes: int
    tail: tuple[int, ...]
    head: tuple[int, ...]
    cost: tuple[float, ...]
    capacity: tuple[float, ...] = ()

    @classmethod
    def build(cls, links: Sequence[tuple[int, int, float]]) -> RoadNetwork:
        """From (tail, head, cost), nodes counted from 0."""
        if not links:
            raise wrong("/data", "a network has at least one link")
        nodes = max(max(tail, head) for tail, head, _ in links) + 1
        return cls(
            nodes,
            tuple(int(link[0]) for link in links),
            tuple(int(link[1]) for link in links),
            tuple(float(link[2]) for link in links),
        )

    @classmethod
    def from_tntp(cls, path: str | PathLike[str]) -> RoadNetwork:
        """A ``_net.tntp`` file, plain or .gz; nodes are counted from 0 here, from 1 there.

        Raises:
            FileNotFoundError: there is none.
            InvalidProblem: it is not such a file.
        """
        content = Path(path).read_bytes()
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8", "replace")
        tail, head, cost, capacity = [], [], [], []
        body = text.split("<END OF METADATA>")[-1]
        for line in body.splitlines():
            fields = line.split("~")[0].replace(";", " ").split()
            if len(fields) < 5:
                continue
            try:
                tail.append(int(fields[0]) - 1)
                head.append(int(fields[1]) - 1)
                capacity.append(float(fields[2]))
                cost.append(float(fields[4]))
            except ValueError:
                raise wrong("/data", f"this line is no link: {line.strip()[:60]!r}") from None
        if not tail:
            raise wrong("/data", f"{Path(path).name} holds no links")
        return cls(max(*tail, *head) + 1, tuple(tail), tuple(head), tuple(cost), tuple(capacity))

    @property
    def links(self) -> int:
        """How many."""
        return len(self.tail)

    def incidence(self) -> list[list[float]]:
        """Nodes by links: 1 where a link begins, -1 where it ends."""
        matrix = [[0.0] * self.links for _ in range(self.nodes)]
        for k, (i, j) in enumerate(zip(self.tail, self.head, strict=True)):
            matrix[i][k] += 1.0
            matrix[j][k] -= 1.0
        return matrix
