"""Between messages and the fields of REST's JSON, by the messages' own descriptors: used by server and client alike.

A field of bytes holds JSON; ``Values`` is an object of numbers, ``Knot`` a pair. What is absent in a message is absent
in the fields, and the other way round.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

_PAIRS = frozenset({"kantor.v1.Knot"})
_OBJECTS = frozenset({"kantor.v1.Values"})
_TIME = "google.protobuf.Timestamp"


def fields_of(message: Any) -> dict[str, Any]:
    """The fields that are there. Times are texts; numbers that are not finite are "Infinity", "-Infinity", "NaN".

    Raises:
        ValueError: a field of bytes is no JSON; its name is the second argument of the error.
    """
    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        if field.type == FieldDescriptor.TYPE_BYTES:
            if not value:
                continue
            try:
                found[field.name] = json.loads(value)
            except (ValueError, RecursionError) as error:
                raise ValueError(str(error), field.name) from None
        elif _is_map(field):
            found[field.name] = {key: _plain(item) for key, item in value.items()}
        elif field.is_repeated:
            found[field.name] = [_plain(item) for item in value]
        else:
            found[field.name] = _plain(value)
    return found


def fill(message: Any, fields: Mapping[str, Any]) -> Any:
    """The message with these fields; those that it does not have are left out."""
    for field in message.DESCRIPTOR.fields:
        value = fields.get(field.name)
        if value is None:
            continue
        name = field.name
        if field.type == FieldDescriptor.TYPE_BYTES:
            setattr(message, name, json.dumps(value, separators=(",", ":"), default=_text).encode())
        elif _is_map(field):
            number = field.message_type.fields_by_name["value"].type == FieldDescriptor.TYPE_DOUBLE
            getattr(message, name).update({key: float(item) if number else item for key, item in value.items()})
        elif field.is_repeated and field.message_type is None:
            getattr(message, name).extend(value)
        elif field.is_repeated:
            for item in value:
                _put(getattr(message, name).add(), item)
        elif field.message_type is not None:
            getattr(message, name).SetInParent()
            _put(getattr(message, name), value)
        elif field.type == FieldDescriptor.TYPE_DOUBLE:
            setattr(message, name, float(value))
        else:
            setattr(message, name, value)
    return message


def _put(message: Any, value: Any) -> None:
    kind = message.DESCRIPTOR.full_name
    if kind == _TIME:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        message.FromDatetime(moment.astimezone(UTC))
    elif kind in _PAIRS:
        message.step, message.value = value
    elif kind in _OBJECTS:
        message.items.update({key: float(item) for key, item in value.items() if item is not None})
    else:
        fill(message, value)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
    if not hasattr(value, "DESCRIPTOR"):
        return value
    kind = value.DESCRIPTOR.full_name
    if isinstance(value, Timestamp):
        return value.ToDatetime(tzinfo=UTC).isoformat()
    if kind in _PAIRS:
        return [_plain(value.step), _plain(value.value)]
    if kind in _OBJECTS:
        return {key: _plain(item) for key, item in value.items.items()}
    return fields_of(value)


def _is_map(field: Any) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")
