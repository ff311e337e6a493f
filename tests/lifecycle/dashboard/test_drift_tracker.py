"""The search for changes of the dashboard: as that of the monitor, and what is now beside what was at the beginning."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.lifecycle.dashboard.drift_tracker import RECENT, DriftTracker
from aletheia.lifecycle.monitoring.drift import WEIGHTS, column_words, find_drift
from aletheia.lifecycle.prediction_log.reading import EMBEDDING

from ..logs import START, VERSION, traffic


def test_log_that_grows(log_of):
    """Row by row, or all at once: the same changes, levels and evidence."""
    log = log_of(traffic(500), traffic(200, seed=1, start=START + 15_000, luma=3.0), traffic(150, version="b"))
    drifts, compared = find_drift(log)
    assert [drift.column for drift in drifts] == ["luma"]
    tracker, whole = DriftTracker(), DriftTracker()
    found = [drift for n in range(0, len(log), 7) for drift in tracker.update(log.iloc[n : n + 7])]
    assert found == tracker.drifts == whole.update(log) == drifts
    assert tracker.compared == compared
    for name, version in tracker.versions.items():
        pd.testing.assert_frame_equal(pd.DataFrame(version.levels()), pd.DataFrame(whole.versions[name].levels()))
        assert version.evidence == whole.versions[name].evidence
        assert 0 < sum(version.evidence.values()) < 1


def test_levels(log_of):
    tracker = DriftTracker()
    log = log_of(traffic(100), traffic(60, seed=1, start=START + 3_000, luma=0.8))
    tracker.update(log.iloc[:99])
    assert not tracker.versions[VERSION].is_watching
    tracker.update(log.iloc[99:])
    version = tracker.versions[VERSION]
    assert version.is_watching and version.compared == version.rows == 160
    levels = version.levels()
    first, last = log.iloc[:100], log.iloc[-RECENT:]
    assert levels["luma"]["before"] == pytest.approx(first["luma"].mean())
    assert levels["luma"]["now"] == pytest.approx(last["luma"].mean())
    spread = first["luma"].std(ddof=0)
    assert levels["luma"]["shift"] == pytest.approx((last["luma"].mean() - first["luma"].mean()) / spread)
    assert levels["face_size"]["now"] == pytest.approx(np.exp(np.log(last["face_size"]).mean()))
    assert np.isnan(levels["contrast"]["shift"])  # all alike: no spread to measure by
    assert set(levels) == set(WEIGHTS)


def test_levels_after_a_change(log_of):
    """What was before is then what came after the change, as far as it was not needed to notice it."""
    log = log_of(traffic(300), traffic(400, seed=1, start=START + 9_000, luma=3.0))
    tracker = DriftTracker()
    (drift,) = tracker.update(log)
    version = tracker.versions[VERSION]
    own = log[log["time"] > pd.Timestamp(drift.noticed)]
    assert version.compared == len(own)
    assert version.levels()["luma"]["before"] == pytest.approx(own["luma"].iloc[:100].mean())


def test_words_of_columns():
    assert column_words("luma") == "brightness of the faces (0 to 255)"
    assert column_words(EMBEDDING[3]) == "what the network sees in the faces (embedding 3)"
