"""Accuracy on the answers whose truth came in later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from aletheia.lifecycle.dashboard.period import Period
from aletheia.lifecycle.dashboard.rows import Rows, hash_ids
from aletheia.lifecycle.dashboard.series import place_rows
from aletheia.lifecycle.dashboard.summary import to_log
from aletheia.lifecycle.feedback.statement import Evaluation
from aletheia.lifecycle.monitoring.labelled import summarise_labels
from aletheia.lifecycle.monitoring.traffic import version_name

_NONE = {
    "right": None, "missed": None, "false_alarms": None, "undecided": 0, "expected": None, "worse_since": None,
}  # fmt: skip


def labelled_accuracy(
    rows: Rows, period: Period, labels: pd.DataFrame, evaluations: Mapping[str, Evaluation] | None = None
) -> dict[str, Any]:
    """Compare the verdicts of a period with labels, by `aletheia.lifecycle.monitoring.labelled.summarise_labels`.

    Parameters
    ----------
    rows : Rows
    period : Period
    labels : DataFrame
        See `aletheia.lifecycle.feedback.reading.read_labels`.
    evaluations : mapping, optional
        By version.

    Returns
    -------
    dict
        ``labels`` (of answers of the period), ``total`` and, for each version with labels, ``versions``: ``right``
        (share of right verdicts among real and fake ones, with its 95 % interval), ``missed`` (share of fakes that were
        called real), ``false_alarms`` (share of genuine ones that were called fake), ``undecided`` (labelled answers
        without a verdict), ``expected`` (accuracy by its evaluation, for such labels) and ``worse_since``; unknown ones
        are None.
    """
    placed = place_rows(rows, period)
    if not len(labels) or not len(placed.rows):
        return {"labels": 0, "total": _NONE, "versions": []}
    hashed = labels.assign(id=hash_ids(labels["id"].astype(str).tolist()))
    found = np.isin(placed.rows.columns["id"], hashed["id"].to_numpy())
    answers = to_log(placed.rows.select(found))
    versions = summarise_labels(answers, hashed, evaluations)
    total = summarise_labels(answers.assign(version=""), hashed)
    return {
        "labels": total[0]["labels"] if total else 0,
        "total": _shown(total[0]) if total else _NONE,
        "versions": [
            {
                "version": one["version"],
                "name": version_name({**one, "version": one["version"] or "unknown"}),
                **_shown(one),
            }
            for one in versions
        ],
    }


def _shown(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "right": summary["accuracy"],
        "missed": summary["misses"],
        "false_alarms": summary["false_alarms"],
        "undecided": summary["no_verdict"],
        "expected": summary["expected_accuracy"],
        "worse_since": summary["worse_since"],
    }
