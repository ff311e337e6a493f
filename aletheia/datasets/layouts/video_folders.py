"""FaceForensics++ as it is passed on, a folder a method, and DeeperForensics: videos sorted by folders alone."""

from __future__ import annotations

from pathlib import PurePosixPath

from aletheia.datasets.layouts.file_label import FileLabel, Layout, video_key
from aletheia.datasets.layouts.people import actor_people, numbered_people
from aletheia.datasets.layouts.registry import register_tree_layout
from aletheia.datasets.layouts.tree import Tree
from aletheia.imaging.media_types import is_video

_METHODS = frozenset(("deepfakes", "face2face", "faceswap", "faceshifter", "neuraltextures", "deepfakedetection"))
_SOURCE, _MANIPULATED = "source_videos", "manipulated_videos"


def _video_below(parts: list[str], top: int) -> list[str]:
    """Return the path down to a video: the file, or the folder that its frames lie in; empty when there is none."""
    if is_video(parts[-1]):
        return [*parts[:-1], PurePosixPath(parts[-1]).stem]
    return parts[:-1] if len(parts) > top + 2 else []


@register_tree_layout("faceforensics++-by-method")
def _by_method(tree: Tree) -> Layout | None:
    """Read ``original/000.mp4`` beside two or more of ``{Deepfakes,Face2Face,FaceSwap,…}/000_003.mp4``.

    Rössler et al., "FaceForensics++", ICCV 2019, without its own folders; the files keep their names.
    """
    beside: dict[str, set[str]] = {}
    for folder in tree.folders():
        above, _, own = folder.rpartition("/")
        beside.setdefault(above.lower(), set()).add(own.lower())
    tops = {above for above, names in beside.items() if "original" in names and len(names & _METHODS) > 1}
    if not tops:
        return None

    def layout(parts: list[str], folder: str) -> FileLabel | None:
        for i, part in enumerate(parts[:-1]):
            if "/".join(parts[:i]).lower() in tops and part.lower() in ("original", *_METHODS):
                video = _video_below(parts, i)
                name = video[-1] if video else ""
                is_actor = part.lower() == "deepfakedetection"
                people = actor_people(name, "dfd") if is_actor else numbered_people(name, "ff")
                label = "real" if part.lower() == "original" else "fake"
                key = video_key(folder, video) if video else ""
                generator = part if label == "fake" else ""
                source = "deepfakedetection" if is_actor else "faceforensics++"
                return FileLabel(label, source, generator, "", key, people.identity, people.pair)
        return None

    return layout


@register_tree_layout("deeperforensics")
def _deeper_forensics(tree: Tree) -> Layout | None:
    """Read ``source_videos/<actor>/…`` and ``manipulated_videos/<perturbation>/000_<actor>.mp4``.

    Jiang et al., "DeeperForensics-1.0", CVPR 2020: videos of FaceForensics++ with the faces of paid actors. All are
    made by one method; the folders below say how they were perturbed.
    """
    tops = {part.lower() for file in tree.files for part in file.split("/")[:-1]}
    return _place_deeper if {_SOURCE, _MANIPULATED} <= tops else None


def _place_deeper(parts: list[str], folder: str) -> FileLabel | None:
    lower = [part.lower() for part in parts[:-1]]
    top = next((i for i, part in enumerate(lower) if part in (_SOURCE, _MANIPULATED)), None)
    if top is None:
        return None
    video = _video_below(parts, top)
    key = video_key(folder, video) if video else ""
    if lower[top] == _SOURCE:
        actor = f"deeperforensics-{lower[top + 1]}" if len(lower) > top + 1 else ""
        return FileLabel("real", "deeperforensics", "", "", key, actor)
    target, _, actor = (video[-1] if video else "").partition("_")
    pair = f"ff-{target}|deeperforensics-{actor.lower()}" if actor else ""
    return FileLabel("fake", "deeperforensics", "deeperforensics", "", key, "", pair)
