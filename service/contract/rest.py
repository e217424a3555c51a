"""Two OpenAPI documents compared: what a client of the older one would stumble over at a server of the newer.

Requests: whatever was accepted must be accepted still. Replies: whatever was promised must be sent still; new fields,
new members of enumerations and new variants of unions may come: clients of Kantor leave aside what they don't know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Direction = Literal["request", "reply"]
Schema = Mapping[str, Any]
_METHODS = ("get", "put", "post", "delete", "patch", "head")
_TOPS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_BOTTOMS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each promise that is broken."""
    for path, operations in old["paths"].items():
        for method, before in ((m, operations[m]) for m in _METHODS if m in operations):
            where = f"{method.upper()} {path}"
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                yield f"{where} is gone"
                continue
            if before.get("operationId") != after.get("operationId"):
                yield f"{where}: its operationId was {before.get('operationId')}, now {after.get('operationId')}"
            yield from _Comparison(old, new).operation(where, before, after)


class _Comparison:
    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._documents = (old, new)
        self._seen: set[tuple[int, int, str]] = set()

    def operation(self, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        before = {(p["in"], p["name"]): p for p in old.get("parameters", [])}
        after = {(p["in"], p["name"]): p for p in new.get("parameters", [])}
        for key, parameter in before.items():
            if key not in after:
                yield f"{where}: the {key[0]} parameter {key[1]} is gone"
            else:
                schemas = parameter.get("schema", {}), after[key].get("schema", {})
                yield from self.schema(f"{where}, parameter {key[1]}", *schemas, "request")
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{where}: the {key[0]} parameter {key[1]} is required now"
        for kind, media in old.get("requestBody", {}).get("content", {}).items():
            wanted = new.get("requestBody", {}).get("content", {}).get(kind)
            if wanted is None:
                yield f"{where}: a body of type {kind} is not taken any more"
            else:
                yield from self.schema(f"{where}, body", media.get("schema", {}), wanted.get("schema", {}), "request")
        for status, reply in old.get("responses", {}).items():
            now = new.get("responses", {}).get(status)
            if now is None:
                if status.startswith("2"):
                    yield f"{where}: it does not answer with {status} any more"
                continue
            for kind, media in reply.get("content", {}).items():
                sent = now.get("content", {}).get(kind)
                if sent is None:
                    yield f"{where}, {status}: it is not sent as {kind} any more"
                else:
                    schemas = media.get("schema", {}), sent.get("schema", {})
                    yield from self.schema(f"{where}, {status}", *schemas, "reply")

    def schema(self, where: str, old: Schema, new: Schema, direction: Direction) -> Iterator[str]:
        old, new = self._resolved(old, 0), self._resolved(new, 1)
        if (id(old), id(new), direction) in self._seen:
            return
        self._seen.add((id(old), id(new), direction))
        before, after = self._variants(old, 0), self._variants(new, 1)
        if len(before) > 1 or len(after) > 1:
            yield from self._union(where, before, after, direction)
            return
        lost, strange = _types(old) - _types(new), _types(new) - _types(old)
        if direction == "request" and lost and _types(new):
            yield f"{where}: {_words(lost)} is not taken any more"
        if direction == "reply" and strange and _types(old):
            yield f"{where}: {_words(strange)} is sent now"
        if direction == "request":
            yield from _narrowed(where, old, new)
        yield from self._object(where, old, new, direction)
        for name in ("items", "additionalProperties"):
            if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
                yield from self.schema(f"{where}[]", old[name], new[name], direction)

    def _object(self, where: str, old: Schema, new: Schema, direction: Direction) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name in after:
                yield from self.schema(f"{where}.{name}", schema, after[name], direction)
            elif direction == "reply" or new.get("additionalProperties") is False:
                yield f"{where}: the field {name} is gone"
        required = set(old.get("required", [])), set(new.get("required", []))
        if direction == "request":
            for name in sorted(required[1] - required[0]):
                yield f"{where}: the field {name} is required now"
        else:
            for name in sorted((required[0] - required[1]) & after.keys()):
                yield f"{where}: the field {name} may be missing now"

    def _union(self, where: str, before: list[Schema], after: list[Schema], direction: Direction) -> Iterator[str]:
        for schema in before:
            name = _name(schema)
            known = [other for other in after if _name(other) == name]
            if known:
                yield from self._nearest(f"{where}({name})", schema, known, direction)
            elif direction == "request":
                yield f"{where}: the variant {name} is not taken any more"
        names = {_name(schema) for schema in after}
        if direction == "reply" and "null" in names and "null" not in map(_name, before):
            yield f"{where}: null is sent now"

    def _nearest(self, where: str, old: Schema, known: list[Schema], direction: Direction) -> Iterator[str]:
        """Of several variants with one name the one that breaks least."""
        if len(known) == 1:
            yield from self.schema(where, old, known[0], direction)
            return
        found: list[list[str]] = []
        for schema in known:
            trial = _Comparison(*self._documents)
            trial._seen = set(self._seen)
            found.append(list(trial.schema(where, old, schema, direction)))
            if not found[-1]:
                return
        yield from min(found, key=len)

    def _variants(self, schema: Schema, which: int) -> list[Schema]:
        for word in ("anyOf", "oneOf"):
            if word in schema:
                found = [self._resolved(variant, which) for variant in schema[word]]
                return [inner for variant in found for inner in self._variants(variant, which)]
        return [schema]

    def _resolved(self, schema: Schema, which: int) -> Schema:
        while "$ref" in schema:
            found: Any = self._documents[which]
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found.get(part, {})
            schema = found
        return schema


def _types(schema: Schema) -> frozenset[str]:
    found = schema.get("type", [])
    named = frozenset([found] if isinstance(found, str) else found)
    return named | {"integer"} if "number" in named else named


def _words(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))


def _name(schema: Schema) -> str:
    """By which a variant of a union is known: its constant kind or type, else its title, else its type."""
    for name in ("kind", "type", "format", "set"):
        inner = schema.get("properties", {}).get(name, {})
        if "const" in inner:
            return str(inner["const"])
    return str(schema.get("title") or schema.get("const") or schema.get("type") or "any")


def _narrowed(where: str, old: Schema, new: Schema) -> Iterator[str]:
    for name in _TOPS:
        if name in new and new[name] < old.get(name, float("inf")):
            yield f"{where}: its {name} was {old.get(name, 'none')}, now {new[name]}"
    for name in _BOTTOMS:
        if name in new and new[name] > old.get(name, float("-inf")):
            if name in ("minLength", "minItems", "minProperties") and new[name] == 0:
                continue
            yield f"{where}: its {name} was {old.get(name, 'none')}, now {new[name]}"
    if "enum" in new:
        gone = [value for value in old.get("enum", []) if value not in new["enum"]]
        if gone or "enum" not in old:
            yield f"{where}: {gone or 'other values'} not taken any more"
    if new.get("pattern") != old.get("pattern") and "pattern" in new:
        yield f"{where}: its pattern was {old.get('pattern', 'none')}, now {new['pattern']}"
