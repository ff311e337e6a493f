"""Budgets of time and memory. No test depends on how busy the machine is: what is planted is far beyond the budget."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.staging.budget_checks import Budgets, check_budgets, measure, percentile
from aletheia.release.golden_answers import draw_pictures


def test_percentile_is_the_nearest_rank():
    values = list(np.random.default_rng(0).normal(size=37))
    for share in (0.01, 0.5, 0.95, 1.0):
        assert percentile(values, share) == np.quantile(values, share, method="inverted_cdf")


def test_measures_a_real_service(service):
    measured = measure(service, draw_pictures(2), Budgets(requests=20))
    assert measured["requests"] == 20 and 0 < measured["p50_ms"] <= measured["p95_ms"]
    assert measured["memory_mb"] > 10  # of the decoding processes
    assert [check.state for check in check_budgets(measured, Budgets(1e6, 1e6))] == ["passed", "passed"]


def test_a_slow_model_is_refused(staged):
    with staged(seconds=0.06) as running:
        measured = measure(running, draw_pictures(1), Budgets(requests=20))
    assert measured["p50_ms"] >= 60
    late, heavy = check_budgets(measured, Budgets(p95_ms=50, memory_mb=1))
    assert (late.state, late.code, heavy.state, heavy.code) == ("failed", "latency", "failed", "memory")
    assert "the budget is 50 ms" in late.detail and "the budget is 1 MB" in heavy.detail


def test_measure_refuses_errors(staged):
    with staged(lambda path, status, body: (503, body)) as running, pytest.raises(InputError, match="503"):
        measure(running, draw_pictures(1), Budgets(requests=20))


@pytest.mark.parametrize("values", [{"p95_ms": 0}, {"memory_mb": math.nan}, {"p95_ms": math.inf}, {"requests": 19}])
def test_budgets_refuse(values):
    with pytest.raises(InputError):
        Budgets(**values)
