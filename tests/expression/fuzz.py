"""``python -m tests.expression.fuzz --seconds 3600``: the properties again and again, each round with other examples.

Every failure is printed with its falsifying example, and the run goes on; the exit status is 1 if there was one. The
process may not grow beyond a fixed size, so an expression that takes much memory is a failure too.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
import traceback
from collections import Counter

from hypothesis import settings

#: Bytes of address space; torch itself maps a part of them.
MEMORY = 6 << 30


def main() -> int:
    """Rounds until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--examples", type=int, default=200, help="of each property in a round")
    given = parser.parse_args()
    os.environ["KANTOR_FUZZ_EXAMPLES"] = str(given.examples)
    # else the failure of one round is the first example of the next
    settings.register_profile("fuzz", database=None)
    settings.load_profile("fuzz")
    import torch

    from tests.expression import test_fuzz

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    properties = [function for name, function in vars(test_fuzz).items() if name.startswith("test_")]
    until = time.monotonic() + given.seconds
    rounds, failures = Counter[str](), Counter[str]()
    while time.monotonic() < until:
        done = sum(rounds.values())
        if done % (20 * len(properties)) == 0:
            print(f"{done} rounds, {until - time.monotonic():.0f} s left", flush=True)
        for function in properties:
            if time.monotonic() >= until:
                break
            rounds[function.__name__] += 1
            try:
                function()
            except Exception:
                failures[function.__name__] += 1
                print(f"--- {function.__name__}, round {rounds[function.__name__]}", flush=True)
                traceback.print_exc(limit=-4, file=sys.stdout)
    for function in properties:
        name = function.__name__
        print(f"{name}: {rounds[name]} rounds of {given.examples} or more examples, {failures[name]} with a failure")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
