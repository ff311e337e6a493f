"""Remedies for shortcuts: leave rows out, match the classes, save all faces alike; recorded with the faces."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from aletheia.audit.audit import FILE_PROPERTIES, SOURCE
from aletheia.audit.file_properties import file_columns, source_codes
from aletheia.audit.matching import match_by_score, match_by_value
from aletheia.audit.measures import FAMILIES
from aletheia.audit.measuring import measure_faces
from aletheia.audit.reencoding import reencode_faces
from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.paths import data_folder
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.faces.crop_config import CropConfig
from aletheia.stats.categorical import encode
from aletheia.stats.tabular import Columns, FoldError, make_folds, score_table

MATCHABLE = (SOURCE, FILE_PROPERTIES, *FAMILIES)
COLUMN = "remedies"  # of the manifest
_DEFAULT_QUALITY = (60, 95)
_SYNTAX = (
    "reencode (or reencode=60-95), resolution=PIXELS, match=FAMILY (one of "
    f"{', '.join(MATCHABLE)}), or drop=COLUMN=VALUE"
)


@dataclasses.dataclass(frozen=True)
class Remedies:
    """Remedies to apply, in this order.

    Attributes
    ----------
    drop : tuple of (str, str)
        Column and value of rows that are left out.
    match : tuple of str
        Families (of :data:`MATCHABLE`) in which genuine and fake faces are made alike; faces without a match are left
        out.
    quality : (int, int) or None
        Save every face again as JPEG, qualities drawn evenly from this range, both ends included.
    resolution : int
        Shrink every face to so many pixels a side (and enlarge it again); 0 keeps it.
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
            For an unknown word, and for qualities and a resolution outside of the limits of
            :class:`~aletheia.faces.crop_config.CropConfig`, which a model could not record.
        """
        values: dict[str, Any] = {"drop": (), "match": ()}
        for word in words or ():
            key, _, rest = str(word).strip().partition("=")
            column, equals, value = rest.partition("=")
            if key == "reencode" and (match := re.fullmatch(r"(?:(\d{1,3})-(\d{1,3}))?", rest)):
                values["quality"] = tuple(map(int, match.groups())) if rest else _DEFAULT_QUALITY
            elif key == "resolution" and re.fullmatch(r"[1-9]\d{0,8}", rest):
                values["resolution"] = int(rest)
            elif key == "match" and rest in MATCHABLE:
                values["match"] += (rest,)
            elif key == "drop" and column and equals:
                values["drop"] += ((column, value),)
            else:
                raise InputError(f"There is no remedy {str(word)[:100]!r}; there are {_SYNTAX}.")
        remedies = cls(**values)
        try:
            CropConfig(quality=remedies.quality, resolution=remedies.resolution)
        except InputError as error:
            raise InputError(
                f"The remedies {' '.join(remedies.words())} cannot be recorded in a model. {error}"
            ) from None
        return remedies

    def __bool__(self) -> bool:
        return self != Remedies()

    def words(self) -> list[str]:
        """List the remedies as :meth:`parse` reads them."""
        words = [f"drop={column}={value}" for column, value in self.drop] + [f"match={key}" for key in self.match]
        if self.quality:
            words.append("reencode={}-{}".format(*self.quality))
        return words + [f"resolution={self.resolution}"] * (self.resolution > 0)


@dataclasses.dataclass(frozen=True)
class RemedyResult:
    """Faces and pool after the remedies.

    Attributes
    ----------
    faces, pool : DataFrame
        Manifests of the remaining faces.
    left_out : DataFrame
        Columns ``path`` and ``reason``.
    messages : list of str
        One sentence for each remedy, with its numbers.
    """

    faces: pd.DataFrame
    pool: pd.DataFrame
    left_out: pd.DataFrame
    messages: list[str]


def apply_remedies(
    faces: pd.DataFrame,
    pool: pd.DataFrame,
    remedies: Remedies,
    *,
    seed: int = 0,
    client: Any = None,
    progress: bool = True,
) -> RemedyResult:
    """Make genuine and fake faces more alike in everything but the face.

    Parameters
    ----------
    faces, pool : DataFrame
        Manifests of extracted faces: to learn from, and genuine ones to balance with (may be empty; they are saved
        alike and dropped from, but balancing matches them by a policy of its own).
    remedies : Remedies
    seed : int
        Of matching.
    client : distributed.Client, optional
        A Dask cluster that measures what is matched by, see :func:`~aletheia.audit.measuring.measure_faces`.

    Raises
    ------
    InputError
        When a column to drop by is missing, too few faces match, or a class has none left.
    """
    result = RemedyResult(faces, pool, pd.DataFrame(columns=["path", "reason"]), [])
    for column, value in remedies.drop:
        result = _drop(result, column, value)
    for key in remedies.match:
        result = _match(result, key, seed, client, progress)
    if remedies.quality or remedies.resolution:
        result = _save_alike(result, remedies, progress)
    _check_classes(result.faces, set(faces["label"]))  # a set of one class (to measure false alarms) stays one
    if remedies:
        words = " ".join(remedies.words())
        result = dataclasses.replace(
            result, faces=result.faces.assign(**{COLUMN: words}), pool=result.pool.assign(**{COLUMN: words})
        )
    return result


def _drop(before: RemedyResult, column: str, value: str) -> RemedyResult:
    """Leave out the faces, and those of the pool, that have a value in a column."""
    if column not in before.faces:
        raise InputError(f"drop={column}={value}: the manifest has no column {column!r}.")
    reason = f"dropped: {column} is {value}"
    remaining, left_out = [], [before.left_out]
    for frame in (before.faces, before.pool):
        is_dropped = frame[column].astype(str).eq(value).to_numpy() if column in frame else np.zeros(len(frame), bool)
        remaining.append(frame[~is_dropped].reset_index(drop=True))
        left_out.append(_left_out(frame, is_dropped, reason))
    faces, pool = remaining
    n_faces, n_pool = len(before.faces) - len(faces), len(before.pool) - len(pool)
    message = f"{counted(n_faces, 'face')} and {n_pool:,} of the pool {reason}."
    return RemedyResult(faces, pool, _joined(left_out), [*before.messages, message])


def _match(before: RemedyResult, key: str, seed: int, client: Any, progress: bool) -> RemedyResult:
    """Leave out the faces without a partner of the other class that is alike in a family of measures."""
    faces = before.faces
    _check_classes(faces, {"real", "fake"})
    columns, values = _measured(faces, key, client, progress)
    fake, groups = fake_flags(faces), connected_groups(faces)
    if key == SOURCE:
        is_kept = match_by_value(encode(faces["source"])[0], fake, seed=seed)
    else:
        is_kept = match_by_score(columns, values, fake, groups, seed=seed)
    message = (
        f"Matched by {key}: {int(is_kept.sum()):,} of {len(faces):,} faces are in a pair. In the original "
        f"files it predicts the label with AUC {_auc_text(columns, values, fake, groups, seed)}, and now with "
        f"{_auc_text(columns, values[is_kept], fake[is_kept], groups[is_kept], seed)}."
    )
    left_out = _joined([before.left_out, _left_out(faces, ~is_kept, f"no match by {key}")])
    return RemedyResult(faces[is_kept].reset_index(drop=True), before.pool, left_out, [*before.messages, message])


def _save_alike(before: RemedyResult, remedies: Remedies, progress: bool) -> RemedyResult:
    """Save the faces and those of the pool with one resolution and one range of JPEG qualities."""
    folder = data_folder() / "harmonised"
    faces, unread = reencode_faces(before.faces, folder, remedies.quality, remedies.resolution, progress=progress)
    pool, unread_pool = reencode_faces(before.pool, folder, remedies.quality, remedies.resolution, progress=progress)
    left_out = _joined([before.left_out, unread, unread_pool])
    return RemedyResult(faces, pool, left_out, [*before.messages, _saving_message(remedies, len(faces) + len(pool))])


def _left_out(frame: pd.DataFrame, rows: Array, reason: str) -> pd.DataFrame:
    return pd.DataFrame({"path": frame.loc[rows, "path"] if len(frame) else [], "reason": reason})


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _measured(faces: pd.DataFrame, key: str, client: Any, progress: bool) -> tuple[Columns, Array]:
    """Measure a family's columns, (n, k), in the original files.

    Raises
    ------
    InputError
        When it is unknown of most of the faces.
    """
    if key == SOURCE:
        return Columns((key,), (key,), (True,)), source_codes(faces["source"])[:, None]
    if key == FILE_PROPERTIES:
        columns, values = file_columns(faces)
    else:
        names = FAMILIES[key][1]
        columns = Columns(tuple(names), tuple(names.values()), (False,) * len(names))
        values = measure_faces(faces, client=client, progress=progress)[list(names)].to_numpy(np.float64)
    if np.isnan(values).all(axis=1).mean() > 0.5:
        raise InputError(f"match={key}: it is unknown of most of the {len(faces):,} faces. Match by something else.")
    return columns, values


def _auc_text(columns: Columns, values: Array, fake: Array, groups: Array, seed: int) -> str:
    """Describe how well the label is predicted from a family: the AUC with its interval."""
    rng = np.random.default_rng(seed)
    groups = np.unique(groups, return_inverse=True)[1]
    try:
        folds = make_folds(groups, fake, rng)
    except FoldError as error:
        return f"nothing: {error}"
    outcome = score_table(columns, (values, fake), (values, fake), folds, groups, rng, seed=seed)
    return f"{outcome.estimate:.2f}"


def _check_classes(faces: pd.DataFrame, needed: set[str]) -> None:
    classes = set(faces["label"])
    if classes != needed or not classes:
        raise InputError(f"The remedies leave {len(faces)} faces of {sorted(classes) or 'neither class'}; use fewer.")


def _saving_message(remedies: Remedies, count: int) -> str:
    parts = [f"shrunk to {remedies.resolution} pixels a side"] * (remedies.resolution > 0)
    if remedies.quality:
        parts.append("saved as JPEG (4:2:0) of quality {} to {}".format(*remedies.quality))
    return f"{counted(count, 'face was', 'faces were')} {' and '.join(parts)}, whatever their label."
