"""Answers that come in an order: which are noticed, what is advised, and that the advice helps."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.lifecycle.monitoring.dependence import BLOCK, _inflation, find_dependence
from aletheia.lifecycle.monitoring.drift import find_drift

from ..logs import START, traffic


def ordered(rows: int, pattern: str):
    """Draw answers, one a minute: in no order, by callers of 20 pictures, or with nights that differ."""
    rng = np.random.default_rng(3)
    shift = np.zeros(rows)
    if pattern == "callers":
        shift = np.repeat(rng.normal(0, 2, rows // 20 + 1), 20)[:rows]
    elif pattern == "nights":
        shift = 2.0 * ((START + 60 * np.arange(rows)) // 3600 % 24 < 8)
    for entry, by in zip(traffic(rows, every=60.0), shift, strict=True):
        yield entry._replace(luma=entry.luma + 20 * float(by))


@pytest.mark.parametrize(("pattern", "advice"), [("none", None), ("callers", (600, False)), ("nights", (10, True))])
def test_advice(log_of, pattern, advice):
    log = log_of(ordered(5 * 1440, pattern))
    found = find_dependence(log)
    if advice is None:
        assert found == []
        return
    (dependence,) = found
    assert dependence.column == "luma"
    assert dependence.inflation > 5
    assert (dependence.spacing, dependence.by_hour) == advice
    assert ("--by-hour" in dependence.sentence, "--spacing 10m" in dependence.sentence) == (advice[1], not advice[1])
    assert len(find_drift(log)[0]) > 3
    assert find_drift(log, spacing=dependence.spacing, by_hour=dependence.by_hour)[0] == []
    assert find_dependence(log, spacing=dependence.spacing, by_hour=dependence.by_hour) == []


def test_inflation():
    """Of an autoregressive series it is (1 + r) / (1 - r) as blocks grow, for ranks nearly so; of noise it is 1."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=50_000)
    assert _inflation(noise, None) == pytest.approx(1, abs=0.15)
    series = noise.copy()
    for index in range(1, len(series)):
        series[index] += 0.5 * series[index - 1]
    expected = 1 + 2 * sum((1 - lag / BLOCK) * 0.5**lag for lag in range(1, BLOCK))
    assert _inflation(series, None) == pytest.approx(expected, rel=0.1)
    assert _inflation(np.ones(5000), None) == 0.0
    assert _inflation(noise[:500], None) == 0.0  # too few
