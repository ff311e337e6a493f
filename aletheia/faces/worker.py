"""From one file to its face crops on the disk: the work of every process of an extraction."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from pathlib import Path

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import replacing
from aletheia.core.shards import open_binary
from aletheia.core.wording import counted
from aletheia.faces.crop import CropError, crop_shrunk, is_shrunk
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.detectors.registry import DetectorFactory, FaceDetector
from aletheia.faces.face import Face
from aletheia.faces.journal import CRASHED, FaceCrop, FileResult
from aletheia.imaging.media_types import is_video
from aletheia.imaging.reading import read_image
from aletheia.imaging.transforms import resaved
from aletheia.imaging.video import read_frames


@dataclasses.dataclass(frozen=True)
class FaceExtractor:
    """Cuts the faces out of a file into a folder.

    Travels to other processes, each of which has one detector for all its files.

    Attributes
    ----------
    config : CropConfig
    factory : callable
        Makes the detector of `config`. Pickled by module and name: so a process imports the module of a detector that
        is registered by a call elsewhere.
    folder : str
        Folder of the crops.
    largest : float
        A face of more pixels a side is first shrunk to these, see :func:`~aletheia.faces.crop.crop_shrunk`; 0: none is.
    """

    config: CropConfig
    factory: DetectorFactory
    folder: str
    largest: float = 0.0

    def __call__(self, path: str) -> FileResult:
        """Cut the faces out of one image or video."""
        try:
            if is_video(path):
                return self._extract_video(path)
            rgb = read_image(path)
        except InputError as error:
            return FileResult([], f"unreadable: {getattr(error, 'reason', error)}", "unreadable")
        faces, stage, too_small = self._detect(rgb)
        crops, uncut = self._cut_out(rgb, faces, self._crop_name(path)) if faces else ([], "")
        return FileResult(crops, "" if crops else uncut or too_small or "no face found", stage)

    def on_crash(self, path: str) -> FileResult:
        """Give the result for a file that killed the process that read it."""
        return FileResult([], "unreadable: the process that read it died", CRASHED)

    def _extract_video(self, path: str) -> FileResult:
        name, frames, reason = self._crop_name(path), 0, ""
        crops: list[FaceCrop] = []
        for frame in read_frames(path, self.config.frames):
            frames += 1
            # Named by its time: a run that takes other frames must not write over these.
            frame_name = f"{name}-{round(1000 * frame.time):08d}"
            faces, _, too_small = self._detect(frame.rgb)
            frame_crops, uncut = self._cut_out(frame.rgb, faces, frame_name, frame.time)
            crops += frame_crops
            reason = reason or uncut or too_small
        return FileResult(crops, "" if crops else reason or f"no face found in {counted(frames, 'frame')}", "video")

    def _detect(self, rgb: Array) -> tuple[list[tuple[int, Face]], str, str]:
        """Detect the faces to cut out with their indices; also the stage that found them, and why one is too small."""
        config = self.config
        faces, stage = _detector(self.factory, config.threshold).detect_with_stage(rgb)
        large = [(index, face) for index, face in enumerate(faces) if face.size >= config.min_size]
        too_small = f"face of {faces[0].size:.0f} pixels, smaller than {config.min_size}" if faces else ""
        return large[:1] if config.largest_only else large, stage, too_small

    def _crop_name(self, path: str) -> str:
        with open_binary(path) as file:
            content = hashlib.file_digest(file, "sha256")
        content.update(self.config.crop_key())
        return content.hexdigest()[:24]

    def _cut_out(
        self, rgb: Array, faces: list[tuple[int, Face]], name: str, time: float = math.nan
    ) -> tuple[list[FaceCrop], str]:
        """Write the crops of the faces to the folder; also the reason why one of them cannot be cut out."""
        crops, uncut = [], ""
        for index, face in faces:
            try:
                crop = crop_shrunk(rgb, face, self.config, self.largest)
            except CropError as error:
                uncut = f"face that cannot be cut out: {error.reason}"
                continue
            shrunk = f"-to-{self.largest!r}" if is_shrunk(face.size, self.largest) else ""
            path = Path(self.folder) / f"{name}-{index}{shrunk}.png"
            with replacing(path) as file:
                file.write(resaved(crop, None))
            crops.append(FaceCrop(str(path), face, index, time))
        return crops, uncut


@functools.lru_cache(maxsize=4)
def _detector(factory: DetectorFactory, threshold: float) -> FaceDetector:
    return factory(threshold, threads=1)
