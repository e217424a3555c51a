"""Tenants: organisations with projects and members, roles, usage, the audit log."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from api_schemas.base import Line, Model, Name, Reply, Time

Role = Literal["viewer", "editor", "admin", "owner"]
"""viewer: sees jobs. editor: submits, cancels, deletes too. admin: manages the project's keys and webhooks too. owner:
manages projects and members of the organisation too."""
ProjectRole = Literal["viewer", "editor", "admin"]

ROLE_SCOPES: dict[str, tuple[str, ...]] = {
    "viewer": ("read",),
    "editor": ("read", "write"),
    "admin": ("read", "write", "admin"),
    "owner": ("read", "write", "admin", "owner"),
}
"""What a key of a member with this role may do at most."""

Email = Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]
ProjectId = Annotated[str, Field(pattern=r"^prj_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
MemberId = Annotated[str, Field(pattern=r"^mem_[0-7][0-9a-hjkmnp-tv-z]{25}$")]


class Organisation(Reply):
    """Who owns projects."""

    id: str
    name: str
    created_at: Time


class ProjectRequest(Model):
    """A new project of the organisation."""

    name: Name


class Project(Reply):
    """A tenant: jobs, artifacts, keys and webhooks belong to one project, and no other sees them."""

    id: str
    name: str
    created_at: Time
    archived_at: Time | None = None
    """From then on its keys open nothing."""


class ProjectList(Reply):
    projects: list[Project]


class MemberRequest(Model):
    """A new member of the organisation."""

    email: Email
    name: Line = ""
    role: Role | None = None
    """In every project; None: only where ``project_roles`` says."""
    project_roles: Annotated[dict[ProjectId, ProjectRole], Field(max_length=1000)] = {}


class MemberChange(Model):
    """What is left out stays."""

    name: Line | None = None
    role: Role | Literal["none"] | None = None
    """"none": only where ``project_roles`` says."""
    project_roles: Annotated[dict[ProjectId, ProjectRole], Field(max_length=1000)] | None = None
    """All of them, anew."""


class Member(Reply):
    """A person with keys."""

    id: str
    email: str
    name: str
    role: Role | None = None
    project_roles: dict[str, ProjectRole] = {}
    created_at: Time


class MemberList(Reply):
    members: list[Member]


class Usage(Reply):
    """What the project uses now and has used this month, beside its quotas (null: none)."""

    month: date
    """Its first day (UTC)."""
    running: int
    queued: int
    solver_seconds: float
    """Workers' time for jobs that ended this month."""
    bytes: int
    """Of artifacts."""
    max_running: int | None = None
    max_queued: int | None = None
    max_solver_seconds: float | None = None
    max_bytes: int | None = None
    max_requests: int | None = None
    """In a minute."""


class AuditEntry(Reply):
    """Something that someone did."""

    id: str
    at: Time
    project: str | None = None
    key: str | None = None
    """The key that was used."""
    member: str | None = None
    """Whose key it is."""
    action: str
    """The name of the operation, as in OpenAPI."""
    target: str = ""
    request_id: str = ""
    data: dict[str, Any] = {}


class AuditPage(Reply):
    """Newest first."""

    entries: list[AuditEntry]
    next_page_token: str = ""
