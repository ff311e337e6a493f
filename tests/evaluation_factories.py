"""A whole evaluation of a crude model on crude crops, for the tests of those that read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

from aletheia.evaluation.evaluate import evaluate_model
from aletheia.evaluation.result import Evaluation

_made: list[Evaluation] = []


@pytest.fixture(scope="session")
def evaluation(brightness_bundle: Path, crops: tuple[pd.DataFrame, pd.DataFrame]) -> Iterator[Evaluation]:
    """120 test rows, one of which is unreadable and has a name that is markup; torch takes one thread.

    Each package that imports this has a fixture of its own: the evaluation of the first serves all.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    if not _made:
        train, test = crops
        test = test.copy()
        test.loc[5, "path"] = "/data/<b>gone</b>.png"
        _made.append(evaluate_model(brightness_bundle, train, test, delivery_faces=8, progress=False))
    yield _made[0]
    torch.set_num_threads(threads)
