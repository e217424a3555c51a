"""A linopy model: dispatch two plants over a day. The solution comes back into the model."""

import kantor
import linopy
import numpy as np
import pandas as pd

hours = pd.RangeIndex(24, name="hour")
plants = pd.Index(["coal", "gas"], name="plant")
demand = pd.Series(60 + 30 * np.sin((hours - 8) / 24 * 2 * np.pi), index=hours)
cost = pd.Series([30.0, 55.0], index=plants)

model = linopy.Model()
power = model.add_variables(lower=0, upper=80, coords=[plants, hours], name="power")
on = model.add_variables(binary=True, coords=[plants, hours], name="on")
model.add_constraints(power.sum("plant") == demand, name="balance")
model.add_constraints(power <= 80 * on, name="committed")
model.add_constraints(power >= 25 * on, name="least")
model.add_objective((power * cost).sum() + (on * 200.0).sum())

answer = kantor.Client().solve(kantor.Program.from_linopy(model), time_limit=30)
print(answer)
answer.load_into(model)

print(model.solution["power"].to_pandas().T.round(1).loc[10:18])
assert model.status == "ok"
np.testing.assert_allclose(model.solution["power"].sum("plant"), demand, atol=1e-5)
# the same values without loading them
np.testing.assert_allclose(answer[power], model.solution["power"])
