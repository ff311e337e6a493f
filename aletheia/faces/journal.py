"""What an extraction has finished, line by line, so that a killed one goes on where it was."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np

from aletheia.faces.blazeface import Face

JOURNAL = "finished.jsonl"


@dataclasses.dataclass(frozen=True)
class FaceCrop:
    """One face that was cut out.

    Attributes
    ----------
    crop : str
        Path of the crop.
    face : Face
        Where it was, in pixels of the upright picture or frame.
    index : int
        Which face of the picture or frame; 0 is the largest.
    time : float
        Seconds from the video's beginning; NaN for a picture.
    """

    crop: str
    face: Face
    index: int
    time: float = math.nan


@dataclasses.dataclass(frozen=True)
class FileResult:
    """What came of one picture or video.

    Attributes
    ----------
    faces : list of Cut
        In order of time, largest first.
    reason : str
        Why there is none; empty when there is.
    stage : str
        The detector's try that settled it, see :class:`~aletheia.faces.detector.BlazeFace`.
    """

    faces: list[FaceCrop]
    reason: str
    stage: str


class Journal:
    """The record of one output folder and one set of settings.

    A picture counts as finished when a file of the same path, size and time of change was finished with the same
    settings, and its crops are still there. Runs may share a folder: lines are appended whole, and what is no line of
    this kind (a kill in the middle of writing) is passed over.

    Parameters
    ----------
    folder : Path
        Where the crops are.
    tag : bytes
        The settings.
    """

    def __init__(self, folder: Path, tag: bytes) -> None:
        self.folder, self.tag = folder, tag
        self.path = folder / JOURNAL
        self._lines: dict[str, bytes] = {}
        content = self.path.read_bytes() if self.path.exists() else b""
        for line in content.split(b"\n"):
            self._lines[line[:32].decode("ascii", "replace")] = line[33:]
        self._file = self.path.open("ab", buffering=0)
        if content and not content.endswith(b"\n"):
            self._file.write(b"\n")

    def find(self, picture: str) -> FileResult | None:
        """What came of this picture, None when it is not finished."""
        line = self._lines.get(self._key(picture))
        if not line:
            return None
        try:
            record = json.loads(line)
            faces = [
                FaceCrop(
                    str(self.folder / os.path.basename(name)), _face(box, keypoints, score), int(index), float(time)
                )
                for name, box, keypoints, score, index, time in record["faces"]
            ]
            found = FileResult(faces, str(record["reason"]), str(record["stage"]))
        except (ValueError, KeyError, TypeError):
            return None
        return found if all(_is_there(cut.crop) for cut in faces) else None

    def add(self, picture: str, found: FileResult) -> None:
        """Note that this picture is finished. Raises OSError when the disk is full."""
        key = self._key(picture)
        if not key:
            return
        faces = [
            (os.path.basename(c.crop), c.face.box.tolist(), c.face.keypoints.tolist(), c.face.score, c.index, c.time)
            for c in found.faces
        ]
        record = {"faces": faces, "reason": found.reason, "stage": found.stage}
        self._file.write(f"{key} {json.dumps(record)}\n".encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _key(self, picture: str) -> str:
        try:
            status = os.stat(picture)
        except (OSError, ValueError):
            return ""  # it may be there next time
        stamp = f"{os.path.abspath(picture)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape")
        return hashlib.sha256(stamp + self.tag).hexdigest()[:32]


def _is_there(crop: str) -> bool:
    try:
        return os.path.getsize(crop) > 0  # a power cut may leave a name without content
    except OSError:
        return False


def _face(box: list[float], keypoints: list[list[float]], score: float) -> Face:
    face = Face(np.array(box, np.float32), np.array(keypoints, np.float32), float(score))
    if face.box.shape != (4,) or face.keypoints.shape != (6, 2):
        raise ValueError("no face")
    return face
