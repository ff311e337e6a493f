"""The search for changes of a log that grows: many looks find what one look at the whole log finds."""

from __future__ import annotations

import contextlib
import logging

import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.monitoring import drift_watch
from aletheia.lifecycle.monitoring.drift import find_drift
from aletheia.lifecycle.monitoring.drift_watch import SETTLED, DriftWatch
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ..logs import START, traffic

PARTS = [
    *traffic(500),
    *traffic(300, seed=1, start=START + 15_000, luma=2.0),
    *traffic(200, seed=2, start=START + 24_000, version="b"),
]


@pytest.fixture
def growing(tmp_path):
    """Append rows to a log as a service does; ``path`` is its file."""
    table = PredictionTable(tmp_path / "log.sqlite")
    with contextlib.closing(table):
        table.path = tmp_path / "log.sqlite"
        yield table


@pytest.mark.parametrize("save", [True, False])
@pytest.mark.parametrize("by_hour", [True, False])
def test_many_looks_are_as_one(growing, log_of, save, by_hour):
    """Exactly, whether one process looks again and again, or a new one each time, as from cron."""
    expected, compared = find_drift(log_of(PARTS), by_hour=by_hour)
    assert expected
    rng, watch, start, found = np.random.default_rng(0), DriftWatch(growing.path, by_hour=by_hour), 0, []
    while start < len(PARTS):
        part = PARTS[start : (start := start + int(rng.integers(20, 120)))]
        growing.append(part)
        found += watch.look(part[-1].time + SETTLED + 0.001)
        if save:
            watch.save()
            watch = DriftWatch(growing.path, by_hour=by_hour)
    assert found == watch.drifts == expected
    assert watch.compared == compared


def test_rows_settle_first(growing):
    """A row that another process writes a little late is not passed over."""
    growing.append(PARTS[:10])
    watch = DriftWatch(growing.path)
    watch.look(PARTS[9].time + 1)
    assert watch.compared["5d1f0c3a9b7e"] == 9
    growing.append([PARTS[10]._replace(time=PARTS[9].time + 0.5)])
    watch.look(PARTS[9].time + 60)
    assert watch.compared["5d1f0c3a9b7e"] == 10  # the two are within ten seconds
    assert watch.look(START) == []  # a clock that was set back


def test_file_that_cannot_be_used(growing, caplog):
    """It is said, and the search starts anew from the log."""
    growing.append(PARTS)
    watch = DriftWatch(growing.path)
    watch.look(PARTS[-1].time + 60)
    watch.save()
    whole = watch.path.read_bytes()
    for content in (b"", b"PK", whole[:-200], whole.replace(b'"format"', b'"fermat"'), b"\x80\x04pickle"):
        watch.path.write_bytes(content)
        with caplog.at_level(logging.WARNING):
            again = DriftWatch(growing.path)
        assert "the search for changes starts anew" in caplog.text
        caplog.clear()
        again.look(PARTS[-1].time + 60)
        assert again.drifts == watch.drifts
    assert DriftWatch(growing.path, spacing=60).drifts == []  # what is kept was searched otherwise


def test_folder_that_cannot_be_written(growing, caplog, monkeypatch):
    growing.append(PARTS[:200])
    watch = DriftWatch(growing.path)
    watch.look(PARTS[199].time + 60)
    watch.path = growing.path / "none" / "file.npz"  # below a file
    with caplog.at_level(logging.WARNING):
        watch.save()
    assert "was not kept" in caplog.text


def test_only_new_rows_are_read(growing, monkeypatch):
    read, whole = [], drift_watch.read_log_parts

    def count(*args):
        for part in whole(*args):
            read.append(len(part))
            yield part

    monkeypatch.setattr(drift_watch, "read_log_parts", count)
    watch = DriftWatch(growing.path)
    for first, last in ((0, 300), (300, 310)):
        growing.append(PARTS[first:last])
        watch.look(PARTS[last - 1].time + SETTLED + 1)
    assert read == [300, 10]


def test_look_that_fails_loses_nothing(growing, monkeypatch):
    """The log is damaged in the middle of a look: the next one takes every row once, and finds what that one found."""
    growing.append(PARTS)
    watch = DriftWatch(growing.path)
    whole = drift_watch.read_log_parts

    def breaks(*args):
        yield next(whole(*args)).iloc[:700]  # a change is among them
        raise InputError("the disk is gone")

    monkeypatch.setattr(drift_watch, "read_log_parts", breaks)
    with pytest.raises(InputError, match="disk is gone"):
        watch.look(PARTS[-1].time + 60)
    monkeypatch.setattr(drift_watch, "read_log_parts", whole)
    watch.look(PARTS[-1].time + 60)
    other = DriftWatch(growing.path)
    other.look(PARTS[-1].time + 60)
    assert (watch.drifts, watch.compared) == (other.drifts, other.compared)
