"""The model card in Hugging Face's format: purpose, limits, measured numbers and provenance of a model.

Sections after Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aletheia.core.wording import counted
from aletheia.models.spec import ModelSpec
from aletheia.release.evaluation_records import GroupRecord
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import ACCEPTED, FAILED, NOT_JUDGED, PASSED, WAIVED, CheckResult
from aletheia.stats.estimate import Estimate

CARD = "README.md"
#: Attribute of `MetricEstimates` → readable name, and the name that the Hub knows.
_METRICS = {
    "auc": ("AUC", "roc_auc"),
    "average_precision": ("average precision", "average_precision"),
    "eer": ("equal error rate", "equal_error_rate"),
    "balanced_accuracy": ("balanced accuracy", "balanced_accuracy"),
    "accuracy": ("accuracy", "accuracy"),
    "fpr": ("genuine faces called fake", "false_positive_rate"),
    "fnr": ("fakes missed", "false_negative_rate"),
    "tpr_at_fpr_1": ("fakes found at 1 % false alarms", "tpr_at_fpr_1"),
    "brier": ("Brier score", "brier_score"),
}


def render_model_card(spec: ModelSpec, report: EvaluationReport, checks: Sequence[CheckResult], *, tag: str) -> str:
    """Write the card; each number names the run and the data that it comes from.

    Parameters
    ----------
    spec : ModelSpec
    report : EvaluationReport
        The evaluation of this model.
    checks : sequence of CheckResult
        The gate's verdicts.
    tag : str
        Under which the model is registered.

    Returns
    -------
    str
        Markdown with YAML front matter, as `huggingface_hub.ModelCard` reads it.
    """
    parts = [
        f"---\n{_front_matter(spec, report)}\n---",
        "# Deepfake face detector",
        _verdict(checks, tag),
        "## Description",
        f"Estimates how probable it is that a face is fake. Network: {spec.architecture}, {spec.parameters:,} "
        f"parameters, {spec.input_size} × {spec.input_size} pixels. From a probability of {spec.threshold:.3f} on the "
        f"verdict is “fake” ({spec.threshold_how}). Probabilities refer to a prior of one half; the last table of "
        "numbers says what an alarm means where forgeries are rarer.",
        "## Out-of-scope use",
        "Not as the only evidence against a person. The model knows the forgeries that it was trained on "
        f"({_plain(spec.trained_on) or 'not recorded'}) and may miss every other kind; it says nothing "
        "about pictures without a face, or about changes to a picture outside of the face.",
        *filter(None, [_plain(spec.kind_note())]),
        "## Evaluation",
        f"On {report.n_real:,} genuine and {report.n_fake:,} fake test faces; intervals "
        f"(95 %) over {report.n_groups:,} {report.unit}, not over pictures.",
        " ".join(filter(None, (reuse_note(report), sealed_note(report), report.crops, _plain(report.other_sources)))),
        _numbers(report),
        "## Baselines on the same faces",
        _baselines(report),
        *filter(None, [report.saliency.sentence() if report.saliency else ""]),
        "## Groups of people",
        _subgroups(report),
        *_prevalence(report),
        "## Provenance",
        _origin(spec, report),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(spec: ModelSpec, report: EvaluationReport) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    estimates = {key: estimate for key, estimate in report.metrics if key in _METRICS and estimate.is_defined}
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type="aletheia-manifest",
            dataset_name="test faces",
            dataset_split="test",
            dataset_revision=report.test_data_hash,
            metric_type=metric_type,
            metric_name=name,
            metric_value=round(estimates[key].value, 4),
            metric_args={"run": _run(report)},
        )
        for key, (name, metric_type) in _METRICS.items()
        if key in estimates
    ]
    data = ModelCardData(
        model_name="detector",
        library_name="pytorch",
        pipeline_tag="image-classification",
        tags=["deepfake-detection", "face-forgery-detection", spec.architecture],
        eval_results=results,
    )
    return data.to_yaml()


def _verdict(checks: Sequence[CheckResult], tag: str) -> str:
    """Write the tag, what stands in its way, the exceptions that a person made, and the table of checks."""
    counts = {state: sum(check.state == state for check in checks) for state in (PASSED, FAILED, NOT_JUDGED)}
    numbers = ", ".join(f"{count} {state}" for state, count in counts.items())
    blocking = [check.name for check in checks if not check.allows]
    use = f" It must not be used in production: {'; '.join(map(_plain, blocking))}." if blocking else ""
    lines = [f"**Registered as `{tag}`:** of {len(checks)} checks, {numbers}.{use}"]
    for exception, text in (
        (ACCEPTED, "Not judged, and accepted by a person"),
        (WAIVED, "Failed, and waived by a person"),
    ):
        if found := [
            f"{_plain(check.name)} ({_plain(check.detail)})" for check in checks if check.exception == exception
        ]:
            lines.append(f"**{text}:** {'; '.join(found)}.")
    if loosened := [f"{_plain(check.name)}: {check.loosened}" for check in checks if check.is_loosened]:
        lines.append(f"**Limits that were loosened:** {'; '.join(loosened)}.")
    rows = [(check.name, check.verdict, check.detail) for check in checks]
    return "\n\n".join([*lines, _table(("check", "verdict", "numbers"), rows)])


def reuse_note(report: EvaluationReport) -> str:
    """Say how often the test set was used and how much the best of many flatters, and which faces stayed sealed."""
    sentences = []
    if report.n_sealed:
        left_out = counted(report.n_sealed, "sealed face was", "sealed faces were")
        sentences.append(f"{left_out} left out, which register alone scores.")
    if report.tries is None:
        sentences.append("Earlier evaluations on these test faces were not counted.")
    else:
        sentences.append(f"Evaluation no. {report.tries.number} on this test set.")
        if report.tries.optimism > 0:
            sentences.append(
                f"The best of so many equal models would exceed the truth by up to {report.tries.optimism:.3f} in AUC "
                "on average."
            )
    return " ".join(sentences)


def sealed_note(report: EvaluationReport) -> str:
    """State the AUC on the sealed part of the test set; empty before a release, and where nothing is sealed."""
    sealed = report.sealed
    if sealed is None or not sealed.n:
        return ""
    if sealed.reason:
        return f"Of the sealed part of the test set {sealed.reason}."
    return (
        f"On the sealed part of the test set ({sealed.n:,} faces), which only a release scores and which was opened "
        f"for {sealed.number} model{'s' if sealed.number != 1 else ''} so far: AUC {sealed.estimate:.3f}."
    )


def _numbers(report: EvaluationReport) -> str:
    estimates = dict(report.metrics)
    rows = [(name, *_cells(estimates[key])) for key, (name, _) in _METRICS.items()]
    rows.append(("accuracy of always saying the larger class", f"{report.majority_share:.3f}", "–"))
    rows.append(("expected calibration error", *_cells(report.calibration_error.estimate)))
    return _sourced_table(report, ("metric", "value", "95 % interval"), rows)


def _baselines(report: EvaluationReport) -> str:
    rows = [
        (baseline.name, *(_cells(baseline.estimate) if baseline.is_computed else (baseline.reason, "–")))
        for baseline in report.baselines.values()
    ]
    return _sourced_table(report, ("detector", "AUC", "95 % interval"), rows)


def _subgroups(report: EvaluationReport) -> str:
    if not report.subgroups:
        return "The data have no demographic columns: how the model treats groups of people is unknown."
    rows = [
        (f"{group.column}: {group.value}", f"{group.n_real:,} / {group.n_fake:,}", *_rates(group))
        for group in report.subgroups
    ]
    head = ("group", "real / fake", "AUC", "called fake though genuine", "missed fakes")
    return _sourced_table(report, head, rows)


def _rates(group: GroupRecord) -> list[str]:
    return [group.with_interval(name).text(undefined="too few to say") for name in ("auc", "fpr", "fnr")]


def _prevalence(report: EvaluationReport) -> list[str]:
    values = [(row.base_rate, row.with_interval("ppv")) for row in report.prior]
    rows = [(f"{rate:.1%}", f"{ppv.value:.1%}", ppv.interval(".1%")) for rate, ppv in values if ppv.has_interval]
    if not rows:
        return []
    head = ("share of fakes among all pictures", "alarms that are right", "95 % interval")
    return ["## Alarms where fakes are rare", _table(head, rows)]


def _origin(spec: ModelSpec, report: EvaluationReport) -> str:
    facts = [
        ("training run", spec.run or "not recorded"),
        ("evaluation run", _run(report)),
        ("training data", spec.data_hash or "not recorded"),
        ("remedies against shortcuts", spec.remedies or "none"),
        ("test data", report.test_data_hash),
        ("weights (SHA-256)", spec.weights_sha256),
        ("seed, CPU threads", f"{spec.seed}, {spec.training.get('num_threads') or 'not recorded'}"),
        (
            "other seeds",
            report.spread.text if report.spread else "none trained: the spread of trainings is unknown",
        ),
        ("created", spec.created.isoformat()),
        ("versions", ", ".join(f"{name} {version}" for name, version in spec.versions.items())),
    ]
    return _table(("property", "value"), facts)


def _run(report: EvaluationReport) -> str:
    return report.evaluate_run or "not recorded"


def _cells(estimate: Estimate) -> tuple[str, str]:
    """Return value and interval as two cells."""
    return (f"{estimate.value:.3f}" if estimate.is_defined else "not defined", estimate.interval())


def _sourced_table(report: EvaluationReport, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table with the run and the data behind each row."""
    source = (_run(report), report.test_data_hash[:16])
    return _table((*head, "run", "data"), [(*row, *source) for row in rows])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Fit a text into a cell; names that come from the data must not become markup."""
    return (
        " ".join(text.split()).replace("|", "/").replace("<", "‹").replace(">", "›").replace("`", "'").replace("[", "(")
    )
