"""Words that folders and columns use for labels and splits, and words that say nothing about either."""

from __future__ import annotations

import re

#: Words that name the role of a part. ``eval`` is the part that is scored, as in ASVspoof's train, dev and eval.
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "validating", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation", "evaluate", "evaluating"), "test"),
    **dict.fromkeys(("holdout", "heldout"), "test"),
}
#: Words that name a part whose role they leave open.
_PART_WORDS = frozenset(("fold", "folds", "kfold", "split", "splits", "partition", "partitions"))
#: Words that say something about a part, and nothing where no part is named beside them.
_PART_MARKS = frozenset(("public", "private", "final", "official", "hidden", "blind", "seen", "unseen"))
_JOINED = re.compile(r"(\w+?)(?:sets?|data|splits?|parts?|lists?|files?|images|videos|s)")
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
        Both empty unless every word of the name is one for a label, for a part of a split, a number, or filler.
    """
    labels = LABEL_WORDS | LOOSE_LABEL_WORDS if loose else LABEL_WORDS
    for words in (_plain_words(name), _camel_words(name)):
        found = {labels[word] for word in words if word in labels}
        splits = {role for word in words if (role := _role(word))}
        others = [word for word in words if word not in labels and word not in FILLER_WORDS and not _is_part(word)]
        if splits:
            others = [word for word in others if word not in _PART_MARKS]
        if words and not others and len(found) <= 1 and len(splits) <= 1:
            return next(iter(found), ""), next(iter(splits), "")
    return "", ""


def read_split(text: str) -> str:
    """Read the part that a cell or a name means, by the words that folders use; empty when it means none."""
    return folder_words(text)[1]


def is_unclear_split(name: str) -> bool:
    """Tell whether a name means a part of a split and leaves its role open: ``fold1``, ``split_2``, ``train_test``."""
    for words in (_plain_words(name), _camel_words(name)):
        others = [word for word in words if word not in FILLER_WORDS and word not in LABEL_WORDS]
        if others and all(map(_is_part, others)):
            return not read_split(name)
    return False


def _role(word: str) -> str:
    """Return the role that a word names: ``test``, ``tests``, ``testset`` and ``testdata`` name the same."""
    if word in SPLIT_WORDS:
        return SPLIT_WORDS[word]
    joined = _JOINED.fullmatch(word)
    return SPLIT_WORDS.get(joined.group(1), "") if joined else ""


def _is_part(word: str) -> bool:
    return word in _PART_WORDS or bool(_role(word))


def _plain_words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", re.sub(r"(hold|held)[\W_]+out", r"\1out", name.lower()))


def _camel_words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def names_nothing(name: str) -> bool:
    """Tell whether a folder's name is a number, a split, a compression level or filler: no source and no generator."""
    words = _plain_words(name)
    if not words or _COMPRESSION.fullmatch(name):
        return True
    return all(word in FILLER_WORDS or _is_part(word) for word in words) or bool(read_split(name))
