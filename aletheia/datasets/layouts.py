"""Layouts of data-set folders: label, source, generator and official split of each file, from its path.

A layout is a function that is registered under a name: here, by a call, or by another installed package through an
entry point of the group ``aletheia.layouts``.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.core.plugins import Registry
from aletheia.datasets.schema import LABELS
from aletheia.imaging.media_types import is_video
from aletheia.imaging.reading import IMAGE_SUFFIXES

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
    "if known), or {train,valid,test}/{real,fake}/, or GenImage's <generator>/{train,val}/{ai,nature}/, or a manifest "
    "(CSV, parquet)"
)


@dataclasses.dataclass(frozen=True)
class FileLabel:
    """Columns of a manifest that a layout reads from a file's path; empty where it does not say.

    Attributes
    ----------
    label : {'real', 'fake'}
    source : str
        Collection that the file belongs to.
    generator : str
        Method or network that made it; only of fakes.
    split : {'train', 'val', 'test', ''}
        The data set's own split.
    """

    label: str
    source: str = ""
    generator: str = ""
    split: str = ""


#: Reads a file's label from the parts of its path below the data set's folder and from the folder's name; None for a
#: file that has no place in the layout.
Layout = Callable[[list[str], str], FileLabel | None]

_REGISTRY: Registry[Layout] = Registry("data-set layout", group="aletheia.layouts", package="aletheia.datasets.layouts")


def register_layout(name: str) -> Callable[[Layout], Layout]:
    """Register the decorated function, ``layout(parts, folder)``, as the layout of this name.

    Layouts from outside this module are tried first, in order of registration: they may be more specific.

    Raises
    ------
    InputError
        When another layout has the name.
    """
    return _REGISTRY.register(name)


def list_layouts() -> list[str]:
    """List the names of all layouts, in the order in which they are tried."""
    return list(_layouts())


def _layouts() -> dict[str, Layout]:
    return dict(sorted(_REGISTRY.all().items(), key=lambda item: _REGISTRY.is_own(item[1])))


def list_media(folder: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """List the images and videos under a folder, and the files that are neither.

    Hidden files and folders are ignored. Links to folders are not followed; whether a link to a file stays
    inside the folder has to be checked when it is read (:func:`is_inside`).

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
            if not name.startswith(".") and Path(current, name).is_symlink():
                skipped.append((str(Path(current, name)), "is a link to a folder; links are not followed"))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(current, name)
            if name.startswith("."):
                continue
            if not name.lower().endswith(IMAGE_SUFFIXES) and not is_video(name):
                skipped.append((str(path), "is neither an image nor a video by its name"))
            else:
                files.append(path.relative_to(folder).as_posix())
    return files, skipped


def is_inside(path: str, real_root: str) -> bool:
    """Check whether a file, links followed, lies under a folder (given as its real path)."""
    real = os.path.realpath(path)
    return real.startswith(real_root.rstrip(os.sep) + os.sep)


def describe_files(folder: Path, files: list[str]) -> tuple[list[dict[str, str]], list[str]]:
    """Label every file by the first layout that fits its folder.

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
    unplaced : list of str
        Files that have no place in the layout.

    Raises
    ------
    InputError
        When no known layout fits.
    """
    name = folder.resolve().name
    layouts = _layouts()
    for layout in layouts.values():
        rows, unplaced = [], []
        for file in files:
            label = layout(file.split("/"), name)
            if label is None:
                unplaced.append(file)
            else:
                rows.append({"path": file, **dataclasses.asdict(label)})
        # A layout fits when it places most files: a stray one beside the folders is not a layout of its own.
        if rows and len(rows) >= len(unplaced):
            return rows, unplaced
    tops = sorted({file.split("/")[0] for file in files if "/" in file})
    content = f"sub-folders {', '.join(map(repr, tops[:6]))}" if tops else f"{len(files)} images without sub-folders"
    outside = [name for name, layout in layouts.items() if not _REGISTRY.is_own(layout)]
    extensions = f", or a layout of an installed extension ({', '.join(outside)})" if outside else ""
    raise InputError(
        f"{folder}: the folder's layout does not tell real from fake: it has {content}. {EXPECTED}{extensions}."
    )


@register_layout("real-fake")
def _real_and_fake(parts: list[str], folder: str) -> FileLabel | None:
    """Read ``real/[<source>/…]file`` and ``fake/[<generator>/…]file``, one folder further down at most twice."""
    for depth in range(min(3, len(parts) - 1)):
        label = parts[depth].lower()
        if label in LABELS and not any(part.lower() in _SPLIT_NAMES for part in parts[:depth]):
            below = parts[depth + 1] if len(parts) > depth + 2 else ""
            if label == "real":
                return FileLabel(label, source=below or folder)
            return FileLabel(label, source=folder, generator=below)
    return None


@register_layout("splits-of-real-fake")
def _splits_of_real_and_fake(parts: list[str], folder: str) -> FileLabel | None:
    """Read ``…/{train,valid,test}/{real,fake}/file``, as in the 140k-real-and-fake-faces set."""
    folders = [part.lower() for part in parts[:-1]]
    for split, label in itertools.pairwise(folders):
        if split in _SPLIT_NAMES and label in LABELS:
            if folder.replace("-", "_") == "real_vs_fake" or "real-vs-fake" in folders or "real_vs_fake" in folders:
                # 70,000 photos of FFHQ and 70,000 faces by StyleGAN, both at 256 pixels.
                generator = "stylegan" if label == "fake" else ""
                return FileLabel(label, "140k-real-and-fake-faces", generator, _SPLIT_NAMES[split])
            return FileLabel(label, source=folder, split=_SPLIT_NAMES[split])
    return None


@register_layout("genimage")
def _genimage(parts: list[str], folder: str) -> FileLabel | None:
    """Read ``<generator>/[…/]{train,val}/{ai,nature}/file`` (Zhu et al., "GenImage", NeurIPS 2023)."""
    folders = [part.lower() for part in parts[:-1]]
    for i, (split, kind) in enumerate(itertools.pairwise(folders)):
        if split in ("train", "val") and kind in ("ai", "nature"):
            generator = parts[0] if i else folder
            label = "fake" if kind == "ai" else "real"
            # Each generator brings photos of its own beside its fakes: the two together are one source.
            return FileLabel(label, f"genimage-{generator}", generator if label == "fake" else "", split)
    return None
