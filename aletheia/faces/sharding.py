"""Crops of a large extraction: many to an archive, instead of a file each."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable
from pathlib import Path

from aletheia.core.settings import get_settings
from aletheia.core.shards import ShardWriter
from aletheia.core.tempdirs import TemporaryFolder
from aletheia.faces.journal import FileResult
from aletheia.faces.worker import FaceExtractor
from aletheia.imaging.media_types import is_video


@dataclasses.dataclass(frozen=True)
class SeparateExtractor:
    """Cuts the faces out of a file into a folder of its own: files of the same content have crops of one name.

    Attributes
    ----------
    extractor : FaceExtractor
        Its folder is that of the folders.
    """

    extractor: FaceExtractor

    def __call__(self, path: str) -> FileResult:
        """Cut the faces out of one image or video."""
        folder = tempfile.mkdtemp(dir=self.extractor.folder)
        result = dataclasses.replace(self.extractor, folder=folder)(path)
        if not result.faces:
            Path(folder).rmdir()
        return result

    def on_crash(self, path: str) -> FileResult:
        """Give the result for a file that killed the process that read it."""
        return self.extractor.on_crash(path)


class CropShards:
    """The shards of one extraction, which its worker processes fill by way of this one; a context manager.

    Parameters
    ----------
    folder : Path
        Where the shards go, ``faces-00000.tar`` and so on. In it the crops lie until they are taken over, so that the
        workers of a cluster that see it need nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._incoming = TemporaryFolder("incoming", folder)
        self._writer = ShardWriter(folder, "faces")

    def __enter__(self) -> CropShards:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._incoming.close()

    def extractor(self, extractor: FaceExtractor) -> SeparateExtractor:
        """Let an extractor write where `take` finds the crops."""
        return SeparateExtractor(dataclasses.replace(extractor, folder=str(self._incoming.folder)))

    def take(self, result: FileResult) -> FileResult:
        """Move the crops of a file into the shards; the result says where they are.

        Raises
        ------
        OSError
            When the disk is full.
        """
        faces = []
        for face in result.faces:
            crop = Path(face.crop)
            faces.append(dataclasses.replace(face, crop=self._writer.write(crop.name, crop.read_bytes())))
            crop.unlink()
        for folder in {Path(face.crop).parent for face in result.faces}:
            folder.rmdir()
        return dataclasses.replace(result, faces=faces)


def is_sharded(paths: Iterable[str], frames: int) -> bool:
    """Whether so many faces are to be expected that they go to shards (``ALETHEIA_SHARD_FROM``).

    Parameters
    ----------
    paths : iterable of str
        Images and videos.
    frames : int
        That are taken of a video.
    """
    return sum(frames if is_video(path) else 1 for path in paths) >= get_settings().shard_from
