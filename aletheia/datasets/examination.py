"""Examine the files of a data set side by side: properties, hashes, and why a file cannot be used."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.unkept import addresses, fetched
from aletheia.core.parallel import map_dask
from aletheia.core.paths import is_inside
from aletheia.core.progress import tqdm
from aletheia.imaging.media_types import is_video
from aletheia.imaging.reading import ImageProperties, UnreadableImageError, examine_image
from aletheia.imaging.video import UnreadableVideoError
from aletheia.imaging.video_properties import examine_video

_BATCH = 2048


class Examined(NamedTuple):
    """Properties of a file, or the reason why it cannot be used."""

    properties: ImageProperties | None = None
    phash: int = 0
    sha256: str = ""
    reason: str = ""


def without_duplicates(
    paths: list[str], labels: list[str], results: list[Examined]
) -> tuple[list[int], list[tuple[str, str]]]:
    """Take files of the same bytes once, and none of them when their labels disagree.

    Returns
    -------
    tuple
        Positions of the files to keep, and the others (path, reason).
    """
    first: dict[str, int] = {}
    conflicting: set[int] = set()
    skipped: list[tuple[str, str]] = []
    for i, result in enumerate(results):
        if result.reason:
            skipped.append((paths[i], result.reason))
        elif (twin := first.setdefault(result.sha256, i)) == i:
            continue
        elif labels[twin] == labels[i]:
            skipped.append((paths[i], f"has the same bytes as {paths[twin]}"))
        else:
            conflicting.add(twin)
            skipped.append((paths[i], f"has the same bytes as {paths[twin]}, but another label: neither is used"))
    for i in sorted(conflicting):
        skipped.append((paths[i], "has the same bytes as a file of the other label: neither is used"))
    return [i for i in first.values() if i not in conflicting], skipped


@dataclasses.dataclass(frozen=True)
class FileExaminer:
    """Examines a file of this machine, or an object of a bucket, which is not kept.

    Attributes
    ----------
    roots : list of str or None
        Real paths of the folders that links must not leave; None: they may lead anywhere.
    """

    roots: list[str] | None

    def __call__(self, item: str | Address) -> Examined:
        """Examine an image or a video.

        Raises
        ------
        InputError
            When an object cannot be fetched.
        """
        if isinstance(item, Address):
            with fetched(item) as file:
                return _examine(str(file))
        if self.roots is not None and not any(is_inside(item, root, follow_links=True) for root in self.roots):
            return Examined(reason="is a link that leads out of the folder (option link_roots)")
        return _examine(item)

    def on_crash(self, _: str | Address) -> Examined:
        """Give the result for a file that killed the process that read it."""
        return Examined(reason="cannot be read: the process that read it died")


def _examine(path: str) -> Examined:
    try:
        return Examined(*(examine_video(path) if is_video(path) else examine_image(path)))
    except (UnreadableImageError, UnreadableVideoError) as error:
        return Examined(reason=error.reason)


def examine_files(
    paths: list[str], roots: list[str] | None, workers: int, progress: bool, client: Any = None
) -> Iterator[Examined]:
    """Examine images and videos, in threads or on a cluster.

    Parameters
    ----------
    paths : list of str
    roots : list of str or None
        As :class:`FileExaminer`.
    workers : int
        Threads.
    progress : bool
        Show a progress bar.
    client : distributed.Client, optional
        A Dask cluster that does it instead of threads; its workers must see the files under the same paths, unless all
        were fetched from buckets, from where they fetch them, too.

    Yields
    ------
    Examined
        In the order of the paths.
    """
    examine = FileExaminer(roots)
    if client is None:
        results = _in_threads(examine, paths, workers)
    else:
        items: Sequence[str | Address] = addresses(paths) or paths
        results = map_dask(examine, items, client, examine.on_crash)
    with contextlib.closing(results):
        yield from tqdm(results, total=len(paths), desc="Reading images", unit="image", disable=not progress)


def _in_threads(examine: FileExaminer, paths: list[str], workers: int) -> Generator[Examined]:
    executor = ThreadPoolExecutor(workers)
    try:
        # In batches: a queue of a million waiting calls would take more memory than the images.
        for start in range(0, len(paths), _BATCH):
            yield from executor.map(examine, paths[start : start + _BATCH])
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
