"""What only the operator of the installation may do, on the database itself: ``kantor tenants``, or ``python -m
service.tenants`` where only the server is installed.

Organisations, their first owner, and quotas: a tenant cannot change them by the API.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import orjson
import psycopg

from api_schemas.errors import KantorError
from api_schemas.ids import MEMBER, PROJECT, decode, encode
from api_schemas.tenants import ROLE_SCOPES
from service import keys, projects
from service.settings import Settings, SettingsError
from service.store.connect import Database, connect
from service.tenants import organisations, usage
from service.tenants.limits import Limits

_QUOTAS = (*Limits.__slots__, "weight")


def main(
    arguments: list[str] | None = None,
    load: Callable[[], Settings] = Settings.load,
    program: str = "python -m service.tenants",
) -> int:
    """Run a command; its result is on standard output, for people or (``--json``) for programs."""
    given = _parser(program).parse_args(arguments)
    try:
        settings = load()
        with connect(settings, name="kantor-tenants") as conn:
            result = given.run(conn, given, settings)
    except psycopg.OperationalError as error:
        sys.stderr.write(f"The database of KANTOR_DATABASE_URL cannot be reached: {str(error).strip()}\n")
        return 1
    except psycopg.errors.UndefinedTable:
        sys.stderr.write("The database is empty, or of an older version; first: python -m service.store.migrate\n")
        return 1
    except (psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation, psycopg.errors.DataError) as error:
        sys.stderr.write(
            "A quota does not fit: weights are 1 to 100, running jobs 1 to 10,000, requests a minute at least 1 "
            f"({error.diag.message_primary}).\n"
        )
        return 1
    except (KantorError, SettingsError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    text = orjson.dumps(result, option=orjson.OPT_INDENT_2, default=str).decode() if given.json else _words(result)
    sys.stdout.write(text + "\n")
    return 0


def _words(result: Mapping[str, object] | Sequence[Mapping[str, object]]) -> str:
    """Lines of names and values, or a table."""
    if isinstance(result, Mapping):
        rows: list[Sequence[object]] = [(name.replace("_", " "), value) for name, value in result.items()]
    else:
        rows = (
            [[name.replace("_", " ") for name in result[0]], *(list(row.values()) for row in result)] if result else []
        )
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:,.10g}" if isinstance(value, float | int) else str(value)


def _create(conn: Database, given: argparse.Namespace, settings: Settings) -> dict[str, object]:
    """An organisation with its first project, its owner, and the owner's key. What is there already is kept; what was
    archived is opened again."""
    with conn.transaction():
        project_id = projects.ensure(conn, given.project, organisation=given.organisation)
        row = conn.execute(
            "UPDATE project SET archived_at = NULL WHERE id = %s RETURNING organisation_id", (project_id,)
        ).fetchone()
        assert row is not None
        known = {member.email.lower(): member for member in organisations.members(conn, row[0])}
        owner = known.get(given.owner.lower()) or organisations.add_member(
            conn, row[0], email=given.owner, role="owner"
        )
        key = keys.create(
            conn,
            project_id,
            name=f"{given.owner}'s first",
            scopes=ROLE_SCOPES["owner"],
            member_id=decode(MEMBER, owner.id),
            settings=settings,
        )
    return {"project": encode(PROJECT, project_id), "owner": owner.id, "api_key": key.secret}


def _list(conn: Database, _given: argparse.Namespace, _settings: Settings) -> list[dict[str, object]]:
    rows = conn.execute(
        "SELECT organisation.name, project.id, project.name, archived_at,"  # noqa: S608
        f" {', '.join(f'project.{name}' for name in _QUOTAS)}"
        " FROM project JOIN organisation ON organisation.id = organisation_id ORDER BY 1, 3"
    ).fetchall()
    names = ("organisation", "id", "project", "archived_at", *_QUOTAS)
    return [dict(zip(names, (row[0], encode(PROJECT, row[1]), *row[2:]), strict=True)) for row in rows]


def _amount(text: str) -> float | None:
    """A quota; None: there is none.

    Raises:
        argparse.ArgumentTypeError: neither a number nor "none".
    """
    if text == "none":
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 2**53:
        raise argparse.ArgumentTypeError(f"a number from 0 on, or none; not {text!r}")
    return number


def _quota(conn: Database, given: argparse.Namespace, settings: Settings) -> dict[str, object]:
    project_id = decode(PROJECT, given.project)
    for name in _QUOTAS:
        if hasattr(given, name):
            value = getattr(given, name)
            changed = conn.execute(
                f"UPDATE project SET {name} = %s WHERE id = %s RETURNING id",  # noqa: S608
                (value if value is None or name == "max_solver_seconds" else int(value), project_id),
            ).fetchone()
            if changed is None:
                raise KantorError("not-found", f"There is no project {given.project}.")
    return usage.of_project(conn, project_id, settings.requests_per_minute).model_dump(mode="json")


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = commands.add_parser("create", help="an organisation, its first project, its owner, and the owner's key")
    create.add_argument("organisation")
    create.add_argument("--project", default="default")
    create.add_argument("--owner", required=True, metavar="EMAIL")
    create.set_defaults(run=_create)
    listing = commands.add_parser("list", help="all projects")
    listing.set_defaults(run=_list)
    quota = commands.add_parser("quota", help="show or set quotas of a project: a number, or none")
    quota.add_argument("project", metavar="prj_...")
    for name in _QUOTAS:
        quota.add_argument(f"--{name.replace('_', '-')}", metavar="N", type=_amount, default=argparse.SUPPRESS)
    quota.set_defaults(run=_quota)
    for command in (create, listing, quota):
        command.add_argument("--json", action="store_true", help="print JSON, with quotas of null for none")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
