"""Share of altered copies of photographs that are found as near duplicates, and pairs of different ones that are.

    ALETHEIA_SHARED_DATA=folder python -m benchmarks.near_duplicates

reads every picture under the folder; with `--faces` copies are looked for by their faces, too. Most of the pairs that
are printed are variants of one picture: look at them.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from aletheia.core.arrays import Array
from aletheia.core.errors import InputError
from aletheia.datasets.duplicates import near_duplicates, popcount
from aletheia.datasets.relatives import DISTANCE as NEAR_FACES
from aletheia.faces.detectors.registry import FaceDetector, create_detector
from aletheia.faces.embedding import DIMENSIONS, FaceEmbedder
from aletheia.imaging.reading import IMAGE_SUFFIXES, mirrored_hash, perceptual_hash, read_image

DISTANCE = 4
#: Least share of the copies that are found, of those kinds that are meant to be.
LEAST = 0.9
Picture = Image.Image


def cropped(image: Picture, share: float) -> Picture:
    """Cut a share of the sides off at each edge."""
    dx, dy = round(share * image.width), round(share * image.height)
    return image.crop((dx, dy, image.width - dx, image.height - dy))


def framed(image: Picture) -> Picture:
    """Put a light frame around, 8 % of the sides wide."""
    dx, dy = round(0.08 * image.width), round(0.08 * image.height)
    frame = Image.new("RGB", (image.width + 2 * dx, image.height + 2 * dy), (250, 250, 250))
    frame.paste(image, (dx, dy))
    return frame


def saved(image: Picture, quality: int = 50) -> Picture:
    """Save as JPEG and read again."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


#: Ways to alter a copy, and whether it is meant to be found.
COPIES: dict[str, tuple[Callable[[Picture], Picture], bool]] = {
    "JPEG, quality 50": (saved, True),
    "half the size": (lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX), True),
    "brighter by a quarter": (lambda image: image.point(lambda value: min(int(1.25 * value), 255)), True),
    "mirrored": (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), True),
    "mirrored, JPEG": (lambda image: saved(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)), True),
    "framed": (framed, True),
    "framed, JPEG": (lambda image: saved(framed(image)), True),
    "3 % cut off each side": (lambda image: cropped(image, 0.03), False),
    "8 % cut off each side": (lambda image: cropped(image, 0.08), False),
    "turned by 3 degrees": (lambda image: image.rotate(3, Image.Resampling.BICUBIC), False),
}


def copies_of(path: Path) -> list[Picture]:
    """Read a picture, and alter it in all ways; empty when it cannot be read."""
    try:
        image = Image.fromarray(read_image(path, min_size=256))
    except (InputError, OSError):
        return []
    image.thumbnail((512, 512), Image.Resampling.BOX)
    return [image, *(alter(image) for alter, _ in COPIES.values())]


def face_distances(pictures: list[Picture], detector: FaceDetector, embed: FaceEmbedder) -> list[float]:
    """Compute how far the face of each copy is from that of the first picture; empty when a face is not found there."""
    vectors = []
    for picture in pictures:
        faces = detector.detect(np.asarray(picture))
        face = max(faces, key=lambda face: face.size) if faces else None
        vectors.append(np.full(DIMENSIONS, np.inf) if face is None else embed(np.asarray(picture), face))
    if not np.isfinite(vectors[0]).all():
        return []
    return [float(np.linalg.norm(vector - vectors[0])) for vector in vectors[1:]]


def distances(first: Array, second: Array) -> Array:
    """Count the bits in which hashes differ, or those of the mirror images if they are fewer."""
    nearest: Array = np.minimum(popcount(first ^ second), popcount(first ^ mirrored_hash(second)))
    return nearest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take each n-th picture")
    parser.add_argument("--faces", action="store_true", help="needs the extra relatives, and 2 seconds a picture")
    options = parser.parse_args()
    folder = os.environ.get("ALETHEIA_SHARED_DATA", "")
    if not folder:
        print("Name a folder of photographs: ALETHEIA_SHARED_DATA=folder")
        return 2
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)[:: options.every]
    tools = (create_detector(threads=1), FaceEmbedder()) if options.faces else None
    found, kin = [], []
    for path in paths:
        if pictures := copies_of(path):
            found.append((path, [perceptual_hash(np.asarray(picture)) for picture in pictures]))
            if tools and (apart := face_distances(pictures, *tools)):
                kin.append(apart)
    hashes = np.array([values for _, values in found], dtype=np.uint64)
    by_face = [f"by face, {len(kin)} pictures"] if tools else []
    table = Table("copy", f"found within {DISTANCE} bits", "6 bits", "8 bits", *by_face)
    good = True
    for column, (name, (_, is_meant)) in enumerate(COPIES.items(), start=1):
        bits = distances(hashes[:, 0], hashes[:, column])
        shares = [(bits <= most).mean() for most in (DISTANCE, 6, 8)]
        shown = [*shares, (np.array(kin)[:, column - 1] < NEAR_FACES).mean()] if kin else shares
        table.add_row(name, *(f"{share:.1%}" for share in shown))
        good &= bool(not is_meant or shares[0] >= LEAST)
    Console(width=100).print(table)
    n = len(found)
    for most in (DISTANCE, 6, 8):
        print(f"within {most} bits: {len(near_duplicates(hashes[:, 0], most))} of {n * (n - 1) // 2:,} pairs")
    for i, j in near_duplicates(hashes[:, 0], DISTANCE):
        print(f"  {found[i][0]}  {found[j][0]}")
    print(f"Limit: {LEAST:.0%} of the first {sum(is_meant for _, is_meant in COPIES.values())} kinds: {good}.")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
