"""The estimate without labels: right where its assumption holds, blind where it does not, and never without warning."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest

from aletheia.lifecycle.monitoring.estimated_accuracy import (
    WARNING,
    adjust,
    estimate_accuracy,
    estimate_prevalence,
    turning_rate,
)
from aletheia.lifecycle.monitoring.report import render_monitor_report
from aletheia.lifecycle.monitoring.traffic import hourly, summarise_traffic

from ..logs import traffic


def answers(rows: int, share: float, seed: int = 0, looks_genuine: float = 0.0):
    """Draw answers whose probabilities are right for equally many fakes; some fakes look genuine."""
    rng = np.random.default_rng(seed)
    fake = rng.random(rows) < share
    evidence = rng.normal(np.where(fake & (rng.random(rows) >= looks_genuine), 1, -1) * 1.5, 1.0)
    p = 1 / (1 + np.exp(-3.0 * evidence))  # the log odds of two normals at ±1.5 are 3 x
    verdict = np.where(p >= 0.7, "fake", np.where(p < 0.5, "real", "cannot tell"))
    columns = {"error": "", "faces": 1, "cause": "", "verdict": verdict, "probability": p}
    return pd.DataFrame(columns), fake


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_right_where_its_assumption_holds(share):
    log, fake = answers(20_000, share)
    given = log["verdict"] != "cannot tell"
    right = ((log["verdict"] == "fake") == fake)[given].mean()
    estimate = estimate_accuracy(log)
    assert estimate["value"] == pytest.approx(right, abs=0.005)
    assert estimate["prevalence"] == pytest.approx(share, abs=0.02)
    assert estimate["low"] < estimate["value"] < estimate["high"]
    assert estimate["n"] == given.sum()


def test_blind_to_fakes_that_look_genuine():
    """What the warning is about: half of the fakes have the scores of genuine faces, and the estimate rises."""
    log, fake = answers(20_000, 0.5, looks_genuine=0.5)
    given = log["verdict"] != "cannot tell"
    right = ((log["verdict"] == "fake") == fake)[given].mean()
    estimate = estimate_accuracy(log)
    assert right < 0.75
    assert estimate["value"] > 0.9
    assert estimate["high"] - right > 0.15
    assert estimate["warning"] == WARNING


def test_prevalence_is_the_most_likely_one():
    """By a search over the likelihood itself, of which expectation maximisation finds the maximum."""
    p = answers(500, 0.3, seed=2)[0]["probability"].to_numpy()
    likelihood = minimize_scalar(lambda share: -np.log(share * p + (1 - share) * (1 - p)).sum(), bounds=(0, 1))
    assert estimate_prevalence(p) == pytest.approx(likelihood.x, abs=1e-3)
    assert np.isnan(estimate_prevalence(np.empty(0)))
    assert adjust(np.array([0.5, 0.8]), 0.2) == pytest.approx([0.2, 0.5])  # odds 1 : 4, and 4 : 1 times 1 : 4


def test_turning_rate():
    log, _ = answers(40, 0.5)
    log.loc[:4, ["verdict", "cause"]] = ["cannot tell", "turns when re-encoded"]
    low, high = binomtest(5, 40).proportion_ci(method="wilson")
    rate = turning_rate(log)
    assert (rate["value"], rate["n"]) == (5 / 40, 40)
    assert (rate["low"], rate["high"]) == pytest.approx((low, high))
    assert turning_rate(log[:0]) is None and estimate_accuracy(log[:0]) is None
    log["verdict"] = "cannot tell"
    assert estimate_accuracy(log) is None


def test_report_warns(log_of):
    log = log_of(traffic(300))
    versions = summarise_traffic(log)
    page = render_monitor_report(versions, hourly(log), [], {}, reference=100)
    assert WARNING.split(".")[0] in page
    estimate = versions[0]["estimated_accuracy"]
    assert f"{estimate['value']:.1%}" in page
    assert "turned when saved again" in page
