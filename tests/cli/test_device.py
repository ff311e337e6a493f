"""``--device``: a device that is not there ends a command before it looks for a model."""

from __future__ import annotations

import os

import pytest
from typer.testing import CliRunner

from aletheia.cli.device import Device, set_device
from aletheia.cli.root import app
from aletheia.core.device import answering_device
from aletheia.core.errors import InputError
from aletheia.core.settings import get_settings

COMMANDS = {
    "predict": ["predict", "no-picture.jpg", "--model", "no-model"],
    "serve": ["serve", "--model", "no-model", "--port", "0", "--no-record"],
    "evaluate": ["evaluate", "no-folder", "no-model"],
}


@pytest.fixture(autouse=True)
def _setting(monkeypatch):
    monkeypatch.setenv("ALETHEIA_DEVICE", "cpu")  # what a command sets is taken back
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def absent() -> str:
    """A device that this machine does not have, for answers and for evaluations."""
    set_device(Device.AUTO)
    present = answering_device()
    set_device(Device.CPU)
    if present != "cpu":
        pytest.skip("this machine has a GPU")
    return "cuda"


@pytest.mark.parametrize("command", COMMANDS)
def test_absent_device_ends_the_command_first(command, absent):
    result = CliRunner().invoke(app, [*COMMANDS[command], "--device", absent])
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith("The device cuda cannot be used here: ")
    assert "no-" not in str(result.exception)


@pytest.mark.parametrize("command", ["predict", "serve"])
@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_present_device_lets_the_command_go_on(command, device):
    result = CliRunner().invoke(app, [*COMMANDS[command], "--device", device])
    assert isinstance(result.exception, InputError)
    assert "device" not in str(result.exception) and "no-" in str(result.exception)


def test_the_variable_counts_like_the_option(monkeypatch, absent):
    monkeypatch.setenv("ALETHEIA_DEVICE", absent)
    get_settings.cache_clear()
    result = CliRunner().invoke(app, COMMANDS["predict"])
    assert "device cuda cannot be used" in str(result.exception)
    result = CliRunner().invoke(app, [*COMMANDS["predict"], "--device", "cpu"])  # the option goes before
    assert "device" not in str(result.exception)


def test_set_device_reaches_processes_that_are_started():
    set_device(Device.AUTO)
    assert os.environ["ALETHEIA_DEVICE"] == get_settings().device == "auto"
    set_device(None)
    assert get_settings().device == "auto"


def test_url_has_its_own_device():
    result = CliRunner().invoke(app, ["predict", "a.jpg", "--url", "http://127.0.0.1:1", "--device", "cpu"])
    assert "--url and --device were both given" in str(result.exception)


def test_unknown_device_is_refused():
    assert CliRunner().invoke(app, ["predict", "a.jpg", "--device", "tpu"]).exit_code == 2
