"""A prediction log of rows that a test draws, and a registry of models."""

from __future__ import annotations

import pytest

from aletheia.lifecycle.prediction_log.reading import read_log
from aletheia.lifecycle.prediction_log.table import PredictionTable

from ..factories import crops
from ..lifecycle_factories import registry
from ..model_factories import brightness_bundle


@pytest.fixture
def write_log(tmp_path):
    """Provide a function that writes rows into a log and returns its path."""

    def write(*parts):
        table = PredictionTable(tmp_path / "predictions.sqlite")
        for rows in parts:
            table.append(list(rows))
        table.close()
        return tmp_path / "predictions.sqlite"

    return write


@pytest.fixture
def log_of(write_log):
    """Provide a function that returns rows as they are read from a log."""
    return lambda *parts: read_log(write_log(*parts))
