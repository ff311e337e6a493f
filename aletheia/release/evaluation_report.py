"""The typed result of an evaluation, as gate, model card, release bundle and report read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from aletheia.core.errors import InputError
from aletheia.core.validation import explain_validation
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
    SealedRecord,
    SpreadRecord,
    TriesRecord,
)
from aletheia.release.metrics_record import MetricsRecord
from aletheia.release.training_records import TrainingRecord
from aletheia.release.usage_records import AbstentionRecord, DeliveryRecord, PrevalenceRecord


class EvaluationReport(MetricsRecord):
    """All numbers of an evaluation: the file `evaluation.json` of the function `evaluate`.

    Fields with a default are those that files of earlier versions lack, and those that no decision depends on.

    Attributes
    ----------
    metrics, confusion, n, n_real, n_fake, n_unreadable, n_groups, majority_share, threshold, level
        Of the test faces.
    unit : str
        Unit of the intervals, after their number `n_groups`: "groups of 24 people".
    levels : dict of str to MetricsRecord
        'frame' and 'video', where they differ from the faces.
    baselines : dict of str to BaselineScore
        By key of `aletheia.evaluation.baselines.BASELINES`.
    alike : AlikeRecord or None
        None in files of earlier versions.
    leaks : int or None
        Groups on both sides of training and test; None when the training rows were not at hand.
    own_rows : bool or None
        Whether the model learnt from the rows that leaks were searched in; None when that is not known.
    fault : str
        Fault injected into the training; 'none' for none.
    fpr_ratios : list of FprRatio
        One for each demographic column.
    unjudged_cells : list of str
        Names of the cells with too few rows.
    worst_cell : CellRecord or None
        None when no cell has enough rows.
    prior : list of PrevalenceRecord
        By share of fakes, the smallest first.
    production : ProductionComparison, NotCompared or None
        None when there was no model in production.
    weights_sha256, run : str
        Weights that were evaluated, and the run that trained them.
    test_data_hash : str
        Of the test manifest.
    spread : SpreadRecord or None
        Of trainings with other seeds; None where only one was made.
    evaluate_run : str
        The run that evaluated; empty outside of one.
    grouping : GroupingRecord or None
        What is known of the people and videos of the test rows; None in files of earlier versions.
    audit : list of FamilyRecord or None
        The audit of the crops of all rows that the network got; None in files of earlier versions.
    associations : list of AssociationRecord or None
        Of columns of groups of people with the label in these rows; None in files of earlier versions.
    tries : TriesRecord or None
        None where earlier evaluations were not counted.
    sealed : SealedRecord or None
        None before a release.
    crops : str
        How the test faces are cut out otherwise than the model's, or that it is unknown; empty when alike.
    n_sealed : int
        Faces that were left out because they are sealed.
    training : TrainingRecord or None
        The test faces beside those that the model was trained on; None where its bundle does not describe them.
    kind_note : str
        That the model has no test for pictures of another kind, and why; empty where it has one.
    other_sources : str
        What trainings without a source say about other sources, a sentence; empty in files of earlier versions.
    saliency : SaliencyRecord or None
        How much of the network's evidence lies at one place; None in files of earlier versions.
    """

    unit: str
    levels: dict[str, MetricsRecord] = Field(default_factory=dict)
    baselines: dict[str, BaselineScore]
    alike: AlikeRecord | None = None
    leaks: int | None
    own_rows: bool | None = None
    fault: str
    calibration_error: CalibrationRecord
    subgroups: list[GroupRecord]
    generators: list[GroupRecord] = Field(default_factory=list)
    gaps: list[GapRecord] = Field(default_factory=list)
    fpr_ratios: list[FprRatio]
    cells: list[CellRecord] = Field(default_factory=list)
    unjudged_cells: list[str] = Field(default_factory=list)
    worst_cell: CellRecord | None
    prior: list[PrevalenceRecord]
    delivery: list[DeliveryRecord] = Field(default_factory=list)
    abstention: AbstentionRecord = AbstentionRecord()
    production: ProductionComparison | NotCompared | None
    weights_sha256: str
    run: str = ""
    test_data_hash: str
    unreadable: list[UnreadableRow] = Field(default_factory=list)
    evaluate_run: str = ""
    grouping: GroupingRecord | None = None
    spread: SpreadRecord | None = None
    audit: list[FamilyRecord] | None = None
    associations: list[AssociationRecord] | None = None
    tries: TriesRecord | None = None
    sealed: SealedRecord | None = None
    crops: str = ""
    n_sealed: int = 0
    training: TrainingRecord | None = None
    other_sources: str = ""
    kind_note: str = ""
    saliency: SaliencyRecord | None = None

    @classmethod
    def parse(cls, values: Mapping[str, Any] | str | bytes) -> EvaluationReport:
        """Read what `evaluate` wrote.

        Parameters
        ----------
        values : mapping, str or bytes
            The fields, or the JSON that holds them.

        Raises
        ------
        InputError
            When fields are missing, unknown or of another type.
        """
        try:
            return cls.model_validate_json(values) if isinstance(values, str | bytes) else cls.model_validate(values)
        except ValidationError as error:
            raise InputError(
                f"The evaluation is not one that `evaluate` wrote: {explain_validation(error)}. Run evaluate again."
            ) from None

    def baseline(self, key: str) -> BaselineScore:
        """Return the outcome of a baseline.

        Raises
        ------
        InputError
            When the evaluation has none of that key.
        """
        if key not in self.baselines:
            raise InputError(f"The evaluation has no baseline {key!r}. Run evaluate again.")
        return self.baselines[key]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; None for NaN."""
        return self.model_dump(mode="json")
