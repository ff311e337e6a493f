"""What is known of a data set's people and videos: from its manifest, its layout, or a guess by names and looks."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.wording import counted
from aletheia.datasets.groups import PAIR_SEPARATOR, RELATIVES
from aletheia.datasets.layouts.people import celeb_people
from aletheia.datasets.schema import GROUP_COLUMNS, as_text
from aletheia.datasets.sequences import guess_videos
from aletheia.imaging.media_types import is_video

#: Column of a manifest that says how ``identity``, ``video`` or ``pair`` of a row came to be known.
GROUPING = "grouping"
#: Its values: the manifest states it; the data set's layout does; it was guessed. Empty: nothing is known.
STATED, LAYOUT, GUESSED = "stated", "layout", "guessed"

_PAIR = re.compile(r"(\d{2,})_(\d{2,})")


class Known(NamedTuple):
    """Of how many rows some person or video is known.

    Attributes
    ----------
    rows, known, guessed, people : int
        All rows; those with an identity, a video or a pair; those of them where it was guessed; those with an identity
        or a pair of two.
    compared : bool
        Whether faces were compared (:mod:`aletheia.datasets.relatives`).
    """

    rows: int
    known: int
    guessed: int
    people: int = 0
    compared: bool = False

    def sentence(self) -> str:
        """Say what is known, for reports."""
        if not self.known:
            return (
                f"Of none of {counted(self.rows, 'image')} is the person or the video known: whether people of "
                "the training images are among the test images cannot be judged. Name them in the columns "
                "identity or video."
            )
        text = f"The person or the video is known of {self.known:,} of {self.rows:,} images"
        if self.guessed:
            text += f" ({self.guessed:,} guessed from the order of names and the likeness of neighbours)"
        if not self.people and self.compared:
            text += "; people are not known, but faces that look like one person are kept together"
        elif not self.people:
            text += "; people are not known, and one who is in several videos may be on both sides"
        return text + "."


def count_known(manifest: pd.DataFrame) -> Known:
    """Count the rows whose identity, video or pair is known."""
    known = _is_known(manifest)
    grouping = as_text(manifest[GROUPING]) if GROUPING in manifest.columns else np.full(len(manifest), "", object)
    blank = np.full(len(manifest), "", dtype=object)
    identity, pair = (as_text(manifest[name]) if name in manifest.columns else blank for name in ("identity", "pair"))
    people = (identity != "") | np.array([PAIR_SEPARATOR in value for value in pair], dtype=bool)
    guessed = int((known & (grouping == GUESSED)).sum())
    return Known(len(manifest), int(known.sum()), guessed, int(people.sum()), RELATIVES in manifest)


def _is_known(manifest: pd.DataFrame) -> Array:
    known = np.zeros(len(manifest), dtype=bool)
    for name in GROUP_COLUMNS:
        if name in manifest.columns:
            known |= as_text(manifest[name]) != ""
    return known


def with_grouping(
    manifest: pd.DataFrame, root: str, *, stated: bool, guess: bool = True, workers: int = 1, progress: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Fill in the videos and people that names and looks give away, and the column ``grouping``.

    Rows whose identity or video is known already are left alone.

    Parameters
    ----------
    manifest : DataFrame
        Checked, with absolute paths.
    root : str
        The data set's folder; videos are named by their place in it.
    stated : bool
        Whether a manifest (else a layout) filled the columns of groups, source and generator.
    guess : bool
        Whether to guess at all.
    workers : int
        Threads.
    progress : bool
        Show a progress bar.

    Returns
    -------
    DataFrame
        The column ``grouping`` is there if anything is known.
    list of str
        Sentences about what was guessed.
    """
    known, notes = _is_known(manifest), list[str]()
    grouping = as_text(manifest[GROUPING]) if GROUPING in manifest.columns else np.full(len(manifest), "", object)
    grouping = np.where(known & (grouping == ""), STATED if stated else LAYOUT, grouping)
    open_rows = np.flatnonzero(~known)
    if guess and open_rows.size:
        found = manifest.iloc[open_rows]
        paths, labels = found["path"].tolist(), found["label"].tolist()
        videos, folders = guess_videos(paths, labels, workers=workers, progress=progress)
        names = [_video_name(path, video) for path, video in zip(paths, videos, strict=True)]
        above = root.rstrip("/").rpartition("/")[0] + "/"
        columns = {name: as_text(manifest[name]) for name in (*GROUP_COLUMNS, "source", "generator")}
        columns["video"][open_rows] = [video.removeprefix(above) for video in videos]
        prefix = PurePosixPath(root).name.replace("|", "-")
        people = _guess_people(names, labels, prefix)
        columns["identity"][open_rows], columns["pair"][open_rows] = people
        if not stated:
            _forget_folders(columns, open_rows, paths, folders, PurePosixPath(root).name)
        manifest = manifest.assign(**columns)
        guessed = _is_known(manifest) & ~known
        grouping = np.where(guessed, GUESSED, grouping)
        notes = _notes(manifest[guessed])
    if (grouping != "").any():
        manifest = manifest.assign(**{GROUPING: grouping})
    return manifest, notes


def _video_name(path: str, video: str) -> str:
    """Return the name of a video, or of a file that is one or that stands alone, without folder and suffix."""
    return video.rpartition("/")[2] if video else PurePosixPath(path).stem


def _guess_people(names: list[str], labels: list[str], prefix: str) -> tuple[Array, Array]:
    """Read identity and pair from names such as ``id0_id1_0000``, and ``033_097`` beside a genuine ``033``."""
    people = [celeb_people(name, prefix) for name in names]
    identity = np.array([one.identity for one in people], dtype=object)
    pair = np.array([one.pair for one in people], dtype=object)
    genuine = {name for name, label in zip(names, labels, strict=True) if label == "real" and name.isdigit()}
    matches = [_PAIR.fullmatch(name) if label == "fake" else None for name, label in zip(names, labels, strict=True)]
    swaps = {match.group() for match in matches if match}
    named = {swap for swap in swaps if swap.split("_")[0] in genuine}
    if named and 2 * len(named) >= len(swaps):
        for i, match in enumerate(matches):
            if match:
                pair[i] = "|".join(f"{prefix}-{number}" for number in match.groups())
            elif names[i] in genuine and labels[i] == "real":
                identity[i] = f"{prefix}-{names[i]}"
    return identity, pair


def _forget_folders(columns: dict[str, Array], rows: Array, paths: list[str], folders: set[str], source: str) -> None:
    """Undo, in place, what a layout took for a source or a generator and is the folder of a video's frames."""
    for row, path in zip(rows, paths, strict=True):
        folder = path.rpartition("/")[0]
        if folder in folders:
            own = folder.rpartition("/")[2]
            if columns["source"][row] == own:
                columns["source"][row] = source
            if columns["generator"][row] == own:
                columns["generator"][row] = ""


def _notes(guessed: pd.DataFrame) -> list[str]:
    notes = []
    frames = guessed[(guessed["video"] != "") & ~guessed["path"].map(is_video)]
    if len(frames):
        notes.append(
            f"{len(frames):,} pictures were taken for frames of {counted(frames['video'].nunique(), 'video')}, by the "
            "order of their names and the likeness of neighbours; the frames of a video stay on one side of the split. "
            "Where that is wrong, name the videos in a manifest."
        )
    people = guessed[(guessed["identity"] != "") | (guessed["pair"] != "")]
    if len(people):
        notes.append(
            f"The people of {counted(len(people), 'file')} were guessed from names such as id0_id1_0000 or 033_097."
        )
    return notes
