"""Data sets of single pictures: GenImage, the test sets of CNNDetection, 140k real and fake faces."""

from __future__ import annotations

import itertools

from aletheia.datasets.layouts.file_label import FileLabel
from aletheia.datasets.layouts.registry import register_layout
from aletheia.datasets.layouts.words import folder_words, names_nothing

#: Classes of LSUN that ProGAN drew for the training set of CNNDetection.
_LSUN = frozenset(
    (
        *("airplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
        *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
    )
)


@register_layout("genimage")
def _genimage(parts: list[str], folder: str) -> FileLabel | None:
    """Read ``<generator>/[…/]{train,val}/{ai,nature}/file`` (Zhu et al., "GenImage", NeurIPS 2023)."""
    folders = [part.lower() for part in parts[:-1]]
    for i, (split, kind) in enumerate(itertools.pairwise(folders)):
        if split in ("train", "val") and kind in ("ai", "nature"):
            generator = parts[0] if i else folder
            label = "fake" if kind == "ai" else "real"
            # Each generator brings photos of its own beside its fakes: the two together are one source.
            return FileLabel(label, f"genimage-{generator}", generator if label == "fake" else "", split)
    return None


@register_layout("cnndetection")
def _cnn_detection(parts: list[str], folder: str) -> FileLabel | None:
    """Read ``[<split>/][<generator>/][<class>/]{0_real,1_fake}/file``.

    Wang et al., "CNN-Generated Images Are Surprisingly Easy to Spot… for Now", CVPR 2020. Its training set has no
    folder for the generator, which is ProGAN, but one for each class of LSUN.
    """
    folders = [part.lower() for part in parts[:-1]]
    label = {"0_real": "real", "1_fake": "fake"}
    position = next((i for i, name in enumerate(folders) if name in label), None)
    if position is None:
        return None
    above = parts[:position]
    # "train" is a split at the top and a class of LSUN below it.
    split = next((words[1] for name in above[:1] if (words := folder_words(name))[1]), "")
    named = above[1:] if split else above
    generator = next((name for name in named if name.lower() in _LSUN or not names_nothing(name)), folder)
    generator = "progan" if generator.lower() in _LSUN or generator.lower() == "progan_train" else generator
    kind = label[folders[position]]
    return FileLabel(kind, f"cnndetection-{generator}", generator if kind == "fake" else "", split)


@register_layout("140k-real-and-fake-faces")
def _real_vs_fake(parts: list[str], folder: str) -> FileLabel | None:
    """Read ``real_vs_fake/real-vs-fake/{train,valid,test}/{real,fake}/file``.

    70,000 photos of FFHQ and 70,000 faces by StyleGAN, both at 256 pixels.
    """
    folders = [part.lower() for part in parts[:-1]]
    if not {"real-vs-fake", "real_vs_fake"} & {*folders, folder.lower()}:
        return None
    for upper, lower in itertools.pairwise(folders):
        (_, split), (label, _) = folder_words(upper), folder_words(lower)
        if split and label:
            generator = "stylegan" if label == "fake" else ""
            return FileLabel(label, "140k-real-and-fake-faces", generator, split)
    return None
