"""Two clouds of points: the exact plan, a smooth one, a map for new points, all distances of a collection."""

import kantor
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=(300, 2))
y = rng.normal(size=(250, 2)) @ np.array([[1.0, 0.6], [0.0, 0.5]]) + [3.0, 1.0]

client = kantor.Client()
problem = kantor.Transport(x, y)

# exact: cost and bound meet, and Kantor has checked both sides
plan = client.solve(problem)
print(plan)
assert plan.certificate.proved
print(f"{plan.plan.nnz} of {300 * 250} entries are not zero")

# smooth: epsilon in units of the mean cost; the map carries over to points that were not there
smooth = client.solve(problem, regularization=1e-2, relative=True)
moved = smooth.barycentric_map(np.array([[0.0, 0.0], [1.0, 1.0]]))
print(f"the origin goes to {moved[0].round(2)}, (1, 1) to {moved[1].round(2)}; epsilon was {smooth.epsilon:.3g}")

# only as exact as needed: Kantor picks engine and epsilon
quick = client.solve(problem, tolerance=1e-2)
print(f"between {quick.bound:.4f} and {quick.cost:.4f}, by {quick.engine}")
assert quick.bound <= plan.cost
assert plan.bound <= quick.cost

# all pairs of a collection, as one job
clouds = [rng.normal(size=(40, 2)) + center for center in ([0, 0], [3, 0], [0, 4])]
distances = kantor.distances(clouds, "wasserstein-2", client=client)
print(np.asarray(distances).round(3))
assert distances.verified
