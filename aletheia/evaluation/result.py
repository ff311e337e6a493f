"""The result of an evaluation: tables for figures and pages, flat numbers for runs, a typed report for the release."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.jsonable import to_records
from aletheia.datasets.grouping import Known
from aletheia.datasets.labels import fake_flags
from aletheia.evaluation.abstention import Abstention
from aletheia.evaluation.alike_pairs import AlikePairs
from aletheia.evaluation.baselines import FILES, Baselines
from aletheia.evaluation.cross_matrix import worst_cell
from aletheia.evaluation.model_comparison import Comparison
from aletheia.evaluation.saliency import Saliency
from aletheia.evaluation.seed_spread import TrainingSpread
from aletheia.models.other_sources import OtherSources
from aletheia.models.spec import ModelSpec
from aletheia.release.data_records import AssociationRecord, FamilyRecord, GroupingRecord, UnreadableRow
from aletheia.release.evaluation_records import (
    AlikeRecord,
    BaselineScore,
    CalibrationRecord,
    CellRecord,
    FprRatio,
    GapRecord,
    GroupRecord,
    NotCompared,
    ProductionComparison,
    SaliencyRecord,
    SpreadRecord,
    TriesRecord,
)
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.metrics_record import MetricsRecord, Record
from aletheia.release.training_records import TrainingRecord
from aletheia.release.usage_records import (
    AbstentionRecord,
    AnsweredRecord,
    CauseRecord,
    CoverageRecord,
    DeliveryRecord,
    GroupPromiseRecord,
    PrevalenceRecord,
)
from aletheia.stats.calibration_error import CalibrationEstimate
from aletheia.stats.metrics import Metrics
from aletheia.stats.tabular import Shortcut

Row = TypeVar("Row", bound=Record)


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on a test set, and all tables that follow from them.

    Attributes
    ----------
    spec : ModelSpec
        The model.
    scores : DataFrame
        The test manifest with the columns probability, logit (NaN where unreadable), verdict, reason and cause, see
        `aletheia.evaluation.abstention.decide_rows`, and the model's threshold.
    metrics : Metrics
        With intervals over `unit`; of the threshold alone, whether or not the model would answer.
    unit : str
        Unit of the intervals, after its number: "groups of 24 people".
    levels : dict of str to Metrics
        'frame' and 'video', where they differ from the faces.
    subgroups, generators : DataFrame
        See `aletheia.evaluation.subgroups`.
    gaps : DataFrame
        See `aletheia.evaluation.fairness_gaps`.
    cells : DataFrame
        See `aletheia.evaluation.cross_matrix.cell_table`.
    baselines : Baselines
        Scores of detectors that know nothing of faces, on the same rows.
    alike : AlikePairs or None
        AUC among pairs alike in demographics and thumbnail.
    calibration : CalibrationEstimate
    prior : DataFrame
        See `aletheia.evaluation.prevalence.prior_shift`.
    delivery : DataFrame
        See `aletheia.evaluation.robustness.delivery_curves`.
    abstention : Abstention
    production : Comparison, NotCompared or None
        Against the model in production; None when there is none.
    leaks : int or None
        Groups on both sides of training and test; None when the training rows were not at hand.
    grouping : Known or None
        What is known of the people and videos of the test rows.
    own_rows : bool or None
        Whether the model learnt from the rows that leaks were searched in; None when that is not known.
    skipped : DataFrame
        Columns path and reason: test rows without a score.
    data_hash : str
        Of the test manifest.
    spread : TrainingSpread or None
        Of trainings with other seeds; None where only one was made.
    audit, associations : list or None
        Of the rows that the network got, see `aletheia.evaluation.learnt_rows`.
    tries : TriesRecord or None
        How often these test rows were used.
    crops : str
        How the test faces are cut out otherwise than the model's; empty when alike.
    n_sealed : int
        Rows that were left out because they are sealed.
    training : TrainingRecord or None
        The test faces beside the training faces, see `aletheia.evaluation.training_distance`.
    saliency : Saliency or None
        Where the network finds its evidence.
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
    production: Comparison | NotCompared | None
    leaks: int | None
    own_rows: bool | None
    skipped: pd.DataFrame
    data_hash: str
    grouping: Known | None = None
    spread: TrainingSpread | None = None
    audit: list[FamilyRecord] | None = None
    associations: list[AssociationRecord] | None = None
    tries: TriesRecord | None = None
    crops: str = ""
    n_sealed: int = 0
    alike: AlikePairs | None = None
    training: TrainingRecord | None = None
    saliency: Saliency | None = None

    @property
    def shortcut(self) -> Shortcut:
        """Outcome of file properties alone."""
        return self.baselines.outcomes[FILES]

    def labels(self) -> tuple[Array, Array]:
        """Return labels (1 for fake) and probabilities of the rows that have a score."""
        scored = self.scores[self.scores["probability"].notna()]
        return fake_flags(scored).astype(int), scored["probability"].to_numpy(dtype=np.float64)

    def headline(self) -> dict[str, float | int]:
        """Return flat numbers for the results of a run."""
        out = self.metrics.flat() | {"unreadable": len(self.skipped)}
        if self.leaks is not None:
            out["leaks"] = self.leaks
        for key, outcome in self.baselines.outcomes.items():
            name = "shortcut" if key == FILES else f"baseline_{key}"
            out |= {f"{name}_auc": outcome.auc, f"{name}_auc_low": outcome.low, f"{name}_auc_high": outcome.high}
        if self.alike is not None:
            out |= {"alike_auc": self.alike.auc.value}
        out |= {"calibration_error": self.calibration.value, "answered": self.abstention.table["answered"].iloc[0]}
        out |= {"false_alarms_per_10000": self.prior["false_alarms"].iloc[0]}
        if self.saliency is not None and self.saliency.fake is not None:
            out |= {"saliency_share": self.saliency.fake.share.value}
        if self.spread is not None:
            out |= {"seeds": len(self.spread.aucs), "seeds_auc_deviation": self.spread.deviation}
        if self.tries is not None:
            out["evaluation_number"] = self.tries.number
        if worst := worst_cell(self.cells):
            out |= {"worst_cell_auc": worst["auc"]}
        for level, metrics in self.levels.items():
            out |= {f"{level}_{name}": metrics[name].value for name in ("auc", "balanced_accuracy")}
        return {key: value for key, value in out.items() if np.isfinite(value)}

    def origin(self) -> dict[str, str]:
        """Return what was evaluated on what, for the results of a run."""
        return {**self.spec.origin(), "test_data_hash": self.data_hash}

    def to_report(self, evaluate_run: str = "") -> EvaluationReport:
        """Return everything but the scores in the form that gate, card and bundle read.

        Parameters
        ----------
        evaluate_run : str
            The run that evaluates.
        """
        faces = MetricsRecord.model_validate(self.metrics.to_dict())
        worst, small = worst_cell(self.cells), self.cells[self.cells["auc"].isna()]
        return EvaluationReport(
            **dict(faces),
            unit=self.unit,
            levels={level: MetricsRecord.model_validate(metrics.to_dict()) for level, metrics in self.levels.items()},
            baselines={key: BaselineScore(**values) for key, values in self.baselines.to_dict().items()},
            alike=None if self.alike is None else AlikeRecord(**self.alike.to_dict()),
            leaks=self.leaks,
            own_rows=self.own_rows,
            spread=None if self.spread is None else SpreadRecord(**asdict(self.spread), text=self.spread.text()),
            grouping=None if self.grouping is None else GroupingRecord(**self.grouping._asdict()),
            fault=self.spec.fault,
            calibration_error=CalibrationRecord.model_validate(self.calibration.to_dict()),
            subgroups=_rows(GroupRecord, self.subgroups),
            generators=_rows(GroupRecord, self.generators),
            gaps=_rows(GapRecord, self.gaps),
            fpr_ratios=fpr_ratios(self.gaps),
            cells=_rows(CellRecord, self.cells),
            unjudged_cells=[f"{cell.generator} × {cell.source}" for cell in small.itertuples()],
            worst_cell=None if worst is None else CellRecord(**worst),
            prior=_rows(PrevalenceRecord, self.prior),
            delivery=_rows(DeliveryRecord, self.delivery),
            abstention=AbstentionRecord(
                table=_rows(AnsweredRecord, self.abstention.table),
                causes=_rows(CauseRecord, self.abstention.causes),
                coverage=_rows(CoverageRecord, self.abstention.coverage),
                groups=_rows(GroupPromiseRecord, self.abstention.groups),
            ),
            production=self._production(),
            weights_sha256=self.spec.weights_sha256,
            run=self.spec.run,
            test_data_hash=self.data_hash,
            unreadable=_rows(UnreadableRow, self.skipped),
            evaluate_run=evaluate_run,
            audit=self.audit,
            associations=self.associations,
            tries=self.tries,
            crops=self.crops,
            n_sealed=self.n_sealed,
            training=self.training,
            saliency=None if self.saliency is None else SaliencyRecord(**self.saliency.to_dict()),
            kind_note=self.spec.kind_note(),
            other_sources=(self.spec.other_sources or OtherSources()).sentence(),
        )

    def _production(self) -> ProductionComparison | NotCompared | None:
        if isinstance(self.production, Comparison):
            return ProductionComparison(**self.production.to_dict())
        return self.production


def fpr_ratios(gaps: pd.DataFrame) -> list[FprRatio]:
    """Return each demographic column's group with the most false alarms, and how many times the lowest rate it has."""
    return [
        FprRatio(
            column=gap.column,
            group=gap.highest,
            ratio=gap.ratio,
            low=gap.ratio_low,
            high=gap.ratio_high,
            p=gap.p_value,
            lowest=gap.lowest,
            lowest_rate=gap.lowest_rate,
        )
        for gap in _rows(GapRecord, gaps)
        if gap.rate == "fpr"
    ]


def _rows(model: type[Row], table: pd.DataFrame) -> list[Row]:
    return [model.model_validate(row) for row in to_records(table)]
