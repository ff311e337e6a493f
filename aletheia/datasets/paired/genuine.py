"""The genuine pictures that fakes are made of: the files of a folder, or the genuine rows of a manifest."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.paths import check_is_local, is_inside
from aletheia.datasets.age_bins import age_bin
from aletheia.datasets.groups import PAIR_SEPARATOR
from aletheia.datasets.layouts.tree import list_media
from aletheia.datasets.layouts.words import folder_words, names_nothing
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.schema import DEMOGRAPHICS
from aletheia.imaging.media_types import is_video
from aletheia.imaging.reading import read_image

#: What is known of a picture and carried over to the manifest.
CARRIED = ("identity", "video", *DEMOGRAPHICS)


class UnusableError(InputError):
    """A picture of which no fake can be made; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The picture cannot be used: {reason}.")
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class Genuine:
    """A genuine picture.

    Attributes
    ----------
    name : str
        Path relative to the folder or the manifest, with ``/``.
    path : Path
    source : str
    known : dict
        What a manifest says of it, of :data:`CARRIED`; nothing that is empty.
    """

    name: str
    path: Path
    source: str
    known: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def person(self) -> str:
        """The person where it is known, else the picture itself, as the column ``pair`` names a parent."""
        return self.known.get("identity", self.name).replace(PAIR_SEPARATOR, "¦")

    def may_give_to(self, other: Genuine) -> bool:
        """Whether this is another person, in another video, of the same gender and age as far as both are known."""
        if self.person == other.person or self.name == other.name:
            return False
        video = self.known.get("video")
        if video and video == other.known.get("video"):
            return False
        a, b = self.known, other.known
        return all(
            bin_of(a[name]) == bin_of(b[name])
            for name, bin_of in (("gender", str.lower), ("age", age_bin))
            if name in a and name in b
        )

    def read(self) -> Array:
        """Read the picture, (H, W, 3) uint8.

        Raises
        ------
        UnusableError
            When it cannot be read.
        """
        try:
            return np.ascontiguousarray(read_image(self.path))
        except InputError as error:
            raise UnusableError(f"unreadable: {getattr(error, 'reason', error)}") from None


def list_genuine(source: str | Path, root: str | Path | None = None) -> tuple[list[Genuine], list[tuple[str, str]]]:
    """List the genuine pictures of a folder or a manifest.

    Parameters
    ----------
    source : path
        A folder all of whose pictures are genuine, but those in folders named for fakes; a folder inside of it names
        the picture's source. Or a manifest (CSV, parquet), of which the rows labelled ``real`` are taken.
    root : path, optional
        Folder that the paths of a manifest count from and stay inside of; by default the manifest's own.

    Returns
    -------
    pictures : list of Genuine
        In the order of the source.
    skipped : list of (str, str)
        Path and reason of the other files.

    Raises
    ------
    InputError
        When there is no such folder or manifest, or it holds no genuine picture; for a root beside a folder.
    """
    source = Path(source)
    check_is_local(source)
    if source.is_file():
        return _of_manifest(source, root)
    if not source.is_dir():
        raise InputError(f"{source}: there is no such folder or manifest of genuine images.")
    if root is not None:
        raise InputError(f"{source} is a folder, and its pictures need no root: leave {root} out.")
    files, skipped = list_media(source)
    pictures = []
    folder_itself = os.path.realpath(source)
    for name in files:
        folders = name.split("/")[:-1]
        if is_video(name):
            skipped.append((str(source / name), "is a video; write its frames with `aletheia data frames` first"))
        elif not is_inside(str(source / name), folder_itself, follow_links=True):
            skipped.append((str(source / name), "is a link that leads out of the folder"))
        elif any(folder_words(folder)[0] == "fake" for folder in folders):
            skipped.append((str(source / name), "lies in a folder of fakes"))
        else:
            origin = next((part for part in folders if not names_nothing(part)), source.resolve().name)
            pictures.append(Genuine(name, source / name, origin))
    return pictures, skipped


def _of_manifest(path: Path, root: str | Path | None) -> tuple[list[Genuine], list[tuple[str, str]]]:
    table = read_manifest(path, root=root)
    start = (path.parent if root is None else Path(root)).resolve()
    rows = table[(table["label"] == "real") & ~table["path"].map(is_video)]
    if rows.empty:
        raise InputError(f"{path}: of {len(table):,} rows none is a genuine picture (label real); add some.")
    pictures = []
    for row in rows.to_dict("records"):
        known = {name: str(row[name]) for name in CARRIED if row.get(name)}
        file = Path(str(row["path"]))
        pictures.append(Genuine(Path(os.path.relpath(file, start)).as_posix(), file, str(row["source"]), known))
    return pictures, []
