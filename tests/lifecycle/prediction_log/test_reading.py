"""The log as a table: span of time, types, and damaged vectors."""

from __future__ import annotations

import sqlite3

import numpy as np
import pandas as pd

from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.reading import EMBEDDING, latest_version, read_log
from aletheia.lifecycle.prediction_log.table import COLUMNS, PredictionTable

from ..logs import START, VERSION, traffic


def test_span_and_order(tmp_path):
    table = PredictionTable(tmp_path / "log")
    table.append([LogEntry(float(second), str(second), "v", "u") for second in (30, 10, 20, 40)])
    table.close()
    assert list(read_log(tmp_path / "log", 10, 40)["id"]) == ["10", "20", "30"]
    assert read_log(tmp_path / "log", 10, 11)["time"].tolist() == [pd.Timestamp(10, unit="s", tz="UTC")]


def test_empty_log_has_all_columns(tmp_path):
    PredictionTable(tmp_path / "log").close()
    frame = read_log(tmp_path / "log")
    assert len(frame) == 0
    assert set(frame) == {*COLUMNS, *EMBEDDING} - {"embedding"}
    assert str(frame["time"].dtype).startswith("datetime64")
    assert frame["ms_total"].dtype == float


def test_vector_of_another_length(tmp_path):
    table = PredictionTable(tmp_path / "log")
    table.append([LogEntry(1.0, "a", "v", "u", embedding=b"short"), LogEntry(2.0, "b", "v", "u")])
    table.close()
    assert np.isnan(read_log(tmp_path / "log")[list(EMBEDDING)]).all(axis=None)


def test_some_answers_and_the_latest_version(write_log):
    log = write_log(traffic(20), traffic(5, seed=1, start=START + 10_000, version="later"))
    every = read_log(log)
    chosen = [every["id"][3], every["id"][21], "none of these"]
    assert list(read_log(log, ids=chosen)["id"]) == chosen[:2]
    assert list(read_log(log, START + 5000, ids=chosen)["id"]) == [chosen[1]]
    assert len(read_log(log, ids=[])) == 0
    assert latest_version(log) == "later"
    assert latest_version(log, START + 9000) == VERSION
    assert latest_version(log, START) == ""


def test_hostile_values(tmp_path):
    """SQLite keeps any value in any column; what is no number or text is unknown, a row without a time is left out."""
    path = tmp_path / "log"
    table = PredictionTable(path)
    table.append([LogEntry(float(n), str(n), "v", "u", faces=1, luma=float(n)) for n in range(6)])
    table.close()
    with sqlite3.connect(path) as connection:
        for n, (column, value) in enumerate(
            [("luma", "bright"), ("luma", float("inf")), ("version", b"\xff\x00"), ("faces", 2**62), ("time", "now")]
        ):
            connection.execute(f"UPDATE answers SET {column} = ? WHERE id = ?", (value, str(n)))
        connection.execute("UPDATE answers SET uri = CAST(X'FF41' AS TEXT), time = 1e300 WHERE id = '5'")
    connection.close()
    frame = read_log(path)
    assert list(frame["id"]) == ["0", "1", "2", "3"]
    assert frame["luma"].isna().tolist() == [True, True, False, False]
    assert frame["version"].tolist() == ["v", "v", "", "v"]
    assert frame["faces"].tolist() == [1, 1, 1, 2**31]
