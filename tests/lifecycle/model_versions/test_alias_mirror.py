"""MLflow names the models as the tags do: after each change, and after one that was killed before it came to that."""

from __future__ import annotations

import json

import pytest

from aletheia.core.settings import get_settings
from aletheia.lifecycle.model_versions.alias_mirror import align_aliases

pytestmark = pytest.mark.slow


@pytest.fixture
def mirrored(registry, mlflow, uri, monkeypatch):
    """Two registered models, the first in production, and a function that reads the alias; MLflow knows nothing yet."""
    registry.register("production")
    registry.register()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

    def alias(name: str = "production") -> str:
        return mlflow.get_model_version_by_alias(f"{registry.name}.detector", name).tags["version"]

    return alias


def test_the_change_itself_moves_the_alias(registry, mirrored, mlflow):
    registry.change("promote", "v1.0.1")
    assert mirrored() == "v1.0.1" == mirrored("v1-0-1")
    registry.change("rollback")
    assert mirrored() == "v1.0.0"
    registry.change("retire", "v1.0.1")
    aliases = set(mlflow.get_registered_model(f"{registry.name}.detector").aliases)
    assert aliases == {"production", "v1-0-0", "v1-0-1", "retired-v1-0-1"}  # no longer candidate


def test_the_next_command_mends_what_was_not_told(registry, mirrored):
    registry.change("promote", "v1.0.1")
    uid = registry.catalog().find("v1.0.0").uid
    registry.reader.set_tag(registry.name, "production", "detector", uid)  # as by a change that is killed after it
    assert mirrored() == "v1.0.1"
    assert align_aliases(registry.catalog(), registry.name)
    assert mirrored() == "v1.0.0"
    assert not align_aliases(registry.catalog(), registry.name)  # nothing has changed since: MLflow is not asked


def test_an_mlflow_that_is_away_stops_nothing_and_is_told_later(registry, mirrored, uri, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    registry.change("promote", "v1.0.1")
    assert registry.production() == ["v1.0.1"] and "the next command tries again" in caplog.text
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert align_aliases(registry.catalog(), registry.name)
    assert mirrored() == "v1.0.1"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"x": '])
def test_damaged_notes_are_written_anew(registry, mirrored, content):
    file = get_settings().home / "mlflow-aliases.json"
    file.write_bytes(content)
    assert align_aliases(registry.catalog(), registry.name)
    assert len(json.loads(file.read_bytes())) == 1


def test_without_mlflow_nothing_is_done(registry, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    registry.register("production")
    assert not align_aliases(registry.catalog(), registry.name)
