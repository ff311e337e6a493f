"""The journal of an extraction: its finished files, line by line, so that an interrupted one resumes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np

from aletheia.core.files import stamped_path
from aletheia.core.journal import JournalWriter, read_lines
from aletheia.faces.face import Face

JOURNAL = "finished.jsonl"


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
        self._lines = {line[:32].decode("ascii", "replace"): line[33:] for line in read_lines(self.path)}
        self._file = JournalWriter(self.path)

    def find(self, path: str) -> FileResult | None:
        """Look up the result of a file; None when it is not finished."""
        line = self._lines.get(self._line_key(path))
        if not line:
            return None
        try:
            record = json.loads(line)
            faces = [
                FaceCrop(str(self.folder / Path(name).name), _face(box, keypoints, score), int(index), float(time))
                for name, box, keypoints, score, index, time in record["faces"]
            ]
            result = FileResult(faces, str(record["reason"]), str(record["stage"]))
        except (ValueError, KeyError, TypeError):
            return None
        return result if all(_exists(face.crop) for face in faces) else None

    def add(self, path: str, result: FileResult) -> None:
        """Note that a file is finished. Raises OSError when the disk is full."""
        key = self._line_key(path)
        if not key:
            return
        faces = [
            (Path(c.crop).name, c.face.box.tolist(), c.face.keypoints.tolist(), c.face.score, c.index, c.time)
            for c in result.faces
        ]
        record = {"faces": faces, "reason": result.reason, "stage": result.stage}
        self._file.append_line(f"{key} {json.dumps(record)}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _line_key(self, path: str) -> str:
        stamp = stamped_path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve() follows links, Path.absolute() keeps ".."
        if not stamp:
            return ""  # it may exist next time
        return hashlib.sha256(stamp.encode(errors="surrogateescape") + self.key).hexdigest()[:32]


def _exists(crop: str) -> bool:
    try:
        return Path(crop).stat().st_size > 0  # a power cut may leave a name without content
    except OSError:
        return False


def _face(box: list[float], keypoints: list[list[float]], score: float) -> Face:
    face = Face(np.array(box, np.float32), np.array(keypoints, np.float32), float(score))
    if face.box.shape != (4,) or face.keypoints.shape != (6, 2):
        raise ValueError("no face")
    return face
