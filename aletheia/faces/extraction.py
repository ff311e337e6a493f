"""Faces of a whole manifest: detect, cut out, write, and say what was left out and why."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from aletheia.core.errors import DISK_FULL, InputError
from aletheia.core.parallel import map_dask, map_processes
from aletheia.core.settings import get_settings
from aletheia.faces.blazeface import Face
from aletheia.faces.journal import FileResult, Journal
from aletheia.faces.worker import DIED, CropConfig, FaceExtractor

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
CROP_COLUMNS = ("crop_size", "crop_policy", "crop_margin")


@dataclasses.dataclass(frozen=True)
class Extracted:
    """What came of an extraction.

    Attributes
    ----------
    manifest : DataFrame
        One row a face: the columns of the picture's row, ``path`` now the crop's PNG,
        :data:`FACE_COLUMNS`: box in pixels of the upright original, score 0..1, index (0 is the largest
        face), keypoints as ``x,y`` pairs separated by blanks (BlazeFace's six), seconds into the video (NaN for a
        picture), and the picture's own path; and :data:`CROP_COLUMNS`, how it was cut out. The faces of a video have
        its path as ``video``, where the row named none.
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


def extract_faces(
    manifest: pd.DataFrame,
    out_dir: str | Path,
    cutting: CropConfig | None = None,
    *,
    workers: int | None = None,
    client: Any = None,
    progress: bool = True,
) -> Extracted:
    """Detect, cut out and write the faces of all pictures and videos of a manifest.

    Crops are PNG files named after the picture's content, the settings and the face's index, each written
    whole or not at all. The same input gives the same files and the same rows, in the manifest's order,
    whatever the number of workers. What is finished is noted in the folder: an extraction that was killed, or that is
    asked for again, goes on with what is left. A file that cannot be read, or kills the process that reads it, is
    counted and left out.

    Parameters
    ----------
    manifest : DataFrame
        One row a picture; only ``path`` (a local file) is looked at, the other columns are carried over.
    out_dir : path
        Folder of the crops; made when missing. Several manifests may share one.
    cutting : Cutting, optional
        How faces are found and cut out.
    workers : int, optional
        Processes; by default the setting ``ALETHEIA_WORKERS``. With one, and for a handful of files, the work is done
        in this process, which a file that kills its reader takes along.
    client : distributed.Client, optional
        Spread the work over this Dask cluster instead of processes; its workers must see the same files, and the
        folder, under the same paths.

    Raises
    ------
    InputError
        For an output folder that cannot be written.
    """
    cutting = cutting or CropConfig()
    folder = Path(out_dir).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot make this folder for the face crops ({error.strerror}).") from None
    paths = [str(path) for path in manifest["path"]]
    cutter = FaceExtractor(cutting, str(folder))
    started = time.perf_counter()
    found: list[FileResult] = []
    with _disk_errors(folder), contextlib.closing(Journal(folder, cutting.journal_tag())) as journal:
        finished = [journal.find(path) for path in paths]
        left = [path for path, known in zip(paths, finished, strict=True) if known is None]
        # Starting processes costs more than a dozen pictures; but a run that goes on may have been ended by a file.
        few = len(left) < 16 and len(left) == len(paths)
        workers = 1 if workers == 1 or few else workers or get_settings().workers
        with contextlib.closing(_spread(cutter, left, workers, client)) as fresh:
            bar = tqdm(paths, desc="Finding faces", unit="file", disable=not progress)
            for path, known in zip(bar, finished, strict=True):
                if known is None:
                    known = next(fresh)
                    if known.stage != DIED:  # it may have been the memory's fault, and not the file's
                        journal.add(path, known)
                found.append(known)
    seconds = time.perf_counter() - started
    tries: dict[str, int] = {}
    for result in found:
        tries[result.stage] = tries.get(result.stage, 0) + 1
    faces, skipped = _table(manifest, paths, found)
    for name, value in zip(CROP_COLUMNS, (cutting.size, cutting.policy, cutting.margin), strict=True):
        faces[name] = value
    return Extracted(faces, skipped, tries, len(paths) - len(left), seconds)


def faces_of(manifest: pd.DataFrame) -> list[Face]:
    """The faces of a manifest of crops, as they were found in the pictures."""
    boxes = manifest[["face_x0", "face_y0", "face_x1", "face_y1"]].to_numpy(np.float32)
    points = [
        np.array([pair.split(",") for pair in text.split(" ")], np.float32) for text in manifest["face_keypoints"]
    ]
    scores = manifest["face_score"].to_numpy(np.float64)
    return [Face(*face) for face in zip(boxes, points, map(float, scores), strict=True)]


def _spread(cutter: FaceExtractor, paths: list[str], workers: int, client: Any) -> Iterator[FileResult]:
    if client is not None:
        yield from map_dask(cutter, paths, client, cutter.on_crash)
    elif workers == 1:
        yield from map(cutter, paths)
    else:
        yield from map_processes(cutter, paths, workers, cutter.on_crash)


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InputError(f"{folder}: cannot write face crops there. {DISK_FULL}") from None
        if error.errno in (errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise InputError(
                f"{folder}: cannot write face crops there ({error.strerror}). Free it and run again."
            ) from None
        raise


def _table(manifest: pd.DataFrame, paths: list[str], found: list[FileResult]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a face, and one a picture that was left out."""
    rows: list[int] = []
    cells: list[tuple] = []
    skipped: list[tuple[str, str]] = []
    taken: dict[str, str] = {}
    for row, (path, result) in enumerate(zip(paths, found, strict=True)):
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
    return faces, pd.DataFrame(skipped, columns=["path", "reason"])
