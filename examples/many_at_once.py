"""Forty small programs at once, with asyncio."""

import asyncio
import random
import time

import kantor


def knapsack(seed: int) -> kantor.Program:
    draw = random.Random(seed)
    weights = [draw.randint(5, 40) for _ in range(30)]
    values = [weight + draw.randint(-3, 8) for weight in weights]
    return kantor.Program(
        sense="max",
        objective=values,
        A=[weights],
        row_upper=sum(weights) // 3,
        upper=1,
        integrality=1,
        name=f"knapsack {seed}",
    )


async def main() -> None:
    begin = time.perf_counter()
    async with kantor.AsyncClient() as client:
        answers = await asyncio.gather(*(client.solve(knapsack(seed), time_limit=10) for seed in range(40)))
    seconds = time.perf_counter() - begin
    assert all(answer.certificate.verified for answer in answers)
    total = sum(answer.objective or 0.0 for answer in answers)
    print(f"{len(answers)} certified answers in {seconds:.2f} s; total value {total:g}")


asyncio.run(main())
