"""Work of ``aletheia evaluate``: cut out the faces of a source, score them, write report and table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aletheia.core.files import atomic_write
from aletheia.core.wording import counted
from aletheia.datasets.pipeline import load_dataset
from aletheia.evaluation.elsewhere import faces_as_in_training
from aletheia.evaluation.evaluate import evaluate_model
from aletheia.evaluation.figures import evaluation_figures
from aletheia.evaluation.open_part import open_part
from aletheia.models.spec import read_spec
from aletheia.project.run_config import RunConfig
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.exceptions import Exceptions
from aletheia.release.gate import GateLimits, run_gate
from aletheia.release.gate_check import CheckResult
from aletheia.release.model_card import reuse_note
from aletheia.release.registry import find_model
from aletheia.release.tries import note_try
from aletheia.reports.abroad_text import abroad_sentences
from aletheia.reports.evaluation_report import render_evaluation_report
from aletheia.reports.evaluation_tables import in_training

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
        For a model or a source that cannot be used, for a manifest of crops that were cut out otherwise, and for faces
        that are all of the sealed part of a test set.
    """
    limits, exceptions = GateLimits.parse(config.limits), Exceptions.parse(config.accept_unjudged, config.waive)
    registered = find_model(model or None)
    spec, seed = read_spec(registered.folder), config.seed
    data = load_dataset(config.source, one_class=True, **config.source_options())
    faces, n_left_out = faces_as_in_training(data, spec, seed=seed)
    rows, _ = open_part(registered.folder, faces)  # what is refused is no try
    evaluation = evaluate_model(
        registered.folder,
        None,
        faces,
        delivery_faces=delivery_faces,
        seed=seed,
        allow_other_crops=allow_other_crops,
        tries=note_try(rows, spec.weights_sha256, project=PROJECT),
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


def _groups_table(report: EvaluationReport) -> Table:
    """List errors and answers of each source, generator and group of people, and whether it was in training.

    Of genuine faces the errors are false alarms, of fakes misses.
    """
    table = Table(title="By source, generator and people", title_justify="left")
    for head in ("", "in training", "faces", "wrong", "answered", "wrong of these"):
        table.add_column(head)
    for row in report.abstention.groups:
        numbers = (row.with_interval(name).text(".0%", "–") for name in ("error_all", "answered", "error_answered"))
        name = escape(f"{row.column} {row.value}, {row.label}")
        table.add_row(name, in_training(report.training, row.column, row.value), f"{row.n:,}", *numbers)
    return table


def _print_report(
    report: EvaluationReport, checks: Sequence[CheckResult], uri: str, n_left_out: int, page: Path
) -> None:
    console = Console()
    _print_lines(console, abroad_sentences(report))
    console.print(_metrics_table(report, uri))
    if report.abstention.groups:
        console.print(_groups_table(report))
    loosened = [f"; limit loosened: {check.loosened}" if check.loosened else "" for check in checks]
    _print_lines(
        console,
        (f"{c.verdict}: {c.name} ({c.detail}{text})" for c, text in zip(checks, loosened, strict=True)),
    )
    unjudged = [check.code for check in checks if not check.allows and not check.judged]
    accepting = " ".join(f"--accept-unjudged {code}" for code in unjudged)
    way_out = (
        f"What is not judged keeps a model from production, unless you accept it: {accepting}." if unjudged else ""
    )
    _print_lines(console, filter(None, [way_out, reuse_note(report), report.crops]))
    n_unread = report.n_unreadable + n_left_out
    if n_unread:
        console.print(f"{counted(n_unread, 'file')} had no face, or could not be read, and count in no number.")
    console.print(f"The report: {page}", highlight=False, markup=False)


def _print_lines(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _metrics_table(report: EvaluationReport, uri: str) -> Table:
    table = Table(
        title=f"{escape(uri)} on {report.n_real:,} real and {counted(report.n_fake, 'fake face')}", title_justify="left"
    )
    for head in ("", "value (95 % interval)", "beside"):
        table.add_column(head)
    for name, estimate in report.metrics:
        if name in _METRICS:
            majority = f"{report.majority_share:.3f} always saying the larger class"
            table.add_row(name.replace("_", " "), f"{estimate}", majority if name == "accuracy" else "")
    for baseline in report.baselines.values() if report.n_real and report.n_fake else ():
        auc = f"{baseline.estimate}" if baseline.is_computed else escape(baseline.reason)
        table.add_row("AUC of", auc, baseline.name)
    return table
