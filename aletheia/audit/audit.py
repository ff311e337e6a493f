"""The shortcut audit: the label predicted from everything but the face, one family of measures after the other."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from aletheia.audit.file_properties import file_columns, subsample
from aletheia.audit.measures import CONTROLS, FAMILIES, NOTHING_THERE
from aletheia.audit.measuring import PICTURES, measure_faces
from aletheia.core.arrays import Array
from aletheia.core.jsonable import to_jsonable
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.stats.categorical import encode
from aletheia.stats.tabular import Columns, FoldError, Shortcut, make_folds, not_computed, score_table

DELIVERY = "delivery"
SOURCE = "source"
ALL = "all"
#: From this AUC on, when the interval lies above one half, a family is said to give the label away.
TELLING = 0.6
#: The intervals hold for all families at once (Bonferroni): among a dozen, one would stand out by chance.
_FAMILIES = len(FAMILIES) + 3
_SOURCES = 200
MAX_ROWS = 20_000


@dataclasses.dataclass(frozen=True)
class Family:
    """One family's outcome: its key, what it is called, whether it is a control, how well it tells the label, the
    standard deviation of the AUC of a guess on as many independent groups (Hanley and McNeil, Radiology 1982), and
    whether a network sees it (not where a file came from, when it is shown the crop alone; not what is not there).
    """

    key: str
    name: str
    control: bool
    outcome: Shortcut
    chance: float
    seen: bool = True

    @property
    def tells(self) -> bool:
        """Whether the label is told from these measures by more than chance, and by enough to matter.

        The bootstrap does not see what the cross-validation itself leaves to chance; on few rows the AUC must also lie
        four standard deviations of a guess above one half, or reach 0.9.
        """
        needed = min(max(TELLING, 0.5 + 4 * self.chance), 0.9)
        return bool(self.seen and self.outcome.low > 0.5 and self.outcome.auc >= needed)

    @property
    def told(self) -> str:
        """The AUC with its interval, or why there is none, in words."""
        if self.outcome.reason or not self.seen:
            return self.outcome.reason or "a network does not see it"
        return f"{self.outcome.estimate:.3f}"


@dataclasses.dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes
    ----------
    families : tuple of Family
        Families of measures, then controls, then all measures together; in a fixed order.
    rows : int
        Faces that were audited, and how many of them are fake.
    fakes : int
    total : int
        Faces that these were drawn from.
    unmeasured : int
        Faces whose picture could not be measured (videos, unreadable files); their measures count as unknown.
    """

    families: tuple[Family, ...]
    rows: int
    fakes: int
    total: int
    unmeasured: int

    def __getitem__(self, key: str) -> Shortcut:
        """Outcome of a family."""
        return self.family(key).outcome

    def family(self, key: str) -> Family:
        """A family by its key."""
        return next(family for family in self.families if family.key == key)

    @property
    def verdict(self) -> str:
        """``"bad"`` when anything tells, ``"good"`` when nothing does, ``""`` when nobody knows."""
        if any(family.tells for family in self.families):
            return "bad"
        return "" if self._unknown() else "good"

    @property
    def best_control(self) -> Family:
        """The control with the highest AUC: what a network has to beat."""
        controls = [family for family in self.families if family.control and not family.outcome.reason]
        return max(controls or self.families[-1:], key=lambda family: family.outcome.auc)

    def _unknown(self) -> set[str]:
        """Why families that a network may see could not be judged."""
        return {family.outcome.reason for family in self.families if family.seen and family.outcome.reason}

    def sentences(self) -> list[str]:
        """What gives the label away, in plain words, the worst first."""
        telling = [family for family in self.families if family.tells and family.key != ALL]
        told = []
        if self.unmeasured:
            told.append(f"{self.unmeasured:,} of {self.rows:,} faces are in files that could not be measured.")
        if not telling:
            if reasons := self._unknown():
                return [*told, f"The audit could not be made in full: {'; '.join(sorted(reasons))}."]
            return [*told, "Nothing but the faces tells real from fake here, as far as these measures see."]
        for family in sorted(telling, key=lambda family: -family.outcome.auc):
            outcome = family.outcome
            leading = f": {', '.join(outcome.leading)}" if outcome.leading else ""
            told.append(f"{family.name}: AUC {outcome.estimate:.2f}{leading}.")
        return told

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, strings and lists."""
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
    faces: pd.DataFrame, of: str = PICTURES, *, seed: int = 0, workers: int | None = None, progress: bool = True
) -> tuple[Audit, pd.DataFrame]:
    """Predict the label from everything but the face.

    Parameters
    ----------
    faces : DataFrame
        A manifest of extracted faces, see :func:`aletheia.faces.extraction.extract_faces`.
    of : {'pictures', 'crops'}
        The pictures as they were delivered, or the crops that a network will see.
    seed : int
        Of folds and bootstrap.
    workers : int, optional
        Processes that measure; by default the setting ``ALETHEIA_WORKERS``.

    Returns
    -------
    tuple
        The audit, and the measures (one row a face that was audited, with its index; columns
        :data:`~aletheia.audit.measures.COLUMNS`). Of more than 20,000 faces whole groups are drawn up to this number.
    """
    total = len(faces)
    faces = subsample(faces, np.random.default_rng(seed), MAX_ROWS)
    measures = measure_faces(faces, of, workers=workers, progress=progress)
    fake = fake_flags(faces)
    groups = connected_groups(faces)
    folds, no_folds = [], ""
    try:
        folds = make_folds(groups, fake, np.random.default_rng(seed))
    except FoldError as error:
        no_folds = str(error)
    unmeasured = int(measures["thumb_0"].isna().sum())
    blind = "most of the files could not be measured" if unmeasured > len(faces) / 2 else ""

    def scored(columns: Columns, values: Array, missing: str = "") -> Shortcut:
        if missing or no_folds:
            return not_computed(missing or no_folds, True)
        known = values.astype(np.float64)
        rng = np.random.default_rng(seed)
        return score_table(
            columns, (known, fake), (known, fake), folds, groups, rng, seed=seed, confidence=1 - 0.05 / _FAMILIES
        )

    fakes, reals = len(set(groups[fake])), len(set(groups[~fake]))
    chance = float(np.sqrt((fakes + reals + 1) / (12 * max(fakes, 1) * max(reals, 1))))
    source = Columns((SOURCE,), ("source",), (True,))
    sources = source_codes(faces["source"])[:, None]
    delivery, delivered = file_columns(faces)
    families = [
        Family(SOURCE, "source", False, scored(source, sources), chance, seen=of == PICTURES),
        Family(
            DELIVERY,
            "how the file was delivered",
            False,
            scored(delivery, delivered),
            chance,
            _delivered(faces, of),
        ),
    ]
    tables = {}
    for key, (name, columns) in FAMILIES.items():
        table = Columns(tuple(columns), tuple(columns.values()), (False,) * len(columns))
        tables[key] = (table, measures[list(columns)].to_numpy())
        there = measures[list(columns)].nunique().gt(1).any()
        missing = blind or ("" if there else NOTHING_THERE)
        families.append(Family(key, name, key in CONTROLS, scored(*tables[key], missing), chance, bool(blind or there)))
    tables |= {SOURCE: (source, sources), DELIVERY: (delivery, delivered)}
    parts = [tables[family.key] for family in families if family.seen and not family.control]
    everything = Columns(
        sum((part.keys for part, _ in parts), ()),
        sum((part.names for part, _ in parts), ()),
        sum((part.categorical for part, _ in parts), ()),
    )
    whole = np.concatenate([values for _, values in parts], axis=1)
    families.append(Family(ALL, "all measures together", False, scored(everything, whole, blind), chance))
    return Audit(tuple(families), len(faces), int(fake.sum()), total, unmeasured), measures


def _delivered(faces: pd.DataFrame, of: str) -> bool:
    """The file of a crop tells something when a remedy made it; else the columns speak of the picture's file."""
    return of == PICTURES or bool("crop_quality_high" in faces and faces["crop_quality_high"].max() > 0)


def source_codes(sources: pd.Series) -> Array:
    """Codes of the commonest sources; all others share one: the trees take no more than 255 categories."""
    codes, values = encode(sources)
    common = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(values)), kind="stable")[:_SOURCES]
    rank = np.full(len(values) + 1, float(_SOURCES))
    rank[common] = np.arange(len(common))
    rank[-1] = np.nan  # code -1: unknown
    return rank[codes]
