"""One person under two names, and one film cut in two: files that nothing but the face connects.

Faces are compared by their embeddings (:mod:`aletheia.faces.embedding`). Files whose largest faces lie closer together
than a distance are proposed as relatives; with the column ``relatives`` that this writes, connected groups
(:mod:`aletheia.datasets.groups`), and so the split, keep them together. It errs on the side of too many: a wrong link
costs some freedom of the split, a missed one a leak. Faces of small children resemble each other for the network.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import NearestNeighbors

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write, file_state, replacing
from aletheia.core.journal import JournalWriter, read_rows
from aletheia.core.jsonable import to_records
from aletheia.core.parallel import map_processes
from aletheia.core.progress import tqdm
from aletheia.core.settings import get_settings
from aletheia.core.wording import counted
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.ingest import load_source
from aletheia.datasets.manifest import write_manifest
from aletheia.faces.detectors.registry import FaceDetector, create_detector
from aletheia.faces.embedding import DIMENSIONS, FaceEmbedder, find_weights
from aletheia.imaging.media_types import is_video
from aletheia.imaging.reading import read_image
from aletheia.imaging.video import read_frames
from aletheia.plotting.contact_sheet import thumbnail

#: Embeddings that are closer are taken for one person's.
DISTANCE = 0.45
_FRAMES = 3  # of a video, whose embeddings are averaged
_SHOWN = 60  # pairs on the sheet
_SIDE = 96  # of a face on it, pixels
_LARGE = 0.1  # of all files in one group of relatives: then faces were confused


@dataclasses.dataclass(frozen=True)
class Relatives:
    """Result of :func:`propose_relatives`.

    Attributes
    ----------
    manifest : Path
        The source's manifest with the column ``relatives``, empty for files without any.
    pairs : DataFrame
        ``first``, ``second`` (paths), ``distance``, ``news`` (whether nothing else connects them); nearest first.
    files, without_face, resumed : int
        Files of the source, those in which no face was found or that cannot be read, those of an earlier call.
    largest : int
        Files in the largest group of relatives.
    notes : tuple of str
        What to look at before the groups are relied on.
    """

    manifest: Path
    pairs: pd.DataFrame
    files: int
    without_face: int
    resumed: int
    largest: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values for JSON."""
        return {**vars(self), "manifest": str(self.manifest), "pairs": to_records(self.pairs), "notes": [*self.notes]}


def propose_relatives(
    source: str | Path,
    out: str | Path,
    *,
    manifest: str | Path | None = None,
    distance: float = DISTANCE,
    workers: int | None = None,
    progress: bool = True,
) -> Relatives:
    """Find files that show one person, and write a manifest that keeps them together.

    Parameters
    ----------
    source : path
        As :func:`aletheia.datasets.ingest.load_source`.
    out : path
        The manifest to write, CSV or parquet; in the folder of the source its paths are relative. Beside it come
        ``<name>-pairs.csv``, ``<name>-pairs.png`` (the least certain of the pairs, to be looked at) and a journal, by
        which a call that was interrupted, or is repeated, continues.
    manifest : path, optional
        As :func:`aletheia.datasets.ingest.load_source`.
    distance : float
        Above 0, up to 1.
    workers : int, optional
        Processes; by default the setting ``ALETHEIA_WORKERS``.
    progress : bool
        Show progress bars.

    Raises
    ------
    InputError
        When the extra is not installed, the source cannot be used, or no face is found in it.
    """
    if not 0 < distance <= 1:
        raise InputError(f"The distance of relatives is above 0 and at most 1, not {distance}.")
    out = Path(out)
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"{out}: a manifest is a .csv or a .parquet file; name it so.")
    find_weights()  # an extra that is missing is named before anything is read
    table = load_source(source, manifest=manifest, progress=progress).manifest
    vectors, resumed = embed_faces(
        table["path"].tolist(), out.with_name(f".{out.stem}-faces.jsonl"), workers=workers, progress=progress
    )
    seen = np.flatnonzero(np.isfinite(vectors[:, 0]))
    if not seen.size:
        raise InputError(f"{source}: no face was found in {counted(len(table), 'file')}.")
    first, second, distances = close_pairs(vectors[seen], distance)
    first, second = seen[first], seen[second]
    names, largest = _name_groups(len(table), first, second)
    group = connected_groups(table.drop(columns="relatives", errors="ignore"))
    path = table["path"].to_numpy()
    pairs = pd.DataFrame(
        {"first": path[first], "second": path[second], "distance": distances, "news": group[first] != group[second]}
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out.with_name(f"{out.stem}-pairs.csv")) as file:
        pairs.to_csv(file, index=False, mode="wb", errors="surrogateescape", float_format="%.4f")
    if pairs["news"].any():
        with replacing(out.with_name(f"{out.stem}-pairs.png")) as file:
            pairs_sheet(pairs[pairs["news"]]).save(file, "PNG")
    write_manifest(table.assign(relatives=names), out)
    notes = (
        (
            f"The largest group of relatives holds {largest:,} of {len(table):,} files: unless they are frames of one "
            "person, faces were confused (small children, blur, masks). Look at the sheet, and lower the distance.",
        )
        if largest > max(_LARGE * len(table), 2)
        else ()
    )
    return Relatives(out, pairs, len(table), len(table) - seen.size, resumed, largest, notes)


def close_pairs(vectors: Array, distance: float) -> tuple[Array, Array, Array]:
    """Find all pairs of rows (n, d) that are closer than a Euclidean distance.

    Returns
    -------
    first, second : (pairs,) int64
        ``first < second``; the nearest pair first.
    distances : (pairs,) float64
    """
    index = NearestNeighbors(radius=distance, algorithm="brute").fit(vectors)
    graph = index.radius_neighbors_graph(mode="distance").tocoo()
    order = np.lexsort((graph.col, graph.row, graph.data))
    order = order[(graph.row < graph.col)[order] & (graph.data < distance)[order]]
    return graph.row[order].astype(np.int64), graph.col[order].astype(np.int64), graph.data[order]


def pairs_sheet(pairs: pd.DataFrame) -> Image.Image:
    """Draw the least certain pairs, four in a line, with their distances."""
    shown = pairs.sort_values("distance", ascending=False, kind="stable").head(_SHOWN)
    wide, high = 2 * _SIDE + 12, _SIDE + 20
    sheet = Image.new("RGB", (4 * wide, -(-len(shown) // 4) * high), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, row in enumerate(shown.itertuples()):
        left, top = number % 4 * wide, number // 4 * high
        draw.text((left + 2, top + 2), f"{row.distance:.3f}", fill="black", font=font)
        for k, path in enumerate((row.first, row.second)):
            sheet.paste(thumbnail(path, _SIDE), (left + k * _SIDE, top + 20))
    return sheet


def embed_faces(
    paths: list[str], journal: Path, *, workers: int | None = None, progress: bool = True
) -> tuple[Array, int]:
    """Compute the embedding of the largest face of each file.

    Parameters
    ----------
    paths : list of str
        Images and videos; of a video three frames are read, and their embeddings averaged.
    journal : Path
        Embeddings of finished files, taken from there unless the file has changed, and added to it.
    workers, progress
        As :func:`propose_relatives`.

    Returns
    -------
    vectors : (n, 128) float32
        NaN where no face is found, or the file cannot be read.
    resumed : int
        Files taken from the journal.
    """
    finished = _read_journal(journal)
    keys = [f"{path}, {file_state(path)}" for path in paths]
    vectors = np.full((len(paths), DIMENSIONS), np.nan, np.float32)
    for i, key in enumerate(keys):
        if finished.get(key):
            vectors[i] = finished[key]
    pending = [i for i, key in enumerate(keys) if key not in finished]
    tasks = [paths[i] for i in pending]
    n_workers = 1 if len(tasks) < 8 else workers or get_settings().workers
    found = map(_embed, tasks) if n_workers == 1 else map_processes(_embed, tasks, n_workers, _on_crash)
    resumed = len(paths) - len(pending)
    bar = tqdm(total=len(paths), initial=resumed, desc="Comparing faces", unit="file", disable=not progress)
    with bar, JournalWriter(journal) as file:
        for i, vector in zip(pending, found, strict=True):
            file.append([keys[i], vector])
            vectors[i] = vector or np.nan
            bar.update()
    return vectors, resumed


def _name_groups(n: int, first: Array, second: Array) -> tuple[Array, int]:
    """Name each connected set of rows; return the names (n,), empty for rows alone, and the largest set's size."""
    graph = coo_matrix((np.ones(len(first), bool), (first, second)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    sizes = np.bincount(component)[component]
    return np.where(sizes > 1, [f"face-{number}" for number in component], "").astype(object), int(sizes.max())


@functools.cache
def _tools() -> tuple[FaceDetector, FaceEmbedder]:
    return create_detector(threads=1), FaceEmbedder()


def _embed(path: str) -> list[float]:
    """Compute the embedding of a file's largest face, rounded to 1e-4; empty where there is none."""
    detector, embedder = _tools()
    vectors = []
    try:
        images = (frame.rgb for frame in read_frames(path, _FRAMES)) if is_video(path) else iter([read_image(path)])
        for rgb in images:
            faces = detector.detect(rgb)
            if faces:
                vectors.append(embedder(rgb, max(faces, key=lambda face: face.size)))
    except InputError:
        pass
    return [round(float(x), 4) for x in np.mean(vectors, axis=0)] if vectors else []


def _on_crash(path: str) -> list[float]:
    return []


def _read_journal(path: Path) -> dict[str, list[float]]:
    """Read what earlier calls finished; a line that an interruption cut off is ignored."""
    rows = read_rows(path, skip_damaged=True)
    return {key: vector for key, vector in rows if len(vector) in (0, DIMENSIONS)}
