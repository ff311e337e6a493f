"""The journal of an extraction: its finished files, line by line, so that an interrupted one resumes.

That of an extraction in buckets is in :mod:`aletheia.faces.bucket_journal`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from aletheia.core.files import stamped_path
from aletheia.core.journal import JournalWriter, read_lines
from aletheia.core.progress import tqdm
from aletheia.core.shards import member_bytes, parse_member
from aletheia.faces.face import Face

JOURNAL = "finished.jsonl"
CRASHED = "died"  # the stage of a file that killed its reader
KEY_LENGTH = 32

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


@dataclasses.dataclass(frozen=True)
class FaceCrop:
    """One face that was cut out.

    Attributes
    ----------
    crop : str
        Path of the crop.
    face : Face
        In pixels of the upright image or frame.
    index : int
        Rank of the face in the image or frame; 0 is the largest.
    time : float
        Seconds from the video's beginning; NaN for an image.
    """

    crop: str
    face: Face
    index: int
    time: float = math.nan


@dataclasses.dataclass(frozen=True)
class FileResult:
    """Faces of one image or video.

    Attributes
    ----------
    faces : list of FaceCrop
        In order of time, largest first.
    reason : str
        Why there is none; empty when there is.
    stage : str
        The stage of detection that settled it, see
        :meth:`~aletheia.faces.detectors.registry.FaceDetector.detect_with_stage`.
    """

    faces: list[FaceCrop]
    reason: str
    stage: str


class ResultJournal(Protocol[T_contra]):
    """Finds and notes results of files that are finished."""

    def find(self, item: T_contra, /) -> FileResult | None:
        """Look up the result of a file; None when it is not finished."""

    def add(self, item: T_contra, result: FileResult, /) -> None:
        """Note that a file is finished."""


def complete(
    journal: ResultJournal[T],
    items: Sequence[T],
    extract: Callable[[list[T]], Generator[FileResult]],
    *,
    progress: bool,
) -> tuple[list[FileResult], int]:
    """Return the results of all files, and how many of them were finished before.

    Parameters
    ----------
    journal : ResultJournal
    items : sequence
        The files, as the journal knows them.
    extract : callable
        Yields the results of those that are left, in their order.
    progress : bool
        Show a progress bar.
    """
    finished = [journal.find(item) for item in items]
    pending = [item for item, result in zip(items, finished, strict=True) if result is None]
    results = []
    with contextlib.closing(extract(pending)) as new_results:
        bar = tqdm(items, desc="Finding faces", unit="file", disable=not progress)
        for item, earlier in zip(bar, finished, strict=True):
            result = earlier or next(new_results)
            if earlier is None and result.stage != CRASHED:  # the cause may have been the memory, not the file
                journal.add(item, result)
            results.append(result)
    return results, len(items) - len(pending)


class Journal:
    """The finished files of one output folder and one set of settings.

    A file counts as finished when one of the same path, size and time of change was finished with the same settings,
    and its crops still exist. Runs may share a folder: lines are appended whole, and damaged ones (a kill in the middle
    of writing) are ignored.

    Parameters
    ----------
    folder : Path
        The folder of the crops.
    key : bytes
        The settings, see :meth:`~aletheia.faces.crop_config.CropConfig.journal_key`.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        self.folder, self.key = folder, key
        self.path = folder / JOURNAL
        self._lines = split_lines(read_lines(self.path))
        self._file = JournalWriter(self.path)

    def find(self, path: str) -> FileResult | None:
        """Look up the result of a file; None when it is not finished."""
        line = self._lines.get(self._line_key(path))
        return decode_result(line, self.folder, _exists) if line else None

    def add(self, path: str, result: FileResult) -> None:
        """Note that a file is finished. Raises OSError when the disk is full."""
        key = self._line_key(path)
        if key:
            self._file.append_line(f"{key} {encode_result(result)}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _line_key(self, path: str) -> str:
        stamp = stamped_path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve() follows links, Path.absolute() keeps ".."
        if not stamp:
            return ""  # it may exist next time
        return line_key(stamp, self.key)


def line_key(stamp: str, settings: bytes) -> str:
    """Return what a line begins with, for a file of one content and the settings."""
    return hashlib.sha256(stamp.encode(errors="surrogateescape") + settings).hexdigest()[:KEY_LENGTH]


def split_lines(lines: Iterable[bytes]) -> dict[str, bytes]:
    """Return the results of a journal's lines by their keys, the last of each."""
    return {line[:KEY_LENGTH].decode("ascii", "replace"): line[KEY_LENGTH + 1 :] for line in lines}


def encode_result(result: FileResult) -> str:
    """Write a result as a text without line breaks, with the names of its crops alone."""
    faces = [
        (_below(c.crop), c.face.box.tolist(), c.face.keypoints.tolist(), c.face.score, c.index, c.time)
        for c in result.faces
    ]
    return json.dumps({"faces": faces, "reason": result.reason, "stage": result.stage})


def decode_result(text: bytes, folder: Path, exists: Callable[[str], bool]) -> FileResult | None:
    """Read a result whose crops lie in a folder; None when the text is damaged or a crop does not exist."""
    try:
        record = json.loads(text)
        faces = [
            FaceCrop(str(folder / _below(str(name))), _face(box, keypoints, score), int(index), float(time))
            for name, box, keypoints, score, index, time in record["faces"]
        ]
        result = FileResult(faces, str(record["reason"]), str(record["stage"]))
    except (ValueError, KeyError, TypeError):
        return None
    return result if all(exists(face.crop) for face in faces) else None


def _below(crop: str) -> str:
    """Return the name of a crop in its folder, or of its shard with the place in it."""
    member = parse_member(crop)
    return str(member._replace(shard=Path(member.shard).name)) if member else Path(crop).name


def _exists(crop: str) -> bool:
    if parse_member(crop):
        return bool(member_bytes(crop))
    try:
        return Path(crop).stat().st_size > 0  # a power cut may leave a name without content
    except OSError:
        return False


def _face(box: list[float], keypoints: list[list[float]], score: float) -> Face:
    face = Face(np.array(box, np.float32), np.array(keypoints, np.float32), float(score))
    if face.box.shape != (4,) or face.keypoints.shape != (6, 2):
        raise ValueError("no face")
    return face
