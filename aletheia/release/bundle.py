"""The bundle that is registered: the weights of a training, with test metrics, verdicts and a model card."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from aletheia.core.errors import InputError
from aletheia.models.bundle import load_bundle
from aletheia.models.spec import ModelSpec, write_spec
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate import release_tag
from aletheia.release.gate_check import CheckResult
from aletheia.release.golden_answers import record_golden
from aletheia.release.model_card import CARD, render_model_card


def release_bundle(
    model: str | Path, report: EvaluationReport, checks: Sequence[CheckResult], folder: str | Path
) -> tuple[Path, ModelSpec]:
    """Write a bundle whose JSON also holds the test metrics and the verdict of every check, and its model card.

    Its answers to a few drawn pictures are recorded, see `aletheia.release.golden_answers`.

    Parameters
    ----------
    model : path
        The folder of the bundle that was trained.
    report : EvaluationReport
        The evaluation of this very model.
    checks : sequence of CheckResult
        The verdicts of the gate.
    folder : path
        Where to write.

    Returns
    -------
    tuple
        The folder of the new bundle and its specification.

    Raises
    ------
    InputError
        When the evaluation is about other weights.
    """
    _, spec = load_bundle(model)
    if report.weights_sha256 != spec.weights_sha256:
        raise InputError(
            "The evaluation is about another model than the one to be registered. Run evaluate on this model first."
        )
    metrics = spec.metrics | _test_metrics(report)
    verdicts = {check.name: check.to_dict() for check in checks}
    folder = Path(folder)
    released = spec.model_copy(update={"metrics": metrics, "checks": verdicts})
    folder.mkdir(parents=True, exist_ok=True)
    for name in spec.files():
        shutil.copy(Path(model) / name, folder / name)
    write_spec(folder, released)  # the golden answers are those of the bundle as it is served
    released = record_golden(folder, released)
    write_spec(folder, released)
    (folder / CARD).write_text(render_model_card(released, report, checks, tag=release_tag(checks)))
    return folder, released


def _test_metrics(report: EvaluationReport) -> dict[str, float | None]:
    """Return the metrics of the test set under the names that they have in ``model.json``."""
    metrics = {f"test_{name}": estimate.to_dict()["value"] for name, estimate in report.metrics}
    metrics["test_majority_share"] = report.majority_share
    if report.sealed and report.sealed.estimate.is_defined:
        metrics["sealed_auc"] = report.sealed.auc
    baselines = {key: baseline.auc for key, baseline in report.baselines.items() if baseline.is_computed}
    return metrics | {f"baseline_{key}_auc": auc for key, auc in baselines.items()}
