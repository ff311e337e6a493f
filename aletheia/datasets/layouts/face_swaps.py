"""FaceForensics++, Celeb-DF, DF40 and DeeperForensics: videos or their frames, people in the names, lists of splits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from aletheia.datasets.layouts.file_label import FileLabel, Layout, video_key
from aletheia.datasets.layouts.people import actor_people, celeb_people, numbered_people
from aletheia.datasets.layouts.registry import register_tree_layout
from aletheia.datasets.layouts.tree import Tree
from aletheia.datasets.layouts.words import folder_words, names_nothing
from aletheia.imaging.media_types import is_video

_NO_PICTURES = frozenset(("masks", "mask", "landmarks", "metadata"))
_CELEB_CLASSES = {"celeb-real": "real", "youtube-real": "real", "celeb-synthesis": "fake"}
_CELEB_VIDEO = re.compile(r"(?:id\d+_){1,2}\d{4}|\d{5}", re.IGNORECASE)
_DF40_SOURCES = {"ff": "faceforensics++", "cdf": "celeb-df"}
CELEB_LIST = "List_of_testing_videos.txt"


def video_parts(parts: list[str], top: int) -> list[str]:
    """Return the part of a path down to its video: the file's, or the folder of frames that it lies in below `top`."""
    if is_video(parts[-1]):
        return [*parts[:-1], PurePosixPath(parts[-1]).stem]
    below = [i for i in range(top + 1, len(parts) - 1) if not re.fullmatch(r"c\d+|raw", parts[i])]
    named = [i for i in below if not names_nothing(parts[i]) or re.fullmatch(r"\d+(_\d+)*", parts[i])]
    return parts[: named[0] + 1] if named else []


@register_tree_layout("faceforensics++")
def _face_forensics(tree: Tree) -> Layout | None:
    """Read ``{original,manipulated}_sequences/<method>/<compression>/{videos,frames,…}/…`` and the pairs of each split.

    Rössler et al., "FaceForensics++", ICCV 2019. Files of a name such as ``033_097`` show the person of video 033 with
    the face of 097; ``train.json``, ``val.json`` and ``test.json`` (beside the folders or in ``splits/``) list pairs.
    """
    if not any("original_sequences" in file or "manipulated_sequences" in file for file in tree.files):
        return None
    splits = _pair_splits(tree)

    def layout(parts: list[str], folder: str) -> FileLabel | None:
        return _place_face_forensics(parts, folder, splits)

    return layout


def _pair_splits(tree: Tree) -> dict[str, str]:
    """Read the split of each original of FaceForensics++ from its lists of pairs, where there are any."""
    splits: dict[str, str] = {}
    for folder in _list_folders(tree, ("original_sequences", "manipulated_sequences")):
        for split in ("train", "val", "test"):
            pairs = tree.read_json(f"{folder}{split}.json")
            if pairs is None:
                continue
            if isinstance(pairs, list) and all(isinstance(pair, list) for pair in pairs):
                splits.update({str(name): split for pair in pairs for name in pair})
            else:
                tree.notes.append(f"{folder}{split}.json is no list of pairs and is not used.")
    return splits


def _list_folders(tree: Tree, below: tuple[str, ...]) -> Iterator[str]:
    """Yield the folders, with a slash behind, in which the lists of a data set may lie."""
    tops = {""} | {file.partition(f"{name}/")[0] for file in tree.files for name in below if f"{name}/" in file}
    for top in sorted(tops):
        for extra in ("", "splits/", "dataset/splits/", "lists/splits/"):
            if (tree.folder / top / extra).is_dir():
                yield f"{top}{extra}"


def _place_face_forensics(parts: list[str], folder: str, splits: dict[str, str]) -> FileLabel | None:
    lower = [part.lower() for part in parts]
    top = next((i for i, part in enumerate(lower) if part in ("original_sequences", "manipulated_sequences")), None)
    if top is None or top + 2 > len(parts) - 1 or _NO_PICTURES & set(lower):
        return None
    collection, video = parts[top + 1], video_parts(parts, top + 1)
    name = video[-1] if video else ""
    is_actor = collection.lower() in ("actors", "deepfakedetection")
    people = actor_people(name, "dfd") if is_actor else numbered_people(name, "ff")
    split = "" if is_actor else splits.get(name.split("_")[0], "")
    source = "deepfakedetection" if is_actor else "faceforensics++"
    key = video_key(folder, video) if video else ""
    is_real = lower[top] == "original_sequences"
    generator = "" if is_real else collection
    return FileLabel("real" if is_real else "fake", source, generator, split, key, people.identity, people.pair)


@register_tree_layout("celeb-df")
def _celeb_df(tree: Tree) -> Layout | None:
    """Read ``{Celeb-real,Celeb-synthesis,YouTube-real}/…`` and ``List_of_testing_videos.txt``.

    Li et al., "Celeb-DF", CVPR 2020. A file ``id0_id1_0000`` shows person 0 with the face of person 1. Videos that the
    list does not name are for training.
    """
    if not any(part.lower() in _CELEB_CLASSES for file in tree.files for part in file.split("/")[:-1]):
        return None
    tests = _celeb_tests(tree)

    def layout(parts: list[str], folder: str) -> FileLabel | None:
        return _place_celeb(parts, folder, tests)

    return layout


def _celeb_tests(tree: Tree) -> set[str] | None:
    """Read the test videos, ``class/name`` in lower case without suffix; None where there is no list."""
    tops = {file[: match.start()] for file in tree.files if (match := _celeb_class(file))}
    tests: set[str] = set()
    is_listed = False
    for top in sorted({"", *tops}):
        for line in tree.read_lines(f"{top}{CELEB_LIST}") or ():
            is_listed = True
            tests.add(str(PurePosixPath(line.split()[-1].lower()).with_suffix("")))
    return tests if is_listed else None


def _celeb_class(file: str) -> re.Match[str] | None:
    return re.search(r"(?<![^/])(celeb-real|youtube-real|celeb-synthesis)/", file, re.IGNORECASE)


def _place_celeb(parts: list[str], folder: str, tests: set[str] | None) -> FileLabel | None:
    top = next((i for i, part in enumerate(parts[:-1]) if part.lower() in _CELEB_CLASSES), None)
    if top is None or _NO_PICTURES & {part.lower() for part in parts}:
        return None
    kind = parts[top].lower()
    video = video_parts(parts, top)
    if not video and (match := _CELEB_VIDEO.match(parts[-1])):
        video = [*parts[:-1], match.group()]  # frames of all videos in one folder
    name = video[-1] if video else ""
    split = "" if tests is None else "test" if f"{kind}/{name.lower()}" in tests else "train"
    source = "celeb-df-youtube" if kind == "youtube-real" else "celeb-df"
    people = celeb_people(name, "celeb-df")
    label = _CELEB_CLASSES[kind]
    generator = "celeb-synthesis" if label == "fake" else ""
    key = video_key(folder, video) if video else ""
    return FileLabel(label, source, generator, split, key, people.identity, people.pair)


@register_tree_layout("df40")
def _df40(tree: Tree) -> Layout | None:
    """Read ``<method>/{ff,cdf}/frames/<video>/n.png``, made from the genuine videos of FaceForensics++ and Celeb-DF.

    Yan et al., "DF40", NeurIPS 2024. Its training set, ``<method>/frames/000_003/n.png``, is of FaceForensics++. The
    methods of unknown origin bring genuine pictures of their own: ``<method>/{real,fake}/…``.
    """
    if not any(_df40_source(parts) or _df40_training(parts) for parts in (file.split("/") for file in tree.files)):
        return None
    splits, tests = _pair_splits(tree), _celeb_tests(tree)

    def layout(parts: list[str], folder: str) -> FileLabel | None:
        return _place_df40(parts, folder, splits, tests)

    return layout


def _df40_source(parts: list[str]) -> int:
    """Find the folder ``ff`` or ``cdf`` below that of a method; 0 when there is none."""
    for i, part in enumerate(parts[:-1]):
        if i and part.lower() in _DF40_SOURCES and not folder_words(parts[i - 1])[0]:
            return i
    return 0


def _df40_training(parts: list[str]) -> int:
    """Find the folder ``frames`` between that of a method and that of a swapped video; 0 when there is none."""
    for i in range(1, len(parts) - 2):
        is_swap = re.fullmatch(r"\d{3}_\d{3}", parts[i + 1])
        if parts[i].lower() == "frames" and is_swap and not names_nothing(parts[i - 1]):
            return 0 if any(folder_words(part)[0] for part in parts[:i]) else i
    return 0


def _place_df40(parts: list[str], folder: str, splits: dict[str, str], tests: set[str] | None) -> FileLabel | None:
    if _NO_PICTURES & {part.lower() for part in parts}:
        return None
    top = _df40_source(parts) or _df40_training(parts)
    if not top:
        top = next((i for i, part in enumerate(parts[:-1]) if i and part.lower() in ("real", "fake")), 0)
        if not top:
            return None
        label, method, video = parts[top].lower(), parts[top - 1], video_parts(parts, top)
        key = video_key(folder, video) if video else ""
        return FileLabel(label, f"df40-{method}", method if label == "fake" else "", "", key)
    origin, video = parts[top].lower(), video_parts(parts, top)
    origin = "ff" if origin == "frames" else origin
    name = video[-1] if video else ""
    people = numbered_people(name, "ff") if origin == "ff" else celeb_people(name, "celeb-df")
    # A fake without a donor belongs to the person that it was made from.
    split = splits.get(name.split("_")[0], "") if origin == "ff" else ""
    if origin == "cdf" and tests is not None and name:
        split = "test" if any(test.endswith(f"/{name.lower()}") for test in tests) else ""
    key = video_key(folder, video) if video else ""
    return FileLabel("fake", _DF40_SOURCES[origin], parts[top - 1], split, key, people.identity, people.pair)
