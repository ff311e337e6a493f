"""`aletheia ab status` on a log and a store of feedback as a service leaves them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aletheia.cli.ab import app
from aletheia.core.errors import InputError
from aletheia.lifecycle.feedback.place import store_path
from aletheia.lifecycle.feedback.statement import Decision, Statement
from aletheia.lifecycle.feedback.store import FeedbackStore
from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.table import PredictionTable


@pytest.fixture
def log(tmp_path):
    """Thirty answers of the champion on which the challenger disagrees."""
    path = tmp_path / "predictions.sqlite"
    table = PredictionTable(path)
    shadow = {"role": "champion", "other_version": "b" * 12, "other_release": "v1.1.0", "other_verdict": "real"}
    rows = [
        LogEntry(1000.0 + n, f"{n:032x}", "a" * 12, "uri", "image", "fake", release="v1.0.0", **shadow)
        for n in range(30)
    ]
    table.append(rows)
    table.close()
    return path


def run(*arguments):
    result = CliRunner().invoke(app, ["status", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_without_labels(log):
    output = run("--log", log, "--ask", 2).output
    assert "disagreed on 30 (100.0%); 0 of these have a label" in output and f"{0:032x}" in output
    assert f"{2:032x}" not in output


def test_json(log):
    result = json.loads(run("--log", log, "--json", "--ask", 3).output)
    assert result["answer"] == "open" and result["disagreements"] == 30 and len(result["ask"]) == 3
    assert result["labels_wanted"]["by_effect"] > 100


def test_accepted_labels_decide(log):
    """All thirty are genuine, as the challenger says; what nobody accepted does not count."""
    store = FeedbackStore(store_path(log.parent))
    for n in range(30):
        said = Statement(f"{n:032x}", caller="somebody", label=0, source="own", time=2000.0 + n)
        store.add(said)
    assert "0 of these have a label" in run("--log", log).output
    store.decide([Decision(f"{n:032x}", "accepted", 0, "own", 2000.0 + n, "me", 3000.0) for n in range(25)])
    output = " ".join(run("--log", log).output.split())
    assert "25 of these have a label" in output and "v1.1.0 is better" in output
    assert "aletheia models promote v1.1.0 --reason" in output
    assert len(json.loads(run("--log", log, "--json", "--ask", 20).output)["ask"]) == 5


def test_refusals(tmp_path, log):
    with pytest.raises(InputError, match="no prediction log"):
        run("--log", tmp_path / "none")
    with pytest.raises(InputError, match="alpha is 2"):
        run("--log", log, "--alpha", 2)
    with pytest.raises(InputError, match="not tried side by side"):
        run("--log", log, "--challenger", "v7")
    assert run("--log", log, "--minimum-effect", 0.6).exit_code == 2
