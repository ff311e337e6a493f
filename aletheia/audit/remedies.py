"""Remedies for what the audit found: leave out, match, save alike; each recorded with the faces that it made."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from aletheia.audit.audit import source_codes
from aletheia.audit.file_properties import file_columns
from aletheia.audit.matching import match_by_score, match_by_value
from aletheia.audit.measures import FAMILIES
from aletheia.audit.measuring import measure_faces
from aletheia.audit.reencoding import reencode_faces
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.paths import data_folder
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.stats.categorical import encode
from aletheia.stats.tabular import Columns, FoldError, make_folds, score_table

MATCHABLE = ("source", "delivery", *FAMILIES)
COLUMN = "remedies"  # of the manifest
_SYNTAX = (
    "reencode (or reencode=60-95), resolution=PIXELS, match=FAMILY (one of "
    f"{', '.join(MATCHABLE)}), or drop=COLUMN=VALUE"
)


@dataclasses.dataclass(frozen=True)
class Remedies:
    """What to do, in this order.

    Attributes
    ----------
    drop : tuple of (str, str)
        Column and value of rows that are left out.
    match : tuple of str
        Families (of :data:`MATCHABLE`) in which genuine and fake faces are to be alike; the others are left out.
    quality : (int, int) or None
        Save every face again as JPEG, qualities drawn evenly from this range, both ends included.
    resolution : int
        Shrink every face to so many pixels a side (and enlarge it again); 0 leaves it.
    """

    drop: tuple[tuple[str, str], ...] = ()
    match: tuple[str, ...] = ()
    quality: tuple[int, int] | None = None
    resolution: int = 0

    @classmethod
    def parse(cls, words: Sequence[str] | None) -> Remedies:
        """Read words such as ``["drop=source=stock", "match=framing", "reencode=60-95", "resolution=64"]``.

        Raises
        ------
        InputError
            For a word that is none of these; the message says what there is.
        """
        values: dict[str, Any] = {"drop": (), "match": ()}
        for word in words or ():
            key, _, rest = str(word).strip().partition("=")
            column, equals, value = rest.partition("=")
            if key == "reencode" and (found := re.fullmatch(r"(?:(\d{1,3})-(\d{1,3}))?", rest)):
                values["quality"] = tuple(map(int, found.groups(default="0"))) if rest else (60, 95)
            elif key == "resolution" and re.fullmatch(r"\d{1,4}", rest):
                values["resolution"] = int(rest)
            elif key == "match" and rest in MATCHABLE:
                values["match"] += (rest,)
            elif key == "drop" and column and equals:
                values["drop"] += ((column, value),)
            else:
                raise InputError(f"There is no remedy {str(word)[:100]!r}; there are {_SYNTAX}.")
        low, high = values.get("quality", (1, 100))
        if not 1 <= low <= high <= 100:
            raise InputError(f"reencode={low}-{high}: JPEG qualities lie between 1 and 100, the lower one first.")
        if values.get("resolution", 8) < 8:
            raise InputError(f"resolution={values['resolution']}: nothing of a face is left below 8 pixels a side.")
        return cls(**values)

    def __bool__(self) -> bool:
        return self != Remedies()

    def words(self) -> list[str]:
        """The same as :meth:`parse` reads."""
        told = [f"drop={column}={value}" for column, value in self.drop] + [f"match={key}" for key in self.match]
        if self.quality:
            told.append("reencode={}-{}".format(*self.quality))
        return told + [f"resolution={self.resolution}"] * (self.resolution > 0)


@dataclasses.dataclass(frozen=True)
class Remedied:
    """Faces and pool after the remedies, what was left out (path, reason), and what was done in words."""

    faces: pd.DataFrame
    pool: pd.DataFrame
    left_out: pd.DataFrame
    told: list[str]


def apply_remedies(
    faces: pd.DataFrame, pool: pd.DataFrame, remedies: Remedies, *, seed: int = 0, progress: bool = True
) -> Remedied:
    """Make genuine and fake faces more alike in everything but the face.

    Parameters
    ----------
    faces, pool : DataFrame
        Manifests of extracted faces: to learn from, and genuine ones to balance with (may be empty; they are saved
        alike and dropped from, but balancing matches them by a policy of its own).
    remedies : Remedies
    seed : int
        Of matching.

    Raises
    ------
    InputError
        When a column to drop by is missing, too few faces match, or a class has none left.
    """
    told: list[str] = []
    left: list[pd.DataFrame] = []

    def without(frame: pd.DataFrame, gone: Array, why: str) -> pd.DataFrame:
        if gone.any():
            left.append(pd.DataFrame({"path": frame.loc[gone, "path"], "reason": why}))
        return frame[~gone].reset_index(drop=True)

    for column, value in remedies.drop:
        if column not in faces:
            raise InputError(f"drop={column}={value}: the manifest has no column {column!r}.")
        why = f"dropped: {column} is {value}"
        sets = []
        for frame in (faces, pool):
            gone = frame[column].astype(str).eq(value).to_numpy() if column in frame else np.zeros(len(frame), bool)
            sets.append(without(frame, gone, why))
        told.append(f"{len(faces) - len(sets[0]):,} faces and {len(pool) - len(sets[1]):,} of the pool {why}.")
        faces, pool = sets
    for key in remedies.match:
        _check_classes(faces)
        columns, values = _measured(faces, key, progress)
        fake, groups = fake_flags(faces), connected_groups(faces)
        if key == "source":
            kept = match_by_value(encode(faces["source"])[0], fake, seed=seed)
        else:
            kept = match_by_score(columns, values, fake, groups, seed=seed)
        told.append(
            f"Matched by {key}: {int(kept.sum()):,} of {len(faces):,} faces are in a pair. In the pictures the label "
            f"was told by it with AUC {_told(columns, values, fake, groups, seed)}, and is now with "
            f"{_told(columns, values[kept], fake[kept], groups[kept], seed)}."
        )
        faces = without(faces, ~kept, f"no match by {key}")
    if remedies.quality or remedies.resolution:
        saved = []
        for frame in (faces, pool):
            frame, unread = reencode_faces(
                frame,
                data_folder() / "harmonised",
                remedies.quality,
                remedies.resolution,
                progress=progress,
            )
            saved.append(frame)
            left.append(unread)
        faces, pool = saved
        told.append(_saved_how(remedies, len(faces) + len(pool)))
    _check_classes(faces)
    if remedies:
        words = " ".join(remedies.words())
        faces, pool = faces.assign(**{COLUMN: words}), pool.assign(**{COLUMN: words})
    left_out = pd.concat(left, ignore_index=True) if left else pd.DataFrame(columns=["path", "reason"])
    return Remedied(faces, pool, left_out, told)


def _measured(faces: pd.DataFrame, key: str, progress: bool) -> tuple[Columns, Array]:
    """Columns of a family and their values (n, k) in the pictures.

    Raises
    ------
    InputError
        When hardly anything of it is known.
    """
    if key == "source":
        return Columns((key,), (key,), (True,)), source_codes(faces["source"])[:, None]
    if key == "delivery":
        columns, values = file_columns(faces)
    else:
        names = FAMILIES[key][1]
        columns = Columns(tuple(names), tuple(names.values()), (False,) * len(names))
        values = measure_faces(faces, progress=progress)[list(names)].to_numpy(np.float64)
    if np.isnan(values).all(axis=1).mean() > 0.5:
        raise InputError(f"match={key}: it is unknown of most of the {len(faces):,} faces. Match by something else.")
    return columns, values


def _told(columns: Columns, values: Array, fake: Array, groups: Array, seed: int) -> str:
    rng = np.random.default_rng(seed)
    groups = np.unique(groups, return_inverse=True)[1]
    try:
        folds = make_folds(groups, fake, rng)
    except FoldError as error:
        return f"nothing: {error}"
    outcome = score_table(columns, (values, fake), (values, fake), folds, groups, rng, seed=seed)
    return f"{outcome.estimate:.2f}"


def _check_classes(faces: pd.DataFrame) -> None:
    left = set(faces["label"])
    if left != {"real", "fake"}:
        raise InputError(f"The remedies leave {len(faces)} faces of {sorted(left) or 'neither class'}; use fewer.")


def _saved_how(remedies: Remedies, count: int) -> str:
    parts = [f"shrunk to {remedies.resolution} pixels a side"] * (remedies.resolution > 0)
    if remedies.quality:
        parts.append("saved as JPEG (4:2:0) of quality {} to {}".format(*remedies.quality))
    return f"{count:,} faces were {' and '.join(parts)}, whatever their label."
