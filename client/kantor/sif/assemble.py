"""A SIF file's parts as one problem: all variables in one vector, elements and groups of a type in one vector each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kantor.arrays import wrong
from kantor.minimize import Minimize
from kantor.sif.data import Data, Element, Group, Kind
from kantor.sif.functions import Function, Functions
from kantor.sif.writing import Writing, joined, number, times


class Assembly:
    """One problem; ``problem()`` gives it."""

    def __init__(self, data: Data, elements: Functions, groups: Functions) -> None:
        self.data, self.element_functions, self.group_functions = data, elements, groups
        self.writing = Writing()
        names = [name for name in data.variables if name not in data.integer]
        whole = [name for name in data.variables if name in data.integer]
        self.parts = {word: part for word, part in (("x", names), ("z", whole)) if part}
        self.all = "x" if not whole else "z" if not names else self.writing.let("all_variables", "concatenate(x, z)")
        self.places = {name: k for k, name in enumerate([*names, *whole])}
        #: for each element the vector of its type and its place there
        self.at: dict[str, tuple[str, int]] = {}
        self.sizes: dict[str, int] = {}
        self.objective: list[str] = []
        self.constraints: list[str] = []

    def problem(self) -> Minimize:
        data = self.data
        self._elements()
        simple: dict[str, list[Group]] = {"N": [], "L": [], "G": [], "E": []}
        typed: dict[tuple[str, str], list[Group]] = {}
        for group in data.groups.values():
            if group.sense not in simple:
                raise wrong("", f"a group has the sense {group.sense!r}")
            if group.kind:
                typed.setdefault((group.sense, group.kind), []).append(group)
            else:
                simple[group.sense].append(group)
        self._plain_objective(simple.pop("N"))
        for sense, groups in simple.items():
            for some in ([g for g in groups if not g.elements], [g for g in groups if g.elements]):
                if some:
                    self._constrain(sense, some, self._argument(some), [g.constant for g in some])
        for (sense, kind), groups in typed.items():
            for some, text in self._typed(kind, groups):
                if sense == "N":
                    self.objective.append(text)
                else:
                    self._constrain(sense, some, text, [0.0] * len(some))
        minimize = joined(self.objective) or "0*sum(x)"
        lets, arrays = self.writing.used([minimize, *self.constraints])
        variables = {}
        for word, names in self.parts.items():
            variables[word] = {
                "shape": [len(names)],
                "start": [data.start[name] for name in names],
                "lower": [data.lower[name] for name in names],
                "upper": [data.upper[name] for name in names],
            } | ({"integer": True} if word == "z" else {})
        return Minimize(
            minimize, variables=variables, constraints=self.constraints, data=arrays, let=lets, name=data.name
        )

    def _elements(self) -> None:
        used = {name for group in self.data.groups.values() for name, _ in group.elements}
        kinds: dict[str, list[tuple[str, Element]]] = {}
        for name, element in self.data.elements.items():
            if name in used:
                kinds.setdefault(element.kind, []).append((name, element))
        count = 0
        for word, members in kinds.items():
            kind, function = self.data.element_kinds.get(word), self.element_functions.kinds.get(word)
            if kind is None or function is None:
                raise wrong("", f"the element type {word!r} is not defined")
            exponents = self._exponents(kind, function, self.element_functions, f"element type {word}")
            for some in _split(members, exponents, lambda pair: pair[1].parameters):
                self._vector(f"e{count}", word, kind, function, some)
                count += 1

    def _exponents(self, kind: Kind, function: Function, known: Functions, where: str) -> list[str]:
        """Parameters in exponents: as literal numbers they also fit negative bases."""
        trial = Writing()
        names = {name.upper(): "t" for name in (*kind.variables, *kind.internal, *kind.parameters)}
        found = trial.function(function, known, names, "t", where)[1]
        return [name for name in kind.parameters if name.upper() in found]

    def _vector(
        self, vector: str, word: str, kind: Kind, function: Function, members: list[tuple[str, Element]]
    ) -> None:
        """The values of elements of one type, as the named expression ``vector``."""
        writing = self.writing
        names: dict[str, str] = {}
        taken: dict[str, str] = {}
        for k, variable in enumerate(kind.variables):
            try:
                places = [self.places[element.variables[variable]] for _, element in members]
            except KeyError:
                raise wrong("", f"an element of type {word} has no variable {variable}") from None
            whole = places == list(range(len(self.places)))
            text = self.all if whole else f"take({self.all}, {writing.array('i', places, whole=True)})"
            names[variable.upper()] = taken[variable] = text if whole else writing.let(f"{vector}v{k}", text)
        if kind.internal:
            for k, name in enumerate(kind.internal):
                made = [
                    f"{times(value)}{taken[part]}"
                    for part, value in function.internal.get(name, {}).items()
                    if part in taken
                ]
                names[name.upper()] = writing.let(f"{vector}u{k}", joined(made) or "0")
        names |= self._parameters(kind, [element.parameters for _, element in members], word)
        value = writing.function(function, self.element_functions, names, vector, f"element type {word}")[0]
        arrays = set(names.values())
        if not writing.mentions(value, arrays):
            value = f"{value} + 0*{next(iter(taken.values()))}"
        writing.let(vector, value)
        self.sizes[vector] = len(members)
        for place, (name, _) in enumerate(members):
            self.at[name] = (vector, place)

    def _parameters(self, kind: Kind, given: list[dict[str, float]], word: str) -> dict[str, str]:
        found = {}
        for name in kind.parameters:
            values = [parameters.get(name) for parameters in given]
            if None in values:
                raise wrong("", f"the type {word} lacks the parameter {name}")
            same = len(set(values)) == 1
            literal = number(float(values[0] or 0.0))
            text = literal if not literal.startswith("-") else f"({literal})"
            found[name.upper()] = text if same else self.writing.array("p", values)
        return found

    def _entries(self, groups: list[Group]) -> dict[str, list[dict[int, float]]]:
        """For each vector (of variables, of elements) the rows of its matrix."""
        found: dict[str, list[dict[int, float]]] = {}
        for k, group in enumerate(groups):
            for name, value in group.linear.items():
                found.setdefault(self.all, [{} for _ in groups])[k][self.places[name]] = value
            for name, value in group.elements:
                vector, place = self.at[name]
                row = found.setdefault(vector, [{} for _ in groups])[k]
                row[place] = row.get(place, 0.0) + value
        return found

    def _size(self, vector: str) -> int:
        return self.sizes.get(vector, len(self.places))

    def _argument(self, groups: list[Group]) -> str:
        """The groups' arguments without their constants: a scalar for one, else a vector."""
        writing, entries = self.writing, self._entries(groups)
        if len(groups) == 1:
            return joined(writing.row(rows[0], self._size(v), v) for v, rows in entries.items()) or "0"
        parts = [writing.rows(rows, self._size(vector), vector) for vector, rows in entries.items()]
        return joined(parts) or f"0*{writing.array('c', [1.0] * len(groups))}"

    def _plain_objective(self, groups: list[Group]) -> None:
        """Groups without a type are summed here already."""
        total = Group()
        for group in groups:
            total.constant += group.constant / group.scale
            for name, value in group.linear.items():
                total.linear[name] = total.linear.get(name, 0.0) + value / group.scale
            total.elements += [(name, value / group.scale) for name, value in group.elements]
        if groups:
            text = self._argument([total])
            self.objective += [] if text == "0" else [text]
            if total.constant:
                self.objective.append(number(-total.constant))
        if self.data.quadratic:
            places = [tuple(self.places[name] for name in pair) for pair in self.data.quadratic]
            values = [
                value * (0.5 if a == b else 1.0)
                for (a, b), value in zip(places, self.data.quadratic.values(), strict=True)
            ]
            left, right = (self.writing.array("i", [pair[k] for pair in places], whole=True) for k in (0, 1))
            product = f"take({self.all}, {left})*take({self.all}, {right})"
            self.objective.append(f"{self.writing.array('c', values)} @ ({product})")

    def _typed(self, word: str, groups: list[Group]) -> list[tuple[list[Group], str]]:
        """Groups of a type and the text of their values: for the objective summed, with scales."""
        kind, function = self.data.group_kinds.get(word), self.group_functions.kinds.get(word)
        if kind is None or function is None or not kind.variables:
            raise wrong("", f"the group type {word!r} is not defined")
        exponents = self._exponents(kind, function, self.group_functions, f"group type {word}")
        found = []
        for some in _split(groups, exponents, lambda group: group.parameters):
            text = self._argument(some)
            constants = [group.constant for group in some]
            if any(constants):
                text += f" - {self._column(constants)}".replace("- -", "+ ")
            prefix = f"g{sum(name.startswith('g') for name in self.writing.lets)}"
            argument = self.writing.let(f"{prefix}a", text)
            scales = [1.0 / group.scale for group in some]
            names = {kind.variables[0].upper(): argument}
            names |= self._parameters(kind, [group.parameters for group in some], word)
            value = self.writing.function(function, self.group_functions, names, prefix, f"group type {word}")[0]
            square = value == f"{argument}**2" and min(scales) > 0.0
            if len(set(scales)) > 1 and square:
                # kept as a sum of squares, which engines look for
                value = f"({self._column([math.sqrt(scale) for scale in scales])}*{argument})**2"
            elif len(set(scales)) > 1:
                value = f"{self._column(scales)}*({value})"
            factor = times(scales[0]) if len(set(scales)) == 1 else ""
            if some[0].sense == "N" and len(some) > 1:
                value = f"sum({value})"
            found.append((some, f"{factor}({value})" if factor or "+" in value or "-" in value else value))
        return found

    def _column(self, values: list[float]) -> str:
        """One number where all are the same or there is one, else an array."""
        return number(values[0]) if len(set(values)) == 1 else self.writing.array("b", values)

    def _constrain(self, sense: str, groups: list[Group], text: str, constants: list[float]) -> None:
        sign = {"L": "<=", "G": ">=", "E": "=="}[sense]
        if sense == "E" or not any(group.span is not None for group in groups):
            self.constraints.append(f"{text} {sign} {self._column(constants)}")
            return
        name = self.writing.let(f"r{sum(known.startswith('r') for known in self.writing.lets)}", text)
        self.constraints.append(f"{name} {sign} {self._column(constants)}")
        sides = [(k, c, g.span) for k, (c, g) in enumerate(zip(constants, groups, strict=True)) if g.span is not None]
        ends = [c + span if sense == "G" else c - span for _, c, span in sides]
        part = name
        if len(groups) > 1 and len(sides) < len(groups):
            part = f"take({name}, {self.writing.array('i', [k for k, _, _ in sides], whole=True)})"
        self.constraints.append(f"{part} {'<=' if sense == 'G' else '>='} {self._column(ends)}")


def _split(members: list[Any], exponents: list[str], parameters: Any) -> list[list[Any]]:
    """By the values of the parameters that are exponents."""
    if not exponents:
        return [members]
    found: dict[tuple[float, ...], list[Any]] = {}
    for member in members:
        given = parameters(member)
        found.setdefault(tuple(given.get(name, np.nan) for name in exponents), []).append(member)
    return list(found.values())
