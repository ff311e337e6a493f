"""The MLRun function `production`, run by the stock client; its runs are the history."""

from __future__ import annotations

from pathlib import Path

import mlrun
import pytest

from aletheia.lifecycle.history import list_changes

FUNCTION = Path(__file__).parents[2] / "functions" / "production" / "function.yaml"

pytestmark = pytest.mark.slow


def test_function_changes_production(registry, tracking_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    mlrun.mlconf.dbpath = tracking_url
    registry.register("production")
    registry.register()
    function = mlrun.import_function(str(FUNCTION))

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
