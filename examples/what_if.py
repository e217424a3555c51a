"""What if plant 2 had more hours? One base program and a table of changes are one job."""

import kantor

client = kantor.Client()
program = kantor.Program(
    sense="max",
    objective=[3, 5],
    A=[[1, 0], [0, 2], [3, 2]],
    row_upper=[4, 12, 18],
    constraint_names=["plant 1", "plant 2", "plant 3"],
)
hours = list(range(6, 21, 2))
table = kantor.Scenarios(row_upper={"plant 2": hours}, names=[f"{hour} hours" for hour in hours])
answer = client.solve(program.with_scenarios(table))

for scenario in answer.scenarios:
    print(f"{scenario.name:>8}: profit {scenario.objective:g}")
assert [scenario.objective for scenario in answer.scenarios] == [27, 30, 33, 36, 39, 42, 45, 45]
assert all(scenario.certified for scenario in answer.scenarios)
