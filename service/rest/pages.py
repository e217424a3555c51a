"""Two pages for people, without scripts and without anything from elsewhere: what this is, and all addresses."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api_schemas import VERSION

router = APIRouter(include_in_schema=False)
home = APIRouter(include_in_schema=False)

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font: 14px/1.4 ui-monospace, monospace }
pre { overflow-x: auto; padding: .5rem 1rem; border-left: 3px solid }
dt { margin-top: 1rem } dd { margin-left: 1rem }
table { border-collapse: collapse } td { padding: 0 1rem 0 0; vertical-align: top }
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
    "Cache-Control": "no-cache",
}


@home.get("/")
async def index() -> HTMLResponse:
    """What this is."""
    return _page(
        "Kantor",
        f"""<p>Optimization as a service, version {escape(VERSION)}. Send a linear, integer, quadratic or conic program;
a worker solves it; the answer comes with a certificate that Kantor checked itself.</p>
<pre>curl -H "Authorization: Bearer $KANTOR_API_KEY" -H "Content-Type: application/json" -H "Prefer: wait=10" \\
     -d '{{"problem": {{"objective": [1, 2], "lower": [3, 4]}}}}' http://…/v1/jobs</pre>
<p>The dashboard is not built here. In a checkout: <code>make dashboard</code> (it needs Node, or fetches one as a
wheel), then start Kantor again. Everything else works without it.</p>
<ul><li><a href="/docs">Addresses</a> (<a href="/openapi.json">as OpenAPI</a>)</li>
<li><a href="/health/ready">Is it ready?</a></li></ul>""",
    )


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """All addresses, made of the OpenAPI."""
    app: FastAPI = request.app
    if not hasattr(app.state, "docs_page"):
        app.state.docs_page = _page("Kantor: addresses", _addresses(app.openapi()))
    page: HTMLResponse = app.state.docs_page
    return page


def _page(title: str, content: str) -> HTMLResponse:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{content}</body></html>",
        headers=_HEADERS,
    )


def _addresses(schema: dict[str, Any]) -> str:
    parts = [f'<p>{escape(schema["info"]["description"])}</p><p><a href="/openapi.json">OpenAPI</a></p>']
    for tag in schema["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p><dl>")
        for path, operations in schema["paths"].items():
            parts += [_operation(method, path, o) for method, o in operations.items() if tag["name"] in o["tags"]]
        parts.append("</dl>")
    return "".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        _row(f"<code>{escape(p['name'])}</code>", escape(p["in"]), escape(p.get("description", "")))
        for p in operation.get("parameters", [])
    )
    replies = "".join(
        _row(escape(status), escape(reply["description"])) for status, reply in operation["responses"].items()
    )
    return (
        f"<dt><code><b>{escape(method.upper())}</b> {escape(path)}</code></dt>"
        f"<dd>{escape(operation.get('description', operation['summary']))}"
        f"<details><summary>{escape(operation['operationId'])}</summary><table>{parameters}</table><table>{replies}</table>"
        f"{_examples(operation)}</details></dd>"
    )


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _examples(operation: dict[str, Any]) -> str:
    import orjson

    contents = operation.get("requestBody", {}).get("content", {}).values()
    return "".join(
        f"<p>{escape(example['summary'])}</p><pre>"
        f"{escape(orjson.dumps(example['value'], option=orjson.OPT_INDENT_2).decode())}</pre>"
        for content in contents
        for example in content.get("examples", {}).values()
    )
