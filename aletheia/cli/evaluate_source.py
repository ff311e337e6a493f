"""What ``aletheia evaluate`` does: a model on pictures from elsewhere, with everything that stands beside its score."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aletheia.audit.remedies import Remedies, apply_remedies
from aletheia.core.files import atomic_write
from aletheia.datasets.pipeline import extract_dataset_faces, load_dataset
from aletheia.evaluation.evaluate import evaluate_model
from aletheia.evaluation.figures import evaluation_figures
from aletheia.evaluation.result import Evaluation
from aletheia.faces.worker import CropConfig
from aletheia.models.spec import CropSpec, read_spec
from aletheia.release.gate import Check, run_gate
from aletheia.release.registry import find_model
from aletheia.reports.evaluation_report import evaluation_report
from aletheia.stats.estimate import Estimate

_SHOWN = ("auc", "average_precision", "eer", "balanced_accuracy", "accuracy", "fpr", "fnr")


def evaluate_source(
    model: str, source: str, manifest: str, report: Path, images: int, delivery_faces: int, seed: int, *, as_json: bool
) -> bool:
    """Cut the faces out as the model was trained, score them, write the report; True when every check passed.

    Raises
    ------
    InputError
        For a model or a source that cannot be used.
    """
    found = find_model(model or None)
    spec = read_spec(found.folder)
    data = load_dataset(source, manifest=manifest, images=images, seed=seed)
    crop = spec.crop
    extracted = extract_dataset_faces(data, CropConfig(crop.size, crop.policy, crop.margin))
    faces = saved_as_in_training(extracted.main, crop, seed)
    result = evaluate_model(found.folder, None, faces, delivery_faces=delivery_faces, seed=seed)
    checks = run_gate(result.summary())
    with atomic_write(report) as file:
        file.write(evaluation_report(result, evaluation_figures(result), checks).encode())
    if as_json:
        told = {"model": found.uri, "checks": {check.name: vars(check) for check in checks}, "report": str(report)}
        print(json.dumps({**result.summary(), **told, "left_out": len(extracted.skipped)}, indent=2))
    else:
        _print(result, checks, found.uri, len(extracted.skipped), report)
    return all(check.passed for check in checks)


def saved_as_in_training(faces: pd.DataFrame, crop: CropSpec, seed: int) -> pd.DataFrame:
    """Faces saved alike, when a remedy saved those alike that the model learnt from."""
    remedies = Remedies(quality=crop.quality, resolution=crop.resolution)
    return apply_remedies(faces, faces.iloc[:0], remedies, seed=seed).faces if remedies else faces


def _print(result: Evaluation, checks: list[Check], uri: str, left_out: int, report: Path) -> None:
    console = Console()
    metrics = result.metrics
    table = Table(
        title=f"{escape(uri)} on {metrics.n_real:,} real and {metrics.n_fake:,} fake faces", title_justify="left"
    )
    for head in ("", "value (95 % interval)", "beside"):
        table.add_column(head)
    for name in _SHOWN:
        beside = f"{metrics.majority_share:.3f} always saying the larger class" if name == "accuracy" else ""
        table.add_row(name.replace("_", " "), str(metrics[name]), beside)
    for told in result.baselines.to_dict().values():
        known = told["auc"] is not None
        numbers = f"{Estimate.from_dict(told, 'auc'):.3f}" if known else escape(told["reason"])
        table.add_row("AUC of", numbers, told["name"])
    console.print(table)
    for check in checks:
        console.print(f"{check.verdict}: {check.name} ({check.detail})", highlight=False, markup=False, soft_wrap=True)
    unread = metrics.n_unreadable + left_out
    if unread:
        console.print(f"{unread:,} files had no face, or could not be read; they are in none of the numbers.")
    console.print(f"The report: {report}", highlight=False, markup=False)
