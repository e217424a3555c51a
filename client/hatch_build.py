"""Puts the contract (api_schemas) into the wheel and the sdist, from wherever it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ContractHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # dev-mode-dirs exposes it
        here = Path(self.root)
        for folder in (here / "api_schemas", here.parent / "api_schemas"):
            if (folder / "__init__.py").is_file():
                for module in sorted(
                    [*folder.rglob("*.py"), *folder.rglob("*.pyi"), *folder.rglob("*.proto"), *folder.rglob("py.typed")]
                ):
                    build_data["force_include"][str(module)] = f"api_schemas/{module.relative_to(folder).as_posix()}"
                return
        raise FileNotFoundError(f"api_schemas is neither in {here} nor in {here.parent}")
