"""``aletheia settings``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import aletheia
from aletheia.cli.root import app
from aletheia.cli.settings import variables
from aletheia.core.errors import InputError
from aletheia.core.settings import OTHER_VARIABLES, Settings, get_settings


@pytest.fixture(autouse=True)
def fresh():
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_settings_values(monkeypatch):
    monkeypatch.setenv("ALETHEIA_MAX_PIXELS", "1234")
    monkeypatch.delenv("ALETHEIA_WORKERS", raising=False)
    monkeypatch.setenv("ALETHEIA_API_KEY", "sesame-1")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "sesame-2")
    monkeypatch.setenv("MLRUN_DBPATH", "http://user:sesame-3@host:1/path")
    output = CliRunner().invoke(app, ["settings", "--json"]).output
    rows = {row["name"]: row for row in json.loads(output)}
    assert (rows["ALETHEIA_MAX_PIXELS"]["value"], rows["ALETHEIA_MAX_PIXELS"]["origin"]) == ("1234", "environment")
    assert rows["ALETHEIA_WORKERS"]["origin"] == "default"
    assert rows["MLRUN_DBPATH"]["value"] == "http://host:1/path"
    assert "sesame" not in output
    assert "ALETHEIA_MAX_FILE_BYTES" in CliRunner().invoke(app, ["settings"]).output


def test_settings_refuse_a_bad_value(monkeypatch):
    monkeypatch.setenv("ALETHEIA_WORKERS", "many")
    with pytest.raises(InputError, match="ALETHEIA_WORKERS"):
        variables()


def test_every_variable_of_the_package_is_listed():
    """Except those that the package sets for its own children."""
    text = "\n".join(path.read_text() for path in Path(aletheia.__file__).parent.rglob("*.py"))
    used = set(re.findall(r"\bALETHEIA_[A-Z_]*[A-Z]\b", text)) - {
        "ALETHEIA_TRACKING_EMBEDDED",
        "ALETHEIA_PIPELINE_PLAN",
    }
    assert used <= set(OTHER_VARIABLES) | {f"ALETHEIA_{field.upper()}" for field in Settings.model_fields}
