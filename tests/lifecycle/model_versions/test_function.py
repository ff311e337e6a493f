"""The MLRun functions `register` and `production`, run by the stock client; their runs are the history."""

from __future__ import annotations

import json
from pathlib import Path

import mlrun
import pytest

from aletheia.lifecycle.model_versions.history import list_changes
from aletheia.models.spec import read_spec
from aletheia.release.registry import find_model

FUNCTIONS = Path(__file__).parents[3] / "functions"

pytestmark = pytest.mark.slow


def test_function_changes_production(registry, tracking_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    mlrun.mlconf.dbpath = tracking_url
    registry.register("production")
    registry.register()
    function = mlrun.import_function(str(FUNCTIONS / "production" / "function.yaml"))

    def run(handler: str, **params) -> dict:
        return function.run(
            handler=handler, params=params, project=registry.name, local=True, output_path=str(tmp_path)
        ).status.results

    assert run("promote", version="v1.0.1", reason="films")["from"] == "v1.0.0"
    assert run("rollback", reason="alarms")["to"] == "v1.0.0"
    assert run("retire", version="v1.0.1")["action"] == "retire"
    assert registry.production() == ["v1.0.0"]
    changes = list_changes(registry.catalog())
    assert [change.action for change in changes] == ["register", "promote", "rollback", "retire"]
    assert [change.reason for change in changes[1:3]] == ["films", "alarms"] and changes[1].who
    with pytest.raises(mlrun.runtimes.utils.RunError, match="retired and cannot be promoted"):
        run("promote", version="v1.0.1")
    assert list_changes(registry.catalog()) == changes


def test_register_gives_versions_and_puts_what_passed_into_production(
    registry, good, brightness_bundle, tracking_url, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    mlrun.mlconf.dbpath = tracking_url
    evaluation = tmp_path / "evaluation.json"
    evaluation.write_text(json.dumps({**good, "weights_sha256": read_spec(brightness_bundle).weights_sha256}))
    function = mlrun.import_function(str(FUNCTIONS / "register" / "function.yaml"))

    def register(**params) -> dict:
        run = function.run(
            params=params,
            inputs={"model": str(brightness_bundle / "model.safetensors"), "evaluation": str(evaluation)},
            project=registry.name,
            local=True,
            output_path=str(tmp_path / "artifacts" / "{{run.uid}}"),
        )
        return run.status.results

    first = register()
    assert first["version"] == "v1.0.0", first
    second = register(model_version="2.5.0", accept_unjudged=["beats-production"])
    assert second["version"] == "v2.5.0"
    tags = {result["version"]: result["tag"] for result in (first, second)}
    assert registry.production() == [version for version, tag in tags.items() if tag == "production"][-1:]
    assert find_model("v2.5.0", project=registry.name).version == "v2.5.0"
    model = registry.catalog().find("v1.0.0")
    assert model.labels["evaluation"] == "run-of-evaluate" and model.has_files
    changes = list_changes(registry.catalog())
    assert [change.action for change in changes] == ["register"] * list(tags.values()).count("production")
    assert all(change.evaluation == "run-of-evaluate" and change.who for change in changes)
