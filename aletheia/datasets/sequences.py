"""Numbered frames: find the pictures that are frames of one video by their names, and check it by their looks.

A folder of numbered pictures may be a video, or photos that a camera numbered. Frames of a video resemble their
neighbours, photos do not; a perceptual hash does not tell, since it changes when a head moves. Compared are the colours
of 8 × 8 fields, which keep the background, the clothes and the light: on clips of talking people neighbours differ by
0.2 to 11 grey values in the median, on eleven sets of unrelated photos of faces by 30 to 76.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.progress import tqdm
from aletheia.datasets.numbered_names import Sequence, find_sequences
from aletheia.imaging.reading import read_image

#: Median difference of neighbours, in grey values of 0 to 255, up to which they are frames of one video, and the most
#: that it may be of the median difference of strangers.
_ALIKE = ((6.0, math.inf), (15.0, 0.75), (22.0, 0.5))
#: Videos by name with numbers that start anew are believed unless neighbours differ as much as strangers.
_NO_CLOSER = 0.8
_SAMPLES = 12  # pairs of neighbours of a sequence
_LINK = 10.0  # neighbours that differ less are one shot, in a sequence that is no single video
_SOME = 0.25  # share of such neighbours from which on a sequence is searched for shots
_SHORTEST_SHOT = 3
_BREAK = 30.0  # neighbours that differ more are of two videos, in a sequence that is
_LARGE = 0.2  # of all pictures of its label, or larger
_SIBLINGS = 3  # folders, or sequences, at least, that say something about each other
_MANY = 2000  # sequences, of which fewer neighbours are compared
_FIELDS = 8
_VIDEO_NAME = re.compile(
    r"\d+(?:[_-]+\d+)*(?:_?(?:fake|real))?|(?:id\d+_)+\d+"
    r"|(?:videos?|vid|clip|seq|sequence|track|scene|take|movie|shot)[-_ ]?\d+",
    re.IGNORECASE,
)


class Guess(NamedTuple):
    """Videos found by :func:`guess_videos`.

    Attributes
    ----------
    video : (n,) array of str
        Empty where none was found.
    folders : set of str
        Folders that hold the frames of exactly one video.
    """

    video: Array
    folders: set[str]


def guess_videos(paths: list[str], labels: Iterable[str], *, workers: int = 1, progress: bool = False) -> Guess:
    """Find the numbered pictures that are frames of one video.

    Parameters
    ----------
    paths : list of str
        Pictures and videos; videos are left alone.
    labels : iterable of str
        Frames of one video have one label.
    workers : int
        Threads that read pictures.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Guess
        A video is named by the folder and the common part of the names of its frames.
    """
    labels = list(labels)
    sequences = find_sequences(paths, labels)
    of_label = Counter(labels)
    video = np.full(len(paths), "", dtype=object)
    folders: set[str] = set()
    if not sequences:
        return Guess(video, folders)
    pairs = [_sampled(sequence.rows, _SAMPLES if len(sequences) <= _MANY else 4) for sequence in sequences]
    others = _strangers(sequences)
    restarting = _restarting(sequences, paths)
    with ThreadPoolExecutor(workers) as pool:
        looks = _Looks(paths)
        wanted = sorted({i for group in (*pairs, others) for pair in group for i in pair})
        bar = tqdm(wanted, desc="Comparing numbered pictures", unit="image", disable=not progress)
        for _ in pool.map(looks.read, bar):
            pass
        elsewhere = looks.median(others)
        for sequence, near in zip(sequences, pairs, strict=True):
            folder = paths[sequence.rows[0]].rpartition("/")[0]
            rows, limit = sequence.rows, 0.0
            if _is_video(looks, rows, near, elsewhere, sequence.key in restarting):
                video[rows] = sequence.key
                if sequence.is_folder:
                    folders.add(folder)
                if sequence.key not in restarting and len(rows) > _LARGE * of_label[labels[rows[0]]]:
                    limit = max(_BREAK, 3 * looks.median(near))  # several videos, one after the other
            elif looks.share(near, _LINK) >= _SOME:
                limit = _LINK
            if limit:
                list(pool.map(looks.read, rows))
                shots = _shots(looks, rows, limit)
                for shot in shots if len(shots) > 1 or not video[rows[0]] else ():
                    video[shot] = f"{folder}/{PurePosixPath(paths[shot[0]]).stem}"
    return Guess(video, folders)


class _Looks:
    """Colours of 8 × 8 fields of pictures, read once each."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._known: dict[int, Array | None] = {}

    def read(self, i: int) -> Array | None:
        if i not in self._known:
            self._known[i] = _fields(self._paths[i])
        return self._known[i]

    def difference(self, pair: tuple[int, int]) -> float:
        """Mean absolute difference, 0 to 255; NaN when a picture cannot be read."""
        first, second = self.read(pair[0]), self.read(pair[1])
        return math.nan if first is None or second is None else float(np.abs(first - second).mean())

    def median(self, pairs: list[tuple[int, int]]) -> float:
        differences = [value for value in map(self.difference, pairs) if not math.isnan(value)]
        return float(np.median(differences)) if differences else math.nan

    def share(self, pairs: list[tuple[int, int]], limit: float) -> float:
        return float(np.mean([self.difference(pair) <= limit for pair in pairs])) if pairs else 0.0


def _fields(path: str) -> Array | None:
    try:
        rgb = read_image(path, min_size=64)
    except (InputError, OSError):
        return None
    small = Image.fromarray(rgb).resize((_FIELDS, _FIELDS), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def _sampled(rows: list[int], most: int) -> list[tuple[int, int]]:
    """Choose pairs of neighbours, evenly spread over a sequence."""
    starts = np.unique(np.linspace(0, len(rows) - 2, min(most, len(rows) - 1)).round().astype(int))
    return [(rows[k], rows[k + 1]) for k in starts]


def _strangers(sequences: list[Sequence], most: int = 60) -> list[tuple[int, int]]:
    """Pair the middle pictures of different sequences."""
    middles = [sequence.rows[len(sequence.rows) // 2] for sequence in sequences]
    if len(middles) < _SIBLINGS:
        return []
    chosen = [middles[k] for k in np.unique(np.linspace(0, len(middles) - 1, most).round().astype(int))]
    return list(zip(chosen, [*chosen[1:], chosen[0]], strict=True))


def _restarting(sequences: list[Sequence], paths: list[str]) -> set[str]:
    """Find the keys of sequences that are named like videos, and whose numbers start anew in three or more beside it.

    Folders of a thousand photos each, ``00000/00000.png … 01000/01000.png``, count on over the folders.
    """
    beside: dict[str, list[tuple[float, float, str]]] = {}
    for sequence in sequences:
        folder = paths[sequence.rows[0]].rpartition("/")[0]
        above, _, own = sequence.key.rpartition("/")
        if sequence.is_counted and _VIDEO_NAME.fullmatch(own) and sequence.key.startswith(folder):
            first, last = (sequence.numbers[0], sequence.numbers[-1])
            beside.setdefault(above, []).append((first, last, sequence.key))
    restarting: set[str] = set()
    for ranges in beside.values():
        ranges.sort()
        overlapping = sum(after[0] <= before[1] for before, after in itertools.pairwise(ranges))
        if len(ranges) >= _SIBLINGS and overlapping >= 0.8 * (len(ranges) - 1):
            restarting |= {key for _, _, key in ranges}
    return restarting


def _is_video(
    looks: _Looks, rows: list[int], near: list[tuple[int, int]], elsewhere: float, is_restarting: bool
) -> bool:
    """Decide whether pictures are frames of one video: neighbours must be alike, and more so than strangers."""
    neighbours = looks.median(near)
    if is_restarting:
        return not neighbours > _NO_CLOSER * elsewhere
    if math.isnan(elsewhere):  # nothing else to compare with: pictures of the same sequence that lie far apart
        half = len(rows) // 2
        elsewhere = looks.median([(rows[k], rows[half + k]) for k in range(0, half, max(1, half // 6))])
    return any(neighbours <= most and not neighbours > share * elsewhere for most, share in _ALIKE)


def _shots(looks: _Looks, rows: list[int], limit: float) -> list[list[int]]:
    """Divide a sequence where neighbours differ by more than `limit`; return the parts that are long enough."""
    shots = [[rows[0]]]
    for pair in itertools.pairwise(rows):
        if looks.difference(pair) <= limit:
            shots[-1].append(pair[1])
        else:
            shots.append([pair[1]])
    return [shot for shot in shots if len(shot) >= _SHORTEST_SHOT]
