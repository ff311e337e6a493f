"""Manifests without one generator or one source."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.leave_out import leave_out_rows

FRAME = pd.DataFrame(
    {
        "label": ["real", "fake"] * 60,
        "source": np.repeat(["cam-a", "cam-b"], 60),
        "generator": ["", "swap", "", "blend", "", "rare"] * 20,
    }
)


def test_leave_out_rows_and_messages():
    assert leave_out_rows(FRAME, "nothing") is FRAME
    without = leave_out_rows(FRAME, "generator=swap")
    assert "swap" not in set(without["generator"]) and (without["label"] == "real").sum() == 60
    assert set(leave_out_rows(FRAME, "source=cam-a")["source"]) == {"cam-b"}
    for wrong, message in (
        ("generator=swop", "blend, rare, swap"),
        ("camera=x", "write generator=NAME"),
        ("swap", "write generator=NAME"),
    ):
        with pytest.raises(InputError, match=message):
            leave_out_rows(FRAME, wrong)
    with pytest.raises(InputError, match="one class"):
        leave_out_rows(FRAME[FRAME["generator"].isin(["", "swap"])], "generator=swap")
