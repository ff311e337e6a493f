"""What the folders of image and video data sets say about their files: label, source, generator and official split."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.datasets.schema import LABELS
from aletheia.imaging.media_types import is_video
from aletheia.imaging.reading import IMAGE_SUFFIXES

Row = dict[str, str]
_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
EXPECTED = (
    "Expected is a folder with sub-folders real/ and fake/ (inside them real/<source>/ and fake/<generator>/ "
    "if known), "
    "or {train,valid,test}/{real,fake}/, or GenImage's <generator>/{train,val}/{ai,nature}/, or a manifest "
    "(CSV, parquet)"
)


def list_media(folder: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Images and videos under a folder, and what was left aside.

    Hidden files and folders are ignored. Links to folders are not followed; whether a link to a file stays
    inside the folder is for the reader to check (:func:`is_inside`).

    Returns
    -------
    files : list of str
        Paths relative to the folder, with ``/``, in order.
    skipped : list of (str, str)
        Full path and reason.
    """
    files: list[str] = []
    skipped: list[tuple[str, str]] = []

    def refuse(error: OSError) -> None:
        skipped.append((error.filename or str(folder), f"cannot be listed ({error.strerror})"))

    for current, folders, names in os.walk(folder, onerror=refuse):
        for name in sorted(folders):
            if not name.startswith(".") and os.path.islink(os.path.join(current, name)):
                skipped.append((os.path.join(current, name), "is a link to a folder; links are not followed"))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(current, name)
            if name.startswith("."):
                continue
            if not name.lower().endswith(IMAGE_SUFFIXES) and not is_video(name):
                skipped.append((path, "is neither an image nor a video by its name"))
            else:
                files.append(os.path.relpath(path, folder).replace(os.sep, "/"))
    return files, skipped


def is_inside(path: str, real_root: str) -> bool:
    """Whether a file, links followed, lies under a folder (given as its real path)."""
    real = os.path.realpath(path)
    return real.startswith(real_root.rstrip(os.sep) + os.sep)


def describe_files(folder: Path, files: list[str]) -> tuple[list[Row], list[str]]:
    """Label every file by the layout of its folder.

    Parameters
    ----------
    folder
        Only its name is used, as the source where nothing better is known.
    files
        As :func:`list_media` gives them.

    Returns
    -------
    rows : list of dict
        ``path`` (relative), ``label``, ``source``, ``generator``, ``split``.
    left : list of str
        Files that the layout has no place for.

    Raises
    ------
    InputError
        When no known layout fits.
    """
    name = folder.resolve().name
    for layout in (_real_and_fake, _splits_of_real_and_fake, _genimage):
        rows, left = [], []
        for file in files:
            row = layout(file.split("/"), name)
            if row is None:
                left.append(file)
            else:
                rows.append({"path": file, "generator": "", "split": "", **row})
        # A layout fits when it places most files: a stray one beside the folders is not a layout of its own.
        if rows and len(rows) >= len(left):
            return rows, left
    tops = sorted({file.split("/")[0] for file in files if "/" in file})
    found = f"sub-folders {', '.join(map(repr, tops[:6]))}" if tops else f"{len(files)} images without sub-folders"
    raise InputError(
        f"{folder}: the folder's layout says nothing about what is real and what is fake: it has {found}. {EXPECTED}."
    )


def _real_and_fake(parts: list[str], name: str) -> Row | None:
    """``real/[<source>/…]file`` and ``fake/[<generator>/…]file``, one folder further down at most twice."""
    for depth in range(min(3, len(parts) - 1)):
        label = parts[depth].lower()
        if label in LABELS and not any(part.lower() in _SPLIT_NAMES for part in parts[:depth]):
            below = parts[depth + 1] if len(parts) > depth + 2 else ""
            if label == "real":
                return {"label": label, "source": below or name}
            return {"label": label, "source": name, "generator": below}
    return None


def _splits_of_real_and_fake(parts: list[str], name: str) -> Row | None:
    """``…/{train,valid,test}/{real,fake}/file``, as the 140k-real-and-fake-faces set comes."""
    folders = [part.lower() for part in parts[:-1]]
    for split, label in itertools.pairwise(folders):
        if split in _SPLIT_NAMES and label in LABELS:
            row = {"label": label, "split": _SPLIT_NAMES[split], "source": name}
            if name.replace("-", "_") == "real_vs_fake" or "real-vs-fake" in folders or "real_vs_fake" in folders:
                # 70,000 photos of FFHQ and 70,000 faces by StyleGAN, both at 256 pixels.
                row["source"] = "140k-real-and-fake-faces"
                row["generator"] = "stylegan" if label == "fake" else ""
            return row
    return None


def _genimage(parts: list[str], name: str) -> Row | None:
    """``<generator>/[…/]{train,val}/{ai,nature}/file`` (Zhu et al., "GenImage", NeurIPS 2023)."""
    folders = [part.lower() for part in parts[:-1]]
    for i in range(len(folders) - 1):
        if folders[i] in ("train", "val") and folders[i + 1] in ("ai", "nature"):
            generator = parts[0] if i else name
            fake = folders[i + 1] == "ai"
            # Each generator brings photos of its own beside its fakes: the two together are one source.
            return {
                "label": "fake" if fake else "real",
                "source": f"genimage-{generator}",
                "generator": generator if fake else "",
                "split": folders[i],
            }
    return None


Layout = Callable[[list[str], str], Row | None]
