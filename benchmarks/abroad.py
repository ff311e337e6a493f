"""What a model refuses at home and abroad: pictures of folders that it was not trained on, and test pictures.

    ALETHEIA_SHARED_DATA=folder python -m benchmarks.abroad MODEL [--home test.parquet]

MODEL is the folder of a bundle. Pictures in or below a folder named "fake" are fakes, all others genuine; each folder
is a line. Printed beside each other are the model with its test for faces of another kind and the same model without.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from aletheia.core.errors import InputError
from aletheia.imaging.reading import IMAGE_SUFFIXES, read_image
from aletheia.inference.prediction import FaceEvidence
from aletheia.inference.predictor import Predictor
from aletheia.models.verdict import DISTANCE, KIND

FEWEST = 30


def pictures(folder: Path, most: int) -> Iterator[tuple[str, list[tuple[Path, str]]]]:
    """Yield each folder with enough pictures: its name, and its first pictures with their labels."""
    for part in sorted({path.parent for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES}):
        paths = sorted(path for path in part.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        label = "fake" if "fake" in part.parts else "real"
        if len(paths) >= FEWEST:
            yield f"{part.name} ({label})", [(path, label) for path in paths[:most]]


def without_kind(evidence: FaceEvidence) -> FaceEvidence:
    """Leave the distance from the training faces out."""
    kept = {name: value for name, value in evidence.statistics.items() if name != DISTANCE}
    return dataclasses.replace(evidence, statistics=kept)


def judge(predictor: Predictor, rows: Sequence[tuple[Path, str]]) -> tuple[str, ...]:
    """Judge the largest face of each picture: faces, refused as another kind, answered and wrong, with and without."""
    found = []
    for path, label in rows:
        try:
            faces = predictor.detect_and_score(read_image(path))
        except (InputError, OSError):
            continue
        if faces:
            scores = [predictor.decide(face) for face in (faces[0], without_kind(faces[0]))]
            found.append([(score.cause, score.verdict != label) for score in scores])
    n = max(len(found), 1)
    cells = [str(len(found)), f"{sum(row[0][0] == KIND for row in found) / n:.0%}"]
    for k in (0, 1):
        wrong = [is_wrong for cause, is_wrong in (row[k] for row in found) if not cause]
        cells += [f"{len(wrong) / n:.0%}", f"{sum(wrong)} of {len(wrong)}"]
    return tuple(cells)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--home", type=Path, help="manifest of test faces (parquet), for the first line")
    parser.add_argument("--most", type=int, default=60, help="pictures of each folder")
    options = parser.parse_args()
    folder = os.environ.get("ALETHEIA_SHARED_DATA", "")
    if not folder:
        print("Name a folder of photographs: ALETHEIA_SHARED_DATA=folder")
        return 2
    predictor = Predictor(options.model, threads=1)
    table = Table("pictures", "faces", "another kind", "answered", "wrong", "answered without the test", "wrong")
    if options.home:
        home = pd.read_parquet(options.home)[["original", "label"]]
        table.add_row("test faces", *judge(predictor, [(Path(p), label) for p, label in home.to_numpy()]))
    for name, rows in pictures(Path(folder), options.most):
        table.add_row(name, *judge(predictor, rows))
    Console(width=110).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
