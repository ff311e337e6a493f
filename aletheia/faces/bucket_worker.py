"""Extraction on machines that share nothing but buckets: each file is fetched, and its crops are sent."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator
from pathlib import Path
from typing import Any

from aletheia.core.buckets import store
from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.unkept import fetched
from aletheia.core.parallel import map_dask
from aletheia.faces.bucket_journal import BucketJournal
from aletheia.faces.journal import FileResult, complete
from aletheia.faces.worker import FaceExtractor


@dataclasses.dataclass(frozen=True)
class BucketExtractor:
    """Cuts the faces out of an object into a folder of a bucket.

    Nothing is kept on the machine that does it.

    Attributes
    ----------
    extractor : FaceExtractor
        For files; its folder is not used.
    folder : Address
        Where the crops go.
    """

    extractor: FaceExtractor
    folder: Address

    def __call__(self, source: Address) -> FileResult:
        """Cut the faces out of one image or video; the crops of the result are names in the folder.

        Raises
        ------
        InputError
            When the file cannot be fetched, or a crop not be sent: which is no fault of the file.
        """
        with fetched(source) as file:
            result = dataclasses.replace(self.extractor, folder=str(file.parent))(str(file))
            crops = []
            for face in result.faces:
                crop = Path(face.crop)
                store.send(crop, self.folder.below(crop.name))
                crops.append(dataclasses.replace(face, crop=crop.name))
        return dataclasses.replace(result, faces=crops)

    def on_crash(self, source: Address) -> FileResult:
        """Give the result for a file that killed the process that read it."""
        return self.extractor.on_crash(str(source))


def extract_in_buckets(
    extractor: FaceExtractor, sources: list[Address], client: Any, folder: Address, key: bytes, *, progress: bool
) -> tuple[list[FileResult], int]:
    """Cut the faces out of objects on a Dask cluster; also return how many files were finished before.

    Parameters
    ----------
    extractor : FaceExtractor
    sources : list of Address
    client : distributed.Client
    folder : Address
        Where the crops go. The crops of the results are where the mirror will have them.
    key : bytes
        The settings, for the journal.

    Raises
    ------
    InputError
        When a worker cannot reach the bucket, or may not.
    """
    work = BucketExtractor(extractor, folder)
    with contextlib.closing(BucketJournal(folder, key)) as journal:

        def extract(pending: list[Address]) -> Generator[FileResult]:
            with contextlib.closing(map_dask(work, pending, client, work.on_crash)) as found:
                for result in found:
                    crops = [dataclasses.replace(face, crop=str(journal.local / face.crop)) for face in result.faces]
                    yield dataclasses.replace(result, faces=crops)

        return complete(journal, sources, extract, progress=progress)
