"""Dockerfiles and GitHub workflows pass the linters that are made for them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aletheia.lifecycle.alerts.prometheus import render_rules
from aletheia.lifecycle.alerts.rules import read_alerts

from ..packaging.commands import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DOCKERFILES = sorted((ROOT / "deploy").glob("*/Dockerfile"))
BIN = Path(sys.executable).parent


def run(*command: object) -> None:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_dockerfiles(path):
    run(BIN / "hadolint", path)
    text = path.read_text()
    assert re.search(r"^USER \d+$", text, re.M) and "--require-hashes" in text


def test_workflows():
    run(BIN / "actionlint", *WORKFLOWS)
    run(BIN / "zizmor", "--offline", "--quiet", *WORKFLOWS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_secrets_stand_in_the_documentation(path):
    docs = (ROOT / "docs" / "deployment.md").read_text()
    for name in re.findall(r"(?:secrets\.|vars\.|repository: )(\w+)", path.read_text()):
        assert f"`{name}`" in docs


def versions(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.M))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_images_hold_the_versions_of_the_lock(path):
    lock, image = versions(ROOT / "requirements.txt"), versions(path.with_name("requirements.txt"))
    assert image and image.items() <= lock.items()


def test_serving_image_holds_neither_networks_nor_training():
    assert (
        not {"torch", "triton", "timm", "lightning", "mlflow", "jupyterlab"}
        & versions(ROOT / "deploy" / "serving" / "requirements.txt").keys()
    )


def test_compose():
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    assert set(services) == {"serving", "monitor", "prometheus", "alertmanager", "grafana", "mlflow"}
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith("./") or (ROOT / "deploy" / source).is_dir(), volume


@pytest.mark.parametrize("folder", ["prometheus", "helm/aletheia/files"])  # a chart can read no file outside it
def test_alert_rules_are_those_of_the_package(folder):
    """As `aletheia monitor --prometheus-rules deploy/FOLDER/alerts.yml` writes them."""
    file = ROOT / "deploy" / folder / "alerts.yml"
    assert file.read_text() == render_rules(read_alerts(None)) and not file.is_symlink()  # some checkouts lose links


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian's package prometheus)")
def test_prometheus_configuration():
    run("promtool", "check", "config", ROOT / "deploy" / "prometheus" / "prometheus.yml")


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not installed (Debian's prometheus-alertmanager)")
def test_alertmanager_configuration():
    run("amtool", "check-config", ROOT / "deploy" / "alertmanager" / "alertmanager.yml")
