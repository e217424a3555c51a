"""Problems in files: YAML or JSON, with large arrays beside it as .npy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from kantor.arrays import wrong
from kantor.bilevel import Bilevel
from kantor.minimize import Minimize
from kantor.pareto import Pareto
from kantor.saddle import Saddle

ENDINGS = (".yaml", ".yml", ".json")
_KINDS: dict[str, Any] = {"minimize": Minimize, "bilevel": Bilevel, "saddle": Saddle, "pareto": Pareto}


def is_problem_file(path: str | os.PathLike[str]) -> bool:
    """True for YAML, and for JSON whose top has a ``kind`` (MathOptFormat, which is JSON too, has none)."""
    path = Path(path)
    if path.suffix in (".yaml", ".yml"):
        return True
    if path.suffix != ".json" or not path.is_file():
        return False
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(content, dict) and "kind" in content


def load(path: str | os.PathLike[str]) -> Minimize | Bilevel | Saddle | Pareto:
    """The problem of a file.

    Its fields are the contract's: ``kind`` (minimize, bilevel, saddle or pareto), ``data``, ``variables``,
    ``minimize``... Data, starts and bounds may be the name of a .npy file, or ``{file: arrays.npz, member: X}``, found
    beside the file.

    Raises:
        InvalidProblem: not such a file, an array that is not there, or what is wrong in the problem.
        FileNotFoundError: there is no file.
    """
    path = Path(path)
    content = _read(path)
    if not isinstance(content, dict) or content.get("kind") not in _KINDS:
        raise wrong("/kind", f"{path.name} has no kind of {' or '.join(_KINDS)} at its top")
    kind = content.pop("kind")
    data = {
        name: _array(value, path.parent, f"/data/{name}") for name, value in (content.pop("data", None) or {}).items()
    }
    for place in ("variables", "minimize_over", "maximize_over"):
        _fill(content.get(place), path.parent, f"/{place}")
    for which in ("upper", "lower"):
        if isinstance(content.get(which), dict):
            _fill(content[which].get("variables"), path.parent, f"/{which}/variables")
    try:
        problem: Minimize | Bilevel | Saddle | Pareto = _KINDS[kind](
            data=data, **{str(key): value for key, value in content.items()}
        )
    except TypeError as error:
        raise wrong("", f"{path.name}: {str(error).replace('__init__()', kind)}") from None
    return problem


def _read(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except ValueError as error:
            raise wrong("", f"{path.name} is not JSON: {error}") from None
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise wrong("", f"{path.name} is not YAML: {error}") from None


def _fill(variables: Any, folder: Path, pointer: str) -> None:
    if not isinstance(variables, dict):
        return
    for name, variable in variables.items():
        if isinstance(variable, dict):
            for field in ("start", "lower", "upper"):
                if field in variable:
                    variable[field] = _array(variable[field], folder, f"{pointer}/{name}/{field}")


def _array(value: Any, folder: Path, pointer: str) -> Any:
    """A file's array, or the value as it is."""
    member = None
    if isinstance(value, dict) and "file" in value:
        member, value = value.get("member"), value["file"]
    if not isinstance(value, str):
        return value
    if value.lower().lstrip("+-") in ("infinity", "inf", ".inf"):
        return float(value.replace(".inf", "inf"))
    import numpy as np

    path = folder / value
    if not path.is_file():
        raise wrong(pointer, f"there is no file {value!r} beside the problem")
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise wrong(pointer, f"{value} cannot be read as an array: {error}") from None
    if isinstance(loaded, np.ndarray):
        return loaded
    names = list(loaded.files)
    if member is None and len(names) == 1:
        member = names[0]
    if member not in names:
        raise wrong(pointer, f"{value} has the members {', '.join(names)}; say which: {{file: {value}, member: ...}}")
    return loaded[member]
