"""One function for each route that administrators use: keys, projects, members, usage, the audit log, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from api_schemas import ids
from api_schemas.keys import Key, KeyList, KeyRequest, KeyRotation, NewKey
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
from api_schemas.webhooks import (
    Delivery,
    DeliveryPage,
    NewWebhook,
    SecretRotation,
    Webhook,
    WebhookChange,
    WebhookList,
    WebhookRequest,
)
from kantor.errors import NotFound
from kantor.wire.retry import send
from kantor.wire.routes import M, Policy, read
from kantor.wire.steps import Call, Emit, Flow, Send
from kantor.wire.study_routes import get, make, post

_COLLECTIONS = {
    ids.KEY: ("keys", "key"),
    ids.PROJECT: ("projects", "project"),
    ids.MEMBER: ("members", "member"),
    ids.WEBHOOK: ("webhooks", "webhook"),
    ids.DELIVERY: ("deliveries", "delivery"),
}


def path(prefix: str, resource_id: str, *rest: str) -> str:
    """The address of a thing.

    Raises:
        NotFound: it is no identifier of this kind, so that there can be no such thing.
    """
    collection, what = _COLLECTIONS[prefix]
    try:
        ids.decode(prefix, resource_id)
    except ValueError:
        raise NotFound(f"there is no {what} {resource_id!r:.80}: an id is {prefix}_ and 26 letters") from None
    return "/".join(("/v1", collection, resource_id, *rest))


def _made(policy: Policy, reply: type[M], address: str, request: BaseModel | None, *, method: str = "POST") -> Flow[M]:
    """Not sent again: whether the first try was heard is not known, and a second one would make a second thing."""
    return read(reply, (yield from post(policy, address, request, method=method, again=False)))


def _look(policy: Policy, reply: type[M], address: str, *params: tuple[str, str]) -> Flow[M]:
    return read(reply, (yield from get(policy, address, *params)))


def delete(policy: Policy, prefix: str, resource_id: str) -> Flow[None]:
    yield from send(Send(Call("DELETE", path(prefix, resource_id))), max_retries=policy.max_retries)


def create_key(policy: Policy, fields: Mapping[str, Any]) -> Flow[NewKey]:
    return (yield from _made(policy, NewKey, "/v1/keys", make(KeyRequest, fields)))


def keys(policy: Policy) -> Flow[list[Key]]:
    return (yield from _look(policy, KeyList, "/v1/keys")).keys


def rotate_key(policy: Policy, key_id: str, overlap: float) -> Flow[NewKey]:
    request = make(KeyRotation, {"overlap": overlap})
    return (yield from _made(policy, NewKey, path(ids.KEY, key_id, "rotate"), request))


def organisation(policy: Policy) -> Flow[Organisation]:
    return (yield from _look(policy, Organisation, "/v1/organisation"))


def usage(policy: Policy) -> Flow[Usage]:
    return (yield from _look(policy, Usage, "/v1/usage"))


def audit(policy: Policy, whole: bool, limit: int | None) -> Flow[None]:
    """Emits entries, newest first."""
    left, token = limit, ""
    while left is None or left > 0:
        params = [("page_size", str(200 if left is None else min(200, left)))]
        params += [("organisation", "true")] if whole else []
        params += [("page_token", token)] if token else []
        page = yield from _look(policy, AuditPage, "/v1/audit", *params)
        for entry in page.entries:
            yield Emit(entry)
        left = None if left is None else left - len(page.entries)
        token = page.next_page_token
        if not token:
            return


def projects(policy: Policy) -> Flow[list[Project]]:
    return (yield from _look(policy, ProjectList, "/v1/projects")).projects


def create_project(policy: Policy, name: str) -> Flow[Project]:
    return (yield from _made(policy, Project, "/v1/projects", make(ProjectRequest, {"name": name})))


def archive_project(policy: Policy, project_id: str) -> Flow[Project]:
    call = Call("DELETE", path(ids.PROJECT, project_id))
    return read(Project, (yield from send(Send(call), max_retries=policy.max_retries)))


def members(policy: Policy) -> Flow[list[Member]]:
    return (yield from _look(policy, MemberList, "/v1/members")).members


def member(policy: Policy, member_id: str) -> Flow[Member]:
    return (yield from _look(policy, Member, path(ids.MEMBER, member_id)))


def add_member(policy: Policy, fields: Mapping[str, Any]) -> Flow[Member]:
    return (yield from _made(policy, Member, "/v1/members", make(MemberRequest, fields)))


def change_member(policy: Policy, member_id: str, fields: Mapping[str, Any]) -> Flow[Member]:
    request = make(MemberChange, fields)
    return (yield from _made(policy, Member, path(ids.MEMBER, member_id), request, method="PATCH"))


def create_webhook(policy: Policy, fields: Mapping[str, Any]) -> Flow[NewWebhook]:
    return (yield from _made(policy, NewWebhook, "/v1/webhooks", make(WebhookRequest, fields)))


def webhooks(policy: Policy) -> Flow[list[Webhook]]:
    return (yield from _look(policy, WebhookList, "/v1/webhooks")).webhooks


def webhook(policy: Policy, webhook_id: str) -> Flow[Webhook]:
    return (yield from _look(policy, Webhook, path(ids.WEBHOOK, webhook_id)))


def change_webhook(policy: Policy, webhook_id: str, fields: Mapping[str, Any]) -> Flow[Webhook]:
    request = make(WebhookChange, fields)
    return (yield from _made(policy, Webhook, path(ids.WEBHOOK, webhook_id), request, method="PATCH"))


def rotate_webhook(policy: Policy, webhook_id: str, overlap: float) -> Flow[NewWebhook]:
    request = make(SecretRotation, {"overlap": overlap})
    return (yield from _made(policy, NewWebhook, path(ids.WEBHOOK, webhook_id, "rotate"), request))


def test_webhook(policy: Policy, webhook_id: str) -> Flow[Delivery]:
    return (yield from _made(policy, Delivery, path(ids.WEBHOOK, webhook_id, "test"), None))


def deliveries(policy: Policy, webhook_id: str, limit: int) -> Flow[list[Delivery]]:
    address = path(ids.WEBHOOK, webhook_id, "deliveries")
    return (yield from _look(policy, DeliveryPage, address, ("limit", str(limit)))).deliveries


def replay(policy: Policy, webhook_id: str, delivery_id: str) -> Flow[Delivery]:
    path(ids.DELIVERY, delivery_id)
    address = path(ids.WEBHOOK, webhook_id, "deliveries", delivery_id, "replay")
    return (yield from _made(policy, Delivery, address, None))
