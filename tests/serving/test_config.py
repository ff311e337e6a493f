"""What the service can be told."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from aletheia.cli import app
from aletheia.core.errors import InputError
from aletheia.serving.config import ServeConfig
from aletheia.serving.model_loading import load_model


@pytest.mark.parametrize(
    ("values", "words"),
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
def test_what_does_not_fit_is_named(values, words):
    with pytest.raises(InputError, match=words):
        ServeConfig(**values)


def test_a_precision_reaches_the_network(bundle):
    """This bundle was exported without int8; what was not measured is not served."""
    with pytest.raises(InputError, match="does not offer the precision 'int8'"):
        load_model(ServeConfig(models=(str(bundle),), precision="int8"))
    assert load_model(ServeConfig(models=(str(bundle),))).predictor.network.engine


def test_words_of_a_command_line_become_numbers():
    assert ServeConfig(max_frames="32", request_timeout_s="1.5").max_frames == 32


def test_the_key_comes_from_the_environment_and_is_never_shown(monkeypatch):
    assert ServeConfig().api_key is None
    monkeypatch.setenv("ALETHEIA_API_KEY", "sesame")
    config = ServeConfig()
    assert config.api_key.get_secret_value() == "sesame"
    assert "sesame" not in repr(config) + str(config) + config.model_dump_json()


@pytest.mark.parametrize("name", ["faces.example:443", "https://faces.example", "a/b", "", "*"])
def test_a_name_is_that_of_a_host(name):
    with pytest.raises(InputError, match="is no name of a host"):
        ServeConfig(names=(name,))


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("max_frames", "not name=value"),
        ("port=3", "'port' is no limit; there are max_upload_bytes"),
        ("api_key=x", "'api_key' is no limit"),
        ("max_frames=many", "max_frames: Input should be a valid integer"),
        ("queue=-1", "queue: Input should be greater than or equal to 0"),
    ],
)
def test_limits_on_the_command_line(limit, words):
    done = CliRunner().invoke(app, ["serve", "--port", "0", "--limit", limit])
    assert isinstance(done.exception, InputError) and words in str(done.exception)
