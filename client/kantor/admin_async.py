"""As ``kantor.admin``, for asyncio."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from api_schemas import ids
from kantor.admin import DAY, Scope
from kantor.wire import admin_routes as routes

if TYPE_CHECKING:
    from api_schemas.keys import Key, NewKey
    from api_schemas.tenants import AuditEntry, Member, Organisation, Project, ProjectRole, Role, Usage
    from api_schemas.webhooks import Delivery, EventType, NewWebhook, Webhook
    from kantor.aio import AsyncClient


class _Part:
    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._policy = client._policy
        self._run = client._run


class AsyncKeys(_Part):
    """As ``kantor.admin.Keys``."""

    async def create(
        self,
        name: str,
        scopes: Sequence[Scope] = ("read", "write"),
        *,
        expires_in: float | None = None,
        member: str | None = None,
        project: str | None = None,
    ) -> NewKey:
        fields = {"name": name, "scopes": [*scopes], "expires_in": expires_in, "member": member, "project": project}
        return await self._run(routes.create_key(self._policy, fields))

    async def list(self) -> builtins.list[Key]:
        return await self._run(routes.keys(self._policy))

    async def rotate(self, key_id: str, *, overlap: float = DAY) -> NewKey:
        return await self._run(routes.rotate_key(self._policy, key_id, overlap))

    async def revoke(self, key_id: str) -> None:
        await self._run(routes.delete(self._policy, ids.KEY, key_id))


class AsyncWebhooks(_Part):
    """As ``kantor.admin.Webhooks``."""

    async def create(self, url: str, events: Sequence[EventType] | None = None) -> NewWebhook:
        fields = {"url": url, "events": None if events is None else [*events]}
        return await self._run(routes.create_webhook(self._policy, fields))

    async def list(self) -> builtins.list[Webhook]:
        return await self._run(routes.webhooks(self._policy))

    async def get(self, webhook_id: str) -> Webhook:
        return await self._run(routes.webhook(self._policy, webhook_id))

    async def update(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[EventType] | None = None,
        active: bool | None = None,
    ) -> Webhook:
        fields = {"url": url, "events": None if events is None else [*events], "active": active}
        return await self._run(routes.change_webhook(self._policy, webhook_id, fields))

    async def delete(self, webhook_id: str) -> None:
        await self._run(routes.delete(self._policy, ids.WEBHOOK, webhook_id))

    async def rotate(self, webhook_id: str, *, overlap: float = DAY) -> NewWebhook:
        return await self._run(routes.rotate_webhook(self._policy, webhook_id, overlap))

    async def test(self, webhook_id: str) -> Delivery:
        return await self._run(routes.test_webhook(self._policy, webhook_id))

    async def deliveries(self, webhook_id: str, *, limit: int = 50) -> builtins.list[Delivery]:
        return await self._run(routes.deliveries(self._policy, webhook_id, limit))

    async def replay(self, webhook_id: str, delivery_id: str) -> Delivery:
        return await self._run(routes.replay(self._policy, webhook_id, delivery_id))


class AsyncProjects(_Part):
    """As ``kantor.admin.Projects``."""

    async def create(self, name: str) -> Project:
        return await self._run(routes.create_project(self._policy, name))

    async def list(self) -> builtins.list[Project]:
        return await self._run(routes.projects(self._policy))

    async def archive(self, project_id: str) -> Project:
        return await self._run(routes.archive_project(self._policy, project_id))


class AsyncMembers(_Part):
    """As ``kantor.admin.Members``."""

    async def add(
        self,
        email: str,
        *,
        name: str = "",
        role: Role | None = None,
        project_roles: Mapping[str, ProjectRole] | None = None,
    ) -> Member:
        fields = {"email": email, "name": name, "role": role, "project_roles": dict(project_roles or {})}
        return await self._run(routes.add_member(self._policy, fields))

    async def list(self) -> builtins.list[Member]:
        return await self._run(routes.members(self._policy))

    async def get(self, member_id: str) -> Member:
        return await self._run(routes.member(self._policy, member_id))

    async def update(
        self,
        member_id: str,
        *,
        name: str | None = None,
        role: Role | Literal["none"] | None = None,
        project_roles: Mapping[str, ProjectRole] | None = None,
    ) -> Member:
        roles = None if project_roles is None else dict(project_roles)
        fields = {"name": name, "role": role, "project_roles": roles}
        return await self._run(routes.change_member(self._policy, member_id, fields))

    async def remove(self, member_id: str) -> None:
        await self._run(routes.delete(self._policy, ids.MEMBER, member_id))


class AsyncOrganisationPart(_Part):
    """As ``kantor.admin.OrganisationPart``."""

    def __init__(self, client: AsyncClient) -> None:
        super().__init__(client)
        self.projects = AsyncProjects(client)
        self.members = AsyncMembers(client)

    async def get(self) -> Organisation:
        return await self._run(routes.organisation(self._policy))

    async def usage(self) -> Usage:
        return await self._run(routes.usage(self._policy))

    async def audit(self, *, everywhere: bool = False, limit: int | None = None) -> AsyncIterator[AuditEntry]:
        async for entry in self._client._iterate(routes.audit(self._policy, everywhere, limit)):
            yield entry
