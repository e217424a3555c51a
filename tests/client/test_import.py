"""What `import kantor` costs and offers."""

from __future__ import annotations

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import kantor
import pytest
from kantor.errors import APIError, JobFailed, error_class

import api_schemas
from api_schemas.errors import CODES
from api_schemas.programs import ProgramOptions
from api_schemas.transport import TransportOptions

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "scipy", "pandas", "typer", "rich", "httpx", "pydantic", "service", "solvers", "workers")


def test_import_is_fast_and_loads_nothing_heavy() -> None:
    program = (
        "import sys, time; begin = time.perf_counter(); import kantor; took = time.perf_counter() - begin;"
        f"print(took, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    best = 10.0
    for _ in range(3):
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
        took, loaded = run.stdout.split(maxsplit=1)
        assert loaded.strip() == "[]"
        best = min(best, float(took))
    assert best < 0.3


def test_using_the_client_loads_neither_numpy_nor_server_packages() -> None:
    program = (
        "import sys, kantor; kantor.Client('http://127.0.0.1:1'); kantor.AsyncClient('http://127.0.0.1:1');"
        "kantor.Program(objective=[1.0], A=[[1.0]], row_upper=[1.0]); kantor.Scenarios(upper={0: [1.0]});"
        "print([name for name in ('numpy', 'scipy', 'typer', 'service', 'solvers', 'workers') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in kantor.__all__:
        assert getattr(kantor, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Solver'"):
        _ = kantor.Solver


def test_every_code_of_the_contract_has_an_exception_of_its_own() -> None:
    classes = {code: error_class(code) for code in CODES}
    assert len(set(classes.values())) == len(CODES)
    for code, kind in classes.items():
        assert kind.code == code
        assert kind is not APIError
        assert kind.__doc__
        assert getattr(kantor, kind.__name__) is kind
        assert not issubclass(kind, JobFailed)
    assert error_class("of-a-newer-server") is APIError


def test_options_are_those_of_the_contract() -> None:
    assert set(kantor.Options.__annotations__) == set(ProgramOptions.model_fields) | set(TransportOptions.model_fields)


@pytest.mark.parametrize(
    ("blocking", "awaited"),
    [
        ("kantor.client.Client", "kantor.aio.AsyncClient"),
        ("kantor.client.Artifacts", "kantor.aio.AsyncArtifacts"),
        ("kantor.admin.Keys", "kantor.admin_async.AsyncKeys"),
        ("kantor.admin.Webhooks", "kantor.admin_async.AsyncWebhooks"),
        ("kantor.admin.Projects", "kantor.admin_async.AsyncProjects"),
        ("kantor.admin.Members", "kantor.admin_async.AsyncMembers"),
        ("kantor.admin.OrganisationPart", "kantor.admin_async.AsyncOrganisationPart"),
        ("kantor.job.Job", "kantor.aio.AsyncJob"),
    ],
)
def test_both_clients_have_the_same_methods_with_the_same_arguments(blocking: str, awaited: str) -> None:
    one, other = (_members(path) for path in (blocking, awaited))
    assert one == other


def _members(path: str) -> dict[str, list[tuple[str, object]]]:
    module, _, name = path.rpartition(".")
    kind = getattr(__import__(module, fromlist=[name]), name)
    methods = inspect.getmembers(kind, inspect.isfunction)
    return {
        method: [(parameter.name, parameter.default) for parameter in inspect.signature(function).parameters.values()]
        for method, function in methods
        if not method.startswith("_")
    }


def test_client_contract_and_both_distributions_have_one_version() -> None:
    server = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert server["project"]["version"] == kantor.__version__ == api_schemas.VERSION
    assert f"kantor=={kantor.__version__}" in server["project"]["dependencies"]
