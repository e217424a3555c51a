"""Build hook of the server's wheel: the dashboard goes in, built here if it is not yet.

``KANTOR_DASHBOARD=skip`` leaves it out. An editable installation is not touched: there ``make dashboard`` builds it.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface):  # type: ignore[type-arg]
    """Asks for Node from its wheel only where it is needed."""

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling."""
        if self._left_out("standard"):
            return []
        build = self._build()
        return [] if build.up_to_date() or build.node_on_path() else [build.NODE_REQUIREMENT]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build.

        Raises:
            CannotBuildError: a wheel without its pages would be found out too late.
        """
        del build_data
        if not self._left_out(version):
            self._build().build()

    def _left_out(self, version: str) -> bool:
        there = (Path(self.root) / "dashboard" / "build.py").is_file()
        return not there or self.target_name != "wheel" or version == "editable" or _setting() == "skip"

    def _build(self) -> ModuleType:
        spec = importlib.util.spec_from_file_location("dashboard_build", Path(self.root) / "dashboard" / "build.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def _setting() -> str:
    return os.environ.get("KANTOR_DASHBOARD", "")
