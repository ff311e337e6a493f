"""Accepted labels and their pictures as a data set that the workflow reads like any other source."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.datasets.manifest import write_manifest
from aletheia.lifecycle.feedback.pictures import PictureStore
from aletheia.lifecycle.feedback.place import pictures_folder, store_path
from aletheia.lifecycle.feedback.statement import ACCEPTED
from aletheia.lifecycle.feedback.store import FeedbackStore

#: In the columns `source`, and `generator` of fakes: who made them is not known.
SOURCE = "feedback"
_LABELS = ("real", "fake")


class Exported(NamedTuple):
    """A data set that was written.

    Attributes
    ----------
    manifest : Path
    genuine, fake : int
        Pictures.
    left_out : tuple of (str, str)
        Answers with an accepted label that are not in it, and why.
    """

    manifest: Path
    genuine: int
    fake: int
    left_out: tuple[tuple[str, str], ...]


def export_pictures(folder: str | Path, out: str | Path) -> Exported:
    """Write the pictures whose labels were accepted, and a manifest of them.

    Who is seen is not known: `identity`, `video` and `pair` are empty, and the split keeps near-duplicates together, as
    with all pictures. Faces of people of another set are found by `aletheia data relatives`.

    Parameters
    ----------
    folder : path
        The folder in which the prediction log lies.
    out : path
        A folder that does not exist, or is empty; it is written whole or not at all: ``manifest.csv`` (with the
        columns of a manifest, and `answer`, `label_source` and `labelled`, ISO 8601), ``real/`` and ``fake/``.

    Raises
    ------
    InputError
        When the folder holds something, or there is no picture to export.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not empty; name another folder.")
    rows, left_out = _rows(Path(folder))
    if not rows:
        raise InputError(
            "There is no picture with an accepted label. Pictures are kept by aletheia serve --keep-feedback-pictures, "
            "with the consent of whoever sends them; aletheia feedback list shows what waits."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
    try:
        for row in rows:
            target = temporary / str(row["path"])
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(row.pop("file")), target)
        write_manifest(pd.DataFrame(rows), temporary / "manifest.csv")
        temporary.replace(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    fakes = sum(row["label"] == "fake" for row in rows)
    return Exported(out / "manifest.csv", len(rows) - fakes, fakes, tuple(left_out))


def _rows(folder: Path) -> tuple[list[dict[str, object]], list[tuple[str, str]]]:
    store, pictures = FeedbackStore(store_path(folder)), PictureStore(pictures_folder(folder))
    names: dict[str, set[str]] = defaultdict(set)
    for one in store.statements():
        if one.picture:
            names[one.answer].add(one.picture)
    accepted = [one for one in store.decisions().values() if one.state == ACCEPTED]
    labels: dict[str, set[int]] = defaultdict(set)
    for decision in accepted:
        for name in names[decision.answer]:
            labels[name].add(decision.label)
    taken: set[str] = set()
    rows, left_out = [], []
    for decision in sorted(accepted, key=lambda one: one.time):
        if not names[decision.answer]:
            left_out.append((decision.answer, "no picture was kept"))
        for name in sorted(names[decision.answer] - taken):
            file = pictures.find(name)
            if len(labels[name]) > 1:
                left_out.append((decision.answer, "its picture was accepted with both labels"))
            elif file is None or hashlib.sha256(file.read_bytes()).hexdigest() != file.stem:
                left_out.append((decision.answer, "its picture is gone or damaged"))
            else:
                label = _LABELS[decision.label]
                taken.add(name)
                rows.append(
                    {
                        "path": f"{label}/{SOURCE}/{name}",
                        "label": label,
                        "source": SOURCE,
                        "generator": SOURCE if decision.label else "",
                        "answer": decision.answer,
                        "label_source": decision.source,
                        "labelled": pd.Timestamp(decision.time, unit="s", tz="UTC").isoformat(timespec="seconds"),
                        "file": file,
                    }
                )
    return rows, left_out
