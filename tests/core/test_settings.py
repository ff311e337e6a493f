"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from aletheia.core.cores import cores
from aletheia.core.errors import InputError
from aletheia.core.settings import Settings, get_settings


@pytest.fixture(autouse=True)
def _read_anew():
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_get_settings_reads_each_variable(monkeypatch):
    monkeypatch.setenv("ALETHEIA_MAX_PIXELS", "1000")
    monkeypatch.setenv("ALETHEIA_HOME", "/somewhere")
    monkeypatch.delenv("ALETHEIA_WORKERS", raising=False)
    settings = get_settings()
    assert (settings.max_pixels, settings.home, settings.workers) == (1000, Path("/somewhere"), cores())
    monkeypatch.setenv("ALETHEIA_MAX_PIXELS", "2000")
    assert get_settings().max_pixels == 1000  # once a process


@pytest.mark.parametrize(("name", "text"), [("MAX_PIXELS", "many"), ("TRACKING_PORT", "0"), ("WORKERS", "-1")])
def test_get_settings_names_an_invalid_variable(monkeypatch, name, text):
    monkeypatch.setenv(f"ALETHEIA_{name}", text)
    with pytest.raises(InputError, match=f"ALETHEIA_{name}: "):
        get_settings()


def test_get_settings_without_a_home_folder(monkeypatch):
    """As with a user whom the system does not know, and without HOME."""
    monkeypatch.delenv("HOME", raising=False)
    for name in ("ALETHEIA_HOME", "XDG_DATA_HOME", "ALETHEIA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    with pytest.raises(InputError, match="set HOME, or ALETHEIA_HOME, to a folder that can be written"):
        get_settings()


def test_settings_are_documented():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
