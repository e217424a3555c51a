"""Routes that refuse unknown query parameters, and what the application knows of its own addresses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from api_schemas.errors import FieldError, KantorError
from service.rest.field_errors import near


class Route(APIRoute):
    """A route that refuses query parameters it does not know: a misspelt filter would else show everything.

    An endpoint that takes nothing but the request is called without the framework's resolving of dependencies, which
    costs more processor time than anything else in a quick reply.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        if list(inspect.signature(self.endpoint).parameters) == ["request"] and not self.dependencies:
            handler = self.endpoint
        known = sorted(parameter.alias for parameter in self.dependant.query_params)
        known += [p["name"] for p in (self.openapi_extra or {}).get("parameters", []) if p["in"] == "query"]

        async def checked(request: Request) -> Response:
            if request.scope["query_string"]:
                errors = [
                    FieldError(pointer=name[:80], detail="is no parameter of this address", hint=near(name, known))
                    for name in request.query_params
                    if name not in known
                ]
                if errors:
                    first = errors[0]
                    raise KantorError("invalid-request", f"{first.pointer}: {first.detail}", errors=errors[:20])
            return await handler(request)

        return checked


def routes(app: FastAPI) -> list[APIRoute]:
    """All routes with their full addresses."""
    return [route for route in app.router.routes if isinstance(route, APIRoute)]


def paths(app: FastAPI) -> list[str]:
    """All addresses, with ``{names}``."""
    return sorted({route.path for route in routes(app)})


def methods_at(app: FastAPI, scope: Scope) -> list[str]:
    """The methods that the scope's address takes."""
    found: set[str] = set()
    for route in routes(app):
        match, _ = route.matches(dict(scope))
        if match != Match.NONE:
            found |= route.methods or set()
    if "GET" in found:
        found.add("HEAD")
    return sorted(found | {"OPTIONS"}) if found else []
