"""A cvxpy problem: the largest return for a bounded risk. Values, duals and status come back into the problem."""

import cvxpy as cp
import kantor
import numpy as np

rng = np.random.default_rng(1)
returns = rng.uniform(0.02, 0.15, 8)
factors = rng.normal(size=(8, 3))
deviation = np.linalg.cholesky(factors @ factors.T * 0.01 + np.diag(rng.uniform(0.01, 0.05, 8)))

share = cp.Variable(8, name="share", nonneg=True)
risk = cp.norm(deviation.T @ share) <= 0.12
budget = cp.sum(share) == 1
problem = cp.Problem(cp.Maximize(returns @ share), [risk, budget])

answer = kantor.Client().solve(kantor.Program.from_cvxpy(problem))
print(answer)
answer.load_into(problem)

print(f"return {problem.value:.4f}, shares {np.round(share.value, 3)}")
print(f"a little more budget would be worth {budget.dual_value:.4f}")
assert problem.status == "optimal"
assert np.linalg.norm(deviation.T @ share.value) <= 0.12 + 1e-6

problem.solve(solver=cp.CLARABEL)
assert abs(problem.value - answer.objective) < 1e-6
