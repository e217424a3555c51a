"""The one root error of the solver library, with a stable machine code."""

from __future__ import annotations


class SolverError(Exception):
    """Root of everything this library raises on purpose.

    Attributes:
        code: stable machine code in kebab-case, for example ``"malformed-file"``.
        pointer: where in the input the trouble is: a JSON pointer (``"/A/indices/3"``) or ``"line 17"``; may be "".
        hint: what would be right, or "".
    """

    code = "solver-error"

    def __init__(self, message: str, *, pointer: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.pointer = pointer
        self.hint = hint


class InvalidProblem(SolverError):
    """The problem contradicts itself: shapes that do not fit, NaN coefficients, lower above upper, duplicate names."""

    code = "invalid-problem"


class MalformedFile(SolverError):
    """A model file that cannot be read; ``pointer`` is ``"line N"`` where a line is known."""

    code = "malformed-file"


class InvalidOption(SolverError):
    """An unknown option, or a value outside its range."""

    code = "invalid-option"


class UnsupportedProblem(SolverError):
    """The engine cannot solve this kind of problem; ``hint`` names engines that can."""

    code = "unsupported-problem"


class UnknownEngine(SolverError):
    """No engine of this name; ``hint`` names near ones."""

    code = "unknown-engine"


class EngineFailure(SolverError):
    """The engine broke (not: found no solution). The message carries the engine's own words."""

    code = "engine-failure"


class OutOfMemory(SolverError):
    """The memory limit was reached inside the engine."""

    code = "out-of-memory"
