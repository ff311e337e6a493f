"""Configuration of the service, from Python and from the command line."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.serving.config import ServeConfig
from aletheia.serving.model_loading import load_model


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"quue": 3}, "quue"),
        ({"port": 70_000}, "port"),
        ({"workers": 0}, "workers"),
        ({"max_upload_bytes": -1}, "max_upload_bytes"),
        ({"request_timeout_s": float("inf")}, "request_timeout_s"),
        ({"models": ("a", "b"), "weights": (1.0,)}, "1 weights for 2 models"),
        ({"weights": (0.0,)}, "weights"),
        ({"default_frames": 20, "max_frames": 10}, "default_frames"),
        ({"max_pixels": "many"}, "max_pixels"),
        ({"precision": "f16"}, "precision"),
    ],
)
def test_serve_config_refuses(values, message):
    with pytest.raises(InputError, match=message):
        ServeConfig(**values)


def test_load_model_precision(bundle):
    """This bundle was exported without int8, and a precision that was not measured is not served."""
    with pytest.raises(InputError, match="does not offer the precision 'int8'"):
        load_model(ServeConfig(models=(str(bundle),), precision="int8"))
    assert load_model(ServeConfig(models=(str(bundle),))).predictor.network.engine


def test_serve_config_parses_text():
    assert ServeConfig(max_frames="32", request_timeout_s="1.5").max_frames == 32


def test_serve_config_api_key(monkeypatch):
    assert ServeConfig().api_key is None
    monkeypatch.setenv("ALETHEIA_API_KEY", "sesame")
    config = ServeConfig()
    assert config.api_key.get_secret_value() == "sesame"
    assert "sesame" not in repr(config) + str(config) + config.model_dump_json()


@pytest.mark.parametrize("name", ["faces.example:443", "https://faces.example", "a/b", "", "*"])
def test_serve_config_names(name):
    with pytest.raises(InputError, match="is no host name"):
        ServeConfig(names=(name,))


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("max_frames", "not name=value"),
        ("port=3", "'port' is no limit; there are max_upload_bytes"),
        ("api_key=x", "'api_key' is no limit"),
        ("max_frames=many", "max_frames: Input should be a valid integer"),
        ("queue=-1", "queue: Input should be greater than or equal to 0"),
    ],
)
def test_serve_command_limits(limit, message):
    result = CliRunner().invoke(app, ["serve", "--port", "0", "--limit", limit])
    assert isinstance(result.exception, InputError) and message in str(result.exception)
