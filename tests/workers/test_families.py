"""All families together: what their modules may cost the process from which every runner is forked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workers import families

LOOK = """
import sys
from workers import families
family = families.load(sys.argv[1])
for module in family.preload:
    __import__(module)
import os, threading
print(*sorted(name for name in ("torch", "ot", "matplotlib", "pydantic", "psycopg", "celery") if name in sys.modules))
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.parametrize("kind", families.FAMILIES)
def test_a_family_is_ready_without_the_libraries_of_its_engines_and_without_threads(kind: str) -> None:
    found = subprocess.run([sys.executable, "-c", LOOK, kind], capture_output=True, text=True, timeout=120, check=True)
    loaded, threads = found.stdout.splitlines()
    assert loaded == ""
    assert threads == "1"
