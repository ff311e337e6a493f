"""Everything that an evaluation found, and the same as plain values for runs, gate and card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.jsonable import to_jsonable, to_records
from aletheia.evaluation.abstention import Abstention
from aletheia.evaluation.baselines import FILES, Baselines
from aletheia.evaluation.cross_matrix import worst_cell
from aletheia.evaluation.model_comparison import Comparison
from aletheia.models.spec import ModelSpec
from aletheia.stats.calibration_error import CalibrationEstimate
from aletheia.stats.metrics import Metrics
from aletheia.stats.tabular import Shortcut
from aletheia.training.data import encode_labels


@dataclass(frozen=True)
class Evaluation:
    """What a model scored on a test set.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    scores : DataFrame
        The test manifest with the columns probability, logit (NaN where unreadable), verdict, reason and cause, see
        `aletheia.evaluation.abstention.decide_rows`.
    metrics : Metrics
        With intervals over `unit`; of what the threshold alone says, whether or not the model would answer.
    unit : str
        What was drawn in the bootstrap: 'identity', 'video' or 'row'.
    levels : dict of str to Metrics
        'frame' and 'video', where they differ from the faces.
    subgroups, generators : DataFrame
        See `aletheia.evaluation.subgroups`.
    gaps : DataFrame
        See `aletheia.evaluation.fairness_gaps`.
    cells : DataFrame
        See `aletheia.evaluation.cross_matrix.cell_table`.
    baselines : Baselines
        What trivial detectors score on the same rows.
    calibration : CalibrationEstimate
    prior : DataFrame
        See `aletheia.evaluation.prevalence.prior_shift`.
    delivery : DataFrame
        See `aletheia.evaluation.robustness.delivery_curves`.
    abstention : Abstention
    production : Comparison, str or None
        Against the model in production; in words why it could not be compared; None when there is none.
    leaks : int or None
        Groups that stand on both sides of training and test; None when the training rows were not at hand.
    own_rows : bool or None
        Whether the model learnt from the very rows that leaks were looked for in; None when nobody can say.
    skipped : DataFrame
        Columns path and reason: test rows without a score.
    data_hash : str
        Of the test manifest.
    """

    spec: ModelSpec
    scores: pd.DataFrame
    metrics: Metrics
    unit: str
    levels: dict[str, Metrics]
    subgroups: pd.DataFrame
    generators: pd.DataFrame
    gaps: pd.DataFrame
    cells: pd.DataFrame
    baselines: Baselines
    calibration: CalibrationEstimate
    prior: pd.DataFrame
    delivery: pd.DataFrame
    abstention: Abstention
    production: Comparison | str | None
    leaks: int | None
    own_rows: bool | None
    skipped: pd.DataFrame
    data_hash: str

    @property
    def shortcut(self) -> Shortcut:
        """What file properties alone reach."""
        return self.baselines.outcomes[FILES]

    @property
    def unseen(self) -> str:
        """What may be said of the test faces."""
        return " it never saw" if self.leaks == 0 and self.own_rows is not False else ""

    def labels(self) -> tuple[Array, Array]:
        """Labels (1 for fake) and probabilities of the rows that have a score."""
        scored = self.scores[self.scores["probability"].notna()]
        return encode_labels(scored["label"]).astype(int), scored["probability"].to_numpy(dtype=np.float64)

    def headline(self) -> dict[str, float | int]:
        """Flat numbers for the results of a run."""
        out = self.metrics.flat() | {"unreadable": len(self.skipped)}
        if self.leaks is not None:
            out["leaks"] = self.leaks
        for key, outcome in self.baselines.outcomes.items():
            name = "shortcut" if key == FILES else f"baseline_{key}"
            out |= {f"{name}_auc": outcome.auc, f"{name}_auc_low": outcome.low, f"{name}_auc_high": outcome.high}
        out |= {"calibration_error": self.calibration.value, "answered": self.abstention.table["answered"].iloc[0]}
        out |= {"false_alarms_per_10000": self.prior["false_alarms"].iloc[0]}
        if worst := worst_cell(self.cells):
            out |= {"worst_cell_auc": worst["auc"]}
        for level, metrics in self.levels.items():
            out |= {f"{level}_{name}": metrics[name].value for name in ("auc", "balanced_accuracy")}
        return {key: value for key, value in out.items() if np.isfinite(value)}

    def summary(self) -> dict[str, Any]:
        """Everything but the scores, as plain values for JSON."""
        worst, few = worst_cell(self.cells), self.cells[self.cells["auc"].isna()]
        return {
            **self.metrics.to_dict(),
            "unit": self.unit,
            "levels": {level: metrics.to_dict() for level, metrics in self.levels.items()},
            "baselines": self.baselines.to_dict(),
            "leaks": self.leaks,
            "own_rows": self.own_rows,
            "fault": self.spec.fault,
            "calibration_error": self.calibration.to_dict(),
            "subgroups": to_records(self.subgroups),
            "generators": to_records(self.generators),
            "gaps": to_records(self.gaps),
            "fpr_ratios": fpr_ratios(self.gaps),
            "cells": to_records(self.cells),
            "unjudged_cells": [f"{cell.generator} × {cell.source}" for cell in few.itertuples()],
            "worst_cell": None if worst is None else {key: to_jsonable(value) for key, value in worst.items()},
            "prior": to_records(self.prior),
            "delivery": to_records(self.delivery),
            "abstention": {
                name: to_records(getattr(self.abstention, name)) for name in ("table", "causes", "coverage")
            },
            "production": self._production(),
            "weights_sha256": self.spec.weights_sha256,
            "run": self.spec.run,
            "test_data_hash": self.data_hash,
            "unreadable": self.skipped.to_dict("records"),
        }

    def _production(self) -> dict[str, Any] | None:
        if isinstance(self.production, str):
            return {"reason": self.production}
        return None if self.production is None else self.production.to_dict()


def fpr_ratios(gaps: pd.DataFrame) -> list[dict[str, Any]]:
    """For each demographic column, the group with the most false alarms and how many times the overall rate it has."""
    found = gaps[gaps["rate"] == "fpr"]
    names = {"column": "column", "highest": "group", "ratio": "ratio", "ratio_low": "low", "ratio_high": "high"}
    names["p_value"] = "p"
    return to_records(found[list(names)].rename(columns=names))
