"""Pages of what a project has by name: studies, schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from api_schemas.base import Line
from service.keys import Principal
from service.rest import views
from service.rest.state import State
from service.rest.study_views import dumps

MOST = 200

ExactName = Annotated[Line | None, Query(description="Exactly this name.")]
PageSize = Annotated[int, Query(ge=1, description=f"At most {MOST} are sent.")]
PageToken = Annotated[str, Query(max_length=200, description="`next_page_token` of the page before.")]


async def page(
    api: State,
    principal: Principal,
    rule: Callable[..., tuple[list[Any], str]],
    key: str,
    view: Callable[[Any], dict[str, Any]],
    /,
    *,
    page_size: int,
    page_token: str,
    **filters: Any,
) -> Response:
    """The reply of a list route.

    Args:
        rule: ``list_page`` of the rules.
        key: under which the items are sent.
        view: an item as JSON.
    """
    size = min(page_size, MOST)
    found, token = await api.database(
        rule, principal.project_id, page_size=size, page_token=page_token, settings=api.settings, **filters
    )
    return views.json_response(dumps({key: [view(item) for item in found], "next_page_token": token}))
