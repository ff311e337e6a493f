"""Examine the files of a data set side by side: properties, hashes, and why a file cannot be used."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

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


def examine_files(paths: list[str], roots: list[str] | None, workers: int, progress: bool) -> Iterator[Examined]:
    """Examine images and videos in threads.

    Parameters
    ----------
    paths : list of str
    roots : list of str or None
        Real paths of the folders that links must not leave; None: they may lead anywhere.
    workers : int
    progress : bool
        Show a progress bar.

    Yields
    ------
    Examined
        In the order of the paths.
    """

    def examine(path: str) -> Examined:
        if roots is not None and not any(is_inside(path, root, follow_links=True) for root in roots):
            return Examined(reason="is a link that leads out of the folder")
        try:
            return Examined(*(examine_video(path) if is_video(path) else examine_image(path)))
        except (UnreadableImageError, UnreadableVideoError) as error:
            return Examined(reason=error.reason)

    executor = ThreadPoolExecutor(workers)
    try:
        with tqdm(total=len(paths), desc="Reading images", unit="image", disable=not progress) as bar:
            # In batches: a queue of a million waiting calls would take more memory than the images.
            for start in range(0, math.ceil(len(paths) / _BATCH) * _BATCH, _BATCH):
                for result in executor.map(examine, paths[start : start + _BATCH]):
                    bar.update()
                    yield result
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
