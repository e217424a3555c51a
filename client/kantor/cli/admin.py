"""``kantor admin``: what owners and administrators of an organisation do."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from kantor.cli import output
from kantor.cli.session import Json, session

app = typer.Typer(help="Projects, members, usage, the audit log.", no_args_is_help=True)
projects = typer.Typer(help="Projects of the organisation (scope owner).", no_args_is_help=True)
members = typer.Typer(help="People of the organisation (scope owner).", no_args_is_help=True)
app.add_typer(projects, name="projects")
app.add_typer(members, name="members")


class Role(StrEnum):
    """See; submit and cancel; manage keys and webhooks; manage projects and members."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OWNER = "owner"


@app.command()
def usage(json: Json = False) -> None:
    """What the project uses now and has used this month, beside its quotas."""
    with session() as client:
        found = client.organisation.usage()
    if json:
        output.print_json(found)
        return
    table = output.table("what", "used", "quota")
    for what, used, most in (
        ("running jobs", found.running, found.max_running),
        ("queued jobs", found.queued, found.max_queued),
        (f"solver seconds since {found.month}", round(found.solver_seconds, 1), found.max_solver_seconds),
        ("bytes of artifacts", found.bytes, found.max_bytes),
        ("requests in a minute", "", found.max_requests),
    ):
        table.add_row(what, f"{used:,}" if used != "" else "", "none" if most is None else f"{most:,}")
    output.show(table)


@app.command()
def audit(
    everywhere: Annotated[bool, typer.Option("--everywhere", help="All projects (scope owner).")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many entries.")] = 50,
    json: Json = False,
) -> None:
    """Who did what, newest first (scope admin)."""
    from rich.text import Text

    with session() as client:
        found = list(client.organisation.audit(everywhere=everywhere, limit=limit))
    if json:
        output.print_json(found)
        return
    table = output.table("when", "action", "target", "key", "member", "request")
    for entry in found:
        names = (entry.action, entry.target, entry.key or "", entry.member or "", entry.request_id)
        table.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S}", *map(Text, names))
    output.show(table)


@projects.command("list")
def list_projects(json: Json = False) -> None:
    """All projects, oldest first."""
    from rich.text import Text

    with session() as client:
        found = client.organisation.projects.list()
    if json:
        output.print_json(found)
        return
    table = output.table("id", "name", "created", "state")
    for project in found:
        state = "archived" if project.archived_at else "active"
        table.add_row(Text(project.id, no_wrap=True), Text(project.name), output.ago(project.created_at), state)
    output.show(table)


@projects.command("create")
def create_project(name: Annotated[str, typer.Argument(help="Its name.")], json: Json = False) -> None:
    """Make a project and print its id. `kantor keys create --project ID` makes its first key."""
    with session() as client:
        made = client.organisation.projects.create(name)
    output.print_json(made) if json else typer.echo(made.id)


@projects.command("archive")
def archive_project(
    project_id: Annotated[str, typer.Argument(metavar="ID", help="The project's id.")], json: Json = False
) -> None:
    """Its keys open nothing any more; its jobs run to their end."""
    with session() as client:
        made = client.organisation.projects.archive(project_id)
    output.print_json(made) if json else output.say(f"{made.name!r} is archived.")


@members.command("list")
def list_members(json: Json = False) -> None:
    """All members with their roles."""
    from rich.text import Text

    with session() as client:
        found = client.organisation.members.list()
    if json:
        output.print_json(found)
        return
    table = output.table("id", "email", "name", "role", "in projects")
    for member in found:
        some = ", ".join(f"{role} of {project}" for project, role in member.project_roles.items())
        row = (Text(member.email), Text(member.name), member.role or "", some)
        table.add_row(Text(member.id, no_wrap=True), *row)
    output.show(table)


@members.command("add")
def add_member(
    email: Annotated[str, typer.Argument(help="By which they are known.")],
    role: Annotated[Role | None, typer.Option("--role", help="In every project.")] = None,
    name: Annotated[str, typer.Option("--name")] = "",
    json: Json = False,
) -> None:
    """Add a member and print their id. `kantor keys create --member ID` makes a key for them."""
    with session() as client:
        made = client.organisation.members.add(email, name=name, role=role.value if role else None)
    output.print_json(made) if json else typer.echo(made.id)


@members.command("role")
def change_role(
    member_id: Annotated[str, typer.Argument(metavar="ID", help="The member's id.")],
    role: Annotated[Role, typer.Argument(help="In every project.")],
    json: Json = False,
) -> None:
    """Give a member another role; their keys follow within seconds."""
    with session() as client:
        made = client.organisation.members.update(member_id, role=role.value)
    output.print_json(made) if json else output.say(f"{made.email} is {made.role} now.")


@members.command("remove")
def remove_member(
    member_id: Annotated[str, typer.Argument(metavar="ID", help="The member's id.")], json: Json = False
) -> None:
    """Remove a member and their keys."""
    with session() as client:
        client.organisation.members.remove(member_id)
    output.print_json({"removed": member_id}) if json else output.say(f"{member_id} and their keys are gone.")
