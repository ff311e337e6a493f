"""The model card: what a model is, what it is worth, and where it must not be used; in Hugging Face's format.

Sections after Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aletheia.models.spec import ModelSpec
from aletheia.release.gate import Check

CARD = "README.md"
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


def model_card(spec: ModelSpec, evaluation: Mapping[str, Any], checks: Sequence[Check], *, tag: str) -> str:
    """Write the card from what was measured; each number names the run and the data that it comes from.

    Parameters
    ----------
    spec : ModelSpec
    evaluation : mapping
        What ``evaluate`` wrote about this model.
    checks : sequence of Check
        The gate's verdicts.
    tag : str
        Under which the model is registered.

    Returns
    -------
    str
        Markdown with YAML front matter, as `huggingface_hub.ModelCard` reads it.
    """
    from huggingface_hub import EvalResult, ModelCardData

    data_hash = evaluation["test_data_hash"]
    run = evaluation.get("evaluate_run") or "not recorded"
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type="aletheia-manifest",
            dataset_name="test faces",
            dataset_split="test",
            dataset_revision=data_hash,
            metric_type=kind,
            metric_name=name,
            metric_value=round(evaluation["metrics"][key]["value"], 4),
            metric_args={"run": run},
        )
        for key, (name, kind) in _METRICS.items()
        if evaluation["metrics"][key]["value"] is not None
    ]
    head = ModelCardData(
        model_name="detector",
        library_name="pytorch",
        pipeline_tag="image-classification",
        tags=["deepfake-detection", "face-forgery-detection", spec.architecture],
        eval_results=results,
    )
    parts = [
        f"---\n{head.to_yaml()}\n---",
        "# Deepfake face detector",
        _verdict(checks, tag),
        "## What it does",
        f"Says how probable it is that a face is fake. Network: {spec.architecture}, {spec.parameters:,} parameters, "
        f"{spec.input_size} × {spec.input_size} pixels. From a probability of {spec.threshold:.3f} on the verdict is "
        f"“fake” ({spec.threshold_how}). Probabilities refer to a prior of one half: what an alarm means where "
        "forgeries are rare is said below.",
        "## What it must not be used for",
        "Not as the only evidence against anybody. It knows the forgeries that it was trained on "
        f"({_plain(spec.trained_on) or 'not recorded'}) and may miss every other kind; it says nothing "
        "about pictures without a face, or about what was done to a picture outside of the face.",
        "## What it is worth",
        f"On {evaluation['n_real']:,} genuine and {evaluation['n_fake']:,} fake test faces; intervals "
        f"(95 %) over {evaluation['n_groups']:,} units ({evaluation['unit']}), not over pictures.",
        _numbers(evaluation, run, data_hash),
        "## What trivial detectors score on the same faces",
        _baselines(evaluation, run, data_hash),
        *_subgroups(evaluation, run, data_hash),
        *_rarity(evaluation),
        "## Where it comes from",
        _origin(spec, evaluation, run),
    ]
    return "\n\n".join(parts) + "\n"


def _verdict(checks: Sequence[Check], tag: str) -> str:
    failed = [check for check in checks if not check.passed]
    lead = (
        f"**Registered as `{tag}`:** it failed {len(failed)} of {len(checks)} checks and must not answer for anybody."
        if failed
        else f"**Registered as `{tag}`:** it passed every check that could be judged, "
        f"{sum(check.judged for check in checks)} of {len(checks)}."
    )
    rows = [(check.name, check.verdict, check.detail) for check in checks]
    return lead + "\n\n" + _table(("check", "verdict", "numbers"), rows)


def _numbers(evaluation: Mapping[str, Any], run: str, data_hash: str) -> str:
    rows = []
    for key, (name, _) in _METRICS.items():
        rows.append((name, *_estimate(evaluation["metrics"][key]), run, data_hash[:16]))
    share = f"{evaluation['majority_share']:.3f}"
    rows.append(("accuracy of always saying the larger class", share, "–", run, data_hash[:16]))
    error = evaluation["calibration_error"]
    rows.append(("expected calibration error", *_estimate(error), run, data_hash[:16]))
    return _table(("metric", "value", "95 % interval", "run", "data"), rows)


def _baselines(evaluation: Mapping[str, Any], run: str, data_hash: str) -> str:
    rows = []
    for baseline in evaluation["baselines"].values():
        numbers = (
            (baseline["reason"], "–")
            if baseline["auc"] is None
            else (f"{baseline['auc']:.3f}", f"{baseline['low']:.3f} to {baseline['high']:.3f}")
        )
        rows.append((baseline["name"], *numbers, run, data_hash[:16]))
    return _table(("detector", "AUC", "95 % interval", "run", "data"), rows)


def _subgroups(evaluation: Mapping[str, Any], run: str, data_hash: str) -> list[str]:
    rows = [
        (
            f"{group['column']}: {group['value']}",
            f"{group['n_real']:,} / {group['n_fake']:,}",
            *(_cell(group, name) for name in ("auc", "fpr", "fnr")),
            run,
            data_hash[:16],
        )
        for group in evaluation["subgroups"]
    ]
    if not rows:
        return ["## Groups of people", "The data do not say who is in the pictures: nobody knows how it treats them."]
    head = ("group", "real / fake", "AUC", "called fake though genuine", "missed fakes", "run", "data")
    return ["## Groups of people", _table(head, rows)]


def _rarity(evaluation: Mapping[str, Any]) -> list[str]:
    rows = [
        (f"{row['base_rate']:.1%}", f"{row['ppv']:.1%}", f"{row['ppv_low']:.1%} to {row['ppv_high']:.1%}")
        for row in evaluation["prior"]
        if row["ppv"] is not None and row["ppv_low"] is not None
    ]
    if not rows:
        return []
    head = ("share of fakes among the pictures asked about", "alarms that are right", "95 % interval")
    return ["## What an alarm means where fakes are rare", _table(head, rows)]


def _origin(spec: ModelSpec, evaluation: Mapping[str, Any], run: str) -> str:
    facts = [
        ("training run", spec.run or "not recorded"),
        ("evaluation run", run),
        ("training data", spec.data_hash or "not recorded"),
        ("remedies against shortcuts", spec.remedies or "none"),
        ("test data", evaluation["test_data_hash"]),
        ("weights (SHA-256)", spec.weights_sha256),
        ("seed", str(spec.seed)),
        ("created", spec.created.isoformat()),
        ("versions", ", ".join(f"{name} {version}" for name, version in spec.versions.items())),
    ]
    return _table(("what", "value"), facts)


def _estimate(estimate: Mapping[str, Any]) -> tuple[str, str]:
    if estimate["value"] is None:
        return "not defined", "–"
    if estimate["low"] is None:
        return f"{estimate['value']:.3f}", "–"
    return f"{estimate['value']:.3f}", f"{estimate['low']:.3f} to {estimate['high']:.3f}"


def _cell(group: Mapping[str, Any], name: str) -> str:
    if group[name] is None:
        return "too few to say"
    return f"{group[name]:.3f} ({group[f'{name}_low']:.3f} to {group[f'{name}_high']:.3f})"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_plain(str(cell)) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """One line of a table; names that come from the data must not become markup."""
    return (
        " ".join(text.split()).replace("|", "/").replace("<", "‹").replace(">", "›").replace("`", "'").replace("[", "(")
    )
