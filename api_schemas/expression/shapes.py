"""Shape rules: pure arithmetic on tuples. A broken rule raises ``ShapeError`` with both shapes in the message."""

from __future__ import annotations

import math
from collections.abc import Sequence

from api_schemas.expression.limits import MAX_RANK

Shape = tuple[int, ...]


class ShapeError(ValueError):
    """Shapes that do not fit; ``hint`` says what would."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def written(shape: Shape) -> str:
    """For people: ``scalar``, ``(3,)``, ``(300, 100)``."""
    return "scalar" if not shape else str(shape)


def size(shape: Shape) -> int:
    """Number of elements."""
    return math.prod(shape)


def broadcast(a: Shape, b: Shape) -> Shape:
    """The common shape: axes are aligned from the last, and an axis of length 1 (or a missing one) stretches."""
    result = []
    for k in range(1, max(len(a), len(b)) + 1):
        m = a[-k] if k <= len(a) else 1
        n = b[-k] if k <= len(b) else 1
        if m != n and m != 1 and n != 1:
            raise ShapeError(f"shapes {written(a)} and {written(b)} do not fit", _aligned(a, b))
        result.append(max(m, n))
    return tuple(reversed(result))


def _aligned(a: Shape, b: Shape) -> str:
    if len(a) == 2 and len(b) == 2 and a == b[::-1]:
        return "transpose one of them with .T"
    if len(a) == 2 and len(b) == 1 and a[0] == b[0]:
        return f"reshape the vector to ({b[0]}, 1): reshape(v, {b[0]}, 1)"
    if len(b) == 2 and len(a) == 1 and a[0] == b[0]:
        return f"reshape the vector to ({a[0]}, 1): reshape(v, {a[0]}, 1)"
    return "axes are aligned from the last; each pair must be equal, or one of them 1"


def matmul(a: Shape, b: Shape) -> Shape:
    """``a @ b``: a vector is a row on the left and a column on the right; leading axes of stacks broadcast."""
    if not a or not b:
        raise ShapeError(f"@ needs vectors or matrices, not {written(a)} @ {written(b)}", "a scalar multiplies with *")
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        hint = ""
        if len(a) == 2 and a[0] == inner:
            hint = "transpose the left side with .T"
        elif len(b) == 2 and a[-1] == b[1]:
            hint = "transpose the right side with .T"
        raise ShapeError(f"@ of shapes {written(a)} and {written(b)}: inner lengths {a[-1]} and {inner} differ", hint)
    stack = broadcast(a[:-2], b[:-2])
    return stack + (a[-2:-1] if len(a) > 1 else ()) + (b[-1:] if len(b) > 1 else ())


def axis_of(shape: Shape, axis: int) -> int:
    """A non-negative axis."""
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(
            f"axis {axis} of shape {written(shape)}",
            f"its axes are 0 to {len(shape) - 1}" if shape else "a scalar has no axis",
        )
    return axis % len(shape)


def reduced(shape: Shape, axis: int | None) -> Shape:
    """Without one axis, or without all."""
    if axis is None:
        return ()
    return shape[:axis] + shape[axis + 1 :]


def transposed(shape: Shape) -> Shape:
    """Of a matrix."""
    if len(shape) != 2:
        raise ShapeError(
            f".T is for matrices, not for shape {written(shape)}",
            "a vector is a row on the left of @ and a column on the right" if len(shape) == 1 else "",
        )
    return (shape[1], shape[0])


Item = int | tuple[int, int, int]


def normalized_index(
    shape: Shape, items: Sequence[int | tuple[int | None, int | None, int | None]]
) -> tuple[Item, ...]:
    """Indices and slices with all parts known: 0 <= index < length, 0 <= start < stop <= length, step >= 1."""
    if len(items) > len(shape):
        raise ShapeError(f"{len(items)} indices for shape {written(shape)}")
    result: list[Item] = []
    for axis, item in enumerate(items):
        length = shape[axis]
        if isinstance(item, int):
            if not -length <= item < length:
                raise ShapeError(
                    f"index {item} is outside axis {axis} of shape {written(shape)}", f"0 to {length - 1}, or from -1"
                )
            result.append(item % length)
            continue
        step = 1 if item[2] is None else item[2]
        if step < 1:
            raise ShapeError(f"a slice's step is {step}", "steps are 1 or more")
        start, stop, _ = slice(item[0], item[1], step).indices(length)
        if stop <= start:
            raise ShapeError(f"the slice of axis {axis} of shape {written(shape)} is empty")
        result.append((start, stop, step))
    return tuple(result)


def indexed(shape: Shape, items: Sequence[Item]) -> Shape:
    """After ``normalized_index``."""
    kept = [-(-(item[1] - item[0]) // item[2]) for item in items if not isinstance(item, int)]
    return tuple(kept) + shape[len(items) :]


def reshaped(shape: Shape, to: Sequence[int]) -> Shape:
    """The new shape, in which one -1 is worked out."""
    if any(n < 1 and n != -1 for n in to) or list(to).count(-1) > 1:
        raise ShapeError(f"reshape to {tuple(to)}", "lengths are 1 or more; one may be -1")
    known = math.prod(n for n in to if n != -1)
    if -1 in to:
        if size(shape) % known:
            raise ShapeError(f"{size(shape)} elements of shape {written(shape)} do not fill {tuple(to)}")
        return tuple(size(shape) // known if n == -1 else n for n in to)
    if known != size(shape):
        raise ShapeError(f"shape {written(shape)} has {size(shape)} elements, {tuple(to)} has {known}")
    return tuple(to)


def concatenated(shapes: Sequence[Shape], axis: int) -> Shape:
    """One after the other along an axis."""
    first = shapes[0]
    for shape in shapes[1:]:
        if len(shape) != len(first) or reduced(shape, axis) != reduced(first, axis):
            raise ShapeError(
                f"shapes {written(first)} and {written(shape)} do not join along axis {axis}",
                "all lengths but that of the axis must be equal; stack(a, b) joins scalars",
            )
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


def check_rank(shape: Shape) -> None:
    """At most ``MAX_RANK`` axes."""
    if len(shape) > MAX_RANK:
        raise ShapeError(f"an array of {len(shape)} axes", f"at most {MAX_RANK}")
