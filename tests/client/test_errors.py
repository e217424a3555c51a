"""What a person reads, and what a program catches."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import kantor
import pytest
from kantor.config import DEFAULT_URL, endpoint
from kantor.errors import failure

from api_schemas.errors import FieldError, Problem
from api_schemas.keys import new_secret


def test_an_error_reads_as_detail_hint_pointer_and_code() -> None:
    fault = FieldError(
        pointer="/options/timelimit", detail="there is no option 'timelimit'", hint="did you mean 'time_limit'?"
    )
    error = kantor.InvalidOption("there is no option 'timelimit'", errors=[fault])
    assert str(error) == (
        "there is no option 'timelimit'; did you mean 'time_limit'? (at /options/timelimit) [invalid-option]"
    )


def test_further_faults_follow_on_lines_of_their_own() -> None:
    faults = [
        FieldError(pointer="line 3", detail="no such row"),
        FieldError(pointer="line 9", detail="no number", hint="1.5"),
    ]
    lines = str(kantor.MalformedFile("the file has 2 faults", errors=faults)).splitlines()
    assert lines == ["the file has 2 faults", "  line 3: no such row", "  line 9: no number; 1.5 [malformed-file]"]


@pytest.mark.parametrize("name", ["timelimit", "TimeLimit", "time_limt", "timeout"])
def test_unknown_options_suggest_the_near_one_without_asking_a_server(name: str) -> None:
    client = kantor.Client("http://127.0.0.1:1")
    with pytest.raises(kantor.InvalidOption, match=f"no option '{name}'.*did you mean 'time_limit'"):
        client.solve(kantor.Program(objective=[1.0]), **{name: 3})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "meant"), [("gap", "relative_gap"), ("MIPGap", "relative_gap"), ("thread", "threads")]
)
def test_names_of_other_tools_are_known(name: str, meant: str) -> None:
    with pytest.raises(kantor.InvalidOption, match=f"did you mean '{meant}'"):
        kantor.Client("http://127.0.0.1:1").submit(kantor.Program(objective=[1.0]), **{name: 3})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"time_limit": -1.0}, "time_limit: should be greater than 0"),
        ({"threads": 1.5}, "threads"),
        ({"method": "magic"}, "method: should be 'auto', "),
        ({"engine_options": {"a": [1]}}, "engine_options"),
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_sent(options: dict[str, object], words: str) -> None:
    with pytest.raises(kantor.InvalidOption, match=words) as caught:
        kantor.Client("http://127.0.0.1:1").submit(kantor.Program(objective=[1.0]), **options)  # type: ignore[arg-type]
    assert caught.value.status is None
    assert caught.value.errors[0].pointer.startswith("/options/")


def test_fields_of_the_request_are_checked_too() -> None:
    client = kantor.Client("http://127.0.0.1:1")
    with pytest.raises(kantor.InvalidRequest, match="/priority: should be less than or equal to 100"):
        client.submit(kantor.Program(objective=[1.0]), priority=1000)
    with pytest.raises(kantor.InvalidRequest, match="/engine"):
        client.submit(kantor.Program(objective=[1.0]), engine="No Such")
    with pytest.raises(TypeError, match=r"a problem is a kantor\.Program"):
        client.submit({"objective": [1.0]})


def test_errors_survive_the_way_to_another_process() -> None:
    original = failure(object(), Problem.of("runner-died", "the process died"))
    copy = pickle.loads(pickle.dumps(original))
    assert isinstance(copy, kantor.RunnerDied)
    assert isinstance(copy, kantor.JobFailed)
    assert copy.job is None
    assert str(copy) == str(original)
    refusal = pickle.loads(pickle.dumps(kantor.NotFound("no such job", status=404, request_id="req_9")))
    assert (refusal.status, refusal.request_id) == (404, "req_9")
    assert str(pickle.loads(pickle.dumps(kantor.Timeout("too late", job=object())))) == "too late"


def test_builtin_classes_catch_the_obvious_ones() -> None:
    assert issubclass(kantor.Timeout, TimeoutError)
    assert issubclass(kantor.ConnectionFailed, ConnectionError)
    assert issubclass(kantor.NotFinished, kantor.Conflict)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("KANTOR_URL", "KANTOR_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KANTOR_HOME", str(tmp_path))
    return tmp_path


def running(home: Path, pid: int, url: str = "http://127.0.0.1:1234") -> str:
    secret = new_secret()
    (home / "server.json").write_text(f'{{"url": "{url}", "api_key": "{secret}", "pid": {pid}}}')
    return secret


def test_a_running_server_of_this_user_is_found(home: Path) -> None:
    secret = running(home, os.getpid())
    found = endpoint()
    assert (found.url, found.api_key) == ("http://127.0.0.1:1234", secret)
    assert found.url_source == str(home / "server.json")


def test_a_server_that_ended_without_cleaning_up_is_not_believed(home: Path) -> None:
    running(home, 2**22 + 1)
    assert endpoint().url == DEFAULT_URL
    (home / "server.json").write_text("{")
    assert endpoint().url == DEFAULT_URL


def test_the_key_of_the_local_server_is_never_sent_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = running(home, os.getpid())
    assert endpoint("http://127.0.0.1:1234/").api_key == secret
    monkeypatch.setenv("KANTOR_URL", "https://kantor.example")
    assert endpoint().api_key is None


def test_the_environment_goes_before_the_local_server_and_arguments_before_both(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running(home, os.getpid())
    mine, other = new_secret(), new_secret()
    monkeypatch.setenv("KANTOR_URL", "http://10.0.0.1:8000/")
    monkeypatch.setenv("KANTOR_API_KEY", mine)
    assert (endpoint().url, endpoint().api_key) == ("http://10.0.0.1:8000", mine)
    assert endpoint("http://10.0.0.2", other).api_key == other


def test_typing_errors_in_keys_and_addresses_are_found_without_a_server(home: Path) -> None:
    secret = new_secret()
    wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    with pytest.raises(kantor.Unauthenticated, match="typing error"):
        kantor.Client(api_key=wrong)
    for address in ("kantor.example", "ftp://kantor.example", "http://"):
        with pytest.raises(kantor.KantorError, match="not the address of a server"):
            kantor.Client(address)


def test_without_a_server_the_error_says_what_to_do(home: Path) -> None:
    with pytest.raises(kantor.ConnectionFailed, match="start one with `kantor up`"):
        kantor.Client("http://127.0.0.1:1", max_retries=0).status()


def test_ids_of_the_wrong_kind_ask_no_server() -> None:
    client = kantor.Client("http://127.0.0.1:1")
    for wrong in ("42", "art_0123456789abcdefghjkmnpqrs", "../keys", "job_" + "u" * 26):
        with pytest.raises(kantor.NotFound, match="an id is job_ and 26 letters"):
            client.job(wrong)
