"""The first part of a SIF file: variables, groups, what elements are used where."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kantor.sif.cards import Card
from kantor.sif.parameters import Parameters

#: Sections by the words that may head them.
_WORDS = {
    "VARIABLES": "variables",
    "COLUMNS": "variables",
    "GROUPS": "groups",
    "ROWS": "groups",
    "CONSTRAINTS": "groups",
    "CONSTANTS": "constants",
    "RHS": "constants",
    "RANGES": "ranges",
    "BOUNDS": "bounds",
    "QUADRATIC": "quadratic",
    "HESSIAN": "quadratic",
    "QUADS": "quadratic",
    "QUADOBJ": "quadratic",
    "QSECTION": "quadratic",
}
_TWO_WORDS = {
    "START": "start",
    "ELEMENT TYPE": "element_types",
    "ELEMENT USES": "element_uses",
    "GROUP TYPE": "group_types",
    "GROUP USES": "group_uses",
    "OBJECT": "object_bound",
}
_DEFAULT = "'DEFAULT'"


@dataclass
class Kind:
    """A type of elements or groups: names of its variables, internal variables and parameters."""

    variables: list[str] = field(default_factory=list)
    internal: list[str] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)


@dataclass
class Element:
    kind: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, float] = field(default_factory=dict)


@dataclass
class Group:
    """``sense`` is N, L, G or E; its argument is ``sum(linear) + sum(elements) - constant``."""

    sense: str = "N"
    linear: dict[str, float] = field(default_factory=dict)
    constant: float = 0.0
    scale: float = 1.0
    span: float | None = None
    kind: str = ""
    elements: list[tuple[str, float]] = field(default_factory=list)
    parameters: dict[str, float] = field(default_factory=dict)


class Data:
    """Fields by the names of the file, in its order.

    Raises:
        InvalidProblem: what is wrong, with the number of the line.
    """

    def __init__(self, given: Iterable[Card]) -> None:
        self.name = ""
        self.variables: dict[str, None] = {}
        self.integer: set[str] = set()
        self.groups: dict[str, Group] = {}
        self.lower: dict[str, float] = {}
        self.upper: dict[str, float] = {}
        self.start: dict[str, float] = {}
        self.quadratic: dict[tuple[str, str], float] = {}
        self.element_kinds: dict[str, Kind] = {}
        self.group_kinds: dict[str, Kind] = {}
        self.elements: dict[str, Element] = {}
        self._fallback = {"lower": 0.0, "upper": math.inf, "start": 0.0, "constant": 0.0}
        self._default_kind = {"element": "", "group": ""}
        self._sets: dict[str, str] = {}
        self._known = Parameters()
        section, block = "preamble", list[Card]()
        for card in given:
            if not card.header:
                block.append(card)
                continue
            self._read(section, block)
            section, block = self._header(card), []
        self._read(section, block)
        self._settle()

    def _header(self, card: Card) -> str:
        if card.header == "NAME":
            self.name = card.name
            return "preamble"
        words = f"{card.header} {card.name.split()[0] if card.name else ''}".strip()
        found = _TWO_WORDS.get(words) or _TWO_WORDS.get(card.header) or _WORDS.get(card.header)
        if found is None:
            raise card.fail(f"the section {words!r} is not known")
        return found

    def _read(self, section: str, block: list[Card]) -> None:
        take: Callable[[Card], None] = getattr(self, f"_take_{section}")
        for card in self._known.unrolled(block):
            take(self._named(card, section))

    def _named(self, card: Card, section: str) -> Card:
        """Names expanded; the value of a parameter where the code begins with Z."""
        if card.code[:1] not in ("X", "Z") or section == "preamble":
            return card
        expanded = self._known.expanded
        name, one, two = (expanded(part, card) for part in (card.name, card.one, card.two))
        code = card.code[1:]
        if card.code[0] == "Z" and two and not (section == "element_uses" and code == "V"):
            value = repr(self._known.value(two, card))
            return card._replace(code=code, name=name, one=one, value=value, two="", other="")
        return card._replace(code=code, name=name, one=one, two=two)

    def _take_preamble(self, card: Card) -> None:
        # declarations of names without a value have no meaning
        if card.code not in ("R", "I") or card.value or card.one:
            raise card.fail(f"the code {card.code!r} is not known here")

    def _take_object_bound(self, card: Card) -> None:
        """Bounds on the optimum are of no use: they may be wrong."""

    def _take_variables(self, card: Card) -> None:
        self.variables.setdefault(card.name, None)
        for name, value in card.pairs:
            word = name.strip("'")
            if word in ("INTEGER", "ZERO-ONE") and not value:
                self.integer.add(card.name)
                if word == "ZERO-ONE":
                    self.upper[card.name] = 1.0
            elif not name.startswith("'"):
                self._coefficient(self.groups.setdefault(name, Group()), card.name, card.real(value))

    def _take_groups(self, card: Card) -> None:
        if card.code[:1] == "D":
            raise card.fail("linear combinations of groups are not taken")
        group = self.groups.setdefault(card.name, Group())
        if card.code:
            group.sense = card.code
        for name, value in card.pairs:
            if name == "'SCALE'":
                group.scale = card.real(value)
            else:
                self._coefficient(group, name, card.real(value))

    def _coefficient(self, group: Group, variable: str, value: float) -> None:
        group.linear[variable] = group.linear.get(variable, 0.0) + value

    def _first_set(self, card: Card, section: str) -> bool:
        """Only the first of several sets counts."""
        return self._sets.setdefault(section, card.name) == card.name

    def _group(self, name: str, card: Card) -> Group:
        if name not in self.groups:
            raise card.fail(f"unknown group {name!r}")
        return self.groups[name]

    def _take_constants(self, card: Card) -> None:
        if not self._first_set(card, "constants"):
            return
        for name, value in card.pairs:
            if name == _DEFAULT:
                self._fallback["constant"] = card.real(value)
                for group in self.groups.values():
                    group.constant = self._fallback["constant"]
            else:
                self._group(name, card).constant = card.real(value)

    def _take_ranges(self, card: Card) -> None:
        if not self._first_set(card, "ranges"):
            return
        for name, value in card.pairs:
            for group in self.groups.values() if name == _DEFAULT else [self._group(name, card)]:
                group.span = abs(card.real(value))

    def _take_bounds(self, card: Card) -> None:
        if not self._first_set(card, "bounds"):
            return
        value = card.real(card.value) if card.value else 0.0
        code = {"L": "LO", "U": "UP", "X": "FX", "R": "FR", "M": "MI", "P": "PL"}.get(card.code, card.code)
        ends: dict[str, dict[str, float]] = {
            "LO": {"lower": value},
            "UP": {"upper": value},
            "FX": {"lower": value, "upper": value},
            "FR": {"lower": -math.inf, "upper": math.inf},
            "MI": {"lower": -math.inf},
            "PL": {"upper": math.inf},
        }
        if code not in ends:
            raise card.fail(f"the bound {card.code!r} is not known")
        if card.one == _DEFAULT:
            self._fallback.update(ends[code])
            return
        if card.one not in self.variables:
            raise card.fail(f"unknown variable {card.one!r}")
        for which, number in ends[code].items():
            (self.lower if which == "lower" else self.upper)[card.one] = number

    def _take_start(self, card: Card) -> None:
        if card.code == "M" or not self._first_set(card, "start"):
            return
        for name, value in card.pairs:
            if name == _DEFAULT:
                self._fallback["start"] = card.real(value)
            elif name in self.variables:
                self.start[name] = card.real(value)

    def _take_quadratic(self, card: Card) -> None:
        for name, value in card.pairs:
            key = (card.name, name) if (name, card.name) not in self.quadratic else (name, card.name)
            self.quadratic[key] = self.quadratic.get(key, 0.0) + card.real(value)

    def _take_element_types(self, card: Card) -> None:
        self._kind(self.element_kinds, card)

    def _take_group_types(self, card: Card) -> None:
        self._kind(self.group_kinds, card)

    def _kind(self, kinds: dict[str, Kind], card: Card) -> None:
        kind = kinds.setdefault(card.name, Kind())
        lists = {"EV": kind.variables, "GV": kind.variables, "IV": kind.internal}
        names = lists.get(card.code, kind.parameters if card.code in ("EP", "GP") else None)
        if names is None:
            raise card.fail(f"the code {card.code!r} is not known here")
        names += [name for name in (card.one, card.two) if name and name not in names]

    def _take_element_uses(self, card: Card) -> None:
        if card.name == _DEFAULT:
            self._default_kind["element"] = card.one
            return
        element = self.elements.setdefault(card.name, Element(self._default_kind["element"]))
        if card.code == "T":
            element.kind = card.one
        elif card.code == "V":
            element.variables[card.one] = card.two
            if card.two not in self.variables:
                raise card.fail(f"unknown variable {card.two!r}")
        elif card.code == "P":
            for name, value in card.pairs:
                element.parameters[name] = card.real(value)
        else:
            raise card.fail(f"the code {card.code!r} is not known here")

    def _take_group_uses(self, card: Card) -> None:
        if card.name == _DEFAULT:
            self._default_kind["group"] = card.one
            return
        group = self._group(card.name, card)
        if card.code == "T":
            group.kind = card.one
        elif card.code == "E":
            for name, value in card.pairs:
                if name not in self.elements:
                    raise card.fail(f"unknown element {name!r}")
                group.elements.append((name, card.real(value) if value else 1.0))
        elif card.code == "P":
            for name, value in card.pairs:
                group.parameters[name] = card.real(value)
        else:
            raise card.fail(f"the code {card.code!r} is not known here")

    def _settle(self) -> None:
        for group in self.groups.values():
            group.kind = group.kind or self._default_kind["group"]
            for name in group.linear:
                self.variables.setdefault(name, None)
        for name in self.variables:
            self.lower.setdefault(name, self._fallback["lower"])
            self.upper.setdefault(name, self._fallback["upper"])
            self.start.setdefault(name, self._fallback["start"])
