"""The examples in deploy/ and compose.yaml fit the service: ports, paths, settings, users, and the time to end."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from postil import packs
from postil.app import GRACE, create_app
from postil.settings import FILED, PREFIX, Settings

ROOT = Path(__file__).parents[1]
KUBERNETES: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy/kubernetes.yaml").read_text(encoding="utf-8"))[
    "items"
]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
NAMES = {PREFIX + name.upper() for name in Settings.model_fields} | {f"{PREFIX}{name.upper()}_FILE" for name in FILED}
UVICORN = 5
"""Seconds that the server leaves to answers under way, before reviews get their GRACE."""
USER = 10001


def of_kind(kind: str) -> list[dict[str, Any]]:
    """The manifests of a kind."""
    return [each for each in KUBERNETES if each["kind"] == kind]


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each deployment's name, its pod, and the one container of that."""
    for deployment in of_kind("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        yield deployment["metadata"]["name"], pod, container


def seconds(text: str) -> int:
    """A duration of a compose file."""
    return int(text.removesuffix("s"))


def test_both_examples_set_only_settings_that_there_are() -> None:
    """A misspelt variable means nothing, and nobody is told."""
    (config,) = of_kind("ConfigMap")
    given = set(config["data"]) | {each["name"] for _, _, container in pods() for each in container["env"]}
    composed = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}

    assert {name for name in given | composed if name.startswith(PREFIX)} <= NAMES
    assert {container["env"][0]["value"] for _, _, container in pods()} == {"web", "worker"}


def test_the_examples_secrets_are_files_of_the_mounted_secret() -> None:
    """A secret in the environment is in every crash report and every `kubectl describe`."""
    (config,) = of_kind("ConfigMap")
    files = {name: value for name, value in config["data"].items() if name.endswith("_FILE")}
    comment = (ROOT / "deploy/kubernetes.yaml").read_text(encoding="utf-8").partition("apiVersion")[0]
    made = set(re.findall(r"--from-file=(\S+)", comment))

    assert set(files) == {f"{PREFIX}{name.upper()}_FILE" for name in FILED}
    assert {Path(value).name for value in files.values()} == made
    for _, pod, container in pods():
        (mount,) = (each for each in container["volumeMounts"] if each["name"] == "secrets")
        assert {str(Path(value).parent) for value in files.values()} == {mount["mountPath"]}
        assert any("secret" in volume and volume["name"] == "secrets" for volume in pod["volumes"])
    # The image names a SQLite file, and a setting and its file are not both taken.
    assert "POSTIL_DATABASE_URL=" in DOCKERFILE
    assert config["data"]["POSTIL_DATABASE_URL"] == ""


@pytest.mark.parametrize(("name", "pod", "container"), list(pods()), ids=[name for name, _, _ in pods()])
def test_a_pod_is_probed_where_the_service_answers_and_has_no_rights(
    name: str, pod: dict[str, Any], container: dict[str, Any]
) -> None:
    """Liveness must not ask for the database: restarts cure nothing, and take the reviews under way with them."""
    paths = set(create_app(Settings.load({}), packs.load()).openapi()["paths"])
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("liveness", "readiness", "startup")}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    assert {probe["path"] for probe in probes.values()} <= paths
    assert probes["liveness"]["path"] == "/health"
    assert probes["readiness"]["path"] == ("/ready" if name == "postil-web" else "/health")
    assert {probe["port"] for probe in probes.values()} <= set(ports)
    assert f"EXPOSE {ports['http']}" in DOCKERFILE
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert f"USER {pod['securityContext']['runAsUser']}:" in DOCKERFILE
    # What is written, with a root that is read-only: a clone of git's, and the folder of the user.
    assert {"/tmp", "/data"} <= {mount["mountPath"] for mount in container["volumeMounts"]}  # noqa: S108


def test_what_ends_a_process_waits_longer_than_it_takes() -> None:
    """Who is killed before hands nothing on, and the others wait for its lease to end."""
    graces = {name: pod["terminationGracePeriodSeconds"] for name, pod, _ in pods()}
    composed = {seconds(COMPOSE["services"][name]["stop_grace_period"]) for name in ("postil", "replicas")}

    assert graces["postil-worker"] > GRACE + UVICORN
    assert graces["postil-web"] > UVICORN + 5
    assert min(composed) > GRACE + UVICORN


def test_the_service_and_the_disruption_budgets_select_what_is_deployed() -> None:
    """One that selects nothing protects nothing."""
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in of_kind("Deployment")]
    (service,) = of_kind("Service")
    budgets = [each["spec"] for each in of_kind("PodDisruptionBudget")]
    replicas = {each["spec"]["replicas"] for each in of_kind("Deployment")}

    assert [each["spec"]["selector"]["matchLabels"] for each in of_kind("Deployment")] == labels
    assert service["spec"]["selector"] == labels[0]
    assert service["spec"]["ports"][0]["targetPort"] == "http"
    assert [each["selector"]["matchLabels"] for each in budgets] == labels
    assert max(each["minAvailable"] for each in budgets) < min(replicas)


def test_compose_fences_the_service_and_its_replicas_share_a_database() -> None:
    """The same rights as on Kubernetes, and a profile that needs one word."""
    services = COMPOSE["services"]
    fences = {name: [services[name].get(key) for key in ("read_only", "cap_drop", "init")] for name in services}

    assert fences["postil"] == fences["replicas"] == [True, ["ALL"], True]
    assert "no-new-privileges:true" in services["postil"]["security_opt"]
    assert services["replicas"]["profiles"] == services["database"]["profiles"] == ["postgres"]
    assert services["replicas"]["environment"]["POSTIL_DATABASE_URL"].startswith("postgresql://postil:")
    assert services["replicas"]["deploy"]["replicas"] > 1
    assert any(f"uid={USER}" in mount for mount in services["replicas"]["tmpfs"])
    assert f"USER {USER}:" in DOCKERFILE
