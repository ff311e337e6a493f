"""The list of registered models."""

from __future__ import annotations

import shutil

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions.catalog import default_model, version_tags


def test_states_of_a_life(registry):
    for tag in ("production", "production", "candidate", "candidate"):
        registry.register(tag)
    registry.change("retire", "v1.0.2")
    catalog = registry.catalog()
    states = {model.version: model.state for model in catalog.models}
    assert states == {"v1.0.0": "former", "v1.0.1": "production", "v1.0.2": "retired", "v1.0.3": "registered"}
    assert catalog.production.version == default_model(catalog).version == "v1.0.1"
    assert list(catalog.claimed) == sorted(states)


def test_find_by_version_tag_and_uid(registry):
    registry.register("production")
    folder, spec = registry.bundle()
    uid = registry.log(folder, spec, "old-days")
    catalog = registry.catalog()
    found = [catalog.find(word).name for word in ("v1.0.0", "1.0.0", "production", "old-days", uid[:8], uid)]
    assert found == ["v1.0.0"] * 3 + [uid[:8]] * 3
    assert catalog.by_uid(uid).state == "registered" and catalog.by_uid("x") is None
    with pytest.raises(InputError, match=rf"no registered model 'v9'; there are: {uid[:8]}, v1\.0\.0\. See"):
        catalog.find("v9")


def test_list_needs_no_files(registry):
    registry.register("production")
    shutil.rmtree(registry.folder)
    (model,) = registry.catalog().models
    assert not model.has_files and model.to_dict()["has_files"] is False
    assert model.to_dict()["name"] == "v1.0.0" and model.to_dict()["tags"] == list(model.tags)


def test_default_model_is_the_candidate_where_nothing_is_in_production(registry):
    assert default_model(registry.catalog()) is None
    registry.register()
    assert default_model(registry.catalog()).version == "v1.0.0"


def test_version_tags():
    assert version_tags(["latest", "v1.0.0", "retired-v1.0.0", "production", "mine"]) == {
        "latest",
        "v1.0.0",
        "retired-v1.0.0",
    }
