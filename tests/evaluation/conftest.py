"""Crude crops and a small trained model for the evaluation; one thread for torch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from ..evaluation_factories import evaluation
from ..factories import crops
from ..model_factories import brightness_bundle, random_bundle


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Several test processes share the cores; waiting threads would take them from each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def many_people() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """100,000 rows: demographic columns, labels, probabilities, and units of twenty rows each."""
    rng = np.random.default_rng(0)
    n = 100_000
    y = (rng.random(n) < 0.5).astype(int)
    p = np.clip(0.5 + 0.2 * (2 * y - 1) + rng.normal(0, 0.25, n), 0, 1)
    names = {"gender": 2, "age": 5, "skin_tone": 3, "ethnicity": 4}
    frame = pd.DataFrame({name: rng.integers(0, k, n).astype(str) for name, k in names.items()})
    return frame, y, p, (np.arange(n) // 20).astype(str)
