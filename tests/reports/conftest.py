"""An evaluation of a crude model, and a data set before and after balancing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from aletheia.datasets.balance import BalanceReport, balance_training
from aletheia.datasets.bias import BiasReport, analyse_bias
from aletheia.datasets.split import split_manifest

from ..evaluation_factories import evaluation
from ..factories import crops
from ..model_factories import brightness_bundle

MARKUP = "<script>alert('x')</script><b>&"


class Prepared(NamedTuple):
    """Manifests before and after balancing, some of their rows, and the balancing's report."""

    before: pd.DataFrame
    after: pd.DataFrame
    train: pd.DataFrame
    test: pd.DataFrame
    balancing: BalanceReport

    @property
    def bias(self) -> tuple[BiasReport, BiasReport]:
        """Analyses before and after."""
        return analyse_bias(self.before), analyse_bias(self.after)


@pytest.fixture
def prepared(make_manifest: Callable[..., pd.DataFrame]) -> Prepared:
    """600 rows of two sources, one of which has a name that is markup, and 300 real ones of a pool."""
    df = make_manifest(600, fakes=0.8, people=100, skin_tone=np.random.default_rng(0).choice(["I", "VI"], 600))
    df.loc[df["source"] == "b", "source"] = MARKUP
    df = split_manifest(df)
    parts = {name: df[df["split"] == name] for name in ("train", "val", "test")}
    pool = make_manifest(300, seed=9, fakes=0.0, source="ffhq")
    train, report = balance_training(parts["train"], pool, "count", exclude_rows=df)
    whole = pd.concat([train, parts["val"], parts["test"]], ignore_index=True)
    return Prepared(df, whole, train, parts["test"], report)
