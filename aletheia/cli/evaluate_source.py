"""Work of ``aletheia evaluate``: cut out the faces of a source, score them, write report and table."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
from aletheia.faces.crop_config import CropConfig
from aletheia.faces.extraction import CROP_COLUMNS
from aletheia.models.spec import read_spec
from aletheia.project.run_config import RunConfig
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.exceptions import Exceptions
from aletheia.release.gate import GateLimits, refusal_sentences, run_gate
from aletheia.release.gate_check import CheckResult
from aletheia.release.model_card import reuse_note
from aletheia.release.registry import find_model
from aletheia.release.tries import note_try
from aletheia.reports.evaluation_report import render_evaluation_report

#: Where tries on a test set are counted, as those of the workflow are.
PROJECT = "aletheia"
_METRICS = ("auc", "average_precision", "eer", "balanced_accuracy", "accuracy", "fpr", "fnr")


def evaluate_source(
    model: str, config: RunConfig, page: Path, *, delivery_faces: int, as_json: bool, allow_other_crops: bool = False
) -> bool:
    """Cut the faces out as the model was trained, score them, write the page; True when every check allows a release.

    Raises
    ------
    InputError
        For a model or a source that cannot be used, and for a manifest of crops that were cut out otherwise.
    """
    limits, exceptions = GateLimits.parse(config.limits), Exceptions.parse(config.accept_unjudged, config.waive)
    registered = find_model(model or None)
    spec, seed = read_spec(registered.folder), config.seed
    crop = spec.crop
    data = load_dataset(
        config.source,
        manifest=config.manifest,
        n_synthetic=config.n_synthetic,
        link_roots=config.link_roots,
        guess_videos=not config.no_guessing,
        seed=seed,
    )
    if are_crops(data.main):
        faces, n_left_out = data.main, len(data.skipped)
    else:
        extracted = extract_dataset_faces(data, crop)
        faces, n_left_out = saved_as_in_training(extracted.main, crop, seed), len(extracted.skipped)
    evaluation = evaluate_model(
        registered.folder,
        None,
        faces,
        delivery_faces=delivery_faces,
        seed=seed,
        allow_other_crops=allow_other_crops,
        tries=note_try(faces, spec.weights_sha256, project=PROJECT),
    )
    report = evaluation.to_report()
    checks = run_gate(report, limits, exceptions=exceptions)
    with atomic_write(page) as file:
        file.write(render_evaluation_report(evaluation, evaluation_figures(evaluation), checks).encode())
    if as_json:
        verdicts = {check.name: check.to_dict() for check in checks}
        context = {"model": registered.uri, "checks": verdicts, "report": str(page), "left_out": n_left_out}
        print(json.dumps({**report.to_dict(), **context}, indent=2))
    else:
        _print_report(report, checks, registered.uri, n_left_out, page)
    return all(check.allows for check in checks)


def are_crops(rows: pd.DataFrame) -> bool:
    """Whether the rows of a manifest are faces that were cut out already, as extract-faces writes them."""
    return {*CROP_COLUMNS, "face_keypoints"} <= set(rows)


def saved_as_in_training(faces: pd.DataFrame, crop: CropConfig, seed: int) -> pd.DataFrame:
    """Save the faces alike, when a remedy saved those alike that the model learnt from."""
    remedies = Remedies(quality=crop.quality, resolution=crop.resolution)
    return apply_remedies(faces, faces.iloc[:0], remedies, seed=seed).faces if remedies else faces


def _print_report(
    report: EvaluationReport, checks: Sequence[CheckResult], uri: str, n_left_out: int, page: Path
) -> None:
    console = Console()
    table = Table(
        title=f"{escape(uri)} on {report.n_real:,} real and {report.n_fake:,} fake faces", title_justify="left"
    )
    for head in ("", "value (95 % interval)", "beside"):
        table.add_column(head)
    for name, estimate in report.metrics:
        if name in _METRICS:
            majority = f"{report.majority_share:.3f} always saying the larger class"
            table.add_row(name.replace("_", " "), f"{estimate}", majority if name == "accuracy" else "")
    for baseline in report.baselines.values():
        auc = f"{baseline.estimate}" if baseline.is_computed else escape(baseline.reason)
        table.add_row("AUC of", auc, baseline.name)
    console.print(table)
    for check in checks:
        loosened = f"; limit loosened: {check.loosened}" if check.loosened else ""
        line = f"{check.verdict}: {check.name} ({check.detail}{loosened})"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for sentence in refusal_sentences(checks):
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    console.print(reuse_note(report), highlight=False, markup=False, soft_wrap=True)
    if report.crops:
        console.print(report.crops, highlight=False, markup=False, soft_wrap=True)
    n_unread = report.n_unreadable + n_left_out
    if n_unread:
        console.print(f"{n_unread:,} files had no face, or could not be read; they are in none of the numbers.")
    console.print(f"The report: {page}", highlight=False, markup=False)
