"""WildDeepfake and UADFV: folders of numbered frames under folders for label and split."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from aletheia.datasets.layouts.file_label import FileLabel, Layout, video_key
from aletheia.datasets.layouts.registry import register_layout, register_tree_layout
from aletheia.datasets.layouts.tree import Tree
from aletheia.datasets.layouts.words import folder_words, names_nothing
from aletheia.imaging.media_types import is_video

_UADFV_FAKE = re.compile(r"(\d+)_fake", re.IGNORECASE)


@register_layout("wilddeepfake")
def _wild_deepfake(parts: list[str], folder: str) -> FileLabel | None:
    """Read ``{real,fake}_{train,test}/[…/]<video>/{real,fake}/[<sequence>/]n.png``.

    Zi et al., "WildDeepfake", ACM Multimedia 2020. The sequences of one video stay together.
    """
    for i, name in enumerate(parts[:-3]):
        label, split = folder_words(name)
        if not (label and split):
            continue
        inner = next((k for k in range(i + 2, len(parts) - 1) if parts[k].lower() == label), None)
        if inner is not None and parts[inner - 1].isdigit():
            return FileLabel(label, "wilddeepfake", split=split, video=video_key(folder, parts[:inner]))
    return None


@register_tree_layout("uadfv")
def _uadfv(tree: Tree) -> Layout | None:
    """Read ``real/[frames/]0000[.mp4]`` and ``fake/[frames/]0000_fake[.mp4]``, a fake beside its original.

    Yang, Li & Lyu, "Exposing Deep Fakes Using Inconsistent Head Poses", ICASSP 2019.
    """
    named = (_uadfv_name(file.split("/")) for file in tree.files)
    if not any(name and label == "fake" and _UADFV_FAKE.fullmatch(name[-1]) for label, name in named):
        return None
    return _place_uadfv


def _uadfv_name(parts: list[str]) -> tuple[str, list[str]]:
    """Find the label, and the path down to the video; both empty where there is none."""
    top = next((i for i, part in enumerate(parts[:-1]) if part.lower() in ("real", "fake")), None)
    if top is None:
        return "", []
    if is_video(parts[-1]):
        return parts[top].lower(), [*parts[:-1], PurePosixPath(parts[-1]).stem]
    below = [i for i in range(top + 1, len(parts) - 1) if parts[i].isdigit() or not names_nothing(parts[i])]
    return parts[top].lower(), parts[: below[0] + 1] if below else []


def _place_uadfv(parts: list[str], folder: str) -> FileLabel | None:
    label, video = _uadfv_name(parts)
    if not video:
        return None
    match = _UADFV_FAKE.fullmatch(video[-1])
    number = match.group(1) if match else video[-1]
    if not number.isdigit():
        return None
    generator = "fakeapp" if label == "fake" else ""
    return FileLabel(label, "uadfv", generator, video=video_key(folder, video), pair=f"uadfv-{number}")
