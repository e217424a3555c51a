"""All families together: what their modules may cost the process from which every runner is forked."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from workers import families
from workers.zygotes import environment

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


def said(program: str, *arguments: str) -> list[str]:
    """What a program prints in the environment of zygotes."""
    command = [sys.executable, "-c", program, *arguments]
    found = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment(os.environ))
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


@pytest.mark.parametrize("kind", families.FAMILIES)
def test_a_family_is_ready_without_the_libraries_of_its_engines_and_without_threads(kind: str) -> None:
    loaded, threads = said(LOOK, kind)
    assert loaded == ""
    assert threads == "1"


SAY = """
import sys
from solvers.core import registry
from workers.runner import later
from workers.runner.describe import describe
for kind, name, _, requires in registry.BUILT_IN:
    if requires[:1] == ("torch",):
        found = describe(f"{kind}:{name}")
        assert "error" not in found, found
        assert found["process_group"] == "torch", (kind, name)
        assert "torch._C" not in sys.modules, (kind, name)
import torch
print(torch.ones(2).sum().item(), sys.modules["torch"] is torch)
later.finish({"torch", "ot"})
import torch
import solvers.transport.engines.sinkhorn as one
print(sys.modules["torch"] is torch, one.torch.Tensor is torch.Tensor, len(one.torch.__dict__) >= len(torch.__dict__))
"""


def test_engines_say_what_they_are_before_torch_is_imported_and_find_it_when_they_need_it() -> None:
    assert said(SAY) == ["2.0 False", "True True True"]
