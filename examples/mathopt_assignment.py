"""An OR-Tools MathOpt model: who does what. Values are looked up by the model's own variables."""

import kantor
from ortools.math_opt.python import mathopt

hours = [[90, 76, 75, 70], [35, 85, 55, 65], [125, 95, 90, 105], [45, 110, 95, 115]]

model = mathopt.Model(name="assignment")
does = [[model.add_binary_variable(name=f"worker {i} does task {j}") for j in range(4)] for i in range(4)]
for i in range(4):
    model.add_linear_constraint(sum(does[i]) == 1, name=f"worker {i}")
    model.add_linear_constraint(sum(does[k][i] for k in range(4)) == 1, name=f"task {i}")
model.minimize(sum(hours[i][j] * does[i][j] for i in range(4) for j in range(4)))

answer = kantor.Client().solve(kantor.Program.from_mathopt(model))
print(answer)

for i in range(4):
    task = next(j for j in range(4) if answer[does[i][j]] > 0.5)
    print(f"worker {i} does task {task} in {hours[i][task]} hours")
assert answer.objective == 265
