"""Makes the reference pages from the contract itself, so that they cannot disagree with it."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[2]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    pages = {
        "reference/contract.md": contract(),
        "reference/engines.md": engines(),
        "reference/errors.md": errors(),
        "reference/rest.md": rest(),
        "reference/settings.md": settings(),
        "decisions/index.md": decisions(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def contract() -> str:
    import api_schemas

    lines = [
        "# Problems, options, answers",
        "",
        'Made from `api_schemas`. Infinity and NaN are the JSON strings `"Infinity"`, `"-Infinity"` and `"NaN"`.',
    ]
    for found in sorted(pkgutil.iter_modules(api_schemas.__path__), key=lambda entry: place(entry.name)):
        module = importlib.import_module(f"api_schemas.{found.name}")
        models = [
            model
            for model in vars(module).values()
            if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__
        ]
        if models and found.name != "base":
            lines += ["", f"## {(module.__doc__ or '').strip().splitlines()[0].rstrip('.')}"]
        for model in models if found.name != "base" else []:
            lines += ["", f"### {model.__name__}", "", (model.__doc__ or "").strip(), "", *fields(model)]
    return "\n".join(lines) + "\n"


def place(module: str) -> tuple[int, str]:
    """Where a part of the contract comes: jobs first, then the families."""
    first = ("jobs", "options", "programs", "arrays", "certificates", "events")
    return (first.index(module) if module in first else len(first), module)


def fields(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema()
    required = set(schema.get("required", []))
    yield "| field | type | default | |"
    yield "|---|---|---|---|"
    for name, entry in schema.get("properties", {}).items():
        if name in required:
            default = "required"
        elif entry.get("default") in (None, [], {}, ""):
            default = ""
        else:
            default = f"`{json.dumps(entry['default'])}`"
        text = " ".join(entry.get("description", "").split())
        yield f"| `{name}` | {kind(entry)} | {default} | {cell(text)} |"


def kind(entry: dict[str, Any]) -> str:
    if "$ref" in entry:
        name = entry["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    for union in ("anyOf", "oneOf"):
        if union in entry:
            return " or ".join(dict.fromkeys(kind(part) for part in entry[union] if part.get("type") != "null"))
    if "const" in entry:
        return f"`{json.dumps(entry['const'])}`"
    if "enum" in entry:
        return ", ".join(f"`{json.dumps(value)}`" for value in entry["enum"])
    if entry.get("type") == "array":
        if "prefixItems" in entry:
            return "[" + ", ".join(kind(part) for part in entry["prefixItems"]) + "]"
        return f"list of {kind(entry.get('items', {}))}"
    if entry.get("type") == "object" and isinstance(entry.get("additionalProperties"), dict):
        return f"map to {kind(entry['additionalProperties'])}"
    limits = [
        f"{sign} {entry[key]}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in entry
    ]
    return " ".join([str(entry.get("type", "any")), *limits])


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")


def engines() -> str:
    from solvers.core import registry
    from workers.families import load

    lines = ["# Engines", "", "What a worker with everything installed offers; `kantor engines` shows what yours do."]
    for family in registry.families():
        shared = options(load(family).shared_options)
        lines += ["", f"## {family}", "", f"Options of every {family} engine:", "", *shared]
        for name in registry.names(family):
            spec = registry.load(family, name).spec
            lines += [
                "",
                f"### {spec.id}",
                "",
                f"**{spec.title} {spec.version}**. {spec.summary}",
                "",
                f"- solves: {', '.join(sorted(spec.solves))}",
                f"- can: {', '.join(sorted(spec.capabilities)) or '-'}",
                f"- source: {spec.citation or '-'}",
            ]
            if spec.options:
                lines += ["", *options(spec.options)]
    return "\n".join(lines) + "\n"


def options(declared: Any) -> Iterator[str]:
    yield "| option | type | default | range | |"
    yield "|---|---|---|---|---|"
    for option in declared:
        limits = ", ".join(f"`{choice}`" for choice in option.choices)
        if not limits and (option.minimum is not None or option.maximum is not None):
            low = "" if option.minimum is None else f"{option.minimum:g}"
            high = "" if option.maximum is None else f"{option.maximum:g}"
            limits = f"{low} … {high}"
        unit = f" ({option.unit})" if option.unit else ""
        default = "" if option.default is None else f"`{option.default}`"
        yield f"| `{option.name}` | {option.type} | {default} | {limits} | {cell(option.description)}{unit} |"


def errors() -> str:
    from api_schemas.errors import CODES

    lines = [
        "# Errors",
        "",
        "Errors are problem details (RFC 9457, `application/problem+json`) with a stable `code`, the fields at fault",
        "in `errors` (a JSON pointer or a line of the model file, what is wrong, what would be right), and a",
        "`request_id` to quote. The client raises one exception class for each code.",
        "",
        "| code | HTTP | gRPC | |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{entry.code}` | {entry.status} | {entry.grpc} | {entry.title} |" for entry in CODES.values()]
    return "\n".join(lines) + "\n"


def settings() -> str:
    from service.settings import Settings
    from workers.settings import WorkerSettings

    lines = ["# Settings", "", (Settings.__doc__ or "").strip(), "", *variables(Settings, "KANTOR")]
    lines += [
        "",
        "## Workers",
        "",
        (WorkerSettings.__doc__ or "").strip(),
        "",
        *variables(WorkerSettings, "KANTOR_WORKER"),
    ]
    return "\n".join(lines) + "\n"


def variables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    yield "| variable | default | |"
    yield "|---|---|---|"
    for name, field in model.model_fields.items():
        default = "" if field.default_factory is not None or field.default in ("", None) else f"`{field.default}`"
        yield f"| `{prefix}_{name.upper()}` | {default} | {cell(' '.join((field.description or '').split()))} |"


def rest() -> str:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    lines = [
        "# REST",
        "",
        "Made from the OpenAPI document that the server gives at `/openapi.json`. Every call but `/health/*` wants",
        "`Authorization: Bearer kt_…`.",
    ]
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            title, words = call.get("summary", ""), call.get("description", "")
            lines += ["", f"## {method.upper()} {path}", "", f"**{title}**", "", words]
            parameters = call.get("parameters", [])
            if parameters:
                lines += ["", "| parameter | in | type | |", "|---|---|---|---|"]
                lines += [
                    f"| `{p['name']}` | {p['in']} | {kind(p.get('schema', {})).replace('](#', '](contract.md#')} "
                    f"| {cell(' '.join(p.get('description', '').split()))} |"
                    for p in parameters
                ]
            replies = ", ".join(
                f"`{status}` {reply.get('description', '')}" for status, reply in call["responses"].items()
            )
            lines += ["", f"Replies: {replies}"]
    return "\n".join(lines) + "\n"


def decisions() -> str:
    lines = ["# Decisions", "", "Short records of what was chosen and why.", ""]
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        title = path.read_text().splitlines()[0].lstrip("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"
