"""Faces of a whole manifest: detect, cut out, write, and say what was left out and why."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from aletheia.data.images import read_image
from aletheia.errors import DISK_FULL, InputError
from aletheia.faces.blazeface import Face
from aletheia.faces.crop import POLICIES, crop_face
from aletheia.faces.detector import BlazeFace
from aletheia.faces.journal import Cut, Found, Journal
from aletheia.faces.video import check_count, is_video, read_frames
from aletheia.settings import get_settings

FACE_COLUMNS = (
    "face_x0",
    "face_y0",
    "face_x1",
    "face_y1",
    "face_score",
    "face_index",
    "face_keypoints",
    "frame_time",
    "original",
)


@dataclasses.dataclass(frozen=True)
class Extracted:
    """What came of an extraction.

    Attributes
    ----------
    manifest : DataFrame
        One row a face: the columns of the picture's row, ``path`` now the crop's PNG, and
        :data:`FACE_COLUMNS`: box in pixels of the upright original, score 0..1, index (0 is the largest
        face), keypoints as ``x,y`` pairs separated by blanks (BlazeFace's six), seconds into the video (NaN for a
        picture), and the picture's own path. The faces of a video have its path as ``video``, where the row named none.
    skipped : DataFrame
        Columns ``path`` and ``reason``, one row a picture (or face) that was left out.
    tries : dict of str to int
        How many pictures each of the detector's tries settled, see
        :class:`~aletheia.faces.detector.BlazeFace`.
    resumed : int
        Pictures that an earlier extraction into the same folder had finished.
    seconds : float
        Time for the others.
    """

    manifest: pd.DataFrame
    skipped: pd.DataFrame
    tries: dict[str, int]
    resumed: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class _Options:
    out_dir: str
    size: int
    policy: str
    margin: float
    largest_only: bool
    threshold: float
    min_size: int
    frames: int

    def tag(self) -> bytes:
        """What else decides the pixels of a crop: two settings may share a folder without mixing."""
        return json.dumps([self.size, self.policy, self.margin, self.threshold]).encode()

    def journal_tag(self) -> bytes:
        """What decides whether a picture is finished."""
        return self.tag() + json.dumps([self.largest_only, self.min_size, self.frames]).encode()


class _Worker:
    """Lives in one process: a detector and what to do with a file."""

    def __init__(self, options: _Options) -> None:
        cv2.setNumThreads(1)  # the processes already share the cores
        self.options = options
        self.detector = BlazeFace(options.threshold)

    def __call__(self, path: str) -> Found:
        try:
            if is_video(path):
                return self._video(path)
            picture = read_image(path)
        except InputError as error:
            return Found([], f"unreadable: {getattr(error, 'reason', error)}", "unreadable")
        faces, stage, smaller = self._usable(picture)
        if faces:
            return Found([self._cut(picture, face, i, self._name(path)) for i, face in faces], "", stage)
        return Found([], smaller or "no face found", stage)

    def _video(self, path: str) -> Found:
        name, cuts, frames, smaller = self._name(path), [], 0, ""
        for frame in read_frames(path, self.options.frames):
            frames += 1
            # Named by its time: a run that asks for other frames must not write over these.
            moment = f"{name}-{round(1000 * frame.time):08d}"
            faces, _, too_small = self._usable(frame.rgb)
            smaller = smaller or too_small
            cuts += [self._cut(frame.rgb, face, i, moment, frame.time) for i, face in faces]
        return Found(cuts, "" if cuts else smaller or f"no face found in {frames} frames", "video")

    def _usable(self, rgb: np.ndarray) -> tuple[list[tuple[int, Face]], str, str]:
        """Faces to cut out with their indices, the try that found them, and what to say of those too small."""
        options = self.options
        faces, stage = self.detector.detect_with_stage(rgb)
        large = [(index, face) for index, face in enumerate(faces) if face.size >= options.min_size]
        smaller = f"face of {faces[0].size:.0f} pixels, smaller than {options.min_size}" if faces else ""
        return large[:1] if options.largest_only else large, stage, smaller

    def _name(self, path: str) -> str:
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256")
        content.update(self.options.tag())
        return content.hexdigest()[:24]

    def _cut(self, rgb: np.ndarray, face: Face, index: int, name: str, time: float = math.nan) -> Cut:
        crop = crop_face(rgb, face, self.options.size, self.options.margin, self.options.policy)
        return Cut(_write_png(crop, Path(self.options.out_dir) / f"{name}-{index}.png"), face, index, time)


def _write_png(rgb: np.ndarray, path: Path) -> str:
    data = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)  # a killed run leaves whole crops only
    finally:
        temporary.unlink(missing_ok=True)
    return str(path)


_worker: _Worker | None = None


def _start_worker(options: _Options) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    _worker = _Worker(options)


def _work(path: str) -> Found:
    assert _worker is not None
    return _worker(path)


def _results(paths: list[str], options: _Options, workers: int) -> Iterator[Found]:
    """Results in the order of ``paths``. The seam for other ways of spreading the work, such as a Dask
    cluster.
    """
    if workers == 1 or len(paths) < 16:  # starting processes costs more than a dozen pictures
        yield from map(_Worker(options), paths)
        return
    # Spawned, not forked: mediapipe, OpenCV and torch hold threads, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (options,)) as pool:
        try:
            yield from pool.map(_work, paths, chunksize=8)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def extract_faces(
    manifest: pd.DataFrame,
    out_dir: str | Path,
    *,
    size: int = 128,
    policy: str = "scale",
    margin: float = 0.2,
    largest_only: bool = True,
    workers: int | None = None,
    progress: bool = True,
    threshold: float = 0.75,
    min_size: int = 32,
    frames: int = 16,
) -> Extracted:
    """Detect, cut out and write the faces of all pictures and videos of a manifest.

    Crops are PNG files named after the picture's content, the settings and the face's index, each written
    whole or not at all. The same input gives the same files and the same rows, in the manifest's order,
    whatever the number of workers. What is finished is noted in the folder: an extraction that was killed, or that is
    asked for again, goes on with what is left.

    Parameters
    ----------
    manifest : DataFrame
        One row a picture; only ``path`` (a local file) is looked at, the other columns are carried over.
    out_dir : path
        Folder of the crops; made when missing. Several manifests may share one.
    size, policy, margin
        See :func:`~aletheia.faces.crop.crop_face`.
    largest_only : bool
        Take the largest face of a picture, not all.
    workers : int, optional
        Processes; by default the setting ``ALETHEIA_WORKERS``.
    threshold : float
        Least confidence of the detector, 0..1.
    min_size : int
        A face with fewer pixels a side is skipped.
    frames : int
        Frames of each video, spread evenly over its duration; see :func:`~aletheia.faces.video.read_frames`.

    Raises
    ------
    InputError
        For settings that do not fit, or an output folder that cannot be written.
    """
    if policy not in POLICIES:
        raise InputError(f"There is no face policy {policy!r}; choose one of {', '.join(POLICIES)}.")
    if not 8 <= size <= 4096 or not 0 <= margin <= 2 or not 0 < threshold < 1:
        raise InputError(
            f"Face settings that do not fit: size {size} (8..4096), margin {margin} (0..2), "
            f"threshold {threshold} (0..1)."
        )
    check_count(frames)
    folder = Path(out_dir).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot make this folder for the face crops ({error.strerror}).") from None
    options = _Options(str(folder), size, policy, margin, largest_only, threshold, min_size, frames)
    paths = [str(path) for path in manifest["path"]]
    rows: list[int] = []
    cells: list[tuple] = []
    skipped: list[tuple[str, str]] = []
    tries: dict[str, int] = {}
    taken: dict[str, str] = {}
    journal = fresh = None
    started = time.perf_counter()
    try:
        journal = Journal(folder, options.journal_tag())
        finished = [journal.find(path) for path in paths]
        left = [path for path, known in zip(paths, finished, strict=True) if known is None]
        fresh = _results(left, options, workers or get_settings().workers)
        bar = tqdm(paths, desc="Finding faces", unit="file", disable=not progress)
        for row, (path, known) in enumerate(zip(bar, finished, strict=True)):
            if known is None:
                result = next(fresh)
                journal.add(path, result)
            else:
                result = known
            tries[result.stage] = tries.get(result.stage, 0) + 1
            if result.reason:
                skipped.append((path, result.reason))
            twin = next((taken[cut.crop] for cut in result.faces if cut.crop in taken), None)
            if twin is not None:
                skipped.append((path, f"the same picture as {twin}"))
                continue
            for cut in result.faces:
                taken[cut.crop] = path
                rows.append(row)
                points = " ".join(f"{x:.1f},{y:.1f}" for x, y in cut.face.keypoints)
                cells.append((cut.crop, *map(float, cut.face.box), cut.face.score, cut.index, points, cut.time, path))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InputError(f"{folder}: cannot write face crops there. {DISK_FULL}") from None
        if error.errno in (errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise InputError(
                f"{folder}: cannot write face crops there ({error.strerror}). Free it and run again."
            ) from None
        raise
    finally:
        if fresh is not None:
            fresh.close()
        if journal is not None:
            journal.close()
    faces = manifest.iloc[rows].reset_index(drop=True)
    table = pd.DataFrame(cells, columns=["path", *FACE_COLUMNS])
    for name in table.columns:
        faces[name] = table[name].to_numpy()
    for name in ("face_x0", "face_y0", "face_x1", "face_y1", "face_score", "frame_time"):
        faces[name] = faces[name].astype(np.float32)
    faces["face_index"] = faces["face_index"].astype(np.int32)
    moving = faces["frame_time"].notna()
    if moving.any():
        stated = faces["video"].fillna("") if "video" in faces else pd.Series("", index=faces.index)
        faces["video"] = stated.mask(stated.eq("") & moving, faces["original"])
    seconds = time.perf_counter() - started
    return Extracted(faces, pd.DataFrame(skipped, columns=["path", "reason"]), tries, len(paths) - len(left), seconds)
