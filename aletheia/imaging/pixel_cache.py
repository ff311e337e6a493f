"""Cache of decoded and resized images as uint8: in memory, or memory-mapped when they are many.

A grid search trains on the same rows in every cell; the cache is keyed by the files (path, size, time of
modification) and the image size, so each cell after the first starts at once.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.core.files import stamped_path
from aletheia.core.progress import tqdm
from aletheia.core.settings import get_settings
from aletheia.core.tempdirs import TemporaryFolder
from aletheia.imaging.reading import Unreadable, try_read_image
from aletheia.imaging.transforms import resize_rgb

#: A set larger than this goes to a memory-mapped file; all cached sets together stay below it, too.
MAX_CACHE_BYTES = 2_000_000_000

_cache: OrderedDict[str, Pixels] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Pixels:
    """Decoded images of a list of files.

    Attributes
    ----------
    array : ndarray
        (m, size, size, 3) uint8, RGB, read-only: the m images that could be read.
    rows : ndarray
        (m,) int64: index of each image in the given paths, ascending.
    skipped : DataFrame
        Columns path and reason: the files that could not be read.
    """

    array: Array
    rows: Array
    skipped: pd.DataFrame


def decode_images(paths: Sequence[str], size: int, *, workers: int | None = None, progress: bool = False) -> Pixels:
    """Decode and resize image files, or return the result of an earlier call from the cache.

    Parameters
    ----------
    paths : sequence of str
        Image files, in any format that `aletheia.imaging.reading.read_image` knows.
    size : int
        Side of the square results in pixels.
    workers : int, optional
        Threads; by default the setting ``ALETHEIA_WORKERS``.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Pixels
        Without the files that cannot be read.
    """
    paths = [str(path) for path in paths]
    key = _key(paths, size)
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    pixels = _decode(paths, size, workers or get_settings().workers, progress)
    with _lock:
        _cache[key] = pixels
        while len(_cache) > 1 and sum(_bytes_in_memory(p) for p in _cache.values()) > MAX_CACHE_BYTES:
            _cache.popitem(last=False)
    return pixels


def iterate_images(paths: Iterable[str], size: int, workers: int | None = None) -> Iterable[Array | Unreadable]:
    """Decode and resize files in order; `Unreadable` stands in place of an image that there is none of."""
    with ThreadPoolExecutor(workers or get_settings().workers) as pool:
        yield from pool.map(lambda path: _read(path, size), paths)


def clear_cache() -> None:
    """Drop all cached images."""
    with _lock:
        _cache.clear()


def _decode(paths: list[str], size: int, workers: int, progress: bool) -> Pixels:
    array = _allocate(len(paths), size)
    rows: list[int] = []
    skipped: list[tuple[str, str]] = []
    images = iterate_images(paths, size, workers)
    for index, image in enumerate(tqdm(images, "Decoding", len(paths), disable=not progress, unit="image")):
        if isinstance(image, Unreadable):
            skipped.append((paths[index], image.reason))
        else:
            array[len(rows)] = image
            rows.append(index)
    array = array[: len(rows)]
    array.flags.writeable = False
    return Pixels(array, np.asarray(rows, dtype=np.int64), pd.DataFrame(skipped, columns=["path", "reason"]))


def _read(path: str, size: int) -> Array | Unreadable:
    image = try_read_image(path)
    return image if isinstance(image, Unreadable) else resize_rgb(image, size)


def _allocate(n: int, size: int) -> Array:
    shape = (n, size, size, 3)
    if n * size * size * 3 <= MAX_CACHE_BYTES:
        return np.empty(shape, dtype=np.uint8)
    folder = TemporaryFolder("pixels")
    array: Array = np.memmap(folder.folder / "pixels", mode="w+", dtype=np.uint8, shape=shape)
    weakref.finalize(array, folder.close)
    return array


def _bytes_in_memory(pixels: Pixels) -> int:
    base = pixels.array
    while base.base is not None and isinstance(base.base, np.ndarray):
        base = base.base
    return 0 if isinstance(base, np.memmap) else base.nbytes


def _key(paths: list[str], size: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    for path in paths:
        stamp = stamped_path(path) or f"{path}\0missing\0"
        digest.update(stamp.encode(errors="surrogateescape"))
    return digest.hexdigest()
