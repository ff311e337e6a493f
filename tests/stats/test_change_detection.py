"""Alarms on changing streams: their rate on streams that do not change, and what they say about those that do."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from aletheia.stats.change_detection import ChangeDetector, detect_changes
from aletheia.stats.sequential_ranks import BETS, bet_payoffs, rank_among, sequential_ranks


def test_bets_are_densities():
    """The guarantee rests on each of them paying 1 on average."""
    ranks = (np.arange(200_000) + 0.5) / 200_000
    payoffs = bet_payoffs(ranks)
    assert payoffs.mean(axis=0) == pytest.approx(np.ones(len(BETS)), abs=2e-3)
    for column, (a, b) in enumerate(BETS):
        assert payoffs[::997, column] == pytest.approx(stats.beta.pdf(ranks[::997], a, b))


def test_ranks_are_uniform():
    rng = np.random.default_rng(0)
    continuous = sequential_ranks(rng.normal(size=2000), rng)
    tied = sequential_ranks(rng.integers(0, 2, 2000).astype(float), rng)
    for ranks in (continuous, tied):
        assert stats.kstest(ranks, "uniform").pvalue > 0.01
        assert abs(stats.spearmanr(ranks[1:], ranks[:-1]).statistic) < 0.06
    ranks = sequential_ranks(np.array([3.0, np.nan, 5, 4]), rng)
    assert np.isnan(ranks[1])
    assert 1 / 2 <= ranks[2] <= 1
    assert 1 / 3 <= ranks[3] <= 2 / 3


def test_run_length():
    """Without a change, alarms are no more frequent than stated: over 40 streams of 5 run lengths each."""
    rng, run_length, rows = np.random.default_rng(1), 200, 1000
    alarms = 0
    for stream in range(40):
        common = rng.normal(size=rows)  # the columns depend on each other, which must not matter
        columns = {f"c{k}": common + 0.5 * rng.normal(size=rows) for k in range(4)}
        columns["flag"] = (common > 1).astype(float)
        alarms += len(detect_changes(columns, dict.fromkeys(columns, 1.0), run_length, reference=20, seed=stream))
    assert alarms <= 40 * rows / run_length
    assert alarms > 0  # it is not simply deaf


@pytest.mark.parametrize(
    ("change", "most"),
    [(lambda x: x + 2, 40), (lambda x: x - 0.7, 250), (lambda x: 3 * x, 150)],
    ids=["shift of 2", "shift of -0.7", "spread"],
)
def test_changes_are_found(change, most):
    delays = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        columns = {name: rng.normal(size=1500) for name in "abcdefgh"}
        columns["d"][700:] = change(columns["d"][700:])
        first = detect_changes(columns, dict.fromkeys(columns, 1.0), 250_000, seed=seed)[0]
        assert first.column == "d"
        assert first.share > 0.5
        assert abs(first.since - 700) < 100
        delays.append(first.at - 700)
    assert 0 < np.median(delays) < most


def test_search_starts_anew():
    """What came after an alarm is the new reference: the same state raises no second one, a return does."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=3000)
    values[1000:2000] += 3
    changes = detect_changes({"x": values}, {"x": 1.0}, 100_000)
    assert len(changes) == 2
    assert 1000 < changes[0].at < 1050
    assert 2000 < changes[1].at < 2100


def test_unknown_values_move_nothing():
    rng = np.random.default_rng(4)
    values = rng.normal(size=800)
    values[400:] += 3
    empty = np.full(800, np.nan)
    changes = detect_changes({"x": values, "never": empty}, {"x": 1.0, "never": 1.0}, 10_000)
    assert [change.column for change in changes] == ["x"]
    assert detect_changes({"never": empty}, {"never": 1.0}, 10) == []
    assert detect_changes({}, {}, 10) == []


def test_misuse():
    with pytest.raises(ValueError, match="differ in length"):
        detect_changes({"a": np.zeros(3), "b": np.zeros(4)}, {"a": 1, "b": 1}, 10)
    with pytest.raises(KeyError):
        detect_changes({"a": np.zeros(3)}, {}, 10)


def streams(rows: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(size=rows) for name in "abc"}
    columns["b"][rows // 2 :] += 1.5
    columns["c"][rng.random(rows) < 0.2] = np.nan
    return columns, dict.fromkeys(columns, 1.0)


@pytest.mark.parametrize("by_strata", [False, True])
def test_parts_are_as_the_whole(by_strata):
    """To the last bit, wherever the stream is cut, and across detectors that only know the state of the one before."""
    columns, weights = streams(1200)
    times, strata = np.arange(1200) * 7.0, np.arange(1200) // 40 % 3 if by_strata else None
    options = {"reference": 30, "bag": 150, "seed": 3}
    whole = ChangeDetector(weights, 2000, **options)
    expected = whole.update(columns, times=times, strata=strata)
    assert len(expected) >= 1
    rng, detector, found, start = np.random.default_rng(5), ChangeDetector(weights, 2000, **options), [], 0
    while start < 1200:
        part = slice(start, start := start + int(rng.integers(1, 90)))
        found += detector.update(
            {name: values[part] for name, values in columns.items()},
            times=times[part],
            strata=None if strata is None else strata[part],
        )
        plain, arrays = detector.state()
        detector = ChangeDetector(weights, 2000, **{**options, "seed": 99})
        detector.restore(json.loads(json.dumps(plain)), arrays)
    assert found == expected
    assert detector.peak == whole.peak
    assert detector.start == whole.start == expected[-1].at + 1
    assert detector.evidence == whole.evidence


def test_change_says_what_it_was():
    columns, weights = streams(1000)
    (change, *_) = ChangeDetector(weights, 5000).update(columns, times=np.arange(1000) * 10.0)
    assert change.column == "b"
    assert (change.time, change.since_time) == (change.at * 10.0, change.since * 10.0)
    assert change.before == pytest.approx(columns["b"][: change.since].mean())
    assert change.after == pytest.approx(columns["b"][change.since : change.at + 1].mean())


def test_full_bag_keeps_ranks_uniform():
    """Also once nearly every value leaves the bag again: ranks stay uniform, and each independent of the one before."""
    rng = np.random.default_rng(7)
    for ties in (False, True):
        values = rng.integers(0, 4, 20_000).astype(float) if ties else rng.normal(size=20_000)
        bag: list[float] = []
        ranks = np.array([rank_among(bag, value, rng.random(2), 5) for value in values])
        assert len(bag) == 5
        assert stats.kstest(ranks, "uniform").pvalue > 0.001
        for lag in (1, 2, 5):
            assert abs(stats.spearmanr(ranks[lag:], ranks[:-lag]).statistic) < 0.025


def test_strata_may_differ():
    """Nights that differ from days are no change, once compared with nights alone; a change of the nights is one."""
    rng = np.random.default_rng(8)
    night = np.arange(3000) // 50 % 2
    values = rng.normal(size=3000) + 4.0 * night
    weights = {"x": 1.0}
    assert len(detect_changes({"x": values}, weights, 100_000)) > 5
    assert detect_changes({"x": values}, weights, 100_000, strata=night) == []
    values[2000:] += 2.0 * night[2000:]
    (change,) = detect_changes({"x": values}, weights, 100_000, strata=night)
    assert change.since >= 2000 and change.at < 2200


def test_windows_against_one_reference():
    """Windows of m rows that all start from one reference raise an alarm with a chance of at most m / run length."""
    rng, alarms = np.random.default_rng(9), 0
    for seed in range(300):
        detector = ChangeDetector({"x": 1.0, "y": 1.0}, 200, reference=1, seed=seed)
        reference = rng.normal(size=(2, 80))
        detector.learn({"x": reference[0], "y": reference[1]})
        alarms += bool(detector.update({name: rng.normal(size=50) for name in "xy"}))
    assert 0 < alarms <= 300 * 50 / 200
    detector = ChangeDetector({"x": 1.0}, 200, reference=1)
    detector.learn({"x": rng.normal(size=80)})
    assert detector.update({"x": rng.normal(3, 1, 50)})
    with pytest.raises(ValueError, match="before the first row"):
        detector.learn({"x": rng.normal(size=80)})


def test_states_that_do_not_fit():
    columns, weights = streams(300)
    detector = ChangeDetector(weights, 1e9)
    detector.update(columns)
    plain, arrays = detector.state()
    other = ChangeDetector({"a": 1.0}, 1e9)
    for wrong in (arrays, {**arrays, "bags": arrays["bags"][:-1]}):
        with pytest.raises(ValueError, match=r"other columns|damaged"):
            other.restore(plain, wrong)
        other = ChangeDetector(weights, 1e9)
    assert other.rows == 0


def test_evidence_of_each_column():
    detector = ChangeDetector({"a": 1.0, "b": 1.0}, 1e9, reference=10)
    rng = np.random.default_rng(6)
    detector.update({name: rng.normal(size=9) for name in "ab"})
    assert not detector.is_watching
    assert detector.evidence == {"a": 0.0, "b": 0.0}
    detector.update({"a": rng.normal(size=21), "b": np.full(21, np.nan)})
    assert detector.is_watching
    assert detector.evidence["a"] > detector.evidence["b"] == 0.0
    assert sum(detector.evidence.values()) <= detector.peak
