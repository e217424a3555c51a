"""The chart: rendered by Helm's own engine, every manifest checked against Kubernetes' schemas; the Dockerfile linted.

Needs the extra ``deploy`` (``make chart``); without it the values and their schema are still compared.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from api_schemas.ids import new_uuid
from service.telemetry.alive import Pulse
from tests.service.rest.living import ROOT

CHART = ROOT / "helm" / "kantor"
VALUES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "everything": {
        "workers": {"gpu": {"enabled": True}, "botorch": {"enabled": True}},
        "extraEnv": [
            {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4318"},
            {"name": "OTEL_EXPORTER_OTLP_HEADERS", "valueFrom": {"secretKeyRef": {"name": "otel", "key": "headers"}}},
        ],
        "grpc": {"tlsSecret": "tls", "clientCertificates": True},
        "ingress": {"enabled": True, "tlsSecret": "tls", "className": "nginx", "annotations": {"a": "b"}},
        "artifacts": {"url": "file:///data", "claim": "shared", "s3Secret": "s3"},
        "metrics": {"podMonitor": True},
        "image": {"pullSecrets": [{"name": "registry"}]},
        "settings": {"KANTOR_RETENTION_DAYS": "7"},
        "networkPolicy": {"from": [{"namespaceSelector": {}}]},
        "api": {
            "podLabels": {"team": "planning"},
            "podAnnotations": {"a": "b"},
            "priorityClassName": "high",
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "k", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
        },
    },
    "little": {
        "keda": {"enabled": False},
        "grpc": {"enabled": False},
        "migrations": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "metrics": {"enabled": False},
    },
}
FOREIGN = ("keda.sh/", "monitoring.coreos.com/")


@pytest.fixture(scope="module")
def helm() -> Any:
    return pytest.importorskip("helm_python", reason="needs the extra deploy")


def _render(helm: Any, values: dict[str, Any], name: str = "demo") -> list[dict[str, Any]]:
    with helm.Chart.load(str(CHART)) as chart:
        texts = chart.render(values, name=name, namespace="tests")
    manifests = [text for path, text in texts.items() if path.endswith(".yaml")]
    return [document for text in manifests for document in yaml.safe_load_all(text) if document]


def _of(manifests: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == kind}


def _pods(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"]
        for manifest in manifests
        if manifest["kind"] in ("Deployment", "Job")
    }


def test_the_schema_knows_every_value() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert set(values) <= set(schema["properties"])
    for name in ("api", "grpc", "dispatcher", "keda", "metrics", "artifacts", "secret"):
        assert set(values[name]) <= set(schema["properties"][name]["properties"]), name


def test_the_chart_has_the_version_of_the_server() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert f'version = "{chart["appVersion"]}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_every_manifest_fits_the_schemas_of_kubernetes(helm: Any, values: dict[str, Any]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    manifests = _render(helm, values)
    for manifest in manifests:
        if not manifest["apiVersion"].startswith(FOREIGN):
            kubernetes_validate.validate(manifest, "1.30", strict=True)

    assert not helm.lint(str(CHART))["errors"]
    assert len({(m["kind"], m["metadata"]["name"]) for m in manifests}) == len(manifests)


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_every_pod_is_as_harmless_as_can_be(helm: Any, values: dict[str, Any]) -> None:
    for name, pod in _pods(_render(helm, values)).items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            plain = {entry["name"] for entry in container["env"] if "value" in entry}
            assert not plain & {"KANTOR_DATABASE_URL", "KANTOR_REDIS_URL", "KANTOR_API_KEY_PEPPER"}, "a secret in clear"


def test_workers_scale_by_the_count_in_postgresql_and_have_time_to_drain(helm: Any) -> None:
    manifests = _render(helm, VALUES["everything"])
    scaled = _of(manifests, "ScaledObject")
    deployments = _of(manifests, "Deployment")

    for pool in ("cpu", "gpu", "botorch"):
        name = f"demo-kantor-worker-{pool}"
        (trigger,) = scaled[name]["spec"]["triggers"]
        assert trigger["type"] == "postgresql"
        assert f"pool = '{pool}'" in trigger["metadata"]["query"]
        assert "'queued', 'running'" in trigger["metadata"]["query"]
        assert "replicas" not in deployments[name]["spec"], "it would fight with the autoscaler"
        pod = deployments[name]["spec"]["template"]["spec"]
        drain = next(e["value"] for e in pod["containers"][0]["env"] if e["name"] == "KANTOR_WORKER_DRAIN_SECONDS")
        assert pod["terminationGracePeriodSeconds"] >= int(drain) + 30
    assert scaled["demo-kantor-worker-gpu"]["spec"]["minReplicaCount"] == 0


def test_a_rollout_loses_no_request_and_needs_no_second_gpu(helm: Any) -> None:
    deployments = _of(_render(helm, VALUES["everything"]), "Deployment")
    for role in ("api", "grpc"):
        spec = deployments[f"demo-kantor-{role}"]["spec"]
        (container,) = spec["template"]["spec"]["containers"]
        assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"], "until nobody sends it requests"
        assert {"livenessProbe", "readinessProbe"} <= set(container)
        assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"] == spec["selector"]["matchLabels"]
    for pool in ("cpu", "gpu"):
        assert deployments[f"demo-kantor-worker-{pool}"]["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


def test_no_pod_is_taken_away_while_as_many_run_something(helm: Any, desk: Any) -> None:
    for _ in range(3):
        desk.submit()
        desk.worker = new_uuid()
        assert desk.claim() is not None
    scaled = _of(_render(helm, {}), "ScaledObject")["demo-kantor-worker-cpu"]
    query = scaled["spec"]["triggers"][0]["metadata"]["query"].replace("'cpu'", f"'{desk.pool}'")

    assert desk.conn.execute(query).fetchone() == (3,)  # one pod would have the slots, but three are at work
    down = scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]


def test_the_query_of_the_autoscaler_counts_jobs(helm: Any, desk: Any) -> None:
    for _ in range(9):
        desk.submit()
    desk.claim()
    scaled = _of(_render(helm, {}), "ScaledObject")["demo-kantor-worker-cpu"]
    query = scaled["spec"]["triggers"][0]["metadata"]["query"].replace("'cpu'", f"'{desk.pool}'")

    assert desk.conn.execute(query).fetchone() == (3,)  # nine jobs, four at once in a pod


def test_every_role_gets_the_variables_of_others_such_as_opentelemetry(helm: Any) -> None:
    pods = _pods(_render(helm, VALUES["everything"]))
    assert len(pods) == 7
    for name, pod in pods.items():
        (container,) = pod["containers"]
        found = {entry["name"]: entry for entry in container["env"]}
        assert found["OTEL_EXPORTER_OTLP_ENDPOINT"]["value"] == "http://collector:4318", name
        assert found["OTEL_EXPORTER_OTLP_HEADERS"]["valueFrom"]["secretKeyRef"]["name"] == "otel"


def test_jobs_of_pools_that_are_scaled_to_none_are_let_in(helm: Any) -> None:
    def elastic(values: dict[str, Any]) -> str:
        (container,) = _pods(_render(helm, values))["demo-kantor-api"]["containers"]
        return next(str(e["value"]) for e in container["env"] if e["name"] == "KANTOR_ELASTIC_POOLS")

    assert elastic(VALUES["everything"]) == "botorch,gpu"
    assert elastic({}) == ""
    assert elastic({**VALUES["everything"], "keda": {"enabled": False}}) == ""


def test_roles_without_a_port_are_probed_by_the_file_that_they_touch(helm: Any) -> None:
    pods = _pods(_render(helm, VALUES["everything"]))
    for role in ("dispatcher", "worker-cpu", "worker-gpu", "worker-botorch"):
        (container,) = pods[f"demo-kantor-{role}"]["containers"]
        assert {"name": "KANTOR_ALIVE_FILE", "value": "/tmp/alive"} in container["env"]
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["exec"]["command"] == ["kantor-role", "alive"]
    assert "worker-botorch" not in " ".join(_pods(_render(helm, {})))


def test_the_probe_tells_a_process_that_turns_from_one_that_does_not(tmp_path: Path) -> None:
    file = tmp_path / "alive"

    def probe() -> int:
        command = ["/bin/sh", str(ROOT / "docker" / "entrypoint.sh"), "alive"]
        return subprocess.run(command, env={"KANTOR_ALIVE_FILE": str(file), "PATH": os.environ["PATH"]}).returncode

    assert probe() != 0
    Pulse(file).beat()
    assert probe() == 0
    os.utime(file, (time.time() - 200,) * 2)
    assert probe() != 0


def test_migrations_run_before_the_new_pods(helm: Any) -> None:
    job = _of(_render(helm, {}), "Job")["demo-kantor-migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": {"cpu": {"concurrency": 0}}},
        {"artifacts": {"url": "/data"}},
        {"settings": {"PATH": "x"}},
        {"apii": {}},
        {"grpc": {"replicas": "two"}},
        {"extraEnv": {"OTEL_SERVICE_NAME": "x"}},
        {"extraEnv": [{"name": "KANTOR_API_KEY_PEPPER", "value": "in clear"}]},
    ],
)
def test_values_that_do_not_fit_are_refused(helm: Any, wrong: dict[str, Any]) -> None:
    with helm.Chart.load(str(CHART)) as chart, pytest.raises(helm.HelmError):
        chart.validate_schema(chart.merge_values(wrong) if "merge_values" in dir(chart) else wrong)


def test_the_dockerfile_passes_its_lint() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        text = (ROOT / "Dockerfile").read_text()
        assert text.rstrip().rpartition("USER ")[2].startswith("10001:10001")
        pytest.skip("needs the extra deploy for the rest")
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_compose_file_starts_every_role() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    entry = (ROOT / "docker" / "entrypoint.sh").read_text()

    ours = {name: service for name, service in services.items() if service["image"].startswith("kantor:")}
    assert set(ours) == {"migrate", "api", "grpc", "dispatcher", "worker", "worker-botorch", "worker-gpu"}
    for pool in ("botorch", "gpu"):
        assert services[f"worker-{pool}"]["profiles"] == [pool], "only on demand"
    for role in ("dispatcher", "worker", "worker-botorch", "worker-gpu"):
        assert ours[role]["healthcheck"]["test"] == ["CMD", "kantor-role", "alive"]
    for service in ours.values():
        assert f"  {service['command'][0]})" in entry
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_the_image_gets_every_file_that_it_copies() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    sources = [
        source
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{Path(source).parts[0]}" in ignored, source
