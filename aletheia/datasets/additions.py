"""New labelled faces beside a data set that is divided already: what may be learnt from, and what may not.

The test set stays as it is, picture by picture, so that models before and after are measured alike; and nobody who is
in it, by person, video, pair, original, bytes or looks, is ever learnt from. A share of the new groups is held back
from learning: only on those can be seen whether a model became better on what is new.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.errors import AletheiaError
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.leakage import check_leakage
from aletheia.datasets.schema import SEALED
from aletheia.datasets.sealed import group_lots
from aletheia.datasets.validation import validate_manifest

#: The part of new faces that nobody learns from, beside those of a data set.
HELD_BACK = "held back"
#: Share of the free new groups that is held back.
SHARE = 0.3
TRAIN, VAL, TEST = "train", "val", "test"
#: What makes a face the same in two manifests: the picture's content, the face in it, and the moment of the film.
_KEY = ("sha256", "face_index", "frame_time")


_SIDE = {HELD_BACK: "test"}  # of a leak search: held back as the test set is


class LeakageError(AletheiaError):
    """Faces to learn from are connected with faces to measure on."""


@dataclasses.dataclass(frozen=True)
class Additions:
    """Where new faces went.

    Attributes
    ----------
    train, val : DataFrame
        New rows to learn from, and to choose threshold and calibration on.
    held_back : DataFrame
        New rows that no training sees: of people of the test set, and groups that were drawn; ``split`` is "test".
    left_out : DataFrame
        The others, with a column ``reason``.
    counts : dict
        Faces by what became of them: train, val, held back, of test people, of sealed people, known, contradicting,
        bridging.
    """

    train: pd.DataFrame
    val: pd.DataFrame
    held_back: pd.DataFrame
    left_out: pd.DataFrame
    counts: dict[str, int]

    def sentences(self) -> list[str]:
        """Say what became of the new faces."""
        count = self.counts
        lines = [
            f"{counted(count['train'], 'new face')} to learn from, {count['val']:,} for validation, "
            f"{count['held back']:,} held back to compare models on."
        ]
        for name, text in _SENTENCES.items():
            if count[name]:
                lines.append(f"{counted(count[name], 'new face is', 'new faces are')} {text}")
        return lines


_SENTENCES = {
    "of test people": "connected with the test set (person, video, pair or near duplicate): held back, never learnt.",
    "of sealed people": "connected with the sealed part of the test set: left out.",
    "known": "in the data already: taken once.",
    "contradicting": "in the data already under the other label: left out; have a look at them.",
    "bridging": "connected with two parts of the data at once: left out.",
}


def divide_additions(
    parts: Mapping[str, pd.DataFrame],
    new: pd.DataFrame,
    *,
    share: float = SHARE,
    val_share: float = 0.15,
    max_distance: int = 4,
) -> Additions:
    """Divide new faces without touching the parts that there are.

    A new face joins the part that it is connected with (`aletheia.datasets.groups.connected_groups`), directly or
    through other new faces. Connected with the test set it is held back, with its sealed part left out, and so is what
    would tie two parts together. Of the groups that are connected with nothing, `share` is held back and `val_share` of
    the rest validates; which ones follows from a hash of what they hold, not from a seed. What was held back once
    stays so: it is a part of its own.

    Parameters
    ----------
    parts : mapping of str to DataFrame
        Manifests of the faces that there are, by "train", "val", "test", "sealed" and `HELD_BACK` (of earlier
        additions); missing ones have no rows.
    new : DataFrame
        A manifest of the new faces.
    share : float
        Of the free groups that is held back, 0 to 1.
    val_share : float
        Of the others that validates, 0 to 1.
    max_distance : int
        Bits for near duplicates.

    Returns
    -------
    Additions
    """
    there = {name: rows for name, rows in parts.items() if len(rows)}
    same, other = _known(there, new)
    reason = np.full(len(new), "", dtype=object)
    reason[same], reason[other] = "known", "contradicting"
    fresh = np.flatnonzero(reason == "")
    rows = new.iloc[fresh]
    reached = {name: _reaches(part, rows, max_distance) for name, part in there.items()}
    nothing = np.zeros(len(rows), dtype=bool)
    sealed, test = reached.get(SEALED, nothing), reached.get(TEST, nothing)
    apart = [reached.get(name, nothing) for name in (TRAIN, VAL)]
    held = reached.get(HELD_BACK, nothing) | test
    bridging = ~sealed & (np.sum([*apart, held], axis=0) > 1)
    part = np.full(len(rows), "", dtype=object)
    for name, mask in ((TRAIN, apart[0]), (VAL, apart[1]), (HELD_BACK, held)):
        part[mask] = name
    reason[fresh[bridging]], reason[fresh[sealed]] = "bridging", "of sealed people"
    free = (part == "") & ~sealed
    part[free] = _draw(rows[free], share, val_share, max_distance)
    part[bridging | sealed] = ""

    def of(name: str, split: str) -> pd.DataFrame:
        return rows[part == name].assign(split=split).reset_index(drop=True)

    left_out = new.iloc[reason != ""] if len(new) else new
    counts = {
        "train": int((part == TRAIN).sum()),
        "val": int((part == VAL).sum()),
        "held back": int((part == HELD_BACK).sum()),
        "of test people": int((test & (part == HELD_BACK)).sum()),
        **{name: int((reason == name).sum()) for name in ("of sealed people", "known", "contradicting", "bridging")},
    }
    left_out = left_out.assign(reason=reason[reason != ""]).reset_index(drop=True)
    return Additions(of(TRAIN, TRAIN), of(VAL, VAL), of(HELD_BACK, TEST), left_out, counts)


def join_parts(parts: Mapping[str, pd.DataFrame], added: Additions) -> dict[str, pd.DataFrame]:
    """Return train, val and `HELD_BACK` with the new rows behind those that there are."""
    news = {TRAIN: added.train, VAL: added.val, HELD_BACK: added.held_back}
    return {name: _join(parts.get(name), rows) for name, rows in news.items()}


def _join(old: pd.DataFrame | None, new: pd.DataFrame) -> pd.DataFrame:
    tables = [rows for rows in (old, new) if rows is not None and len(rows)]
    if not tables:
        return new
    return validate_manifest(pd.concat(tables, ignore_index=True))


def refuse_new_leaks(parts: Mapping[str, pd.DataFrame], added: Additions, *, max_distance: int = 4) -> None:
    """Search the whole for leaks as `aletheia.datasets.leakage.check_leakage` does, before anything is learnt from it.

    Raises
    ------
    LeakageError
        When there is one that was not there without the new faces.
    """
    old = [rows.assign(split=_SIDE.get(name, name)) for name, rows in parts.items() if len(rows)]
    before = check_leakage(pd.concat(old, ignore_index=True), max_distance=max_distance)
    new = [rows for rows in (added.train, added.val, added.held_back) if len(rows)]
    after = check_leakage(pd.concat([*old, *new], ignore_index=True), max_distance=max_distance)
    known = set(zip(before["kind"], before["value"], before["splits"], strict=True))
    for leak in after.itertuples(index=False):
        if (leak.kind, leak.value, leak.splits) not in known:
            raise LeakageError(f"The new faces would tie {leak.splits} together, by {leak.kind} {leak.value!r}.")


def unknown_rows(parts: Mapping[str, pd.DataFrame], new: pd.DataFrame) -> Array:
    """Return which (n,) bool of new files are in none of the parts, by their content."""
    known = {value for rows in parts.values() if "sha256" in rows for value in rows["sha256"].astype(str)} - {""}
    is_known: Array = new["sha256"].astype(str).isin(known).to_numpy()
    return ~is_known


def _known(parts: Mapping[str, pd.DataFrame], new: pd.DataFrame) -> tuple[Array, Array]:
    """Return which new rows (n,) bool are in a part already under the same label, and under the other one."""
    labels: dict[tuple[object, ...], str] = {}
    for rows in parts.values():
        labels |= dict(zip(_keys(rows), rows["label"].astype(str), strict=True))
    before = [labels.get(key, "") if key[0] else "" for key in _keys(new)]
    now = new["label"].astype(str).tolist()
    is_same = [old == label for old, label in zip(before, now, strict=True)]
    is_other = [bool(old) and old != label for old, label in zip(before, now, strict=True)]
    return np.array(is_same, dtype=bool), np.array(is_other, dtype=bool)


def _keys(rows: pd.DataFrame) -> list[tuple[object, ...]]:
    blank = {"sha256": "", "face_index": 0, "frame_time": -1.0}
    columns = [
        (rows[name] if name in rows else pd.Series(blank[name], rows.index)).fillna(blank[name]) for name in _KEY
    ]
    columns[2] = columns[2].astype(float).round(3)
    return list(zip(columns[0].astype(str), columns[1].astype(int), columns[2], strict=True))


def _reaches(part: pd.DataFrame, new: pd.DataFrame, max_distance: int) -> Array:
    """Return which new rows (n,) bool are connected with a row of a part, also through other new rows."""
    if not len(new):
        return np.zeros(0, dtype=bool)
    group = connected_groups(pd.concat([part, new], ignore_index=True), max_distance=max_distance)
    return np.isin(group[len(part) :], group[: len(part)])


def _draw(rows: pd.DataFrame, share: float, val_share: float, max_distance: int) -> Array:
    """Draw the part (n,) of whole groups by their lots, of genuine, fake and mixed groups alike."""
    part = np.full(len(rows), TRAIN, dtype=object)
    if not len(rows):
        return part
    group = connected_groups(rows, max_distance=max_distance)
    lots = group_lots(rows, group).astype(np.float64) / 2.0**64
    fake = fake_flags(rows)
    sizes, fakes = np.bincount(group), np.bincount(group, weights=fake)
    of_group = np.full(len(sizes), TRAIN, dtype=object)
    for kind in (fakes == 0, fakes == sizes, (fakes > 0) & (fakes < sizes)):
        order = np.flatnonzero(kind)[np.argsort(lots[kind], kind="stable")]
        n_held = round(share * len(order))
        n_val = round(val_share * (len(order) - n_held))
        of_group[order[:n_held]] = HELD_BACK
        of_group[order[n_held : n_held + n_val]] = VAL
    drawn: Array = of_group[group]
    return drawn
