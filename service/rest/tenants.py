"""The organisation, its projects and members, what the project has used, and the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api_schemas import ids
from api_schemas.errors import KantorError
from api_schemas.tenants import (
    AuditPage,
    Member,
    MemberChange,
    MemberList,
    MemberRequest,
    Organisation,
    Project,
    ProjectList,
    ProjectRequest,
    Usage,
)
from service.rest import bodies, parsing, views
from service.rest import state as states
from service.rest.access import Admin, MemberId, Owner, ProjectId, Reader, actor
from service.rest.examples import MEMBER_CHANGES, MEMBER_REQUESTS, PROJECT_REQUESTS
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.tenants import audit, organisations, usage

router = APIRouter(prefix="/v1", tags=["tenants"], route_class=Route)

_LIMIT = 1 << 18
_BODY = ("malformed-json", "invalid-request", "too-large", "unsupported-media-type")


@router.get(
    "/organisation",
    operation_id="organisation_get",
    response_model=None,
    responses={200: ok("The key's organisation.", Organisation), **documented(*ALWAYS, "invalid-request")},
)
async def organisation(request: Request, principal: Reader) -> Response:
    """The organisation that the project of the key belongs to."""
    found = await states.of(request).database(organisations.get, principal.organisation_id)
    return views.json_response(found.model_dump_json().encode())


@router.get(
    "/usage",
    operation_id="usage_get",
    response_model=None,
    responses={200: ok("Usage and quotas of the project.", Usage), **documented(*ALWAYS, "invalid-request")},
)
async def used(request: Request, principal: Reader) -> Response:
    """What the project uses now and has used this month, beside its quotas."""
    state = states.of(request)
    found = await state.database(usage.of_project, principal.project_id, state.settings.requests_per_minute)
    return views.json_response(found.model_dump_json().encode())


@router.get(
    "/audit",
    operation_id="audit_list",
    response_model=None,
    responses={
        200: ok("A page of the log, newest first.", AuditPage),
        **documented(*ALWAYS, "invalid-request", "invalid-page-token"),
    },
)
async def log(
    request: Request,
    principal: Admin,
    organisation: Annotated[bool, Query(description="Of all projects; for keys with the scope `owner`.")] = False,
    page_size: Annotated[int, Query(ge=1, description="At most 1000 are sent.")] = 50,
    page_token: Annotated[str, Query(max_length=200, description="`next_page_token` of the page before.")] = "",
) -> Response:
    """Who did what in the project: keys, members, projects, webhooks, and jobs that were cancelled or deleted."""
    if organisation:
        principal.require("owner")
    entries, token = await states.of(request).database(
        audit.entries,
        principal,
        whole_organisation=organisation,
        page_size=min(page_size, 1000),
        page_token=page_token,
    )
    return views.json_response(AuditPage(entries=entries, next_page_token=token).model_dump_json().encode())


@router.get(
    "/projects",
    operation_id="projects_list",
    response_model=None,
    responses={200: ok("Projects, oldest first.", ProjectList), **documented(*ALWAYS, "invalid-request")},
)
async def list_projects(request: Request, principal: Owner) -> Response:
    """The organisation's projects."""
    found = await states.of(request).database(organisations.projects, principal.organisation_id)
    return views.json_response(ProjectList(projects=found).model_dump_json().encode())


@router.post(
    "/projects",
    operation_id="projects_create",
    status_code=201,
    response_model=None,
    responses={201: ok("The project.", Project), **documented(*ALWAYS, "conflict", *_BODY)},
    openapi_extra=body("ProjectRequest", PROJECT_REQUESTS),
)
async def create_project(request: Request, principal: Owner) -> Response:
    """Make a project. `POST /v1/keys` with `project` makes its first key."""
    wanted = parsing.parse(ProjectRequest, await bodies.read_json(request, _LIMIT))
    project = await states.of(request).database(
        audit.done,
        actor(request, principal),
        "projects_create",
        wanted.name,
        organisations.create_project,
        principal.organisation_id,
        wanted.name,
    )
    return views.json_response(project.model_dump_json().encode(), 201)


@router.delete(
    "/projects/{project_id}",
    operation_id="projects_archive",
    response_model=None,
    responses={
        200: ok("The project, archived.", Project),
        **documented(*ALWAYS, "not-found", "conflict", "invalid-request"),
    },
)
async def archive_project(request: Request, principal: Owner, project_id: ProjectId) -> Response:
    """Archive a project: its keys open nothing any more. Its jobs run to their end. A key cannot archive its own."""
    if project_id == principal.project_id:
        raise KantorError("conflict", "This key belongs to the project itself: archive it with a key of another one.")
    project = await states.of(request).database(
        audit.done,
        actor(request, principal),
        "projects_archive",
        ids.encode(ids.PROJECT, project_id),
        organisations.archive_project,
        principal.organisation_id,
        project_id,
    )
    return views.json_response(project.model_dump_json().encode())


@router.get(
    "/members",
    operation_id="members_list",
    response_model=None,
    responses={200: ok("Members.", MemberList), **documented(*ALWAYS, "invalid-request")},
)
async def list_members(request: Request, principal: Owner) -> Response:
    """The organisation's members and their roles."""
    found = await states.of(request).database(organisations.members, principal.organisation_id)
    return views.json_response(MemberList(members=found).model_dump_json().encode())


@router.post(
    "/members",
    operation_id="members_create",
    status_code=201,
    response_model=None,
    responses={201: ok("The member.", Member), **documented(*ALWAYS, "conflict", "not-found", *_BODY)},
    openapi_extra=body("MemberRequest", MEMBER_REQUESTS),
)
async def add_member(request: Request, principal: Owner) -> Response:
    """Add a member. `POST /v1/keys` with `member` makes a key for them."""
    wanted = parsing.parse(MemberRequest, await bodies.read_json(request, _LIMIT))
    member = await states.of(request).database(
        audit.done,
        actor(request, principal),
        "members_create",
        wanted.email,
        organisations.add_member,
        principal.organisation_id,
        email=wanted.email,
        name=wanted.name,
        role=wanted.role,
        project_roles=wanted.project_roles,
    )
    return views.json_response(member.model_dump_json().encode(), 201)


@router.get(
    "/members/{member_id}",
    operation_id="members_get",
    response_model=None,
    responses={200: ok("The member.", Member), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def get_member(request: Request, principal: Owner, member_id: MemberId) -> Response:
    """One member."""
    found = await states.of(request).database(organisations.member, principal.organisation_id, member_id)
    return views.json_response(found.model_dump_json().encode())


@router.patch(
    "/members/{member_id}",
    operation_id="members_update",
    response_model=None,
    responses={200: ok("The member.", Member), **documented(*ALWAYS, "not-found", "conflict", *_BODY)},
    openapi_extra=body("MemberChange", MEMBER_CHANGES),
)
async def change_member(request: Request, principal: Owner, member_id: MemberId) -> Response:
    """Change a member's name or roles. Their keys follow at once here, within seconds elsewhere."""
    wanted = parsing.parse(MemberChange, await bodies.read_json(request, _LIMIT))
    member = await states.of(request).database(
        audit.done,
        actor(request, principal),
        "members_update",
        ids.encode(ids.MEMBER, member_id),
        organisations.change_member,
        principal.organisation_id,
        member_id,
        name=wanted.name,
        role=wanted.role,
        project_roles=wanted.project_roles,
    )
    return views.json_response(member.model_dump_json().encode())


@router.delete(
    "/members/{member_id}",
    operation_id="members_delete",
    status_code=204,
    response_model=None,
    responses={
        204: {"description": "Removed."},
        **documented(*ALWAYS, "not-found", "conflict", "invalid-request"),
    },
)
async def remove_member(request: Request, principal: Owner, member_id: MemberId) -> Response:
    """Remove a member and their keys."""
    await states.of(request).database(
        audit.done,
        actor(request, principal),
        "members_delete",
        ids.encode(ids.MEMBER, member_id),
        organisations.remove_member,
        principal.organisation_id,
        member_id,
    )
    return Response(status_code=204)
