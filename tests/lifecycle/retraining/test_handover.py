"""After an accepted challenger: staging, and production only by gate, staging and configuration."""

from __future__ import annotations

import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.retraining import handover
from aletheia.lifecycle.retraining.handover import deploy_to_staging, hand_over_version


@pytest.fixture
def pair(registry, monkeypatch):
    """A champion in production and a challenger; the rest of staging is tested by itself."""
    versions = registry.register("production"), registry.register()
    monkeypatch.setattr(handover, "deploy_to_staging", lambda version, project: (True, f"{version} staged."))
    monkeypatch.setattr(handover, "change", lambda *args, **words: registry.changes.append((args, words)))
    registry.changes = []
    return registry, *versions


def test_promotion_is_left_to_people(pair):
    registry, champion, challenger = pair
    done = hand_over_version(challenger, champion, auto_promote=False, project=registry.name)
    assert (done.staged, done.promoted, registry.changes) == (True, False, [])
    assert done.sentences[-1] == "`aletheia models promote v1.0.1` puts it into production."
    assert done.to_dict()["version"] == challenger


def test_promoted_where_that_was_asked_for(pair):
    registry, champion, challenger = pair
    done = hand_over_version(challenger, champion, auto_promote=True, project=registry.name)
    assert done.promoted
    assert registry.changes[0][0] == ("promote", challenger)


def test_refused_by_the_gate(pair, monkeypatch):
    registry, champion, challenger = pair

    def refuse(*args, **words):
        raise InputError("“fair” failed.")

    monkeypatch.setattr(handover, "change", refuse)
    done = hand_over_version(challenger, champion, auto_promote=True, project=registry.name)
    assert not done.promoted and "The gate does not let it into production: “fair” failed." in done.sentences
    assert registry.production() == [champion]


def test_not_promoted_over_a_model_that_it_was_not_compared_with(pair):
    registry, champion, challenger = pair
    other = registry.register("production")
    done = hand_over_version(challenger, champion, auto_promote=True, project=registry.name)
    assert not done.promoted and registry.changes == []
    assert f"Production has {other} by now, not {champion}" in done.sentences[1]


def test_not_staged_not_promoted(pair, monkeypatch):
    registry, champion, challenger = pair
    monkeypatch.setattr(handover, "deploy_to_staging", lambda version, project: (False, "It does not answer."))
    done = hand_over_version(challenger, champion, auto_promote=True, project=registry.name)
    assert (done.staged, done.promoted, registry.changes) == (False, False, [])
    assert done.sentences[-1] == f"{challenger} stays registered; production is as it was."


def test_a_version_that_cannot_be_deployed_is_no_error(registry):
    registry.register("production")
    (registry.catalog().find("v1.0.0").folder / "model.safetensors").unlink()
    passed, sentence = deploy_to_staging("v1.0.0", project=registry.name)
    assert not passed and sentence.startswith("Staging of v1.0.0 failed: ")
