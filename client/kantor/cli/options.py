"""Options from ``--option name=value`` and from a file; those of one engine are told apart from those of all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kantor.errors import InvalidOption, KantorError

if TYPE_CHECKING:
    from kantor.client import Client


def collect(client: Client, kind: str, engine: str, file: Path | None, items: list[str]) -> dict[str, Any]:
    """Options for ``Client.submit`` of a problem of the kind.

    Raises:
        InvalidOption: not of the form name=value, or unknown, with the near one.
    """
    from api_schemas.jobs import OPTIONS

    given = _read(file) if file is not None else {}
    given |= dict(_pair(item) for item in items)
    of_all = list(OPTIONS[kind].model_fields)
    shared = {name: value for name, value in given.items() if name in of_all}
    own = {name: value for name, value in given.items() if name not in shared}
    if own:
        _check(client, kind, engine, own, of_all)
        shared["engine_options"] = {**shared.get("engine_options", {}), **own}
    return shared


def _pair(item: str) -> tuple[str, Any]:
    name, equals, text = item.partition("=")
    if not equals or not name:
        raise _refuse(name or item, f"{item!r} does not have the form NAME=VALUE")
    return name.strip().replace("-", "_"), _value(text)


def _value(text: str) -> Any:
    """A number, true, false, a list or mapping in JSON; anything else is a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read(file: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8")
    if file.suffix in (".yaml", ".yml"):
        try:
            import yaml  # type: ignore[import-untyped,unused-ignore]
        except ImportError:
            raise KantorError("YAML files need: pip install 'kantor[yaml]'; JSON files do not") from None
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise _refuse(str(file), f"{file} is not YAML: {error}") from None
    else:
        try:
            data = json.loads(text)
        except ValueError as error:
            raise _refuse(str(file), f"{file} is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise _refuse(str(file), f"{file} holds no mapping of options")
    return data


def _check(client: Client, kind: str, engine: str, own: dict[str, Any], shared: list[str]) -> None:
    from kantor.options import suggestion

    found = next((one for one in client.engines() if (one.family, one.id) == (kind, engine)), None)
    for name in own:
        known = [*shared, *(option.name for option in found.options)] if found else shared
        if found is None and engine in ("auto", "race"):
            detail = f"there is no option {name!r} that all engines have"
            raise _refuse(
                name, detail, suggestion(name, known) + "; for one of a single engine, choose it with --engine"
            )
        if found is not None and name not in known:
            raise _refuse(name, f"there is no option {name!r}, also not one of {engine}", suggestion(name, known))


def _refuse(name: str, detail: str, hint: str = "") -> InvalidOption:
    from api_schemas.errors import FieldError

    return InvalidOption(detail, errors=[FieldError(pointer=f"/options/{name}", detail=detail, hint=hint)])
