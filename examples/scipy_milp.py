"""The arguments of scipy.optimize.milp, sent to Kantor instead."""

import kantor
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

# open warehouses at fixed costs, so that every shop is in reach of one
fixed_costs = np.array([7.0, 3.0, 5.0, 4.0])
reach = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 1, 1], [1, 0, 1, 0]])
arguments = {
    "c": fixed_costs,
    "integrality": np.ones(4),
    "bounds": Bounds(0, 1),
    "constraints": LinearConstraint(reach, lb=1),
}
answer = kantor.Client().solve(kantor.Program.from_milp(**arguments))
print(answer)

assert answer.objective == milp(**arguments).fun
assert answer.primal.tolist() == [1.0, 0.0, 1.0, 0.0] or answer.objective == 12.0
