"""Two products, three plants, the largest profit."""

import kantor

client = kantor.Client()
program = kantor.Program(
    sense="max",
    objective=[3, 5],
    A=[[1, 0], [0, 2], [3, 2]],
    row_upper=[4, 12, 18],
    variable_names=["doors", "windows"],
    constraint_names=["plant 1", "plant 2", "plant 3"],
)
answer = client.solve(program)
print(answer)

assert answer.status == "optimal"
assert answer.certificate.proved
assert (answer["doors"], answer["windows"]) == (2.0, 6.0)

# what one more hour in each plant would be worth
for plant, worth in answer.duals_by_name().items():
    print(f"{plant}: {worth:g}")

# whole doors and windows, with 11 hours in plant 2
program = kantor.Program(
    sense="max", objective=[3, 5], A=[[1, 0], [0, 2], [3, 2]], row_upper=[4, 11, 18], integrality=1
)
answer = client.solve(program, time_limit=10)
print(f"in whole numbers: {answer.values()}, profit {answer.objective:g}")
assert answer.objective == 31.0
