"""Spellings of a manifest from elsewhere: headers, labels, splits, groups and words for "not known".

Every change is noted.

The rules:

- A header is read whatever its case and blanks; common other names of a column are read where the column is missing.
- Words for "not known" (``nan``, ``unknown``, ``N/A``, ``none``, ``null``, ``-``, ``?`` …) are empty cells.
- Labels are read whatever their case. 0 means real and 1 fake, unless the column is called ``is_real``.
- Splits are read by the words that folders use (``Training``, ``dev``, ``hold-out`` …); ``fold1`` has no known role.
- Spellings of a source, a generator or a group that differ in case, blanks, ``-`` and ``_`` only are one, the most
  frequent; for gender, ``m``, ``man``, ``f``, ``woman`` … are read, too.
- Names of people and of videos that differ in case and blanks only are one, in ``pair`` as well.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from aletheia.core.arrays import Array
from aletheia.datasets.groups import PAIR_SEPARATOR
from aletheia.datasets.layouts.words import LABEL_WORDS, LOOSE_LABEL_WORDS, is_unclear_split, read_split
from aletheia.datasets.schema import DEMOGRAPHICS, FLAG_COLUMNS, GROUP_COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS, as_text
from aletheia.stats.categorical import first_rows

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


class _Texts:
    """A column of text: its distinct values in order of their first rows, and each row's place among them.

    Attributes
    ----------
    values : np.ndarray
        (k,) distinct str objects.
    codes : np.ndarray
        (n,) 0 to k - 1, the smallest whole numbers that hold k.
    """

    def __init__(self, codes: Array, values: Array) -> None:
        first = first_rows(codes, len(values))
        order = np.argsort(first, kind="stable")[: int((first < len(codes)).sum())]
        place = np.zeros(len(values), dtype=np.min_scalar_type(-len(values) - 1))
        place[order] = np.arange(len(order))
        self.codes, self.values = place[codes], values[order]

    @classmethod
    def of(cls, column: pd.Series) -> _Texts:
        """Read a column of any type; a missing value is an empty text."""
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes, categories = column.cat.codes.to_numpy().astype(np.int32), as_text(pd.Series(column.cat.categories))
            codes[codes < 0] = len(categories)
            distinct, values = pd.factorize(np.append(categories, "").astype(object))
            return cls(distinct.astype(np.int32)[codes], values)
        return cls(*pd.factorize(as_text(column, copy=False)))

    def mapped(self, change: Callable[[str], str]) -> _Texts:
        """Apply a function to each distinct value."""
        changed: Array = np.array([change(value) for value in self.values], dtype=object)
        if (changed == self.values).all():
            return self
        distinct, values = pd.factorize(changed)
        return _Texts(distinct[self.codes], values)

    def counts(self) -> Array:
        """Count the rows of each value."""
        return np.bincount(self.codes, minlength=len(self.values))

    def cleared(self, rows: Array) -> _Texts:
        """Empty the marked rows."""
        codes = np.where(rows, len(self.values), self.codes)
        distinct, values = pd.factorize(np.append(self.values, "").astype(object))
        return _Texts(distinct[codes], values)

    def column(self, compact: bool) -> Any:
        """Return the column as pandas keeps it: a categorical, or str objects of which equal ones are shared."""
        if compact:
            return pd.Categorical.from_codes(self.codes, self.values)
        return self.values[self.codes]


def normalise_spelling(df: pd.DataFrame, *, compact: bool = False) -> tuple[pd.DataFrame, list[str]]:
    """Bring the spellings of a manifest into those of the schema.

    What cannot be read stays as it is, for :func:`aletheia.datasets.validation.validate_manifest` to name it.

    Parameters
    ----------
    df : DataFrame
    compact : bool
        Return categoricals, not objects, for all texts but the path.

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
    columns = {name: _Texts.of(df[name]).mapped(_trimmed) for name in _TEXTS if name in df}
    notes += _clear_unknown(columns)
    if "label" in columns:
        notes += _read_labels(columns, inverted)
    if "split" in columns:
        notes += _read_splits(columns)
    if "gender" in columns:
        notes += _translate(columns, "gender", _GENDERS)
    for name in ("source", "generator", *DEMOGRAPHICS):
        if name in columns:
            notes += _merge(columns, name)
    notes += _merge_names(columns, ("identity", "pair"))
    notes += _merge_names(columns, ("video", "original"))
    for name in (*NUMBER_COLUMNS, *FLAG_COLUMNS):
        if name in df and df[name].dtype == object:
            df[name] = _Texts.of(df[name]).mapped(_known).column(compact=False)
    for name in list(columns):  # one after another, so that each column is there twice only for a moment
        df[name] = columns.pop(name).column(compact)
    return df, notes


def _trimmed(value: str) -> str:
    return unicodedata.normalize("NFC", value).strip()


def _known(value: str) -> str:
    plain = value.strip().lower()
    return "" if plain in UNKNOWN or plain.strip("()[]{}<>").strip() in UNKNOWN else value


def _clear_unknown(columns: dict[str, _Texts]) -> list[str]:
    """Empty the cells that hold a word for "not known", in place."""
    notes = []
    for name in ("source", "generator", "split", *GROUP_COLUMNS, "original", *DEMOGRAPHICS):
        if name in columns:
            texts = columns[name]
            is_word = np.array([_known(value) != value for value in texts.values], dtype=bool)
            if is_word.any():
                columns[name] = texts.mapped(_known)
                cells = f"{texts.counts()[is_word].sum():,} cells of the column {name!r} hold"
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
    return df.rename(columns=renamed, copy=False) if renamed else df.copy(deep=False), notes, inverted


def _read_labels(columns: dict[str, _Texts], inverted: bool) -> list[str]:
    """Read the labels, in place, and clear the word for "original" from the generators of real rows."""
    texts = columns["label"]
    if all(value.lower() in _BITS for value in texts.values):
        labels = {bit: _OPPOSITE[label] if inverted else label for bit, label in _BITS.items()}
        columns["label"] = texts.mapped(lambda value: labels[value.lower()])
        rule = "1 as real and 0 as fake" if inverted else "0 as real and 1 as fake"
        notes = [f"The labels are numbers; {rule}. If they mean the opposite, write the words."]
    else:
        notes = _translate(columns, "label", _LABELS)
    if "generator" in columns:
        label, generator = columns["label"], columns["generator"]
        is_word = np.array([_LABELS.get(value.lower()) == "real" for value in generator.values], dtype=bool)
        cleared = (label.values == "real")[label.codes] & is_word[generator.codes]
        if cleared.any():
            columns["generator"] = generator.cleared(cleared)
            notes.append(f"The generator of {int(cleared.sum()):,} real rows only says that they are real: cleared.")
    return notes


def _read_splits(columns: dict[str, _Texts]) -> list[str]:
    """Read the parts of the split, in place, by the words that folders use, and clear those of an unknown role."""
    texts = columns["split"]
    unclear = np.array([is_unclear_split(value) for value in texts.values], dtype=bool)
    notes = []
    if unclear.any():
        columns["split"] = texts.cleared(unclear[texts.codes])
        shown = ", ".join(map(repr, texts.values[unclear][:_SHOWN]))
        cells = int(texts.counts()[unclear].sum())
        notes.append(f"{cells:,} cells of the column 'split' name a part of unknown role ({shown}): read as empty.")
    return notes + _change(columns, "split", lambda value: read_split(value) or value)


def _translate(columns: dict[str, _Texts], name: str, words: dict[str, str]) -> list[str]:
    return _change(columns, name, lambda value: words.get(value.lower(), value))


def _merge(columns: dict[str, _Texts], name: str) -> list[str]:
    """Merge values that differ in case, blanks, hyphens and underscores only, to the most frequent spelling."""
    best: dict[str, tuple[int, str]] = {}
    for value, count in zip(columns[name].values, columns[name].counts(), strict=True):
        key = _plain(value)
        if key not in best or count > best[key][0]:
            best[key] = (count, value)
    return _change(columns, name, lambda value: best[_plain(value)][1])


def _merge_names(columns: dict[str, _Texts], names: tuple[str, ...]) -> list[str]:
    """Merge names of people, or of videos, that differ in case and blanks only, alike in all columns that hold them."""
    names = tuple(name for name in names if name in columns)
    counts: dict[str, Counter[str]] = {}
    for name in names:
        for value, count in zip(columns[name].values, columns[name].counts(), strict=True):
            for part in value.split(PAIR_SEPARATOR):
                counts.setdefault(_folded(part), Counter())[part.strip()] += int(count)
    best = {key: spellings.most_common(1)[0][0] for key, spellings in counts.items()}

    def change(value: str) -> str:
        return PAIR_SEPARATOR.join(best[_folded(part)] for part in value.split(PAIR_SEPARATOR))

    return [note for name in names for note in _change(columns, name, change)]


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _plain(value: str) -> str:
    return re.sub(r"[\s_-]+", " ", value).casefold()


def _change(columns: dict[str, _Texts], name: str, change: Callable[[str], str]) -> list[str]:
    """Change the values of a column, in place, and note which."""
    pairs = [(value, change(value)) for value in columns[name].values]
    pairs = [(old, new) for old, new in pairs if old != new]
    if not pairs:
        return []
    columns[name] = columns[name].mapped(change)
    shown = ", ".join(f"{a!r} as {b!r}" for a, b in pairs[:_SHOWN])
    more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    return [f"Spellings in the column {name!r} were merged: {shown}{more}."]
