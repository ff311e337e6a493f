"""`aletheia monitor`: what it prints, its page, its exit codes."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aletheia.cli.monitor import monitor as monitor_command
from aletheia.cli.monitor_summary import summarise
from aletheia.cli.root import app
from aletheia.core.errors import InputError
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ..lifecycle.logs import START, traffic


@pytest.fixture
def log(tmp_path):
    table = PredictionTable(tmp_path / "log.sqlite")
    table.append([*traffic(300), *traffic(100, seed=1, start=START + 9000, luma=4.0)])
    table.close()
    return tmp_path / "log.sqlite"


def monitor(*words: object):
    assert any(command.callback is monitor_command for command in app.registered_commands)
    return CliRunner().invoke(app, ["monitor", *map(str, words)])


def test_text_and_page(log, tmp_path):
    page = tmp_path / "made" / "monitor.html"
    result = monitor("--log", log, "--last", "all", "--report", page)
    assert result.exit_code == 0
    assert "5d1f0c3a9b7e" in result.output
    assert "brightness of the faces" in result.output
    assert "brightness of the faces" in page.read_text()


def test_json_and_strict(log):
    result = monitor("--log", log, "--last", "all", "--json", "--strict")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["versions"][0]["answers"] == 400
    assert [drift["column"] for drift in found["drift"]] == ["luma"]
    assert monitor("--log", log, "--last", "1m", "--strict").exit_code == 0  # nothing in this span


def test_unusable_input(log, tmp_path):
    for words, sentence in (
        (["--log", tmp_path / "none"], "no prediction log"),
        (["--log", log, "--last", "soon"], "--last: 'soon' is no span of time"),
        (["--log", log, "--every", "0h"], "--every: '0h' is no span of time"),
    ):
        error = monitor(*words).exception
        assert isinstance(error, InputError)
        assert sentence in str(error)


def test_rules_for_prometheus(tmp_path):
    rules, manager = tmp_path / "rules.yml", tmp_path / "alertmanager.yml"
    (tmp_path / "alerts.yaml").write_text("webhooks: [https://hooks.example/secret]")
    words = ["--alerts", tmp_path / "alerts.yaml", "--prometheus-rules", rules, "--alertmanager", manager]
    assert monitor(*words, "--job", "faces").exit_code == 0
    assert "AletheiaFailing" in rules.read_text() and 'job="faces"' in rules.read_text()
    assert "hooks.example" in manager.read_text()
    assert (tmp_path / "rules_test.yml").is_file()


def test_look_goes_on(log, tmp_path):
    """A second report reads what the first one found; by the hour it is another search."""
    first = json.loads(monitor("--log", log, "--last", "all", "--json").stdout)
    assert log.with_name("log.sqlite.changes.npz").is_file()
    again = json.loads(monitor("--log", log, "--last", "all", "--json").stdout)
    assert again == first
    assert again["order"] == []
    assert again["versions"][0]["estimated_accuracy"]["warning"].startswith("This is no measurement.")
    assert (
        json.loads(monitor("--log", log, "--last", "all", "--json", "--by-hour").stdout)["compared"]
        == first["compared"]
    )


def test_summary_tells_whether_anything_changed(log, capsys):
    for since, changed in ((0.0, True), (START + 1e9, False)):
        assert summarise(log, since, "1h", spacing=10.0, by_hour=False, as_json=True) is changed
        assert bool(json.loads(capsys.readouterr().out)["drift"]) is changed
