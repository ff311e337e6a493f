"""Each registered model has a version that none had before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.model_versions import registration
from aletheia.lifecycle.model_versions.registration import check_unclaimed, claim_version, publish
from aletheia.tracking.reader import Reader


def test_register_numbers_by_recipe(registry):
    assert registry.register("production") == "v1.0.0"
    assert registry.register() == "v1.0.1"
    assert registry.register(data_hash="b" * 64) == "v1.1.0"
    assert registry.register(input_size=96) == "v2.0.0"
    assert registry.production() == ["v1.0.0"]
    assert [model.state for model in registry.catalog().models] == ["registered"] * 3 + ["production"]
    assert "candidate" in registry.catalog().find("v2.0.0").tags


def test_register_by_hand(registry):
    assert registry.register(wanted="3.1.4") == "v3.1.4"
    assert registry.register() == "v3.1.5"
    assert registry.register(wanted="v0.5.0") == "v0.5.0"
    with pytest.raises(InputError, match=r"v3\.1\.4 was given before .* the highest so far is v3\.1\.5\.$"):
        registry.register(wanted="v3.1.4")
    with pytest.raises(InputError, match="no version of a model"):
        registry.register(wanted="newest")
    check_unclaimed("0.6.0", project=registry.name)
    with pytest.raises(InputError, match=r"v0\.5\.0 was given before"):
        check_unclaimed("0.5.0", project=registry.name)


def test_versions_are_not_given_again_after_deletion(registry):
    registry.register()
    registry.http.delete(f"/api/v2/projects/{registry.name}/artifacts", params={"name": "detector"})
    assert registry.catalog().models == []
    assert registry.register() == "v1.0.1"


def test_versions_of_many_at_once_differ(registry):
    _, spec = registry.bundle()
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda _: claim_version(spec, project=registry.name)["version"], range(8)))
    assert sorted(claims) == [f"v1.0.{patch}" for patch in range(8)]


def test_an_mlrun_server_has_no_table(registry, monkeypatch):
    """There a version is unused when no artifact has it, as tag or label."""
    monkeypatch.setattr(Reader, "model_versions", lambda self, project, key: None)
    monkeypatch.setattr(Reader, "claim_version", None)
    assert [registry.register(), registry.register()] == ["v1.0.0", "v1.0.1"]
    registry.reader.remove_tag(registry.name, "v1.0.1", "detector", registry.catalog().find("v1.0.1").uid)
    assert registry.register("production") == "v1.0.2"
    with pytest.raises(InputError, match="given before"):
        registry.register(wanted="1.0.1")
    assert [switch.version for switch in registry.catalog().switches] == ["v1.0.2"]


def test_publish_moves_the_tag_and_says_what_changed(registry):
    registry.register("production")
    registry.register()
    results = publish("v1.0.1", "production", project=registry.name)
    uid = registry.catalog().find("v1.0.1").uid
    assert results == {"tag": "production", "version": "v1.0.1", "from": "v1.0.0", "to": "v1.0.1", "to_uid": uid}
    assert registry.production() == ["v1.0.1"]
    assert registration.lifecycle_label("register") == {"lifecycle": "register"}


def test_a_retraining_is_the_next_patch_of_its_version(registry):
    """Also when a later minor version was given meanwhile; its data differ, which would be a minor version else."""
    registry.register("production")
    registry.register(data_hash="b" * 64)
    _, spec = registry.bundle(data_hash="c" * 64)
    assert claim_version(spec, retrains="v1.0.0", project=registry.name)["version"] == "v1.0.1"
    assert claim_version(spec, retrains="v1.0.0", project=registry.name)["version"] == "v1.0.2"
    assert claim_version(spec, retrains="v1.1.0", project=registry.name)["version"] == "v1.1.1"
    assert claim_version(spec, project=registry.name)["version"] == "v1.1.2"
