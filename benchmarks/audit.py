"""Planted shortcuts: what a small network makes of each, what the controls find, and whether the gate refuses.

All faces are genuine drawn faces; half of each person's are called fake and carry the shortcut. A gate that passes such
a network would pass one that has learnt nothing about forgeries. The last lines are honest forgeries, which have to
pass. Nothing depends on the speed of the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from rich.console import Console
from rich.table import Table

from aletheia.datasets.pipeline import extract_dataset_faces, load_dataset
from aletheia.datasets.planted_shortcuts import NONE, PLANTS, plant_shortcut
from aletheia.datasets.split import split_manifest
from aletheia.evaluation.baselines import BASELINES
from aletheia.evaluation.evaluate import evaluate_model
from aletheia.faces.crop_config import CropConfig
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import run_gate
from aletheia.training.config import TrainConfig
from aletheia.training.export import export_bundle
from aletheia.training.fit import fit_network

HONEST = "honest"
SIZE = 64
RECIPE = TrainConfig(image_size=SIZE, max_epochs=12, patience=4, learning_rate=5e-3, batch_size=16)
SHARES = (0.6, 0.1, 0.3)
_SHORT = {
    "files": "files",
    "keypoints": "points",
    "thumbnail": "thumb",
    "blanked": "blank",
    "template": "templ",
    "window": "window",
    "spectrum": "spectr",
    "network_blanked": "net bl",
    "network_small": "net 28",
}


def judge(faces: pd.DataFrame, folder: Path, seed: int = 0) -> tuple[EvaluationReport, list[str]]:
    """Train on faces, evaluate, and return the report with the codes of the checks that refuse."""
    split = split_manifest(faces, SHARES, seed=seed)
    train, val, test = (split[split["split"] == name].reset_index(drop=True) for name in ("train", "val", "test"))
    result = fit_network(RECIPE.model_copy(update={"seed": seed}), train, val, progress=False)
    export_bundle(result, train, val, folder=folder)
    evaluation = evaluate_model(folder, train, test, val=val, delivery_faces=4, seed=seed, progress=False)
    report = evaluation.to_report()
    return report, [check.code for check in run_gate(report) if not check.passed]


def cells(report: EvaluationReport) -> list[str]:
    """AUC of the network, of it among alike pairs, and of each baseline."""
    alike = report.alike.auc if report.alike else float("nan")
    values = [report.metrics.auc.value, alike, *(report.baseline(key).auc for key in BASELINES)]
    return [f"{value:.2f}" for value in values]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=1500, help="drawn pictures, half of them genuine")
    parser.add_argument("--only", nargs="*", default=[], help="shortcuts to plant; all by default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    names = options.only or [*PLANTS, HONEST]
    table = Table("what every fake has", "network", "alike", *(_SHORT.get(key, key) for key in BASELINES), "refused by")
    wrong = []
    with TemporaryDirectory() as folder:
        os.environ.setdefault("ALETHEIA_DATA", str(Path(folder) / "data"))
        drawn = load_dataset("synthetic", n_synthetic=options.faces, progress=False)
        extracted = extract_dataset_faces(drawn, CropConfig(size=SIZE), progress=False)
        faces = pd.concat([extracted.main, extracted.pool], ignore_index=True)
        for name in names:
            started, place = time.perf_counter(), Path(folder) / name
            rows = extracted.main if name == HONEST else plant_shortcut(faces, name, place / "crops", options.seed)
            report, refused = judge(rows, place / "model", options.seed)
            what = "a forgery" if name == HONEST else PLANTS[name][0]
            table.add_row(what, *cells(report), ", ".join(refused) or "nothing")
            print(f"{name}: {time.perf_counter() - started:.0f} s", *cells(report), refused, flush=True)
            if bool(refused) == (name == HONEST):
                wrong.append(name)
    Console(width=200).print(table)
    print(f"Limits: every shortcut is refused, {NONE!r} too, and honest forgeries pass: {wrong or 'kept'}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
