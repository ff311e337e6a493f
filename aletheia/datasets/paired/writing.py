"""Genuine pictures and their fakes, written alike: same size, same encoder, same quality, one manifest."""

from __future__ import annotations

import csv
import dataclasses
import io
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.core.files import atomic_write, file_state
from aletheia.core.progress import tqdm
from aletheia.core.wording import counted
from aletheia.datasets.paired.genuine import CARRIED, Genuine, UnusableError, list_genuine
from aletheia.datasets.paired.journal import Journal
from aletheia.datasets.paired.sheet import Shown, choose_pairs, draw_sheet
from aletheia.imaging.transforms import resaved

QUALITY = 95  # of both JPEG files of a pair
MANIFEST, SKIPPED, SHEET, JOURNAL = "manifest.csv", "skipped.csv", "sheet.png", ".paired.jsonl"
_COLUMNS = ("path", "label", "source", "generator", *CARRIED, "pair", "donor", "part", "method")
_SHOWN = 12  # pairs on the contact sheet


@dataclasses.dataclass(frozen=True)
class Paired:
    """Result of a step that makes fakes of genuine pictures.

    Attributes
    ----------
    manifest : Path
        One row a file; ``pair`` keeps a picture, what was made of it and what went into that on one side of a split.
    pairs : int
        Pictures of which a fake was made.
    resumed : int
        Those of them that an earlier call had finished.
    sheet : Path
        Some pairs side by side, to look at.
    skipped : list of (str, str)
        Path and reason of the pictures left out; also in ``skipped.csv``.
    """

    manifest: Path
    pairs: int
    resumed: int
    sheet: Path
    skipped: list[tuple[str, str]]


@dataclasses.dataclass(frozen=True, eq=False)
class Forged:
    """A fake.

    Attributes
    ----------
    rgb : (H, W, 3) uint8
        Of the size of the picture that it was made of.
    box : (4,) float
        x0, y0, x1, y1 of the face, for the contact sheet.
    mask : (H, W) bool, optional
        Pixels that may have changed; without one, all.
    """

    rgb: Array
    box: Array
    mask: Array | None = None


class Forger(Protocol):
    """Makes fakes. What it is asked for a picture depends on its attributes, the picture and the seed alone."""

    #: What its fakes depend on beside the pictures: another text, and they are made anew.
    settings: str

    def columns(self, picture: Genuine) -> dict[str, str]:
        """Return what the manifest says of the picture's fake: ``generator`` at least, and ``pair``."""
        ...

    def parent(self, picture: Genuine) -> tuple[Path, Array] | None:
        """Return file and face box (4,) of the donor; None when there is none."""
        ...

    def __call__(self, picture: Genuine, rgb: Array, rng: np.random.Generator) -> Forged:
        """Make the fake of a picture (H, W, 3) uint8; raises UnusableError when that is not possible."""
        ...


#: Makes ready what a forger needs of all pictures; returns it, the usable pictures, and path and reason of the others.
Prepare = Callable[[Sequence[Genuine], Path], tuple[Forger, Sequence[Genuine], Iterable[tuple[str, str]]]]


def write_paired(
    source: str | Path,
    out: str | Path,
    prepare: Prepare,
    *,
    seed: int,
    progress: bool,
    root: str | Path | None = None,
) -> Paired:
    """Write every genuine picture of a source twice: as it is, and as the fake that is made of it.

    An interrupted call continues; the same seed and pictures give the same bytes.

    Parameters
    ----------
    source, root : path
        See :func:`~aletheia.datasets.paired.genuine.list_genuine`.
    out : path
        Gets ``real/``, ``fake/``, ``mask/`` (white where a fake may differ), ``manifest.csv``, ``skipped.csv`` and
        ``sheet.png``.
    prepare : callable
        Gives the forger, see :data:`Prepare`.
    seed : int
    progress : bool
        Show progress bars.

    Raises
    ------
    InputError
        When the source is missing, no picture of it can be used, or `out` cannot be written or lies inside of it.
    """
    source, out = Path(source), Path(out)
    listed, skipped = list_genuine(source, root)
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise InputError(
            f"{out} lies inside of {source}, whose pictures are all taken for genuine: name another folder."
        )
    rows: list[dict[str, str]] = []
    shown: list[Shown] = []
    resumed = 0
    with Journal(out / JOURNAL) as journal:
        forger, pictures, others = prepare(listed, out)
        skipped += others
        for picture in tqdm(pictures, desc="Making fakes", unit="picture", disable=not progress):
            try:
                pair, was_there = _finish(picture, forger, journal, out, seed)
            except UnusableError as error:
                skipped.append((str(picture.path), error.reason))
                continue
            resumed += was_there
            rows += pair["rows"]
            shown.append(_shown(picture, forger, pair, out))
    if not rows:
        first = f" ({skipped[0][0]}: {skipped[0][1]})" if skipped else ""
        raise InputError(f"{source}: no usable face in {counted(len(listed), 'image')}{first}.")
    _table(out / SKIPPED, ("path", "reason"), skipped)
    known = [name for name in _COLUMNS if any(row.get(name) for row in rows)]
    _table(out / MANIFEST, known, [tuple(row.get(name, "") for name in known) for row in rows])
    with atomic_write(out / SHEET) as file:
        draw_sheet(choose_pairs(shown, _SHOWN)).save(file, "PNG", compress_level=3)
    return Paired(out / MANIFEST, len(rows) // 2, resumed, out / SHEET, skipped)


def _finish(picture: Genuine, forger: Forger, journal: Journal, out: Path, seed: int) -> tuple[dict[str, Any], bool]:
    """Make and write a pair unless that was done before; return its journal entry, and whether it was."""
    columns = forger.columns(picture)
    parent = forger.parent(picture)
    states = [file_state(picture.path), file_state(parent[0]) if parent else ""]
    known = dataclasses.replace(picture, path=Path()).__repr__()
    key = f"{forger.settings}, seed {seed}, {columns}, {states}, {known}"
    number = zlib.crc32(picture.name.encode(errors="surrogateescape"))
    stem = f"{Path(picture.name).with_suffix('')}-{number:08x}"
    files = {label: f"{label}/{stem}.jpg" for label in ("real", "fake")}
    entry = journal.find(picture.name, key)
    if entry is not None and all((out / path).is_file() for path in (*files.values(), *entry["mask"])):
        return entry, True
    rgb = picture.read()
    forged = forger(picture, rgb, np.random.default_rng((seed, number)))
    masks = []
    if forged.mask is not None:
        masks.append(f"mask/{stem}.png")
        _write(out / masks[0], cv2.imencode(".png", forged.mask.astype(np.uint8) * 255)[1].tobytes())
    for label, pixels in (("real", rgb), ("fake", forged.rgb)):
        _write(out / files[label], resaved(pixels, QUALITY))
    fake = {name: value for name, value in picture.known.items() if name != "identity"}
    if parent is None:
        fake = dict(picture.known)  # made of one picture: the person is the same
    real = {**picture.known, "pair": _own_pair(picture, columns)}
    rows = [
        {"path": files["real"], "label": "real", "source": picture.source, **real},
        {"path": files["fake"], "label": "fake", "source": picture.source, **fake, **columns},
    ]
    entry = {"rows": rows, "mask": masks, "box": [round(float(edge), 1) for edge in forged.box]}
    journal.add(picture.name, key, entry)
    return entry, False


def _own_pair(picture: Genuine, columns: dict[str, str]) -> str:
    """Name the pair of the genuine picture: that of its fake, or, with a donor, itself alone."""
    return f"{picture.person}|{picture.person}" if "donor" in columns else columns["pair"]


def _shown(picture: Genuine, forger: Forger, pair: dict[str, Any], out: Path) -> Shown:
    real, fake = pair["rows"]
    words = (fake["generator"], fake.get("part", ""), fake.get("method", ""))
    return Shown(
        real=out / real["path"],
        fake=out / fake["path"],
        box=np.array(pair["box"]),
        mask=out / pair["mask"][0] if pair["mask"] else None,
        donor=forger.parent(picture),
        title=" · ".join(filter(None, words)),
    )


def _write(path: Path, data: bytes) -> None:
    with atomic_write(path) as file:
        file.write(data)


def _table(path: Path, header: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        csv.writer(text).writerows([header, *rows])
        text.detach()  # flushes, and leaves the file to its owner
