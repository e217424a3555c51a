"""Prices set by a leader for followers who then choose what is cheapest or best for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kantor.arrays import wrong
from kantor.bilevel import Bilevel
from kantor.templates.road_network import RoadNetwork


def toll_pricing(
    network: RoadNetwork,
    demand: Mapping[tuple[int, int], float],
    tolled: Sequence[int],
    *,
    largest: float,
    congestion: Sequence[float] | float = 0.0,
) -> Bilevel:
    """Tolls that earn most on a road network whose drivers take the cheapest way (Labbe, Marcotte and Savard 1998).

    Upper: ``toll``, one for each tolled link. Lower: ``flow``, (journeys, links). Drivers who are indifferent take
    the way that is better for the tolls' owner. The answer is globally optimal.

    Args:
        demand: (origin, destination) to travellers; nodes counted from 0.
        tolled: numbers of the links that may have a toll. Every journey needs a way without them, or the tolls are
            limited by ``largest`` only.
        largest: the highest toll.
        congestion: of each link: its cost grows by so much with each traveller (a flow cost of ``congestion*v**2/2``).
    """
    journeys = sorted((pair, float(amount)) for pair, amount in demand.items() if amount)
    if not journeys:
        raise wrong("/data/balance", "nobody travels")
    if not tolled or any(not 0 <= link < network.links for link in tolled):
        raise wrong("/data/place", f"tolled links are numbers from 0 to {network.links - 1}")
    balance = [[0.0] * network.nodes for _ in journeys]
    for k, ((origin, destination), amount) in enumerate(journeys):
        if not (0 <= origin < network.nodes and 0 <= destination < network.nodes) or origin == destination:
            raise wrong(f"/data/balance/{k}", f"there is no journey from {origin} to {destination}")
        balance[k][origin], balance[k][destination] = amount, -amount
    place = [[1.0 if link == place else 0.0 for place in tolled] for link in range(network.links)]
    data: dict[str, Any] = {
        "cost": list(network.cost),
        "incidence": network.incidence(),
        "balance": balance,
        "place": place,
    }
    travel = "sum(flow @ (cost + place @ toll))"
    slope = list(congestion) if isinstance(congestion, Sequence) else [float(congestion)] * network.links
    if any(slope):
        data["congestion"] = slope
        travel += " + sum(congestion*sum(flow, axis=0)**2)/2"
    return Bilevel(
        name="toll pricing",
        data=data,
        upper={
            "variables": {"toll": {"shape": [len(tolled)], "start": 0.0, "lower": 0.0, "upper": float(largest)}},
            "maximize": "sum(flow @ (place @ toll))",
        },
        lower={
            "variables": {"flow": {"shape": [len(journeys), network.links], "lower": 0.0}},
            "minimize": travel,
            "constraints": ["flow @ incidence.T == balance"],
        },
    )


def stackelberg_pricing(appeal: Any, saturation: Any, cost: Any, *, largest: float | None = None) -> Bilevel:
    """Prices that earn most from a buyer who then maximizes ``appeal'q - q'saturation q/2 - price'q`` over q >= 0.

    Upper: ``price``. Lower: ``q``, the quantities bought. With a positive semidefinite ``saturation`` the answer is
    globally optimal.

    Args:
        appeal: k values of the first unit of each product.
        saturation: (k, k): how fast the value falls, also through other products.
        cost: k costs of making one.
        largest: the highest price; by default the largest appeal.
    """
    values = [float(value) for value in appeal]
    high = max(values) if largest is None else float(largest)
    if len(cost) != len(values) or len(saturation) != len(values):
        raise wrong("/data/cost", f"{len(values)} products have as many costs and rows of saturation")
    size = len(values)
    return Bilevel(
        name="Stackelberg pricing",
        data={"appeal": values, "saturation": saturation, "cost": [float(value) for value in cost]},
        upper={
            "variables": {"price": {"shape": [size], "start": list(map(float, cost)), "lower": 0.0, "upper": high}},
            "maximize": "(price - cost) @ q",
        },
        lower={
            "variables": {"q": {"shape": [size], "lower": 0.0}},
            "minimize": "q @ saturation @ q/2 - appeal @ q + price @ q",
        },
    )
