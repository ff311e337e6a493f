"""Spellings of a manifest from elsewhere: headers, labels, splits, groups and words for "not known".

Every change is noted.

The rules:

- A header is read whatever its case and blanks; common other names of a column are read where the column is missing.
- Words for "not known" (``nan``, ``unknown``, ``N/A``, ``none``, ``null``, ``-``, ``?`` …) are empty cells.
- Labels are read whatever their case. 0 means real and 1 fake, unless the column is called ``is_real``.
- Splits are read in their usual spellings (``Training``, ``valid``, ``dev`` …).
- Spellings of a source, a generator or a group that differ in case, blanks, ``-`` and ``_`` only are one, the most
  frequent; for gender, ``m``, ``man``, ``f``, ``woman`` … are read, too. Names of people and videos keep their case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.datasets.layouts.words import LABEL_WORDS, LOOSE_LABEL_WORDS, SPLIT_WORDS
from aletheia.datasets.schema import DEMOGRAPHICS, FLAG_COLUMNS, GROUP_COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS, as_text

UNKNOWN = frozenset(
    (
        *("nan", "na", "n/a", "n.a.", "#n/a", "<na>", "none", "null", "nil", "unknown", "unk", "undefined", "missing"),
        *("not known", "not available", "-", "--", "–", "—", "?", "??"),
    )
)
#: Other names of columns, used where the column itself is missing.
_OTHER_NAMES = {
    "path": ("file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img_path"),
    "label": ("class", "target", "is_fake", "is_real", "fake", "category"),
    "split": ("set", "subset", "partition"),
    "identity": ("person", "person_id", "subject", "subject_id", "identity_id"),
    "video": ("video_id", "video_name", "clip", "clip_id"),
    "generator": ("method", "manipulation"),
    "gender": ("sex",),
}
_LABELS = {**LABEL_WORDS, **LOOSE_LABEL_WORDS}
_BITS = {"0": "real", "0.0": "real", "false": "real", "1": "fake", "1.0": "fake", "true": "fake"}
_OPPOSITE = {"real": "fake", "fake": "real"}
_GENDERS = {
    **dict.fromkeys(("m", "male", "man", "men", "boy"), "male"),
    **dict.fromkeys(("f", "female", "woman", "women", "girl", "w"), "female"),
}
#: Columns of text that are no path; ``original`` connects rows, as those of people do.
_TEXTS = (*(name for name in TEXT_COLUMNS if name != "path"), "original")
_SHOWN = 4


def normalise_spelling(df: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Bring the spellings of a manifest into those of the schema.

    What cannot be read stays as it is, for :func:`aletheia.datasets.validation.validate_manifest` to name it.

    Returns
    -------
    DataFrame
        A shallow copy.
    list of str
        What was changed, one sentence each.
    """
    if df.columns.has_duplicates:  # validation refuses it
        return df, []
    df, notes, inverted = _rename(df)
    columns = {name: _mapped(as_text(df[name]), _trimmed) for name in _TEXTS if name in df}
    notes += _clear_unknown(columns)
    for name in (*NUMBER_COLUMNS, *FLAG_COLUMNS):
        if name in df and df[name].dtype == object:
            columns[name] = _mapped(as_text(df[name]), _known)
    if "label" in columns:
        notes += _read_labels(columns, inverted)
    for name, words in (("split", SPLIT_WORDS), ("gender", _GENDERS)):
        if name in columns:
            notes += _translate(columns, name, words)
    for name in ("source", "generator", *DEMOGRAPHICS):
        if name in columns:
            notes += _merge(columns, name)
    return df.assign(**columns), notes


def _trimmed(value: str) -> str:
    return unicodedata.normalize("NFC", value).strip()


def _known(value: str) -> str:
    return "" if value.strip().lower() in UNKNOWN else value


def _clear_unknown(columns: dict[str, Array]) -> list[str]:
    """Empty the cells that hold a word for "not known", in place."""
    notes = []
    for name in ("source", "generator", "split", *GROUP_COLUMNS, "original", *DEMOGRAPHICS):
        if name in columns:
            known = _mapped(columns[name], _known)
            count = int((known != columns[name]).sum())
            columns[name] = known
            if count:
                cells = f"{count:,} cells of the column {name!r} hold"
                notes.append(f"{cells} a word for “not known” and were read as empty.")
    return notes


def _rename(df: pd.DataFrame) -> tuple[pd.DataFrame, list[str], bool]:
    """Rename columns to those of the schema; also whether labels say ``is_real``."""
    known = (*TEXT_COLUMNS, *NUMBER_COLUMNS, *FLAG_COLUMNS)
    names = [str(name) for name in df.columns]
    plain = {re.sub(r"[\s-]+", "_", name.strip().lower()): name for name in reversed(names)}
    renamed: dict[str, str] = {}
    for name in known:
        if name in names:
            continue
        spelled = next((plain[other] for other in (name, *_OTHER_NAMES.get(name, ())) if other in plain), None)
        if spelled is not None and spelled not in known and spelled not in renamed:
            renamed[spelled] = name
    inverted = renamed.get(plain.get("is_real", "")) == "label"
    notes = [f"The column {old!r} was read as {new!r}." for old, new in renamed.items()]
    return df.rename(columns=renamed) if renamed else df.copy(deep=False), notes, inverted


def _mapped(values: Array, change: Callable[[str], str]) -> Array:
    """Apply a function to each distinct value."""
    codes, distinct = pd.factorize(values)
    changed: Array = np.array([change(value) for value in distinct], dtype=object)
    return changed[codes] if len(changed) else values


def _read_labels(columns: dict[str, Array], inverted: bool) -> list[str]:
    """Read the labels, in place, and clear the word for "original" from the generators of real rows."""
    values = columns["label"]
    is_bits = all(value.lower() in _BITS for value in pd.unique(values))
    if is_bits:
        labels = {bit: _OPPOSITE[label] if inverted else label for bit, label in _BITS.items()}
        columns["label"] = _mapped(values, lambda value: labels[value.lower()])
        rule = "1 as real and 0 as fake" if inverted else "0 as real and 1 as fake"
        notes = [f"The labels are numbers; {rule}. If they mean the opposite, write the words."]
    else:
        notes = _translate(columns, "label", _LABELS)
    if "generator" in columns:
        generators = columns["generator"]
        is_plain = _mapped(generators, lambda value: "" if _LABELS.get(value.lower()) == "real" else value)
        cleared = (columns["label"] == "real") & (is_plain != generators)
        if cleared.any():
            columns["generator"] = np.where(cleared, "", generators)
            notes.append(f"The generator of {int(cleared.sum()):,} real rows only says that they are real: cleared.")
    return notes


def _translate(columns: dict[str, Array], name: str, words: dict[str, str]) -> list[str]:
    values = columns[name]
    columns[name] = _mapped(values, lambda value: words.get(value.lower(), value))
    return _merge_note(name, values, columns[name])


def _merge(columns: dict[str, Array], name: str) -> list[str]:
    """Merge values that differ in case, blanks, hyphens and underscores only, to the most frequent spelling."""
    values = columns[name]
    counts = pd.Series(values).value_counts(sort=False)
    best: dict[str, str] = {}
    for value, count in counts.items():
        key = re.sub(r"[\s_-]+", " ", str(value)).casefold()
        if key not in best or count > counts[best[key]]:
            best[key] = str(value)
    columns[name] = _mapped(values, lambda value: best[re.sub(r"[\s_-]+", " ", value).casefold()])
    return _merge_note(name, values, columns[name])


def _merge_note(name: str, old: Array, new: Array) -> list[str]:
    changed = old != new
    if not changed.any():
        return []
    pairs = pd.Series(list(zip(old[changed], new[changed], strict=True))).drop_duplicates()
    shown = ", ".join(f"{a!r} as {b!r}" for a, b in pairs[:_SHOWN])
    more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    return [f"Spellings in the column {name!r} were merged: {shown}{more}."]
