"""Bilevel problems of known kinds, each from a few arrays. A template expands to a plain ``kantor.Bilevel``, which
can be looked at (``problem.explain()``), changed and sent: nothing is hidden in the server.

    problem = kantor.templates.data_cleaning(X, y, Xv, yv)
    print(problem.explain())
    answer = client.solve(problem)
"""

from kantor.templates.learning import data_cleaning, data_reweighting, hyper_representation, logistic, ridge
from kantor.templates.pricing import stackelberg_pricing, toll_pricing
from kantor.templates.road_network import RoadNetwork
from kantor.templates.robust import adversarial_training

__all__ = [
    "RoadNetwork",
    "adversarial_training",
    "data_cleaning",
    "data_reweighting",
    "hyper_representation",
    "logistic",
    "ridge",
    "stackelberg_pricing",
    "toll_pricing",
]
