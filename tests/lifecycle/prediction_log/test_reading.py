"""The log as a table: span of time, types, and damaged vectors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.lifecycle.prediction_log.entry import LogEntry
from aletheia.lifecycle.prediction_log.reading import EMBEDDING, read_log
from aletheia.lifecycle.prediction_log.table import COLUMNS, PredictionTable


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
