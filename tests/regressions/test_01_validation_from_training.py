"""Bug 1: validation samples were sliced from the training list. (The split's side.)"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aletheia.datasets.balance import balance_training
from aletheia.datasets.manifest import validate_manifest
from aletheia.datasets.split import split_manifest


def people(n: int, people: int, seed: int, label: str | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    person = rng.integers(0, people, n)
    return validate_manifest(
        pd.DataFrame(
            {
                "path": [f"/{seed}/{i}.jpg" for i in range(n)],
                "label": label or rng.choice(["real", "fake"], n),
                "source": "camera",
                "identity": [f"{i}" for i in person],
                "video": [f"{i}-{clip}" if clip else "" for i, clip in zip(person, rng.integers(0, 3, n), strict=True)],
                "phash": rng.integers(1, 2**63, n, dtype=np.uint64),
            }
        )
    )


def test_split_manifest_validation_shares_nothing_with_training() -> None:
    df = split_manifest(people(1500, 120, seed=0), seed=7)
    assert len(df) == 1500
    assert set(df["split"]) == {"train", "val", "test"}
    # The pool's people carry the same numbers: whoever is held out must not come back by way of balancing.
    pool = people(900, 120, seed=1, label="real")
    train = balance_training(df[df["split"] == "train"], pool, "count", target_share=0.7, exclude_rows=df).train
    assert (train["pool"] != "").any()
    for name in ("val", "test"):
        held = df[df["split"] == name]
        assert len(held)
        for column in ("path", "identity", "video"):
            assert not (set(held[column]) & set(train[column])) - {""}
