"""The page of an evaluation: one HTML file that works offline and is read from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from aletheia.core.wording import counted
from aletheia.evaluation.few_groups import no_interval_reason
from aletheia.evaluation.result import Evaluation
from aletheia.models.spec import ModelSpec
from aletheia.plotting.html import html_page, plot
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import ACCEPTED, WAIVED, CheckResult
from aletheia.release.model_card import reuse_note
from aletheia.reports.abroad_text import abroad_sentences
from aletheia.reports.evaluation_tables import (
    abstention_tables,
    audit_table,
    baselines_table,
    cells_table,
    checks_table,
    gaps_table,
    groups_table,
    metrics_table,
    origin_table,
    prior_table,
    unreadable_table,
)
from aletheia.reports.formatting import number


def render_evaluation_report(
    evaluation: Evaluation, figures: Mapping[str, go.Figure], checks: Sequence[CheckResult]
) -> str:
    """Write the page.

    Parameters
    ----------
    evaluation : Evaluation
        Of `aletheia.evaluation.evaluate.evaluate_model`.
    figures : mapping
        Of `aletheia.evaluation.figures.evaluation_figures`; those that belong to no section come at the end.
    checks : sequence of CheckResult
        The gate's verdicts about this evaluation.

    Returns
    -------
    str
        HTML with plotly's code inside, once; nothing is fetched from anywhere.
    """
    report, spec = evaluation.to_report(), evaluation.spec
    parts = [
        _verdict(report, checks),
        _abroad(report),
        _headline(report, spec),
        "<h2>Checks</h2>" + checks_table(checks),
    ]
    shown: set[str] = set()
    for heading, keys, tables in _SECTIONS:
        plots = [plot(figures[key]) for key in keys if key in figures]
        parts.append(f"<h2>{heading}</h2>" + "\n".join(plots) + tables(report))
        shown |= set(keys)
        if "delivery_curves" in keys and (note := evaluation.delivery.attrs.get("note")):
            parts.append(f'<p class="quiet">{escape(note)}</p>')
    parts += [plot(figure) for key, figure in figures.items() if key not in shown]
    parts += [unreadable_table(report), "<h2>Provenance</h2>" + origin_table(report, spec)]
    return html_page("Evaluation", parts)


def _verdict(report: EvaluationReport, checks: Sequence[CheckResult]) -> str:
    refused = [check for check in checks if not check.allows]
    failed, undecided = ([check for check in refused if check.judged is judged] for judged in (True, False))
    by_code = {check.code: check for check in checks}
    is_apart = "no-leakage" in by_code and by_code["no-leakage"].passed
    unseen = " that it never saw" if is_apart else ""
    text = f"On {report.n:,} test faces{unseen}, the network reaches an AUC of <b>{report.metrics.auc}</b>. "
    if refused:
        reasons = ((failed, "it failed"), (undecided, "the data cannot decide, and have to"))
        names = [f"{how}: {', '.join(escape(check.name) for check in some)}" for some, how in reasons if some]
        text += f"<b>It is not to be relied on;</b> {'; '.join(names)}."
    else:
        text += f"It passed {sum(check.passed for check in checks)} of {len(checks)} checks (below)."
    for exception in (ACCEPTED, WAIVED):
        if names := [escape(check.name) for check in checks if check.exception == exception]:
            text += f" <b>A person {exception}:</b> {', '.join(names)}."
    if loosened := [f"{escape(check.name)} ({check.loosened})" for check in checks if check.is_loosened]:
        text += f" <b>Limits were loosened:</b> {', '.join(loosened)}."
    if report.n_unreadable:
        text += f" Unreadable, and in none of the numbers: {counted(report.n_unreadable, 'row')} (see below)."
    kind = "bad" if refused else "good"
    return f'<h1>Evaluation of the model</h1><div class="verdict lead {kind}">{text}</div>'


def _abroad(report: EvaluationReport) -> str:
    """Say how the test faces differ from the training, and what the answers are worth on them."""
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in abroad_sentences(report))
    return f"<h2>Beside the training</h2><ul>{sentences}</ul>" if sentences else ""


def _headline(report: EvaluationReport, spec: ModelSpec) -> str:
    """Show the main numbers, each beside what it must be compared with."""
    metrics = report.metrics
    computed = [baseline for baseline in report.baselines.values() if baseline.is_computed]
    best = max(computed, key=lambda baseline: baseline.auc, default=None)
    cards = (
        ("AUC", metrics.auc, f"{escape(best.name)}: {best.auc:.3f}" if best else "trivial detectors: not computed"),
        ("accuracy", metrics.accuracy, f"always saying the larger class: {report.majority_share:.3f}"),
        ("real faces called fake", metrics.fpr, f"threshold {report.threshold:.3f} ({escape(spec.threshold_how)})"),
    )
    body = "".join(
        f"<div>{name}<b>{number(estimate.value, '.3f', 'not defined')}</b>"
        f"<span class='quiet'>95 % interval {estimate.interval()}<br>{text}</span></div>"
        for name, estimate, text in cards
    )
    note = f"Intervals: over {report.n_groups:,} {escape(report.unit)}, not over pictures."
    # Earlier versions counted no groups.
    if report.groups_real and (reason := no_interval_reason(report.groups_real, report.groups_fake)):
        note = f"No intervals: {reason}."
    spread = "" if report.spread is None else escape(report.spread.text)
    note = " ".join(filter(None, (note, reuse_note(report), escape(report.crops), spread)))
    return f'<div class="beside">{body}</div><p class="quiet">{note}</p>'


def _calibration_note(report: EvaluationReport) -> str:
    error = report.calibration_error
    if not error.estimate.is_defined:
        return ""
    return (
        f"<p>Expected calibration error {error.estimate}; a perfectly calibrated model would show "
        f"{error.expected:.3f} on as few rows.</p>"
    )


def _saliency_note(report: EvaluationReport) -> str:
    sentence = report.saliency.sentence() if report.saliency else ""
    return f"<p>{escape(sentence)}</p>" if sentence else ""


def _people_tables(report: EvaluationReport) -> str:
    return groups_table(report.subgroups, report.training) + gaps_table(report.gaps)


def _origin_tables(report: EvaluationReport) -> str:
    return groups_table(report.generators, report.training) + cells_table(report)


#: Heading, keys of figures, tables; first comes what the others depend on.
_SECTIONS: tuple[tuple[str, tuple[str, ...], Callable[[EvaluationReport], str]], ...] = (
    ("Comparison with baselines", ("baselines", "spectrum"), baselines_table),
    ("Shortcuts in the data", (), audit_table),
    ("Where it finds its evidence", ("saliency",), _saliency_note),
    ("Metrics", ("roc", "scores_by_label", "confusion", "precision_recall"), metrics_table),
    ("Groups of people", ("subgroups",), _people_tables),
    ("Generators and sources", ("matrix", "generators"), _origin_tables),
    ("Other deliveries of the same faces", ("delivery_curves",), lambda _: ""),
    ("Calibration", ("calibration",), _calibration_note),
    ("Abstention", ("risk_coverage", "group_answers"), abstention_tables),
    ("Alarms where fakes are rare", ("prior",), prior_table),
)
