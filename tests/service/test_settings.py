"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings, SettingsError


def test_variables_are_read_and_arguments_go_first() -> None:
    settings = Settings.load({"KANTOR_LEASE_SECONDS": "12", "KANTOR_RETENTION_DAYS": "3"}, retention_days=4)

    assert (settings.lease_seconds, settings.retention_days) == (12.0, 4.0)


def test_an_empty_variable_is_an_absent_one() -> None:
    assert Settings.load({"KANTOR_LEASE_SECONDS": ""}) == Settings.load({})


@pytest.mark.parametrize(
    ("name", "value"), [("LEASE_SECONDS", "soon"), ("LEASE_SECONDS", "-1"), ("BODY_LIMIT_BYTES", "0")]
)
def test_a_value_that_does_not_fit_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"KANTOR_{name}"):
        Settings.load({f"KANTOR_{name}": value})


def test_a_child_that_gets_the_environment_has_the_same_settings(tmp_path: Path) -> None:
    settings = Settings.load({}, home=tmp_path, redis_url="unix:///x y.sock", api_key_pepper="p" * 20, lease_seconds=7)

    assert Settings.load(settings.environment()) == settings


@pytest.mark.parametrize("url", ["unix:///a/b.sock", "redis+socket:///a/b.sock"])
def test_a_socket_is_written_as_each_library_wants_it(url: str) -> None:
    settings = Settings.load({}, redis_url=url)

    assert settings.broker_url == "redis+socket:///a/b.sock"
    assert settings.hints_url == "unix:///a/b.sock"


def test_an_address_is_left_as_it_is() -> None:
    settings = Settings.load({}, redis_url="rediss://u:p@host:1/2")

    assert settings.broker_url == settings.hints_url == "rediss://u:p@host:1/2"


def test_secrets_do_not_show() -> None:
    assert "hush" not in repr(Settings.load({}, api_key_pepper="hush" * 5))
