"""The table of balance policies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.audit.balance_policies import compare_policies
from aletheia.datasets.balance import POLICIES, balance_training
from aletheia.datasets.manifest import validate_manifest


def rows(name: str, count: int, label: str, width: int, source: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "path": [f"{name}-{k}.jpg" for k in range(count)],
            "label": label,
            "source": source,
            "width": width,
            "height": width,
            "format": "jpeg",
            "jpeg_quality": 90.0,
            "chroma": "4:2:0",
            "file_bytes": np.random.default_rng(len(name)).integers(9_000, 11_000, count),
        }
    )


def test_compare_policies_shortcut_of_counting():
    train = validate_manifest(
        pd.concat([rows("r", 60, "real", 300, "camera"), rows("f", 180, "fake", 300, "camera")], ignore_index=True)
    )
    pool = validate_manifest(
        pd.concat([rows("big", 200, "real", 1024, "pool"), rows("like", 50, "real", 300, "pool")], ignore_index=True)
    )
    table = compare_policies(train, pool, seed=1).set_index("policy")
    assert tuple(table.index) == POLICIES
    assert (table.loc["none", "real"], table.loc["none", "fake"]) == (60, 180)
    assert table.loc["none", "fake_share"] == pytest.approx(0.75)
    assert table.loc["count", "real"] == 180 and table.loc["count", "fake_share"] == pytest.approx(0.5)
    assert table.loc["count", "auc"] > 0.7 > 0.6 > table.loc["matched", "auc"]
    assert table.loc["count", "cramers_v"] > table.loc["matched", "cramers_v"] > table.loc["none", "cramers_v"] == 0
    for policy in POLICIES:
        report = balance_training(train, pool, policy, 1).report
        assert table.loc[policy, "real"] == report.real_after
        assert table.loc[policy, "cramers_v"] == pytest.approx(report.v_after, nan_ok=True)
