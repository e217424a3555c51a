"""API keys: made, known, forgotten."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from api_schemas.errors import KantorError
from api_schemas.ids import KEY, decode
from api_schemas.keys import well_formed
from service import keys
from service.settings import Settings, SettingsError
from service.store.connect import Database


@pytest.fixture
def careful(settings: Settings) -> Settings:
    """Settings of a process that remembers no key."""
    return settings.model_copy(update={"key_cache_seconds": 0.0})


def test_a_new_key_opens_its_project_with_its_scopes(conn: Database, project: UUID, settings: Settings) -> None:
    made = keys.create(conn, project, name="ci", scopes=["write", "read", "read"], settings=settings)

    principal = keys.authenticate(conn, made.secret, settings)

    assert well_formed(made.secret)
    assert made.secret.endswith(made.last4)
    assert principal == keys.Principal(project, decode(KEY, made.id), frozenset({"read", "write"}))


def test_the_secret_is_stored_nowhere(conn: Database, project: UUID, settings: Settings) -> None:
    made = keys.create(conn, project, name="ci", settings=settings)

    row = conn.execute("SELECT api_key::text FROM api_key WHERE project_id = %s", (project,)).fetchone()

    assert row is not None
    assert made.secret not in row[0]
    assert made.secret[3:20] not in row[0]
    assert "secret" not in keys.list_keys(conn, project)[0].model_dump()


def test_another_pepper_knows_no_key(conn: Database, project: UUID, settings: Settings) -> None:
    made = keys.create(conn, project, name="ci", settings=settings)

    with pytest.raises(KantorError):
        keys.authenticate(conn, made.secret, settings.model_copy(update={"api_key_pepper": "another pepper here"}))


def test_a_key_moves_to_a_new_pepper_when_it_is_used(conn: Database, project: UUID, careful: Settings) -> None:
    made = keys.create(conn, project, name="ci", settings=careful)
    unused = keys.create(conn, project, name="forgotten", settings=careful)
    new = careful.model_copy(update={"api_key_pepper": "a new pepper of the test"})
    moving = new.model_copy(update={"api_key_pepper_before": careful.api_key_pepper})

    assert keys.authenticate(conn, made.secret, moving).project_id == project
    assert keys.authenticate(conn, made.secret, new).project_id == project
    for settings, secret in ((careful, made.secret), (new, unused.secret)):
        with pytest.raises(KantorError):
            keys.authenticate(conn, secret, settings)
    assert careful.api_key_pepper not in repr(moving)


@pytest.mark.parametrize("secret", ["", "kt_", "kt_" + "a" * 43, "Bearer x", "kt_" + "é" * 43, "x" * 100_000])
def test_a_malformed_secret_is_refused_without_asking_the_database(settings: Settings, secret: str) -> None:
    with pytest.raises(KantorError) as caught:
        keys.authenticate(None, secret, settings)  # type: ignore[arg-type]

    assert caught.value.code == "unauthenticated"


def test_a_revoked_key_is_refused_at_once_by_this_process(conn: Database, project: UUID, settings: Settings) -> None:
    made = keys.create(conn, project, name="ci", settings=settings)
    keys.authenticate(conn, made.secret, settings)

    first, second = (keys.revoke(conn, project, decode(KEY, made.id)) for _ in range(2))

    assert first == second
    assert first.revoked_at is not None
    with pytest.raises(KantorError):
        keys.authenticate(conn, made.secret, settings)


def test_another_process_learns_of_a_revocation_when_its_memory_ends(
    conn: Database, project: UUID, settings: Settings
) -> None:
    brief = settings.model_copy(update={"key_cache_seconds": 0.2})
    made = keys.create(conn, project, name="ci", settings=settings)
    keys.authenticate(conn, made.secret, brief)
    conn.execute("UPDATE api_key SET revoked_at = now() WHERE id = %s", (decode(KEY, made.id),))

    assert keys.recall(made.secret, brief) is not None
    conn.execute("SELECT pg_sleep(0.25)")
    assert keys.recall(made.secret, brief) is None
    with pytest.raises(KantorError):
        keys.authenticate(conn, made.secret, brief)


def test_a_key_ends_when_its_time_is_over_even_if_remembered(conn: Database, project: UUID, settings: Settings) -> None:
    made = keys.create(conn, project, name="ci", expires_in=0.3, settings=settings)
    keys.authenticate(conn, made.secret, settings)

    conn.execute("SELECT pg_sleep(0.35)")

    with pytest.raises(KantorError):
        keys.authenticate(conn, made.secret, settings)


def test_the_time_of_use_is_noted_at_most_once_a_minute(conn: Database, project: UUID, careful: Settings) -> None:
    made = keys.create(conn, project, name="ci", settings=careful)
    assert keys.list_keys(conn, project)[0].last_used_at is None
    keys.authenticate(conn, made.secret, careful)
    first = keys.list_keys(conn, project)[0].last_used_at
    keys.authenticate(conn, made.secret, careful)

    assert first is not None
    assert keys.list_keys(conn, project)[0].last_used_at == first
    conn.execute("UPDATE api_key SET last_used_at = now() - interval '61 s' WHERE project_id = %s", (project,))
    keys.authenticate(conn, made.secret, careful)
    latest = keys.list_keys(conn, project)[0].last_used_at
    assert latest is not None
    assert latest - first < timedelta(seconds=30)


def test_a_missing_scope_is_named(project: UUID) -> None:
    principal = keys.Principal(project, project, frozenset({"read"}))
    principal.require("read")

    with pytest.raises(KantorError, match="'write'") as caught:
        principal.require("write")

    assert caught.value.code == "forbidden"


def test_without_a_pepper_nothing_is_hashed(conn: Database, project: UUID) -> None:
    with pytest.raises(SettingsError, match="KANTOR_API_KEY_PEPPER"):
        keys.create(conn, project, name="ci", settings=Settings.load({}))
