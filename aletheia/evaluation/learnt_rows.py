"""The audit and the bias analysis of the rows that a network got: after all remedies and after balancing."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from aletheia.audit.audit import Audit, audit_faces
from aletheia.audit.measures import NOT_PRESENT
from aletheia.audit.measuring import CROPS
from aletheia.core.errors import InputError
from aletheia.datasets.bias import analyse_bias
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.manifest import validate_manifest
from aletheia.datasets.schema import DEMOGRAPHICS
from aletheia.release.data_records import AssociationRecord, FamilyRecord


def audit_rows(
    parts: Sequence[pd.DataFrame], *, known: pd.DataFrame | None = None, seed: int = 0, progress: bool = True
) -> tuple[list[FamilyRecord] | None, list[AssociationRecord] | None]:
    """Audit the crops of training, validation and test rows together, but for the controls.

    Those see a face's outline, which forgeries change, and so may tell: they are baselines for the network to beat.

    Parameters
    ----------
    parts : sequence of DataFrame
        Manifests of extracted faces.
    known : DataFrame, optional
        Measures of crops that are at hand, see `aletheia.audit.measuring.measure_crops`.
    seed : int
        Of the audit.
    progress : bool
        Show progress bars.

    Returns
    -------
    tuple
        One record a family, and one a column of groups of people; None where the rows do not say where their faces
        lie.
    """
    rows = validate_manifest(pd.concat(parts, ignore_index=True).drop_duplicates("path", ignore_index=True))
    # A source shows in pixels alone, which the families measure; a face shows a person's group whatever the pixels.
    columns = [name for name in DEMOGRAPHICS if name in rows and (rows[name].astype(str) != "").any()]
    fake = fake_flags(rows)
    if fake.all() or not fake.any():
        return None, None
    try:
        audit, _ = audit_faces(rows, CROPS, known=known, seed=seed, explain=False, controls=False, progress=progress)
    except InputError:  # manifests of crops without boxes and keypoints
        return None, None
    associations = analyse_bias(rows, columns).associations
    return _families(audit), [
        AssociationRecord(column=row.column, cramers_v=row.cramers_v, n=row.n)
        for row in associations.itertuples(index=False)
    ]


def _families(audit: Audit) -> list[FamilyRecord]:
    return [
        FamilyRecord(
            key=family.key,
            name=family.name,
            auc=family.outcome.auc,
            low=family.outcome.low,
            high=family.outcome.high,
            tells=family.tells,
            unsure=family.is_unsure,
            absent=not family.visible or family.outcome.reason == NOT_PRESENT,
            reason=family.outcome.reason,
        )
        for family in audit.families
    ]
