"""The lock under which models are changed: every change takes it, the deletion of files included."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from aletheia.cli.models import app
from aletheia.core.errors import InputError
from aletheia.core.process_lock import process_lock
from aletheia.core.settings import get_settings
from aletheia.lifecycle.model_versions.lock import models_lock


def is_held() -> bool:
    """Whether anybody, this process included, is within."""
    try:
        with process_lock(get_settings().home / "models.lock", "A test"):
            return False
    except InputError:
        return True


def test_it_is_held_for_the_block_alone():
    with models_lock():
        assert is_held()
    assert not is_held()


def test_files_are_chosen_and_deleted_under_it(registry, monkeypatch):
    """Else one could be chosen, then promoted, and then deleted."""
    held = []

    def choose(catalog, keep):
        held.append(is_held())
        raise InputError("chosen")

    monkeypatch.setattr("aletheia.cli.model_versions._catalog", registry.catalog)
    monkeypatch.setattr("aletheia.lifecycle.model_versions.deletion.plan_deletion", choose)
    assert isinstance(CliRunner().invoke(app, ["prune"]).exception, InputError)
    assert held == [True] and not is_held()


@pytest.mark.parametrize("tag", ["production", "candidate"])
def test_a_registration_publishes_under_it(registry, monkeypatch, tag):
    held, set_tag = [], registry.reader.set_tag.__func__

    def note(reader, *arguments):
        held.append(is_held())
        return set_tag(reader, *arguments)

    monkeypatch.setattr("aletheia.tracking.reader.Reader.set_tag", note)
    registry.register(tag)
    assert held == [True]
