"""Write the frames of videos as pictures with a manifest, so that they can be looked at, labelled and shared."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write, file_state, replacing
from aletheia.core.journal import JournalWriter, read_rows
from aletheia.core.parallel import map_processes
from aletheia.core.paths import check_is_local, is_inside
from aletheia.core.progress import tqdm
from aletheia.core.settings import get_settings
from aletheia.core.wording import counted
from aletheia.datasets.grouping import with_grouping
from aletheia.datasets.layouts.registry import describe_tree
from aletheia.datasets.layouts.tree import Tree, list_media
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.validation import validate_manifest
from aletheia.imaging.frame_times import frame_index, frame_times
from aletheia.imaging.media_types import is_video
from aletheia.imaging.video import read_frames

MANIFEST, SKIPPED, JOURNAL = "manifest.csv", "skipped.csv", ".frames.jsonl"
#: What is carried over from the video to its frames, where it is known.
_CARRIED = ("label", "source", "generator", "split", "identity", "pair", "grouping")
_MOST_FRAMES = 10_000  # of one video, the limit of read_frames
_SECONDS = 3600.0  # for one video


@dataclasses.dataclass(frozen=True)
class Written:
    """Result of :func:`write_frames`.

    Attributes
    ----------
    manifest : Path
        One row a frame: ``path``, ``video``, ``frame_index`` (from 0 on), ``frame_time`` (seconds), and what is known
        of the video: label, source, generator, split, identity, pair.
    videos, frames : int
        Videos that were read, frames in the manifest.
    resumed : int
        Videos that an earlier call had finished.
    skipped : list of (str, str)
        Path and reason of the videos that cannot be read; also in ``skipped.csv``.
    labelled : bool
        Whether labels are known, which the manifest needs to be a source.
    """

    manifest: Path
    videos: int
    frames: int
    resumed: int
    skipped: list[tuple[str, str]]
    labelled: bool


@dataclasses.dataclass(frozen=True)
class _Writer:
    """Writes the frames of one video into a folder; travels to other processes."""

    every: int
    count: int

    def __call__(self, task: tuple[str, str]) -> list[tuple[str, int, float]] | str:
        """Write the frames; return name, index and time of each, or why the video cannot be read."""
        path, folder = task
        try:
            frames = self._every(path) if self.every else self._count(path)
            written = []
            for index, time, rgb in frames:
                name = f"{index:06d}.png"
                with replacing(Path(folder) / name) as file:
                    Image.fromarray(rgb).save(file, "PNG", compress_level=3)
                written.append((name, index, round(time, 6)))
        except InputError as error:
            return str(getattr(error, "reason", error))
        return written

    def _every(self, path: str) -> Iterator[tuple[int, float, Any]]:
        # Moments that lie closer together than the frames: each frame comes once.
        for index, frame in enumerate(read_frames(path, _MOST_FRAMES, max_seconds=_SECONDS)):
            if index == _MOST_FRAMES - 1:
                raise InputError(f"has more than {_MOST_FRAMES - 1:,} frames; cut it, or use --count")
            if index % self.every == 0:
                yield index, frame.time, frame.rgb

    def _count(self, path: str) -> Iterator[tuple[int, float, Any]]:
        times = frame_times(path)
        for number, frame in enumerate(read_frames(path, self.count, max_seconds=_SECONDS)):
            index = frame_index(times, frame.time)
            yield (number if index < 0 else index), frame.time, frame.rgb


def _on_crash(task: tuple[str, str]) -> list[tuple[str, int, float]] | str:
    return "the process that read it died"


def write_frames(
    source: str | Path,
    out: str | Path,
    *,
    every: int = 0,
    count: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Written:
    """Write frames of all videos of a folder or a manifest as PNG.

    Frames of the video ``a/b.mp4`` become ``a/b/<index>.png``, upright. A call that was interrupted, or is repeated,
    continues: videos that were finished with the same settings are not read again.

    Parameters
    ----------
    source : path
        A folder of videos, in a layout or not; a manifest; or one video.
    out : path
        Folder to write to, with ``manifest.csv`` and ``skipped.csv``.
    every : int
        Take each so many-th frame, the first included (videos of up to 9,999 frames).
    count : int
        Take so many, evenly spread.
    workers : int, optional
        Processes; by default the setting ``ALETHEIA_WORKERS``.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        When not one of `every` and `count` is given, there are no videos, or none of them can be read.
    """
    if bool(every) == bool(count) or min(every, count) < 0 or count > _MOST_FRAMES:
        raise InputError(f"Give either every (from 1 on) or count (1 to {_MOST_FRAMES:,}).")
    source, out = Path(source), Path(out).resolve()
    videos, root, skipped = _find_videos(source)
    folders = _folders(videos["path"].tolist(), root)
    settings = f"every {every}" if every else f"count {count}"
    finished = _read_journal(out / JOURNAL)
    keys = [f"{settings}, {file_state(path)}" for path in videos["path"]]
    results: list[list[tuple[str, int, float]] | str | None] = [
        _still_there(finished.get(f"{folder}\0{key}"), out / folder) for folder, key in zip(folders, keys, strict=True)
    ]
    pending = [i for i, result in enumerate(results) if result is None]
    resumed = len(results) - len(pending)
    tasks = [(str(videos["path"].iloc[i]), str(out / folders[i])) for i in pending]
    out.mkdir(parents=True, exist_ok=True)
    n_workers = 1 if len(tasks) < 4 else workers or get_settings().workers
    writer = _Writer(every, count)
    found = map(writer, tasks) if n_workers == 1 else map_processes(writer, tasks, n_workers, _on_crash)
    bar = tqdm(total=len(results), initial=resumed, desc="Writing frames", unit="video", disable=not progress)
    with bar, JournalWriter(out / JOURNAL) as journal:
        for i, result in zip(pending, found, strict=True):
            results[i] = result
            if not isinstance(result, str):
                journal.append([folders[i], keys[i], result])
            bar.update()
    rows, bad = _tabulate(videos, folders, [result or [] for result in results])
    skipped += bad
    _write_table(out / SKIPPED, pd.DataFrame(skipped, columns=["path", "reason"]))
    if rows.empty:
        first = f" The first: {skipped[0][0]}: {skipped[0][1]}." if skipped else ""
        raise InputError(f"{source}: of {counted(len(videos), 'video')} none can be read.{first}")
    _write_table(out / MANIFEST, rows)
    return Written(out / MANIFEST, rows["video"].nunique(), len(rows), resumed, skipped, "label" in rows)


def _find_videos(source: Path) -> tuple[pd.DataFrame, str, list[tuple[str, str]]]:
    """List the videos with what is known of them, their folder, and the other files."""
    check_is_local(source)
    if source.is_dir():
        files, skipped = list_media(source)
        videos = [file for file in files if is_video(file)]
        root = source.resolve().as_posix().rstrip("/")
        table = _describe(source, videos, root)
        real = os.path.realpath(source)
        inside = np.array([is_inside(path, real, follow_links=True) for path in table["path"]], dtype=bool)
        skipped = [(path, reason) for path, reason in skipped if "is a link" in reason]
        skipped += [(path, "is a link that leads out of the folder") for path in table["path"][~inside]]
        table = table[inside].reset_index(drop=True)
    elif source.is_file() and is_video(source):
        root, skipped = source.resolve().parent.as_posix(), []
        table = pd.DataFrame({"path": [source.resolve().as_posix()]})
    elif source.is_file():
        root, skipped = source.resolve().parent.as_posix(), []
        stated = read_manifest(source)
        stated, _ = with_grouping(stated[stated["path"].map(is_video)].reset_index(drop=True), root, stated=True)
        table = stated
    else:
        raise InputError(f"{source}: there is no such folder, manifest or video.")
    if table.empty:
        raise InputError(f"{source}: there are no videos. Frames that are pictures already need not be written out.")
    return table, root, skipped


def _describe(source: Path, videos: list[str], root: str) -> pd.DataFrame:
    """Ask the layouts about videos; without an answer their labels stay unknown."""
    if not videos:
        return pd.DataFrame(columns=["path"])
    try:
        rows = pd.DataFrame(describe_tree(Tree(source, videos)).rows)
    except InputError:
        return pd.DataFrame({"path": [f"{root}/{video}" for video in videos]})
    table = validate_manifest(rows.assign(path=[f"{root}/{path}" for path in rows["path"]]))
    table, _ = with_grouping(table, root, stated=False)
    others = sorted(set(videos) - set(rows["path"]))
    return pd.concat([table, pd.DataFrame({"path": [f"{root}/{video}" for video in others]})], ignore_index=True)


def _folders(paths: list[str], root: str) -> list[str]:
    """Name a folder for the frames of each video: its place without the suffix, which is kept where two would meet."""
    places = [path.removeprefix(f"{root}/").lstrip("/") for path in paths]
    stems = [PurePosixPath(place).with_suffix("").as_posix() for place in places]
    counts = Counter(stems)
    return [place if counts[stem] > 1 else stem for place, stem in zip(places, stems, strict=True)]


def _read_journal(path: Path) -> dict[str, list[tuple[str, int, float]]]:
    """Read what earlier calls finished; lines that an interruption cut off are ignored."""
    return {
        f"{folder}\0{key}": [(str(name), int(index), float(time)) for name, index, time in frames]
        for folder, key, frames in read_rows(path, skip_damaged=True)
    }


def _still_there(frames: list[tuple[str, int, float]] | None, folder: Path) -> list[tuple[str, int, float]] | None:
    if frames is None or not all((folder / name).is_file() for name, _, _ in frames):
        return None
    return frames


def _tabulate(
    videos: pd.DataFrame, folders: list[str], results: list[list[tuple[str, int, float]] | str]
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Make one row a frame, and one a video that cannot be read."""
    rows: list[dict[str, Any]] = []
    skipped: list[tuple[str, str]] = []
    known = [name for name in _CARRIED if name in videos.columns and videos[name].fillna("").ne("").any()]
    for video, folder, result in zip(videos.to_dict("records"), folders, results, strict=True):
        if isinstance(result, str):
            skipped.append((str(video["path"]), result))
            continue
        carried = {name: video[name] for name in known}
        name = video.get("video") or folder
        rows += [
            {"path": f"{folder}/{file}", **carried, "video": name, "frame_index": index, "frame_time": time}
            for file, index, time in result
        ]
    return pd.DataFrame(rows), skipped


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with atomic_write(path) as file:
        table.to_csv(file, index=False, mode="wb", errors="surrogateescape")
