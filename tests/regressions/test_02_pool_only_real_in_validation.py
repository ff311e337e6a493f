"""Bug 2: FFHQ was added to validation as REAL only, so that "came from FFHQ" alone scored 90 %."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.audit.file_properties import shortcut_auc
from aletheia.core.errors import InputError
from aletheia.datasets.balance import POLICIES, balance_training
from aletheia.datasets.bias import analyse_bias
from aletheia.datasets.manifest import validate_manifest
from aletheia.datasets.split import check_leakage, split_manifest


def rows(n: int, seed: int, fakes: float, **columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    df = pd.DataFrame(
        {
            "path": [f"/{seed}/{i}.jpg" for i in range(n)],
            "label": np.where(rng.random(n) < fakes, "fake", "real"),
            "source": "dfdc",
            "width": rng.choice([300, 400], n),
            "height": 400,
            "format": "jpeg",
            "jpeg_quality": rng.choice([75.0, 85.0, 95.0], n),
            "chroma": "4:2:0",
            "file_bytes": rng.integers(20_000, 60_000, n),
            "phash": rng.integers(1, 2**63, n, dtype=np.uint64),
        }
    )
    return validate_manifest(df.assign(**columns))


@pytest.mark.parametrize("policy", POLICIES)
def test_balance_changes_training_only(policy: str) -> None:
    df = split_manifest(rows(800, 0, 0.82))
    held = df[df["split"] != "train"]
    ffhq = rows(900, 1, 0.0, source="ffhq")
    out = balance_training(df[df["split"] == "train"], ffhq, policy, exclude_rows=df).train
    assert out["split"].eq("train").all()
    whole = pd.concat([out, held], ignore_index=True)
    assert not (whole["split"] != "train")[whole["source"] == "ffhq"].any()
    with pytest.raises(InputError, match="training rows only"):
        balance_training(held, ffhq, policy)


def test_check_leakage_pool_in_validation() -> None:
    df = split_manifest(rows(800, 0, 0.82))
    # What the published projects did: 1024 px PNG of one pool, real only, into both parts.
    ffhq = rows(
        900, 1, 0.0, source="ffhq", format="png", width=1024, height=1024, jpeg_quality=np.nan, chroma="", pool="ffhq"
    )
    half = np.arange(900) % 2 == 0
    ffhq["split"] = np.where(half, "train", "val")
    wrong = pd.concat([df.assign(pool=""), ffhq], ignore_index=True)
    train, val = wrong[wrong["split"] == "train"], wrong[wrong["split"] == "val"]
    assert shortcut_auc(train, val).low > 0.85
    leaks = check_leakage(wrong).set_index("kind")
    assert leaks.loc["pool", "splits"] == "val"
    assert leaks.loc["pool", "rows"] == 450
    assert analyse_bias(val).cramers_v("source") > 0.8
    # Against the same validation rows without the pool there is nothing to tell.
    assert shortcut_auc(train, val[val["source"] != "ffhq"]).auc < 0.7
