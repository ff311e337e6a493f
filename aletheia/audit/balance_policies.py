"""Comparison of the balance policies on the same rows: class balance, source and label, shortcuts."""

from __future__ import annotations

import pandas as pd

from aletheia.audit.file_properties import shortcut_auc
from aletheia.datasets.balance import POLICIES, balance_training


def compare_policies(
    train: pd.DataFrame, pool: pd.DataFrame, seed: int = 0, *, exclude_rows: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Balance the same rows by every policy.

    Parameters
    ----------
    train, pool, seed, exclude_rows
        See :func:`aletheia.datasets.balance.balance_training`.

    Returns
    -------
    DataFrame
        One row a policy: ``policy``, ``real``, ``fake``, ``fake_share``, ``cramers_v`` (of source and label), and the
        shortcut AUC within these rows, ``auc`` with ``low`` and ``high``, or the ``reason`` why there is none.
    """
    rows = []
    unbalanced = shortcut_auc(train, seed=seed)
    for policy in POLICIES:
        balanced, report = balance_training(train, pool, policy, seed, exclude_rows=exclude_rows)
        shortcut = shortcut_auc(balanced, seed=seed) if report.drawn else unbalanced
        rows.append(
            {
                "policy": policy,
                "real": report.real_after,
                "fake": report.fake,
                "fake_share": report.fake / len(balanced),
                "cramers_v": report.v_after,
                "auc": shortcut.auc,
                "low": shortcut.low,
                "high": shortcut.high,
                "reason": shortcut.reason,
            }
        )
    return pd.DataFrame(rows)
