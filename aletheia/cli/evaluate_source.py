"""The evaluation of ``aletheia evaluate``: a model on pictures from elsewhere, its score beside the baselines."""

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
from aletheia.project.run_config import RunConfig
from aletheia.release.gate import Check, run_gate
from aletheia.release.registry import find_model
from aletheia.reports.evaluation_report import evaluation_report

_SHOWN = ("auc", "average_precision", "eer", "balanced_accuracy", "accuracy", "fpr", "fnr")


def evaluate_source(model: str, config: RunConfig, report: Path, *, delivery_faces: int, as_json: bool) -> bool:
    """Cut the faces out as the model was trained, score them, write the report.

    Returns
    -------
    bool
        Whether every check passed.

    Raises
    ------
    InputError
        For a model or a source that cannot be used.
    """
    registered = find_model(model or None)
    crop, seed = read_spec(registered.folder).crop, config.seed
    data = load_dataset(config.source, manifest=config.manifest, images=config.n_synthetic, seed=seed)
    extracted = extract_dataset_faces(data, CropConfig(crop.size, crop.policy, crop.margin))
    faces = resave_as_in_training(extracted.main, crop, seed)
    result = evaluate_model(registered.folder, None, faces, delivery_faces=delivery_faces, seed=seed)
    checks = run_gate(result.summary())
    with atomic_write(report) as file:
        file.write(evaluation_report(result, evaluation_figures(result), checks).encode())
    n_left_out = len(extracted.skipped)
    if as_json:
        outcome = {"model": registered.uri, "checks": {c.name: vars(c) for c in checks}, "report": str(report)}
        print(json.dumps({**result.summary(), **outcome, "left_out": n_left_out}, indent=2))
    else:
        _print(result, checks, registered.uri, n_left_out, report)
    return all(check.passed for check in checks)


def resave_as_in_training(faces: pd.DataFrame, crop: CropSpec, seed: int) -> pd.DataFrame:
    """Save the faces again as a remedy saved those that the model was trained on; unchanged when there was none."""
    remedies = Remedies(quality=crop.quality, resolution=crop.resolution)
    return apply_remedies(faces, faces.iloc[:0], remedies, seed=seed).faces if remedies else faces


def _print(result: Evaluation, checks: list[Check], uri: str, n_left_out: int, report: Path) -> None:
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
    for baseline in result.baselines.to_dict().values():
        if baseline["auc"] is None:
            numbers = escape(baseline["reason"])
        else:
            numbers = f"{baseline['auc']:.3f} ({baseline['low']:.3f} to {baseline['high']:.3f})"
        table.add_row("AUC of", numbers, baseline["name"])
    console.print(table)
    for check in checks:
        console.print(f"{check.verdict}: {check.name} ({check.detail})", highlight=False, markup=False, soft_wrap=True)
    n_unread = metrics.n_unreadable + n_left_out
    if n_unread:
        console.print(f"{n_unread:,} files had no face, or could not be read; they are in none of the numbers.")
    console.print(f"The report: {report}", highlight=False, markup=False)
