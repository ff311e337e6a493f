"""The drawn month: its incidents happen when they are said to, and nothing else changes."""

from __future__ import annotations

import numpy as np

from aletheia.lifecycle.monitoring.drift import find_drift
from aletheia.lifecycle.monitoring.sample_traffic import CAMERA, DAY, FIRST, SECOND, SLOW, SWITCH, sample_log

END = 1_795_950_000.0


def test_month_with_incidents():
    log = sample_log(END, 6000)
    days = (log["time"].astype("int64") / 1e9 - END + 30 * DAY).to_numpy() / DAY
    assert len(log) == 6000
    assert (np.diff(days) >= 0).all() and days[0] >= 0 and days[-1] < 30
    assert set(log.loc[days < SWITCH, "version"]) == {FIRST[0]}
    assert set(log.loc[days >= SWITCH, "version"]) == {SECOND[0]}
    slow = (days >= SLOW[0]) & (days < SLOW[1])
    assert log.loc[slow, "ms_total"].median() > 4 * log.loc[~slow, "ms_total"].median()
    assert set(days[log["error"] == "timeout"] // 1) == {26.0}
    drifts, _ = find_drift(log)
    assert drifts[0].version == SECOND[0]
    assert drifts[0].column == "sharpness"
    since = (np.datetime64(drifts[0].since[:19]) - np.datetime64("1970-01-01")) / np.timedelta64(1, "s")
    assert abs((since - END) / DAY + 30 - CAMERA) < 0.5


def test_quiet_month():
    drifts, compared = find_drift(sample_log(END, 6000, seed=1, incidents=False))
    assert drifts == []
    assert set(compared) == {FIRST[0], SECOND[0]}


def test_same_seed_same_month():
    assert sample_log(END, 50, 3).drop(columns="id").equals(sample_log(END, 50, 3).drop(columns="id"))
    assert not sample_log(END, 50, 3)["probability"].equals(sample_log(END, 50, 4)["probability"])
