"""Where other networks than the small one find their evidence: planted shortcuts, on drawn faces and on photographs.

    [ALETHEIA_SHARED_DATA=folder] python -m benchmarks.saliency [--architecture efficientnet_lite0 --weights package]

The folder holds photographs and a manifest.csv with path and label. Genuine faces get a shortcut, as in the audit's
benchmark; "honest" are the fakes of the data set as they are. Nothing depends on the speed of the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from rich.console import Console
from rich.table import Table

from aletheia.datasets.groups import connected_groups
from aletheia.datasets.labels import fake_flags
from aletheia.datasets.planted_shortcuts import NONE
from aletheia.evaluation.saliency import compare_saliency
from aletheia.models.bundle import load_bundle
from aletheia.models.scoring import score_manifest
from aletheia.release.checks.saliency import EvidenceIsSpread
from aletheia.stats.clustered_auc import clustered_auc
from aletheia.training.config import TrainConfig
from benchmarks.planted import HONEST, load_faces, planted, train_network

LOCAL = ("mark_inside", "mark_beside", "border", "spectacles")
SPREAD = (NONE, "upsampling", HONEST)


def data_sets(faces: int, size: int) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Yield each data set: its name, the faces to plant shortcuts in, and those with the fakes that it has."""
    yield "drawn", *load_faces("synthetic", size, n_synthetic=faces)
    if folder := os.environ.get("ALETHEIA_SHARED_DATA", ""):
        yield "photographs", *load_faces(str(Path(folder) / "manifest.csv"), size)


def explain(rows: pd.DataFrame, recipe: TrainConfig, folder: Path) -> tuple[float, str, str, bool]:
    """Train on faces; AUC on test people, evidence in one window of fakes and of genuine faces, what the check says."""
    test = train_network(rows, recipe, folder)[2]
    network, spec = load_bundle(folder)
    fake, groups = fake_flags(test), connected_groups(test)
    p = score_manifest(network, spec, test, progress=False).probabilities
    found = compare_saliency(network, spec, test, fake, groups, seed=recipe.seed)
    shares = [part.share for part in (found.fake, found.real) if part is not None]
    refused = shares[0].low > EvidenceIsSpread.limit.default
    return clustered_auc(fake, p, groups).value, f"{shares[0]:.0%}", f"{shares[-1]:.0%}", refused


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="efficientnet_lite0")
    parser.add_argument("--weights", default="package", help="to start from, see `aletheia train --weights`")
    parser.add_argument("--faces", type=int, default=800, help="drawn pictures, half of them genuine")
    parser.add_argument("--most", type=int, default=1000, help="faces of a data set of photographs, at most")
    parser.add_argument("--size", type=int, default=64, help="side of the crops, pixels")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[*LOCAL, *SPREAD], help="shortcuts, or honest")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    recipe = TrainConfig(
        architecture=options.architecture,
        weights=options.weights,
        image_size=options.size,
        max_epochs=options.epochs,
        patience=options.epochs,
        learning_rate=1e-3,
        batch_size=16,
        seed=options.seed,
    )
    table = Table("faces", "what every fake has", "AUC", "in one window, fakes", "genuine faces", "check")
    table.title = f"{options.architecture}, weights: {options.weights}, {options.size} pixels"
    wrong = []
    with TemporaryDirectory() as temporary:
        os.environ.setdefault("ALETHEIA_DATA", str(Path(temporary) / "data"))
        for kind, faces, own in data_sets(options.faces, options.size):
            for name in options.only:
                started, place = time.perf_counter(), Path(temporary) / kind / name
                what, rows = planted(name, faces, own, place / "crops", options.seed)
                rows = rows.sample(min(len(rows), options.most), random_state=options.seed)
                auc, fake, real, refused = explain(rows, recipe, place / "model")
                cells = kind, what, f"{auc:.2f}", fake, real, "fails" if refused else "passes"
                table.add_row(*cells)
                print(*cells, f"{time.perf_counter() - started:.0f} s", sep=" | ", flush=True)
                # A network that has not learnt the shortcut need not look at it.
                if refused != (name in LOCAL) and (auc > 0.9 or refused):
                    wrong.append(f"{kind} {name}")
    Console(width=130).print(table)
    print(f"Limit: what lies at one place is refused, nothing else: {'kept' if not wrong else f'MISSED {wrong}'}.")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
