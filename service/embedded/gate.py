"""Starts a Python program in two steps: its modules are imported while the stores start, it runs when they are ready.

Arguments: the end of a pipe that is closed when the stores are ready (-1: they are), what to do meanwhile (with commas
between: modules to import, or "module:function" to call), the module to run, its arguments.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import runpy
import sys


def main(arguments: list[str]) -> None:
    """Import, wait, run."""
    descriptor, preload, module = int(arguments[0]), arguments[1], arguments[2]
    if descriptor >= 0:
        for name in preload.split(","):
            with contextlib.suppress(Exception):  # what is wrong shows when it runs
                module_name, _, function = name.partition(":")
                found = importlib.import_module(module_name)
                if function:
                    getattr(found, function)()
        os.read(descriptor, 1)
        os.close(descriptor)
    sys.argv = [module, *arguments[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
