"""The sealed part of a test set, scored once by a release, beside the estimate of the open part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aletheia.core.errors import InputError
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.manifest import validate_manifest
from aletheia.models.bundle import load_bundle
from aletheia.models.scoring import predict_manifest
from aletheia.release.checks.sealed import SealedConfirms
from aletheia.release.evaluation_records import SealedRecord
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult
from aletheia.release.tries import count_tries
from aletheia.stats.clustered_auc import clustered_auc


def open_sealed(
    model: str | Path,
    rows: pd.DataFrame | None,
    report: EvaluationReport,
    checks: Sequence[CheckResult],
    *,
    project: str,
    progress: bool = True,
) -> EvaluationReport:
    """Score the sealed rows of the test set, when every other check lets the model pass.

    Rows that are looked at for models that are refused anyway would be worn out sooner.

    Parameters
    ----------
    model : path
        The bundle that is to be released.
    rows : DataFrame or None
        The sealed rows, as prepare-data wrote them; None or empty where nothing is sealed.
    report : EvaluationReport
        The evaluation on the open part.
    checks : sequence of CheckResult
        The verdicts on it.
    project : str
        Where register records for which models these rows were opened.
    progress : bool
        Show a progress bar.

    Returns
    -------
    EvaluationReport
        With `sealed` filled.

    Raises
    ------
    InputError
        When the rows are no manifest or cannot be read, or the tracking service does not answer.
    """
    if rows is None or not len(rows):
        return report.model_copy(update={"sealed": SealedRecord(reason="no part of the test set is sealed")})
    if any(not check.allows for check in checks if check.code != SealedConfirms.code):
        faces = counted(len(rows), "face of it stays", "faces of it stay")
        reason = f"{faces} sealed, since another check refuses the model"
        return report.model_copy(update={"sealed": SealedRecord(n=len(rows), reason=reason)})
    rows = validate_manifest(rows)
    network, spec = load_bundle(model)
    scores = predict_manifest(network, spec, rows, progress=progress).astype(np.float64)
    known = np.isfinite(scores)
    if not known.any():
        raise InputError("None of the faces of the sealed part can be read. Run prepare-data again.")
    fake, groups = fake_flags(rows)[known], connected_groups(rows)[known]
    auc = clustered_auc(fake, scores[known], groups)
    estimate = auc.estimate()
    tries = count_tries(rows, project=project)
    record = SealedRecord(
        n=int(known.sum()),
        auc=estimate.value,
        low=estimate.low,
        high=estimate.high,
        groups_real=auc.groups_real,
        groups_fake=auc.groups_fake,
        number=len(tries.models | {spec.weights_sha256}),
        test_set=tries.test_set,
    )
    return report.model_copy(update={"sealed": record})
