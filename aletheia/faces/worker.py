"""From one file to the face crops on the disk: what every worker of an extraction does."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from pathlib import Path

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.faces.blazeface import Face
from aletheia.faces.crop import POLICIES, CropError, crop_face
from aletheia.faces.detector import BlazeFace
from aletheia.faces.journal import FaceCrop, FileResult
from aletheia.imaging.media_types import is_video
from aletheia.imaging.reading import read_image
from aletheia.imaging.transforms import resaved
from aletheia.imaging.video import check_count, read_frames

DIED = "died"  # the stage of a file that killed its reader


@dataclasses.dataclass(frozen=True)
class CropConfig:
    """How faces are found and cut out.

    Attributes
    ----------
    size, policy, margin
        See :func:`~aletheia.faces.crop.crop_face`.
    largest_only : bool
        Take the largest face of a picture, not all.
    threshold : float
        Least confidence of the detector, 0..1.
    min_size : int
        A face with fewer pixels a side is skipped.
    frames : int
        Frames of each video, spread evenly over its duration; see :func:`~aletheia.imaging.video.read_frames`.

    Raises
    ------
    InputError
        For values that do not fit.
    """

    size: int = 128
    policy: str = "scale"
    margin: float = 0.2
    largest_only: bool = True
    threshold: float = 0.75
    min_size: int = 32
    frames: int = 16

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise InputError(f"There is no face policy {self.policy!r}; choose one of {', '.join(POLICIES)}.")
        if not 8 <= self.size <= 4096 or not 0 <= self.margin <= 2 or not 0 < self.threshold < 1:
            raise InputError(
                f"Face settings that do not fit: size {self.size} (8..4096), margin {self.margin} (0..2), "
                f"threshold {self.threshold} (0..1)."
            )
        check_count(self.frames)

    def tag(self) -> bytes:
        """What besides the picture decides the pixels of a crop: two settings may share a folder without mixing."""
        return json.dumps([self.size, self.policy, self.margin, self.threshold]).encode()

    def journal_tag(self) -> bytes:
        """What decides whether a picture is finished."""
        return self.tag() + json.dumps([self.largest_only, self.min_size, self.frames]).encode()


@dataclasses.dataclass(frozen=True)
class FaceExtractor:
    """Cuts the faces out of a file into a folder. Travels to other processes; each has one detector for all of them."""

    cutting: CropConfig
    folder: str

    def __call__(self, path: str) -> FileResult:
        try:
            if is_video(path):
                return self._video(path)
            picture = read_image(path)
        except InputError as error:
            return FileResult([], f"unreadable: {getattr(error, 'reason', error)}", "unreadable")
        faces, stage, smaller = self._usable(picture)
        cuts, uncut = self._cut(picture, faces, self._name(path)) if faces else ([], "")
        return FileResult(cuts, "" if cuts else uncut or smaller or "no face found", stage)

    def on_crash(self, path: str) -> FileResult:
        """What is noted of a file that killed the process that read it."""
        return FileResult([], "unreadable: the process that read it died", DIED)

    def _video(self, path: str) -> FileResult:
        name, frames, unused = self._name(path), 0, ""
        cuts: list[FaceCrop] = []
        for frame in read_frames(path, self.cutting.frames):
            frames += 1
            # Named by its time: a run that asks for other frames must not write over these.
            moment = f"{name}-{round(1000 * frame.time):08d}"
            faces, _, too_small = self._usable(frame.rgb)
            more, uncut = self._cut(frame.rgb, faces, moment, frame.time)
            cuts += more
            unused = unused or uncut or too_small
        return FileResult(cuts, "" if cuts else unused or f"no face found in {frames} frames", "video")

    def _usable(self, rgb: Array) -> tuple[list[tuple[int, Face]], str, str]:
        """Faces to cut out with their indices, the try that found them, and what to say of those too small."""
        cutting = self.cutting
        faces, stage = _detector(cutting.threshold).detect_with_stage(rgb)
        large = [(index, face) for index, face in enumerate(faces) if face.size >= cutting.min_size]
        smaller = f"face of {faces[0].size:.0f} pixels, smaller than {cutting.min_size}" if faces else ""
        return large[:1] if cutting.largest_only else large, stage, smaller

    def _name(self, path: str) -> str:
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256")
        content.update(self.cutting.tag())
        return content.hexdigest()[:24]

    def _cut(
        self, rgb: Array, faces: list[tuple[int, Face]], name: str, time: float = math.nan
    ) -> tuple[list[FaceCrop], str]:
        """Crops of the faces, written to the folder, and why there is none of one of them."""
        cuts, uncut = [], ""
        for index, face in faces:
            try:
                crop = crop_face(rgb, face, self.cutting.size, self.cutting.margin, self.cutting.policy)
            except CropError as error:
                uncut = f"face that cannot be cut out: {error.reason}"
                continue
            path = Path(self.folder) / f"{name}-{index}.png"
            with replacing(path) as file:
                file.write(resaved(crop, None))
            cuts.append(FaceCrop(str(path), face, index, time))
        return cuts, uncut


@functools.lru_cache(maxsize=4)
def _detector(threshold: float) -> BlazeFace:
    return BlazeFace(threshold, threads=1)
