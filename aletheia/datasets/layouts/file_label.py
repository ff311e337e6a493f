"""The columns that a layout reads for one file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True)
class FileLabel:
    """Columns of a manifest that a layout reads for a file; empty where it does not say.

    Attributes
    ----------
    label : {'real', 'fake'}
    source : str
        Collection that the file belongs to.
    generator : str
        Method or network that made it; only of fakes.
    split : {'train', 'val', 'test', ''}
        The data set's own split.
    video : str
        Video that the file is, or is a frame of.
    identity : str
        Person shown; of a fake only where nobody else had a part in it.
    pair : str
        Target and donor of a fake, ``"ann|bob"``; or one value that connects a fake with its original.
    """

    label: str
    source: str = ""
    generator: str = ""
    split: str = ""
    video: str = ""
    identity: str = ""
    pair: str = ""


#: Reads a file's label from the parts of its path below the data set's folder and from the folder's name; None for a
#: file that has no place in the layout.
Layout = Callable[[list[str], str], FileLabel | None]


def video_key(folder: str, parts: Sequence[str]) -> str:
    """Name a video by its place: the data set's folder and the parts of the path down to it."""
    return "/".join((folder, *parts))
