"""What administrators do: keys, projects, members, usage, the audit log, webhooks. Always by REST."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from api_schemas import ids
from kantor.wire import admin_routes as routes

if TYPE_CHECKING:
    from api_schemas.keys import Key, NewKey
    from api_schemas.tenants import AuditEntry, Member, Organisation, Project, ProjectRole, Role, Usage
    from api_schemas.webhooks import Delivery, EventType, NewWebhook, Webhook
    from kantor.client import Client

Scope = Literal["read", "write", "admin", "owner"]
DAY = 86400.0


class _Part:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._policy = client._policy
        self._run = client._run


class Keys(_Part):
    """API keys of the project: ``client.keys``. Needs the scope "admin"."""

    def create(
        self,
        name: str,
        scopes: Sequence[Scope] = ("read", "write"),
        *,
        expires_in: float | None = None,
        member: str | None = None,
        project: str | None = None,
    ) -> NewKey:
        """A new key; its ``secret`` is shown this once.

        Args:
            expires_in: seconds; None: until revoked.
            member: whose key it is: it does no more than their role, and goes with them. None: a machine's.
            project: another one of the organisation (needs the scope "owner").
        """
        fields = {"name": name, "scopes": [*scopes], "expires_in": expires_in, "member": member, "project": project}
        return self._run(routes.create_key(self._policy, fields))

    def list(self) -> builtins.list[Key]:
        """All keys, without their secrets."""
        return self._run(routes.keys(self._policy))

    def rotate(self, key_id: str, *, overlap: float = DAY) -> NewKey:
        """A new key with the same rights; the old one works for ``overlap`` more seconds."""
        return self._run(routes.rotate_key(self._policy, key_id, overlap))

    def revoke(self, key_id: str) -> None:
        """From now on the key opens nothing."""
        self._run(routes.delete(self._policy, ids.KEY, key_id))


class Webhooks(_Part):
    """Who is told when jobs end: ``client.webhooks``. Needs the scope "admin"."""

    def create(self, url: str, events: Sequence[EventType] | None = None) -> NewWebhook:
        """A new webhook; its ``secret``, for ``kantor.webhooks.unwrap``, is shown this once.

        Args:
            events: "job.succeeded", "job.failed", "job.cancelled", "job.expired"; by default all.
        """
        fields = {"url": url, "events": None if events is None else [*events]}
        return self._run(routes.create_webhook(self._policy, fields))

    def list(self) -> builtins.list[Webhook]:
        """Newest first."""
        return self._run(routes.webhooks(self._policy))

    def get(self, webhook_id: str) -> Webhook:
        """One webhook."""
        return self._run(routes.webhook(self._policy, webhook_id))

    def update(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[EventType] | None = None,
        active: bool | None = None,
    ) -> Webhook:
        """Change its address or events, or switch it off or on; what is None stays."""
        fields = {"url": url, "events": None if events is None else [*events], "active": active}
        return self._run(routes.change_webhook(self._policy, webhook_id, fields))

    def delete(self, webhook_id: str) -> None:
        """With its deliveries."""
        self._run(routes.delete(self._policy, ids.WEBHOOK, webhook_id))

    def rotate(self, webhook_id: str, *, overlap: float = DAY) -> NewWebhook:
        """A new secret; for ``overlap`` more seconds deliveries are signed with both."""
        return self._run(routes.rotate_webhook(self._policy, webhook_id, overlap))

    def test(self, webhook_id: str) -> Delivery:
        """Send an event of type "webhook.test"."""
        return self._run(routes.test_webhook(self._policy, webhook_id))

    def deliveries(self, webhook_id: str, *, limit: int = 50) -> builtins.list[Delivery]:
        """What was delivered and what is tried again, newest first."""
        return self._run(routes.deliveries(self._policy, webhook_id, limit))

    def replay(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Deliver once more, under the same id."""
        return self._run(routes.replay(self._policy, webhook_id, delivery_id))


class Projects(_Part):
    """Projects of the organisation: ``client.organisation.projects``. Needs the scope "owner"."""

    def create(self, name: str) -> Project:
        """A new project; ``client.keys.create(..., project=project.id)`` makes its first key.

        Raises:
            Conflict: the name is taken.
        """
        return self._run(routes.create_project(self._policy, name))

    def list(self) -> builtins.list[Project]:
        """Oldest first."""
        return self._run(routes.projects(self._policy))

    def archive(self, project_id: str) -> Project:
        """Its keys open nothing any more; its jobs run to their end."""
        return self._run(routes.archive_project(self._policy, project_id))


class Members(_Part):
    """People of the organisation: ``client.organisation.members``. Needs the scope "owner"."""

    def add(
        self,
        email: str,
        *,
        name: str = "",
        role: Role | None = None,
        project_roles: Mapping[str, ProjectRole] | None = None,
    ) -> Member:
        """A new member; ``client.keys.create(..., member=member.id)`` makes a key for them.

        Args:
            role: in every project: "viewer", "editor", "admin" or "owner"; None: only where ``project_roles`` says.
            project_roles: role by id of a project.
        """
        fields = {"email": email, "name": name, "role": role, "project_roles": dict(project_roles or {})}
        return self._run(routes.add_member(self._policy, fields))

    def list(self) -> builtins.list[Member]:
        """With their roles."""
        return self._run(routes.members(self._policy))

    def get(self, member_id: str) -> Member:
        """One member."""
        return self._run(routes.member(self._policy, member_id))

    def update(
        self,
        member_id: str,
        *,
        name: str | None = None,
        role: Role | Literal["none"] | None = None,
        project_roles: Mapping[str, ProjectRole] | None = None,
    ) -> Member:
        """Change a name or roles; what is None stays. Role "none": only where ``project_roles`` says."""
        roles = None if project_roles is None else dict(project_roles)
        fields = {"name": name, "role": role, "project_roles": roles}
        return self._run(routes.change_member(self._policy, member_id, fields))

    def remove(self, member_id: str) -> None:
        """With their keys."""
        self._run(routes.delete(self._policy, ids.MEMBER, member_id))


class OrganisationPart(_Part):
    """The organisation that the key's project belongs to: ``client.organisation``.

    Attributes:
        projects: its projects.
        members: its people.
    """

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.projects = Projects(client)
        self.members = Members(client)

    def get(self) -> Organisation:
        """Its name."""
        return self._run(routes.organisation(self._policy))

    def usage(self) -> Usage:
        """What the key's project uses now and has used this month, beside its quotas."""
        return self._run(routes.usage(self._policy))

    def audit(self, *, everywhere: bool = False, limit: int | None = None) -> Iterator[AuditEntry]:
        """Who did what in the key's project, newest first. Needs the scope "admin".

        Args:
            everywhere: in all projects of the organisation (needs the scope "owner").
        """
        yield from self._client._iterate(routes.audit(self._policy, everywhere, limit))
