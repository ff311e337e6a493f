"""The shortcut audit: the label predicted from everything but the face, by one family of measures at a time."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from aletheia.audit.family_scores import Scorer, score_tables
from aletheia.audit.file_properties import file_columns, source_codes, subsample
from aletheia.audit.measures import CONTROLS, FAMILIES, NOT_PRESENT
from aletheia.audit.measuring import ORIGINALS, measure_faces
from aletheia.core.jsonable import to_jsonable
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.stats.tabular import Columns, FoldError, Shortcut, make_folds, not_computed

FILE_PROPERTIES = "delivery"  # key of the family, in JSON and in `--remedy match=delivery`
SOURCE = "source"
ALL = "all"
#: Least AUC, with an interval above one half, at which a family gives the label away.
MIN_AUC = 0.6
#: The intervals hold for all families at once (Bonferroni): among a dozen, one would stand out by chance.
_N_FAMILIES = len(FAMILIES) + 3
MAX_ROWS = 20_000


@dataclasses.dataclass(frozen=True)
class Family:
    """One family of measures and how well the label is predicted from it.

    Attributes
    ----------
    key, name : str
        Key in JSON, and readable name.
    control : bool
        Whether it is a control, see :data:`~aletheia.audit.measures.CONTROLS`.
    outcome : Shortcut
    chance : float
        Standard deviation of the AUC of a guess on as many independent groups (Hanley and McNeil, Radiology 1982).
    visible : bool
        Whether a network can see it: not a file's source, when it is given the crop alone; not a measure that is
        missing, or the same everywhere.
    """

    key: str
    name: str
    control: bool
    outcome: Shortcut
    chance: float
    visible: bool = True

    @property
    def tells(self) -> bool:
        """Whether these measures predict the label better than chance, and by enough to matter.

        The interval does not cover the chance in the cross-validation itself; on few rows the AUC must also lie four
        standard deviations of a guess above one half, or reach 0.9.
        """
        return self._is_high and bool(self.outcome.low > 0.5)

    @property
    def is_unsure(self) -> bool:
        """Whether the AUC is as high as one that tells, but of too few groups to exclude chance."""
        return self._is_high and not self.tells

    @property
    def least(self) -> float:
        """Least AUC that counts: one below may be chance, or is too little to matter."""
        return min(max(MIN_AUC, 0.5 + 4 * self.chance), 0.9)

    @property
    def _is_high(self) -> bool:
        return bool(self.visible and self.outcome.auc >= self.least)

    @property
    def auc_text(self) -> str:
        """The AUC with its interval, or the reason why there is none."""
        if self.outcome.reason or not self.visible:
            return self.outcome.reason or "a network does not see it"
        return f"{self.outcome.estimate:.3f}"


@dataclasses.dataclass(frozen=True)
class Audit:
    """Result of an audit.

    Attributes
    ----------
    families : tuple of Family
        Families of measures, then controls, then all measures together; in a fixed order.
    rows : int
        Faces that were audited.
    fakes : int
        How many of them are fake.
    total : int
        Faces that these were drawn from.
    unmeasured : int
        Faces whose file could not be measured (videos, unreadable files); their measures count as unknown.
    """

    families: tuple[Family, ...]
    rows: int
    fakes: int
    total: int
    unmeasured: int

    def __getitem__(self, key: str) -> Shortcut:
        """Look up the outcome of a family."""
        return self.family(key).outcome

    def family(self, key: str) -> Family:
        """Look up a family by its key."""
        return next(family for family in self.families if family.key == key)

    @property
    def verdict(self) -> str:
        """``"bad"`` when anything tells, ``"good"`` when nothing does, ``""`` when that is unknown."""
        if any(family.tells for family in self.families):
            return "bad"
        return "" if self._reasons() else "good"

    @property
    def best_control(self) -> Family:
        """The control with the highest AUC: the one that a network has to beat."""
        controls = [family for family in self.families if family.control and not family.outcome.reason]
        return max(controls or self.families[-1:], key=lambda family: family.outcome.auc)

    def _reasons(self) -> set[str]:
        """Collect the reasons why families that a network can see have no AUC."""
        return {family.outcome.reason for family in self.families if family.visible and family.outcome.reason}

    def sentences(self) -> list[str]:
        """Name the families that give the label away, in plain words, the worst first."""
        telling = _one_by_one([family for family in self.families if family.tells])
        sentences = []
        if self.unmeasured:
            sentences.append(
                f"Of {counted(self.rows, 'face')} {self.unmeasured:,} could not be measured: the file is unreadable."
            )
        if not telling:
            if reasons := self._reasons():
                return [*sentences, f"The audit could not be made in full: {'; '.join(sorted(reasons))}."]
            if unsure := _one_by_one([family for family in self.families if family.is_unsure]):
                worst = max(unsure, key=lambda family: family.outcome.auc)
                return [
                    *sentences,
                    f"There are too few people or videos to tell whether anything but the faces gives the label away: "
                    f"{worst.name} has AUC {worst.outcome.estimate:.2f}.",
                ]
            least = max(family.least for family in self.families)
            few = f"; of so few people or videos an AUC below {least:.2f} may be chance" if least > MIN_AUC else ""
            nothing = "Nothing but the faces tells real from fake here, as far as these measures see"
            return [*sentences, f"{nothing}{few}."]
        for family in sorted(telling, key=lambda family: -family.outcome.auc):
            outcome = family.outcome
            leading = f": {', '.join(outcome.leading)}" if outcome.leading else ""
            sentences.append(f"{family.name}: AUC {outcome.estimate:.2f}{leading}.")
        return sentences

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain numbers, strings and lists."""
        return {
            "rows": self.rows,
            "fakes": self.fakes,
            "total": self.total,
            "unmeasured": self.unmeasured,
            "sentences": self.sentences(),
            "families": {
                family.key: {
                    "name": family.name,
                    "control": family.control,
                    "tells": family.tells,
                    "auc": to_jsonable(family.outcome.auc),
                    "low": to_jsonable(family.outcome.low),
                    "high": to_jsonable(family.outcome.high),
                    "reason": family.outcome.reason,
                    "features": [
                        {"name": row.name, "importance": float(row.importance), "alone": float(row.alone)}
                        for row in family.outcome.features.itertuples(index=False)
                    ],
                }
                for family in self.families
            },
        }


def audit_faces(
    faces: pd.DataFrame,
    view: str = ORIGINALS,
    *,
    known: pd.DataFrame | None = None,
    seed: int = 0,
    workers: int | None = None,
    client: Any = None,
    explain: bool = True,
    controls: bool = True,
    progress: bool = True,
) -> tuple[Audit, pd.DataFrame]:
    """Predict the label from everything but the face.

    Parameters
    ----------
    faces : DataFrame
        A manifest of extracted faces, see :func:`aletheia.faces.extraction.extract_faces`.
    view : {'pictures', 'crops'}
        The original files, or the crops that a network will see.
    known : DataFrame, optional
        Measures by path that are at hand, of the same view.
    seed : int
        Of folds and bootstrap.
    workers : int, optional
        Processes that measure; by default the setting ``ALETHEIA_WORKERS``.
    client : distributed.Client, optional
        A Dask cluster that measures and scores instead, see :func:`~aletheia.audit.measuring.measure_faces`.
    explain : bool
        Rate each measure of a family, which takes much of the time.
    controls : bool
        Also score the controls, whose tables are the widest.

    Returns
    -------
    tuple
        The audit, and the measures (one row a face that was audited, with its index; columns
        :data:`~aletheia.audit.measures.COLUMNS`). Of more than 20,000 faces whole groups are drawn up to this number.
    """
    total = len(faces)
    faces = subsample(faces, np.random.default_rng(seed), MAX_ROWS)
    measures = measure_faces(faces, view, known=known, workers=workers, client=client, progress=progress)
    fake = fake_flags(faces)
    groups = connected_groups(faces)
    folds, no_folds = [], ""
    try:
        folds = make_folds(groups, fake, np.random.default_rng(seed))
    except FoldError as error:
        no_folds = str(error)
    unmeasured = int(measures["thumb_0"].isna().sum())
    all_unmeasured = "most of the files could not be measured" if unmeasured > len(faces) / 2 else ""

    fakes, reals = len(set(groups[fake])), len(set(groups[~fake]))
    chance = float(np.sqrt((fakes + reals + 1) / (12 * max(fakes, 1) * max(reals, 1))))
    is_original = view == ORIGINALS
    tables = {
        SOURCE: (Columns((SOURCE,), ("source",), (True,)), source_codes(faces["source"])[:, None]),
        FILE_PROPERTIES: file_columns(faces),
    }
    reasons: dict[str, str] = {}
    listed = [
        (SOURCE, "source", False, is_original),
        (FILE_PROPERTIES, "how the file was delivered", False, is_original or _are_resaved(faces)),
    ]
    for key, (name, columns) in FAMILIES.items():
        if key in CONTROLS and not controls:
            continue
        table = Columns(tuple(columns), tuple(columns.values()), (False,) * len(columns))
        tables[key] = (table, measures[list(columns)].to_numpy())
        varies = measures[list(columns)].nunique().gt(1).any()
        reasons[key] = all_unmeasured or ("" if varies else NOT_PRESENT)
        listed.append((key, name, key in CONTROLS, bool(all_unmeasured or varies)))
    parts = [tables[key] for key, _, control, visible in listed if visible and not control]
    everything = Columns(
        sum((part.keys for part, _ in parts), ()),
        sum((part.names for part, _ in parts), ()),
        sum((part.categorical for part, _ in parts), ()),
    )
    tables[ALL] = (everything, np.concatenate([values for _, values in parts], axis=1))
    reasons[ALL] = all_unmeasured
    listed.append((ALL, "all measures together", False, True))
    scorer = Scorer(fake, folds, groups, seed, 1 - 0.05 / _N_FAMILIES, explain)
    possible = {key: table for key, table in tables.items() if not (no_folds or reasons.get(key))}
    outcomes = score_tables(scorer, possible, workers, client)
    families = tuple(
        Family(
            key, name, control, outcomes.get(key) or not_computed(reasons.get(key) or no_folds, True), chance, visible
        )
        for key, name, control, visible in listed
    )
    return Audit(families, len(faces), int(fake.sum()), total, unmeasured), measures


def _one_by_one(families: list[Family]) -> list[Family]:
    """Leave out all measures together, unless none of them stands alone."""
    return [family for family in families if family.key != ALL] or families


def _are_resaved(faces: pd.DataFrame) -> bool:
    """Whether a remedy saved the crops: only then do the columns of file properties describe the crops' files."""
    return bool("crop_quality_high" in faces and faces["crop_quality_high"].max() > 0)
