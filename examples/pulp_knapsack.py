"""A PuLP problem: what to pack. Values and status come back into the problem."""

import kantor
import pulp

worth = {"tent": 60, "stove": 25, "lamp": 12, "book": 8, "rope": 20, "boots": 30}
weight = {"tent": 31, "stove": 17, "lamp": 6, "book": 7, "rope": 11, "boots": 14}

problem = pulp.LpProblem("packing", pulp.LpMaximize)
take = problem.add_variable_dicts("take", worth, cat=pulp.LpBinary)
problem += pulp.lpSum(worth[item] * take[item] for item in worth)
problem += pulp.lpSum(weight[item] * take[item] for item in worth) <= 60, "rucksack"

answer = kantor.Client().solve(kantor.Program.from_pulp(problem))
print(answer)
answer.load_into(problem)

packed = [item for item in worth if take[item].varValue == 1]
print(f"take {', '.join(packed)}: worth {pulp.value(problem.objective):g}")
assert pulp.LpStatus[problem.status] == "Optimal"
assert pulp.value(problem.objective) == answer.objective == 110
