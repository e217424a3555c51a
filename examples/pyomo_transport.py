"""A Pyomo model: ship goods from plants to markets. Values and duals come back into the model."""

import kantor
import pyomo.environ as pe

supply = {"Seattle": 350, "San Diego": 600}
demand = {"New York": 325, "Chicago": 300, "Topeka": 275}
cost = {
    ("Seattle", "New York"): 0.225,
    ("Seattle", "Chicago"): 0.153,
    ("Seattle", "Topeka"): 0.162,
    ("San Diego", "New York"): 0.225,
    ("San Diego", "Chicago"): 0.162,
    ("San Diego", "Topeka"): 0.126,
}

model = pe.ConcreteModel(name="transport")
model.ship = pe.Var(list(cost), domain=pe.NonNegativeReals)
model.total = pe.Objective(expr=sum(cost[route] * model.ship[route] for route in cost))


@model.Constraint(list(supply))
def available(model, plant):
    return sum(model.ship[plant, market] for market in demand) <= supply[plant]


@model.Constraint(list(demand))
def wanted(model, market):
    return sum(model.ship[plant, market] for plant in supply) >= demand[market]


model.dual = pe.Suffix(direction=pe.Suffix.IMPORT)

answer = kantor.Client().solve(kantor.Program.from_pyomo(model))
print(answer)
answer.load_into(model)

for route in cost:
    if model.ship[route].value > 0:
        print(f"{route[0]} to {route[1]}: {model.ship[route].value:g}")
for market in demand:
    print(f"one case more for {market} costs {model.dual[model.wanted[market]]:.3f}")
assert abs(pe.value(model.total) - 153.675) < 1e-6
