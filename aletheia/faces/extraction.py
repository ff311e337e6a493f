"""Extraction of the faces of a whole manifest: detect, cut out, write, and list what was left out and why."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.buckets.addresses import Address
from aletheia.core.buckets.unkept import addresses
from aletheia.core.errors import DISK_FULL, InputError
from aletheia.core.parallel import map_dask, map_processes
from aletheia.core.settings import get_settings
from aletheia.faces.bucket_worker import extract_in_buckets
from aletheia.faces.crop_config import COLUMNS, CropConfig
from aletheia.faces.detectors.registry import find_detector
from aletheia.faces.face import Face
from aletheia.faces.journal import FaceCrop, FileResult, Journal, complete
from aletheia.faces.sharding import CropShards, SeparateExtractor, is_sharded
from aletheia.faces.worker import FaceExtractor

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
#: The columns that are needed to find a face in its crop again.
CROP_COLUMNS = ("crop_size", "crop_policy", "crop_margin")
_RECORDED = ("size", "policy", "margin", "detector", "threshold")  # fields of CropConfig


@dataclasses.dataclass(frozen=True)
class Extracted:
    """Result of an extraction.

    Attributes
    ----------
    manifest : DataFrame
        One row a face: the columns of the file's row, ``path`` now the crop's PNG, :data:`FACE_COLUMNS`: box in pixels
        of the upright original, score 0..1, index (0 is the largest face), keypoints as ``x,y`` pairs separated by
        blanks (:data:`~aletheia.faces.face.KEYPOINTS`), seconds into the video (NaN for an image), and the original
        file's path; and how it was cut out: ``crop_size``, ``crop_policy``, ``crop_margin``, ``crop_detector``,
        ``crop_threshold``. The faces of a video have its path as ``video``, where the row named none.
    skipped : DataFrame
        Columns ``path`` and ``reason``, one row a file (or face) that was left out.
    stages : dict of str to int
        How many files each stage of the detector settled, see
        :meth:`~aletheia.faces.detectors.registry.FaceDetector.detect_with_stage`.
    resumed : int
        Files that an earlier extraction into the same folder had finished.
    seconds : float
        Time for the others.
    """

    manifest: pd.DataFrame
    skipped: pd.DataFrame
    stages: dict[str, int]
    resumed: int
    seconds: float


def extract_faces(
    manifest: pd.DataFrame,
    out_dir: str | Path,
    config: CropConfig | None = None,
    *,
    largest: float = 0.0,
    workers: int | None = None,
    client: Any = None,
    send_to: Address | None = None,
    progress: bool = True,
) -> Extracted:
    """Detect, cut out and write the faces of all images and videos of a manifest.

    Crops are PNG files named after the file's content, the settings and the face's index, each written whole or not at
    all. The same input gives the same files and the same rows, in the manifest's order, whatever the number of workers.
    Finished files are noted in the folder: an extraction that was killed, or is repeated, continues with the rest. A
    file that cannot be read, or kills the process that reads it, is counted and left out. Of very many faces
    (``ALETHEIA_SHARD_FROM``) the crops go to archives, see :mod:`aletheia.core.shards`; their paths lead into them.

    Parameters
    ----------
    manifest : DataFrame
        One row a file; only ``path`` (a local file) is used, the other columns are carried over.
    out_dir : path
        Folder of the crops; made when missing. Several manifests may share one.
    config : CropConfig, optional
        How faces are detected and cut out.
    largest : float
        A face of more pixels a side is first shrunk to these, as a model does for which it is larger than all of the
        training (`aletheia.models.preprocessing.largest_face`); 0: none is.
    workers : int, optional
        Processes; by default the setting ``ALETHEIA_WORKERS``. With one, and for a handful of files, the work is done
        in this process, which a file that kills its reader takes along.
    client : distributed.Client, optional
        Spread the work over this Dask cluster instead of processes; its workers must see the same files, and the
        folder, under the same paths, unless all files were fetched from buckets and `send_to` is given.
    send_to : Address, optional
        A folder of a bucket, to which the workers of a cluster send the crops: then they and this process need nothing
        but the buckets in common. The crops are not fetched; ``path`` says where the mirror will have them. Finished
        files are noted there, too, so that any machine may continue.

    Raises
    ------
    InputError
        For an output folder that cannot be written, an unknown detector, and the policy "none".
    """
    config = config or CropConfig()
    config.check_policy()
    factory = find_detector(config.detector)
    folder = Path(out_dir).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot make this folder for the face crops ({error.strerror}).") from None
    paths = [str(path) for path in manifest["path"]]
    extractor = FaceExtractor(config, factory, str(folder), largest)
    key = config.journal_key() + (f"{largest!r}".encode() if largest else b"")
    started = time.perf_counter()
    if client is not None and send_to is not None and (places := addresses(paths)):
        results, resumed = extract_in_buckets(extractor, places, client, send_to, key, progress=progress)
        return _extracted(manifest, paths, results, config, resumed, time.perf_counter() - started)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_disk_errors(folder))
        journal = stack.enter_context(contextlib.closing(Journal(folder, key)))
        shards = stack.enter_context(CropShards(folder)) if is_sharded(paths, config.frames) else None
        work = shards.extractor(extractor) if shards else extractor

        def extract(pending: list[str]) -> Generator[FileResult]:
            # Starting processes costs more than a dozen images; but a run may resume since one of its files ended it.
            is_small = len(pending) < 16 and len(pending) == len(paths)
            n = 1 if is_small else workers or get_settings().workers
            with contextlib.closing(_spread(work, pending, n, client)) as found:
                yield from map(shards.take, found) if shards else found

        results, resumed = complete(journal, paths, extract, progress=progress)
    return _extracted(manifest, paths, results, config, resumed, time.perf_counter() - started)


def _extracted(
    manifest: pd.DataFrame,
    paths: list[str],
    results: list[FileResult],
    config: CropConfig,
    resumed: int,
    seconds: float,
) -> Extracted:
    stages: dict[str, int] = {}
    for result in results:
        stages[result.stage] = stages.get(result.stage, 0) + 1
    faces, skipped = _tabulate(manifest, paths, results)
    for field in _RECORDED:
        faces[COLUMNS[field]] = getattr(config, field)
    return Extracted(faces, skipped, stages, resumed, seconds)


def faces_of(manifest: pd.DataFrame) -> list[Face]:
    """Rebuild the detected faces of a manifest of crops, in pixels of the original files."""
    boxes = manifest[["face_x0", "face_y0", "face_x1", "face_y1"]].to_numpy(np.float32)
    points = [
        np.array([pair.split(",") for pair in text.split(" ")], np.float32) for text in manifest["face_keypoints"]
    ]
    scores = manifest["face_score"].to_numpy(np.float64)
    return [Face(*face) for face in zip(boxes, points, map(float, scores), strict=True)]


def _spread(
    extractor: FaceExtractor | SeparateExtractor, paths: list[str], workers: int, client: Any
) -> Generator[FileResult]:
    if client is not None:
        yield from map_dask(extractor, paths, client, extractor.on_crash)
    elif workers == 1:
        yield from map(extractor, paths)
    else:
        yield from map_processes(extractor, paths, workers, extractor.on_crash)


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


def _tabulate(manifest: pd.DataFrame, paths: list[str], results: list[FileResult]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make one row a face, and one a file that was left out."""
    rows: list[int] = []
    cells: list[tuple[str | float, ...]] = []
    skipped: list[tuple[str, str]] = []
    path_of_crop: dict[str, str] = {}
    for row, (path, result) in enumerate(zip(paths, results, strict=True)):
        if result.reason:
            skipped.append((path, result.reason))
        names = [Path(face.crop).name for face in result.faces]  # wherever in the shards they are
        twin = next((path_of_crop[name] for name in names if name in path_of_crop), None)
        if twin is not None:
            skipped.append((path, f"the same picture as {twin}"))
            continue
        path_of_crop.update(dict.fromkeys(names, path))
        for face in result.faces:
            rows.append(row)
            cells.append(_cells(face, path))
    faces = manifest.iloc[rows].reset_index(drop=True)
    table = pd.DataFrame(cells, columns=["path", *FACE_COLUMNS])
    for name in table.columns:
        faces[name] = table[name].to_numpy()
    for name in ("face_x0", "face_y0", "face_x1", "face_y1", "face_score", "frame_time"):
        faces[name] = faces[name].astype(np.float32)
    faces["face_index"] = faces["face_index"].astype(np.int32)
    is_frame = faces["frame_time"].notna()
    if is_frame.any():
        stated = faces["video"].fillna("") if "video" in faces else pd.Series("", index=faces.index)
        faces["video"] = stated.mask(stated.eq("") & is_frame, faces["original"])
    return faces, pd.DataFrame(skipped, columns=["path", "reason"])


def _cells(crop: FaceCrop, path: str) -> tuple[str | float, ...]:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in crop.face.keypoints)
    return (crop.crop, *map(float, crop.face.box), crop.face.score, crop.index, points, crop.time, path)
