"""The base of every model in the contract, and the forms of numbers and times in JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError


class Model(BaseModel):
    """Unknown fields are refused. Infinity and NaN are the JSON strings "Infinity", "-Infinity" and "NaN"."""

    model_config = ConfigDict(
        extra="forbid", ser_json_inf_nan="strings", populate_by_name=True, use_attribute_docstrings=True
    )


class Reply(BaseModel):
    """What the server sends: unknown fields are ignored, so that an older client understands a newer server."""

    model_config = ConfigDict(
        extra="ignore", ser_json_inf_nan="strings", populate_by_name=True, use_attribute_docstrings=True
    )


Time = AwareDatetime
"""RFC 3339 with a time zone; the server writes UTC."""

Line = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Text without control characters."""
Name = Annotated[Line, Field(min_length=1)]
Labels = Annotated[dict[Annotated[Line, Field(min_length=1, max_length=63)], Line], Field(max_length=64)]

Extended = Annotated[
    float, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "enum": ["Infinity", "-Infinity", "NaN"]}]})
]
"""A number that may be infinite or NaN."""


def _measured(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "should be a number, but is a truth value")
    if isinstance(value, str) and value.strip().lower().lstrip("+-") not in ("nan", "inf", "infinity"):
        raise PydanticCustomError("float_type", "should be a number, but is text: numbers stand without quotes")
    return value


Measured = Annotated[Extended, BeforeValidator(_measured)]
"""As ``Extended``; text is refused that only looks like a number: whoever sends it has mixed something up."""

__all__ = ["Extended", "Labels", "Line", "Measured", "Model", "Name", "Reply", "Time", "datetime"]
