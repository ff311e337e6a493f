"""The Helm chart: rendered by Helm's own engine, and every object held against the published schemas of Kubernetes."""

from __future__ import annotations

import helm_python as helm
import pytest
import yaml
from kubernetes_validate import SchemaNotFoundError, validate

from ..packaging.commands import ROOT

CHART = ROOT / "deploy" / "helm" / "aletheia"
CLAIM = {"model": {"claim": "models", "path": "v1"}}
EVERYTHING = {
    "model": {"bucket": {"url": "bucket/v1", "endpoint": "http://s3.example", "region": "eu", "secret": "s3"}},
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
    "apiKeySecret": "key",
    "autoscaling": {"enabled": True},
    "ingress": {"enabled": True, "host": "faces.example", "tlsSecret": "tls", "className": "nginx"},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "alertRules": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {"egress": [{"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}]},
    "service": {"page": False, "names": ["faces"], "extraArgs": ["--limit", "queue=64"]},
    "log": {"enabled": False},
}
FOLLOWING = {
    "model": {"claim": "store", "tracking": {"url": "http://mlrun:8080"}},
    "log": {"claim": "log"},
    "replicas": 1,
}


def rendered(values: dict) -> dict[str, dict]:
    """Objects by kind."""
    chart = helm.Chart.load(CHART)
    chart.validate_schema(values)
    texts = chart.render(values, name="run", namespace="faces").values()
    return {item["kind"]: item for text in texts for item in yaml.safe_load_all(text) if item}


def container(objects: dict[str, dict]) -> dict:
    return objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def test_lint():
    report = helm.lint(CHART, CLAIM, strict=True)
    assert not report["errors"] and all(message["severity"] == 1 for message in report["messages"])


@pytest.mark.parametrize("version", ["1.27", "1.33"])
@pytest.mark.parametrize("values", [CLAIM, EVERYTHING, FOLLOWING], ids=["claim", "everything", "following"])
def test_objects_fit_the_schemas(values, version):
    for kind, item in rendered(values).items():
        try:
            validate(item, version, strict=True)
        except SchemaNotFoundError:  # no schema of the Prometheus operator is published there
            assert kind in ("PrometheusRule", "ServiceMonitor")


def test_kinds():
    base = {"Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"}
    assert set(rendered(CLAIM)) == base
    assert set(rendered(EVERYTHING)) == base | {
        "HorizontalPodAutoscaler",
        "Ingress",
        "PrometheusRule",
        "ServiceMonitor",
    }


@pytest.mark.parametrize("values", [CLAIM, EVERYTHING, FOLLOWING], ids=["claim", "everything", "following"])
def test_pods_are_locked_down(values):
    pod = rendered(values)["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
    for each in [*pod["containers"], *pod.get("initContainers", [])]:
        locked = each["securityContext"]
        assert locked["readOnlyRootFilesystem"] and not locked["allowPrivilegeEscalation"]
        assert locked["capabilities"] == {"drop": ["ALL"]}
        assert each["resources"]["limits"].keys() == {"cpu", "memory"}
    for volume in pod["volumes"]:
        assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""})


def test_selectors_find_the_pods():
    objects = rendered(EVERYTHING)
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        objects["Deployment"]["spec"]["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    monitored = objects["ServiceMonitor"]["spec"]["selector"]["matchLabels"]
    assert monitored.items() <= objects["Service"]["metadata"]["labels"].items()
    assert "replicas" not in objects["Deployment"]["spec"]  # else each upgrade would undo the scaling


def test_models_come_from_one_place():
    args = container(rendered(CLAIM))["args"]
    assert "--model=/model" in args
    following = container(rendered(FOLLOWING))
    assert not [argument for argument in following["args"] if argument.startswith("--model")]
    assert {"name": "MLRUN_DBPATH", "value": "http://mlrun:8080"} in following["env"]
    fetch = rendered(EVERYTHING)["Deployment"]["spec"]["template"]["spec"]["initContainers"][0]
    assert fetch["args"] == ["copy", ":s3:bucket/v1", "/model"]


def test_alert_rules_ask_for_the_job_that_is_scraped():
    """The rules are those of a single machine but for the job, which a ServiceMonitor names after the service."""
    objects = rendered(EVERYTHING)
    rules = objects["PrometheusRule"]
    assert rules["metadata"]["labels"]["release"] == "prometheus"
    usual = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    renamed = str(usual).replace('job="aletheia"', f'job="{objects["Service"]["metadata"]["name"]}"')
    assert str(rules["spec"]) == renamed and renamed.count('job="run-aletheia"') > 5


def test_alert_rules_of_ones_own():
    own = {"groups": [{"name": "own", "rules": [{"alert": "A", "expr": 'up{job="aletheia"} == 0'}]}]}
    objects = rendered(EVERYTHING | {"alertRules": {"enabled": True, "rules": yaml.safe_dump(own)}})
    (rule,) = objects["PrometheusRule"]["spec"]["groups"][0]["rules"]
    assert rule["expr"] == 'up{job="run-aletheia"} == 0'


def test_host_names():
    """The service refuses other names when any is named, so the chart names all by which it is called."""
    assert not [argument for argument in container(rendered(CLAIM))["args"] if "--name" in argument]
    names = [argument for argument in container(rendered(EVERYTHING))["args"] if "--name" in argument]
    assert names == ["--name=faces", "--name=faces.example", "--name=run-aletheia", "--name=run-aletheia.faces.svc"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "exactly one source"),
        ({"model": {"claim": "models", "bucket": {"url": "bucket/v1"}}}, "exactly one source"),
        ({"model": {"tracking": {"url": "http://mlrun:8080"}}}, "model.claim"),
        (CLAIM | {"replcas": 3}, "replcas"),
        (CLAIM | {"replicas": 0}, "minimum"),
        (CLAIM | {"ingress": {"enabled": True}}, "ingress.host"),
        (CLAIM | {"log": {"claim": "log"}}, "one writer"),
        (CLAIM | {"log": {"claim": "log"}, "replicas": 1, "autoscaling": {"enabled": True}}, "one writer"),
        (CLAIM | {"image": {"digest": "latest"}}, "digest"),
        (CLAIM | {"alertRules": {"enabled": True}}, "serviceMonitor.enabled"),
    ],
)
def test_refuses(values, words):
    with pytest.raises(helm.HelmError, match=words):
        rendered(values)
