"""Words that folders and columns use for labels and splits, and words that say nothing about either."""

from __future__ import annotations

import re

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "trainset": "train",
    "trn": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "testset": "test",
    "tst": "test",
}
#: Words that name the label wherever they stand.
LABEL_WORDS = {"real": "real", "reals": "real", "fake": "fake", "fakes": "fake"}
#: Words that name the label where no folder of the path does so by the words above.
LOOSE_LABEL_WORDS = {
    "genuine": "real",
    "original": "real",
    "originals": "real",
    "authentic": "real",
    "pristine": "real",
    "bonafide": "real",
    "nature": "real",
    "deepfake": "fake",
    "deepfakes": "fake",
    "forged": "fake",
    "forgery": "fake",
    "manipulated": "fake",
    "synthetic": "fake",
    "synthesis": "fake",
    "generated": "fake",
    "ai": "fake",
    "spoof": "fake",
    "tampered": "fake",
}
#: Names of folders that sort files by kind and name neither a source nor a generator.
FILLER_WORDS = frozenset(
    (
        *("video", "videos", "frame", "frames", "image", "images", "img", "imgs", "picture", "pictures", "photo"),
        *("photos", "face", "faces", "crop", "crops", "cropped", "sequence", "sequences", "data", "dataset", "set"),
        *("sample", "samples", "extracted", "aligned", "raw"),
    )
)
_COMPRESSION = re.compile(r"c\d{1,2}|raw|hq|lq", re.IGNORECASE)


def folder_words(name: str, *, loose: bool = False) -> tuple[str, str]:
    """Read label and split from a folder's name, such as ``training_real``, ``0_real``, ``Valid`` or ``RealFaces``.

    Parameters
    ----------
    name : str
    loose : bool
        Also take :data:`LOOSE_LABEL_WORDS` for labels.

    Returns
    -------
    (str, str)
        Both empty unless every word of the name is one for a label, for a split, a number, or filler.
    """
    labels = LABEL_WORDS | LOOSE_LABEL_WORDS if loose else LABEL_WORDS
    for words in (re.findall(r"[a-z]+", name.lower()), _camel_words(name)):
        found = {labels[word] for word in words if word in labels}
        splits = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
        others = [word for word in words if word not in labels and word not in SPLIT_WORDS and word not in FILLER_WORDS]
        if words and not others and len(found) <= 1 and len(splits) <= 1:
            return next(iter(found), ""), next(iter(splits), "")
    return "", ""


def _camel_words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def names_nothing(name: str) -> bool:
    """Tell whether a folder's name is a number, a split, a compression level or filler: no source and no generator."""
    words = re.findall(r"[a-z]+", name.lower())
    if not words or _COMPRESSION.fullmatch(name):
        return True
    return all(word in FILLER_WORDS or word in SPLIT_WORDS for word in words)
