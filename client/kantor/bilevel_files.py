"""Mixed-integer linear bilevel problems in the files of MibS: an MPS file of both levels, and an auxiliary file that
says what belongs to the lower one."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from kantor.arrays import wrong
from kantor.bilevel import Bilevel

#: Bounds of integer columns without any, as the MPS format has it for columns between integer markers.
_INTEGER_UPPER = 1.0
_SENSES = {"L": "<=", "G": ">=", "E": "=="}


def read_bilevel(mps: str | PathLike[str], aux: str | PathLike[str]) -> Bilevel:
    """The problem of an MPS file (free or fixed, names without spaces) and MibS' auxiliary file; both may be .gz.

    The auxiliary file has lines ``KEY value``: ``N`` and ``M`` count lower columns and rows, ``LC`` and ``LR`` are
    their numbers, ``LO`` gives the lower objective's coefficients in the order of ``LC``, ``OS`` is 1 (minimize) or -1.
    With ``IC`` (costs) and ``IB`` (budget) it is an interdiction problem: the MPS file is then the lower level alone,
    the upper level pays to forbid columns (``y_j <= upper_j (1 - x_j)``), and wants the lower objective to be worst.

    Variables: ``x`` (integer) and ``u`` above, ``y`` (integer) and ``v`` below, in the file's order; those that a file
    has none of are left out.

    Raises:
        FileNotFoundError: a file is not there.
        InvalidProblem: what is wrong in a file.
    """
    model = _Mps(_text(mps), Path(mps).name)
    keys = _aux(_text(aux), Path(aux).name)
    return _interdiction(model, keys, Path(aux).name) if keys["IC"] else _general(model, keys, Path(aux).name)


def _text(path: str | PathLike[str]) -> str:
    content = Path(path).read_bytes()
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8", "replace")


@dataclass
class _Mps:
    """Columns and rows in the order of the file."""

    text: str
    name: str
    rows: dict[str, str] = field(default_factory=dict)
    columns: dict[str, dict[str, float]] = field(default_factory=dict)
    integer: dict[str, bool] = field(default_factory=dict)
    side: dict[str, float] = field(default_factory=dict)
    span: dict[str, float] = field(default_factory=dict)
    lower: dict[str, float] = field(default_factory=dict)
    upper: dict[str, float] = field(default_factory=dict)
    objective: str = ""
    maximize: bool = False

    def __post_init__(self) -> None:
        section, marked = "", False
        for number, line in enumerate(self.text.splitlines(), 1):
            if not line.strip() or line.startswith("*"):
                continue
            words = line.split()
            if not line[0].isspace():
                section = words[0].upper()
                if section == "OBJSENSE" and len(words) > 1:
                    self.maximize = words[1].upper().startswith("MAX")
                if section == "ENDATA":
                    break
                continue
            try:
                if section == "OBJSENSE":
                    self.maximize = words[0].upper().startswith("MAX")
                elif section == "ROWS":
                    self._row(words)
                elif section == "COLUMNS":
                    if "'MARKER'" in line:
                        marked = "'INTORG'" in line
                    else:
                        self._column(words, integer=marked)
                elif section in ("RHS", "RANGES"):
                    self._sides(words, self.side if section == "RHS" else self.span)
                elif section == "BOUNDS":
                    self._bound(words)
            except (ValueError, KeyError, IndexError):
                raise wrong("", f"{self.name}, line {number}: {line.strip()[:60]!r} is not MPS") from None
        if not self.columns or not self.objective:
            raise wrong("", f"{self.name} has no columns or no objective row (N)")

    def _row(self, words: list[str]) -> None:
        kind = words[0].upper()
        if kind == "N":
            self.objective = self.objective or words[1]
        elif kind in _SENSES:
            self.rows[words[1]] = kind
        else:
            raise ValueError

    def _column(self, words: list[str], *, integer: bool) -> None:
        column = self.columns.setdefault(words[0], {})
        self.integer.setdefault(words[0], integer)
        for row, value in zip(words[1::2], words[2::2], strict=True):
            if row in self.rows or row == self.objective:
                column[row] = column.get(row, 0.0) + float(value)

    def _sides(self, words: list[str], into: dict[str, float]) -> None:
        pairs = words[1:] if len(words) % 2 else words
        for row, value in zip(pairs[::2], pairs[1::2], strict=True):
            into[row] = float(value)

    def _bound(self, words: list[str]) -> None:
        kind = words[0].upper()
        plain = kind in ("FR", "MI", "PL", "BV")
        name = words[2] if len(words) > (3 if not plain else 2) else words[1]
        if name not in self.columns:
            raise KeyError(name)
        value = 0.0 if plain else float(words[-1])
        if kind in ("UP", "UI", "FX"):
            self.upper[name] = value
            if kind == "UP" and value < 0.0 and name not in self.lower:
                self.lower[name] = float("-inf")
        if kind in ("LO", "LI", "FX"):
            self.lower[name] = value
        if kind in ("FR", "MI"):
            self.lower[name] = float("-inf")
        if kind in ("FR", "PL"):
            self.upper[name] = float("inf")
        if kind == "BV":
            self.lower[name], self.upper[name] = 0.0, 1.0
        if kind in ("BV", "UI", "LI"):
            self.integer[name] = True
        if kind not in ("UP", "UI", "FX", "LO", "LI", "FR", "MI", "PL", "BV"):
            raise ValueError

    def bounds(self, name: str) -> tuple[float, float]:
        low = self.lower.get(name, 0.0)
        bare = self.integer[name] and name not in self.lower
        return low, self.upper.get(name, _INTEGER_UPPER if bare else float("inf"))

    def constraints(self) -> list[tuple[str, str, float]]:
        """(row, sense, side); a range is two."""
        found = []
        for row, kind in self.rows.items():
            side = self.side.get(row, 0.0)
            if row not in self.span:
                found.append((row, _SENSES[kind], side))
                continue
            span = self.span[row]
            if kind == "E":
                low, high = min(side, side + span), max(side, side + span)
            else:
                low, high = (side - abs(span), side) if kind == "L" else (side, side + abs(span))
            found += [(row, ">=", low), (row, "<=", high)]
        return found


def _aux(text: str, name: str) -> dict[str, list[float]]:
    keys: dict[str, list[float]] = {key: [] for key in ("N", "M", "LC", "LR", "LO", "OS", "IC", "IB")}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith(("*", "#", "@")):
            continue
        try:
            keys[words[0].upper()].append(float(words[1]))
        except (KeyError, IndexError, ValueError):
            raise wrong("", f"{name}, line {number}: {line.strip()[:60]!r} is none of {', '.join(keys)}") from None
    for count, items in (("N", "LC"), ("M", "LR")):
        if keys[count] and keys[count][0] != len(keys[items]):
            raise wrong("", f"{name}: {count} is {keys[count][0]:g}, but there are {len(keys[items])} lines {items}")
    if len(keys["LO"]) != len(keys["LC"]) or not keys["LC"]:
        raise wrong("", f"{name}: {len(keys['LO'])} lines LO for {len(keys['LC'])} lower columns (LC)")
    return keys


def _general(model: _Mps, keys: dict[str, list[float]], name: str) -> Bilevel:
    names, rows = list(model.columns), list(model.rows)
    for key, items in (("LC", names), ("LR", rows)):
        for number in keys[key]:
            if not 0 <= number < len(items) or number % 1:
                raise wrong("", f"{name}: {key} {number:g}, but there are {len(items)} of them, counted from 0")
    below = [names[int(k)] for k in keys["LC"]]
    lower_rows = {rows[int(k)] for k in keys["LR"]}
    cost = dict(zip(below, keys["LO"], strict=True))
    above = [column for column in names if column not in set(below)]
    build = _Builder(model)
    levels: dict[str, Any] = {}
    build.variables("upper", above, "x", "u")
    build.variables("lower", below, "y", "v")
    objective = {column: model.columns[column].get(model.objective, 0.0) for column in names}
    sign = "maximize" if model.maximize else "minimize"
    constant = -model.side.get(model.objective, 0.0)
    levels["upper"] = {sign: build.sum("F", objective) + (f" + {constant!r}" if constant else "")}
    levels["lower"] = {"minimize" if (keys["OS"] or [1.0])[0] >= 0 else "maximize": build.sum("f", cost)}
    listed: dict[str, dict[str, list[tuple[str, float]]]] = {"upper": {}, "lower": {}}
    for row, sense, side in model.constraints():
        listed["lower" if row in lower_rows else "upper"].setdefault(sense, []).append((row, side))
    for which, groups in listed.items():
        levels[which]["constraints"] = [build.rows(which, sense, entries) for sense, entries in groups.items()]
        levels[which]["variables"] = build.levels[which]
    return Bilevel(name=Path(model.name).stem[:200], data=build.data, upper=levels["upper"], lower=levels["lower"])


class _Builder:
    """Variables by kind, data by need."""

    def __init__(self, model: _Mps) -> None:
        self.model = model
        self.data: dict[str, Any] = {}
        self.levels: dict[str, dict[str, Any]] = {"upper": {}, "lower": {}}
        self._groups: dict[str, list[str]] = {}

    def variables(self, which: str, columns: list[str], integer: str, continuous: str) -> None:
        for name, whole in ((integer, True), (continuous, False)):
            group = [column for column in columns if self.model.integer[column] is whole]
            if not group:
                continue
            self._groups[name] = group
            bounds = [self.model.bounds(column) for column in group]
            self.levels[which][name] = {
                "shape": [len(group)],
                "lower": [low for low, _ in bounds],
                "upper": [high for _, high in bounds],
                "start": [min(max(0.0, low), high) for low, high in bounds],
                **({"integer": True} if whole else {}),
            }

    def sum(self, prefix: str, coefficients: dict[str, float]) -> str:
        """``Fx @ x + Fy @ y``; without any coefficient, zero times the first."""
        parts = []
        for name, group in self._groups.items():
            row = [coefficients.get(column, 0.0) for column in group]
            if any(row):
                self.data[f"{prefix}{name}"] = row
                parts.append(f"{prefix}{name} @ {name}")
        if not parts:
            own = "x u" if prefix == "F" else "y v"
            return f"0*sum({next(name for name in own.split() if name in self._groups)})"
        return " + ".join(parts)

    def rows(self, which: str, sense: str, entries: list[tuple[str, float]]) -> str:
        """All rows of one sense as one constraint of matrices."""
        letter = {"<=": "A", ">=": "B", "==": "C"}[sense] + ("" if which == "upper" else "l")
        parts = []
        for name, group in self._groups.items():
            matrix = [[self.model.columns[column].get(row, 0.0) for column in group] for row, _ in entries]
            if any(map(any, matrix)):
                self.data[f"{letter}{name}"] = matrix
                parts.append(f"{letter}{name} @ {name}")
        self.data[f"{letter}s"] = [side for _, side in entries]
        if not parts:
            raise wrong("", f"{self.model.name}: the rows {', '.join(row for row, _ in entries[:5])} are empty")
        return f"{' + '.join(parts)} {sense} {letter}s"


def _interdiction(model: _Mps, keys: dict[str, list[float]], name: str) -> Bilevel:
    names = list(model.columns)
    if not (len(keys["IC"]) == len(keys["LC"]) == len(names)) or not keys["IB"]:
        raise wrong("", f"{name}: interdiction needs a cost (IC) for each of {len(names)} columns, and a budget (IB)")
    build = _Builder(model)
    build.variables("lower", names, "y", "v")
    if len(build.levels["lower"]) != 1:
        raise wrong("", f"{name}: columns of an interdiction problem are all integer or all continuous")
    (own,) = build.levels["lower"]
    bounds = [model.bounds(column) for column in names]
    for column, (low, high) in zip(names, bounds, strict=True):
        if low != 0.0 or high == float("inf"):
            raise wrong("", f"{model.name}: column {column} of an interdiction problem needs the bounds 0 and a number")
    build.data |= {"profit": keys["LO"], "price": keys["IC"], "budget": keys["IB"][0], "most": [b for _, b in bounds]}
    groups: dict[str, list[tuple[str, float]]] = {}
    for row, sense, side in model.constraints():
        groups.setdefault(sense, []).append((row, side))
    minimize = (keys["OS"] or [1.0])[0] >= 0
    count = len(names)
    return Bilevel(
        name=Path(model.name).stem[:200],
        data=build.data,
        upper={
            "variables": {"x": {"shape": [count], "lower": 0.0, "upper": 1.0, "integer": True}},
            "maximize" if minimize else "minimize": f"profit @ {own}",
            "constraints": ["price @ x <= budget"],
        },
        lower={
            "variables": build.levels["lower"],
            "minimize" if minimize else "maximize": f"profit @ {own}",
            "constraints": [
                f"{own} <= most*(1 - x)",
                *(build.rows("lower", sense, entries) for sense, entries in groups.items()),
            ],
        },
    )
