"""Tolls that earn most, on a network whose drivers choose the cheapest way and slow each other down."""

import kantor

#         from, to, minutes
LINKS = [(0, 1, 4), (0, 2, 6), (1, 3, 3), (2, 3, 4), (1, 2, 1), (3, 4, 2), (2, 4, 9)]
network = kantor.templates.RoadNetwork.build(LINKS)
demand = {(0, 4): 5.0, (1, 4): 3.0}

client = kantor.Client()
for congestion in (0.0, 0.2):
    problem = kantor.templates.toll_pricing(network, demand, tolled=[3, 5], largest=30.0, congestion=congestion)
    answer = client.solve(problem)
    assert answer.status == "globally-optimal"
    tolls = ", ".join(f"{toll:.2f}" for toll in answer.upper["toll"])
    print(f"congestion {congestion}: tolls {tolls} earn {answer.objective:.2f}, at most {answer.bound:.2f} is possible")
    print(answer.lower["flow"].round(2))
