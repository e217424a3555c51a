"""Penalties of ridge regression that are best on validation data, one for each feature."""

import kantor
import numpy as np

random = np.random.default_rng(1)
truth = np.r_[np.full(4, 1.5), np.zeros(16)]
X, Xv, Xt = (random.normal(size=(n, 20)) for n in (40, 60, 1000))
y, yv, yt = (part @ truth + random.normal(size=len(part)) for part in (X, Xv, Xt))

client = kantor.Client()
problem = kantor.templates.ridge(X, y, Xv, yv)
print(problem.explain())
answer = client.solve(problem)
print(answer)

assert answer.status == "locally-stationary"
assert answer.certificate.verified

lam, w = answer.upper["lam"], answer.lower["w"]
plain = np.linalg.lstsq(X, y, rcond=None)[0]
print("penalty of the first features", np.exp(lam[:4]).round(3), "and of the others", np.exp(lam[4:]).round(1))
print(f"error on new data: {np.mean((Xt @ w - yt) ** 2):.3f}, without penalties {np.mean((Xt @ plain - yt) ** 2):.3f}")
