"""Each trigger with planted logs and labels: it fires when it should, and says why not otherwise."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.alerts.rules import AlertConfig, Rule
from aletheia.lifecycle.alerts.state import RuleState
from aletheia.lifecycle.feedback.statement import Evaluation
from aletheia.lifecycle.model_versions.catalog import ModelVersion
from aletheia.lifecycle.retraining.triggers import (
    TRIGGERS,
    alert_states,
    answers_of,
    check_triggers,
    firing,
    judge_age,
    judge_alerts,
    judge_drift,
    judge_new_data,
    judge_performance,
    promised_errors,
)

from ..logs import START, VERSION, traffic

SHA256 = VERSION + "0" * 52
MODEL = ModelVersion("v1.0.0", "uid", (), {}, "2026-09-01T00:00:00+00:00", "", "attention_cnn", {}, "production")
EVALUATED = Evaluation(VERSION, false_alarms=0.1, misses=0.1)


def labels_of(rows: pd.DataFrame, wrong: float, seed: int = 0) -> pd.DataFrame:
    """Labels that contradict such a share of the verdicts, at random."""
    answered = rows[rows["verdict"].isin(("real", "fake"))]
    flip = np.random.default_rng(seed).random(len(answered)) < wrong
    label = (answered["verdict"] == "fake").to_numpy() ^ flip
    return pd.DataFrame({"id": answered["id"].to_numpy(), "label": label.astype("int64"), "source": "expert"})


@pytest.fixture
def answers(log_of):
    return answers_of(log_of(traffic(400)), SHA256)


def test_answers_of_a_model_alone(log_of):
    rows = log_of(traffic(20), traffic(10, seed=1, version="5d1f0c3a9b7f"), traffic(5, seed=2, version="5d1"))
    assert len(answers_of(rows, SHA256)) == 20


def test_performance(answers):
    fine = judge_performance(answers, labels_of(answers, 0.1), EVALUATED)
    assert not fine.fires and "no loss of 5 points" in fine.sentence
    bad = judge_performance(answers, labels_of(answers, 0.5), EVALUATED)
    assert bad.fires and 0.3 < bad.numbers["drop"] < 0.5
    assert "points less often than the evaluation lets expect" in bad.sentence
    assert bad.to_dict()["trigger"] == "performance"
    few = judge_performance(answers, labels_of(answers, 1.0).iloc[:29], EVALUATED)
    assert not few.fires and few.sentence == "29 answers of known truth, and 30 are needed to judge the accuracy."
    assert not judge_performance(answers, labels_of(answers, 1.0), None).fires
    assert judge_performance(answers, labels_of(answers, 0.5), EVALUATED, drop=0.6).fires is False


def test_performance_by_what_the_evaluation_said():
    assert promised_errors("v", {"test_fpr": 0.2, "test_fnr": 0.3}) == ("v", 0.2, 0.3)
    assert promised_errors("v", {"test_fpr": None, "test_fnr": 0.3}) is None


def test_alerts_about_accuracy_alone(tmp_path):
    config = AlertConfig(
        rules={"worse": Rule(metric="accuracy_drop", limit=0.05), "slow": Rule(metric="p95_ms", limit=500)}
    )
    states = alert_states(tmp_path / "predictions.sqlite")
    assert states.path.name == "predictions.sqlite.alerts.json"
    states.rules = {"worse": RuleState(), "slow": RuleState(firing_since=1.0), "gone": RuleState(firing_since=1.0)}
    assert not judge_alerts(states, config).fires
    states.rules["worse"].firing_since = 1.0
    found = judge_alerts(states, config)
    assert found.fires and found.numbers == {"alerts": ["worse"]}


def test_drift(log_of):
    quiet = judge_drift(answers_of(log_of(traffic(300)), SHA256), MODEL)
    assert not quiet.fires and "Nothing changed in 300 compared answers of v1.0.0" in quiet.sentence
    moved = log_of(traffic(100, seed=3, start=START + 9100, luma=4.0))
    found = judge_drift(answers_of(moved, SHA256), MODEL)
    assert found.fires and "brightness of the faces" in found.sentence
    later = dataclasses.replace(MODEL, created="2027-01-01T00:00:00+00:00")
    assert not judge_drift(answers_of(moved, SHA256), later).fires  # noticed before it was registered


def test_new_data():
    assert judge_new_data(50).fires
    assert not judge_new_data(49).fires
    assert judge_new_data(3, least=3).numbers == {"new": 3, "least": 3}


def test_schedule():
    now = time.mktime(time.strptime("2026-10-01", "%Y-%m-%d"))
    assert judge_age(MODEL, 20 * 86_400, now).fires
    young = judge_age(MODEL, 40 * 86_400, now)
    assert not young.fires and young.sentence == "v1.0.0 is 30d old; it is trained again every 40d."
    assert judge_age(dataclasses.replace(MODEL, created=""), 40 * 86_400, now).fires


def test_names():
    assert check_triggers(["drift", "now", "drift"]) == ["drift", "now"]
    with pytest.raises(InputError, match=f"no trigger 'whim' of a retraining; there are {', '.join(TRIGGERS)}"):
        check_triggers(["whim"])
    assert firing([judge_new_data(1), judge_new_data(99)]) == [judge_new_data(99)]
