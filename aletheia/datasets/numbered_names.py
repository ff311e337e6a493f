"""Sequences of pictures by their names: those that differ in what counts the frames of a video.

What counts is a whole number (``talk_0001``), seconds (``talk_t0.50``, ``talk-00h01m02s``), a number in base sixteen
(``f0a``), or letters without a gap (``a``, ``b``, ``c``). Whether the pictures are frames is
left to their looks (:mod:`aletheia.datasets.sequences`).
"""

from __future__ import annotations

import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from statistics import median
from typing import NamedTuple

from aletheia.imaging.media_types import is_video

_TIME = r"(?:\d+h)?\d+m\d+(?:[.,]\d+)?s"
#: What may count in a name: a time, seconds with decimals or a whole number.
_SECONDS, _WHOLE = re.compile(rf"{_TIME}|\d+[.,]\d+|\d+"), re.compile(rf"{_TIME}|\d+")
_CONTINUOUS = 1.8  # times the usual step of seconds that a step over a whole second may have
_HEX = re.compile(r"(.*?)([0-9a-f]+)", re.IGNORECASE)
_DENSE = 4  # steps between the first and the last of numbers in base sixteen, at most, for each of them
_SHORTEST = 3  # pictures whose names do not count


class Sequence(NamedTuple):
    """Pictures whose names differ only in what counts.

    Attributes
    ----------
    key : str
        Folder and common part of the names.
    rows : list of int
        Positions of the pictures, in order.
    numbers : list of float
        The numbers that order them.
    is_folder : bool
        Whether they are all pictures of their folder.
    is_counted : bool
        Whether numbers count; else letters do.
    """

    key: str
    rows: list[int]
    numbers: list[float]
    is_folder: bool
    is_counted: bool = True


#: Position of a picture, and what may count in its name.
_Member = tuple[int, list[str]]
#: Pictures in order: what counts, and their positions.
_Group = list[tuple[tuple[float, ...], int]]


def find_sequences(paths: list[str], labels: list[str]) -> list[Sequence]:
    """Find pictures of one folder and label whose names count; each sequence has at least two."""
    places: dict[tuple[str, str], dict[int, str]] = {}
    in_folder: Counter[str] = Counter()
    for i, path in enumerate(paths):
        folder, _, name = path.rpartition("/")
        in_folder[folder] += 1
        if not is_video(name):
            places.setdefault((folder, labels[i]), {})[i] = name.rpartition(".")[0] or name
    return [
        sequence._replace(is_folder=len(sequence.rows) == in_folder[folder])
        for (folder, _), stems in places.items()
        for sequence in _sequences(folder, stems)
    ]


def _sequences(folder: str, stems: dict[int, str]) -> list[Sequence]:
    """Find the sequences of a folder; each picture is in one of them at most."""
    rest = dict(stems)
    found: list[Sequence] = []
    for find in (_in_base_sixteen, _numbered, _alphabetic):
        found += find(folder, rest)
        for sequence in found:
            for i in sequence.rows:
                rest.pop(i, None)
    return found


def _numbered(folder: str, stems: dict[int, str]) -> list[Sequence]:
    """Find names that differ in a number or a time."""
    found: list[tuple[str, str, _Group]] = []
    for pattern, members in _by_pattern(stems):
        for constant, group in _by_number(members):
            if len(group) > 1:
                found.append((*_common_parts(pattern, constant), group))
    shared = Counter(before for before, _, _ in found)
    sequences = []
    for before, behind, group in found:
        # Where the number stands first, what follows it tells the videos apart.
        name = (before if shared[before] == 1 else before + behind).rstrip("/_-. ")
        key = f"{folder}/{name}".rstrip("/")
        sequences.append(Sequence(key, [i for _, i in group], [order[0] for order, _ in group], is_folder=False))
    return sequences


def _by_pattern(stems: dict[int, str]) -> Iterator[tuple[str, list[_Member]]]:
    """Gather names that differ in numbers only; a point between two is that of decimals if seconds go on over it."""
    for pattern, members in _gather(stems, _SECONDS):
        texts = [text for _, numbers in members for text in numbers]
        columns = zip(*(numbers for _, numbers in members), strict=True)
        if not any(re.search("[.,]", text) for text in texts) or all(map(_goes_on, columns)):
            yield pattern, members
        else:
            yield from _gather({i: stems[i] for i, _ in members}, _WHOLE)


def _gather(stems: dict[int, str], numbers: re.Pattern[str]) -> list[tuple[str, list[_Member]]]:
    patterns: dict[str, list[_Member]] = {}
    for i, stem in stems.items():
        if found := numbers.findall(stem):
            patterns.setdefault(numbers.sub("#", stem), []).append((i, found))
    return list(patterns.items())


def _goes_on(texts: tuple[str, ...]) -> bool:
    """Tell decimals, which go on over whole seconds, from two numbers of which the second starts anew."""
    fractions = {len(pieces[1]) for text in texts if len(pieces := re.split("[.,]", text)) > 1}
    if not fractions:
        return True
    values = sorted(set(map(_value, texts)))
    over, within = list[float](), list[float]()
    for first, second in itertools.pairwise(values):
        (within if math.floor(first) == math.floor(second) else over).append(second - first)
    is_even = not within or (bool(over) and median(over) <= _CONTINUOUS * median(within))
    return len(fractions) == 1 and len(values) > 1 and is_even


def _value(text: str) -> float:
    """Return a number, or a time in seconds."""
    pieces = re.findall(r"\d+(?:[.,]\d+)?", text)
    return sum(float(piece.replace(",", ".")) * 60.0**k for k, piece in enumerate(reversed(pieces)))


def _by_number(members: list[_Member]) -> list[tuple[list[str], _Group]]:
    """Divide names by all their numbers but the frame's: the last, or the last but one before a face's."""
    fields = len(members[0][1])
    for behind in (1, 2) if fields > 1 else (1,):
        groups: dict[tuple[str, ...], _Group] = {}
        for i, numbers in members:
            order = tuple(map(_value, numbers[fields - behind :]))
            groups.setdefault(tuple(numbers[: fields - behind]), []).append((order, i))
        if len(members) >= 2 * len(groups) and not _are_faces(members, groups):
            break
    return [(list(constant), sorted(group)) for constant, group in groups.items()]


def _are_faces(members: list[_Member], groups: Collection[object]) -> bool:
    """Tell whether the last number counts the few faces of each frame, not the frames of each video."""
    last = {_value(numbers[-1]) for _, numbers in members}
    return len(last) <= 4 and last <= set(range(5)) and len(groups) > 4 * len(last)


def _common_parts(pattern: str, constant: list[str]) -> tuple[str, str]:
    """Put the constant numbers back into a pattern: the part before the one that counts, and the part behind it."""
    pieces = pattern.split("#")
    before = "".join(piece + number for piece, number in zip(pieces, constant, strict=False))
    return before + pieces[len(constant)], "".join(pieces[len(constant) + 1 :])


def _in_base_sixteen(folder: str, stems: dict[int, str]) -> list[Sequence]:
    """Find names that end in numbers in base sixteen, close to each other: ``f09``, ``f0a``; hashes lie far apart."""
    groups: dict[str, dict[int, str]] = {}
    for i, stem in stems.items():
        if match := _HEX.fullmatch(stem):
            before, digits = match.groups()
            groups.setdefault(before, {})[i] = digits
    sequences = []
    for before, texts in groups.items():
        # Letters that all begin with belong to the name, as in f8, f9, fa, f10.
        places = enumerate(zip(*texts.values(), strict=False))
        start = next((k for k, letters in places if len(set(letters)) > 1), 0)
        members = sorted((int(text[start:] or text, 16), i, text) for i, text in texts.items())
        values = [value for value, _, _ in members]
        steps = [second - first for first, second in itertools.pairwise(values)]
        last = {digits[-1].isdecimal() for _, _, digits in members}
        # Letters and numbers side by side, as in 1a, 1b or a1, b1, are no base sixteen.
        if len(last) > 1 and min(steps) > 0 and values[-1] - values[0] <= _DENSE * len(values) * math.gcd(*steps):
            key = f"{folder}/{before}".rstrip("/_-. ")
            sequences.append(Sequence(key, [i for _, i, _ in members], list(map(float, values)), is_folder=False))
    return sequences


def _alphabetic(folder: str, stems: dict[int, str]) -> list[Sequence]:
    """Find names that count in letters, without a gap: ``a``, ``b``, ``c`` or ``talk_aa``, ``talk_ab``, ``talk_ac``.

    Any names have an order in the alphabet; only those that go on letter by letter say that somebody counted.
    """
    common = os.path.commonprefix([stem.lower() for stem in stems.values()])  # noqa: RUF071 -- of letters
    ends = {i: stem[len(common) :].lower() for i, stem in stems.items()}
    if len(stems) < _SHORTEST or not all(re.fullmatch("[a-z]{1,2}", end) for end in ends.values()):
        return []
    if len({len(end) for end in ends.values()}) > 1:
        return []
    places = {
        i: sum(26.0**k * (ord(letter) - ord("a")) for k, letter in enumerate(end[::-1])) for i, end in ends.items()
    }
    ordered = sorted(places, key=places.__getitem__)
    numbers = [places[i] for i in ordered]
    if numbers[-1] - numbers[0] != len(numbers) - 1:
        return []
    key = f"{folder}/{stems[ordered[0]][: len(common)]}".rstrip("/_-. ")
    return [Sequence(key, ordered, numbers, is_folder=False, is_counted=False)]
