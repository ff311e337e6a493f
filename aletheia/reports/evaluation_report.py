"""The report of an evaluation: one HTML file that works offline and is read from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from aletheia.evaluation.result import Evaluation
from aletheia.plotting.html import html_page, plot
from aletheia.release.gate import Check
from aletheia.reports.evaluation_tables import (
    abstention_tables,
    baselines_table,
    checks_table,
    gaps_table,
    groups_table,
    interval,
    numbers_table,
    origin_table,
    prior_table,
    skipped_table,
    value,
)

#: Sections in the order in which questions arise: heading, keys of figures, table.
_SECTIONS = (
    ("Is it the faces that decide?", ("baselines", "spectrum"), baselines_table),
    ("How well does it tell them apart?", ("roc", "scores_by_label", "confusion", "precision_recall"), numbers_table),
    ("Whom does it treat how?", ("subgroups",), lambda e: groups_table(e.subgroups) + gaps_table(e.gaps)),
    ("Which forgeries, against which photographs?", ("matrix", "generators"), lambda e: groups_table(e.generators)),
    ("What if the pictures come otherwise?", ("delivery_curves",), lambda e: _delivery_note(e)),
    ("What does its probability mean?", ("calibration",), lambda e: _calibration_note(e)),
    ("When does it not answer?", ("risk_coverage",), abstention_tables),
    ("What does an alarm mean where fakes are rare?", ("prior",), prior_table),
)


def evaluation_report(evaluation: Evaluation, figures: Mapping[str, go.Figure], checks: Sequence[Check]) -> str:
    """Write the report.

    Parameters
    ----------
    evaluation : Evaluation
        Of `aletheia.evaluation.evaluate.evaluate_model`.
    figures : mapping
        Of `aletheia.evaluation.figures.evaluation_figures`; those that no section knows come at the end.
    checks : sequence of Check
        The gate's verdicts about this evaluation.

    Returns
    -------
    str
        HTML with plotly's code inside, once; nothing is fetched from anywhere.
    """
    sections = [_verdict(evaluation, checks), _beside(evaluation), "<h2>The checks</h2>" + checks_table(checks)]
    shown: set[str] = set()
    for heading, keys, tables in _SECTIONS:
        plots = [plot(figures[key]) for key in keys if key in figures]
        sections.append(f"<h2>{heading}</h2>" + "\n".join(plots) + tables(evaluation))
        shown |= set(keys)
    sections += [plot(figure) for key, figure in figures.items() if key not in shown]
    sections += [skipped_table(evaluation), "<h2>Where this comes from</h2>" + origin_table(evaluation)]
    return html_page("Evaluation", sections)


def _verdict(e: Evaluation, checks: Sequence[Check]) -> str:
    failed = [check for check in checks if not check.passed]
    lead = f"On {e.metrics.n:,} test faces{e.unseen}, the network reaches an AUC of <b>{e.metrics['auc']}</b>."
    if failed:
        names = ", ".join(escape(check.name) for check in failed)
        text, kind = f"{lead} <b>It is not to be relied on;</b> it failed: {names}.", "bad"
    else:
        judged = sum(check.judged for check in checks)
        text = f"{lead} It passed every check that could be judged, {judged} of {len(checks)} (below)."
        kind = "good"
    unreadable = ""
    if e.metrics.n_unreadable:
        unreadable = f" {e.metrics.n_unreadable:,} rows could not be read and are in none of the numbers (see below)."
    return f'<h1>What the model is worth</h1><div class="verdict lead {kind}">{text}{unreadable}</div>'


def _beside(e: Evaluation) -> str:
    m = e.metrics
    best = max(
        (told for told in e.baselines.to_dict().values() if told["auc"] is not None),
        key=lambda told: told["auc"],
        default=None,
    )
    beside = f"{escape(best['name'])}: {best['auc']:.3f}" if best else "trivial detectors: not computed"
    cards = [
        ("AUC", m["auc"], beside),
        ("accuracy", m["accuracy"], f"always saying the larger class: {m.majority_share:.3f}"),
        (
            "real faces called fake",
            m["fpr"],
            f"at the threshold {m.threshold:.3f} ({escape(e.spec.threshold_how)})",
        ),
    ]
    body = "".join(
        f"<div>{name}<b>{value(estimate)}</b>"
        f"<span class='quiet'>95 % interval {interval(estimate)}<br>{text}</span></div>"
        for name, estimate, text in cards
    )
    note = f"Intervals: bootstrap over {m.n_groups:,} units ({e.unit}), not over pictures."
    return f'<div class="beside">{body}</div><p class="quiet">{note}</p>'


def _delivery_note(e: Evaluation) -> str:
    text = e.delivery.attrs.get("note", "")
    return f'<p class="quiet">{escape(text)}</p>' if text else ""


def _calibration_note(e: Evaluation) -> str:
    error = e.calibration
    if error.value != error.value:
        return ""
    return (
        f"<p>Expected calibration error {error.value:.3f} ({error.low:.3f} to {error.high:.3f}); a perfectly "
        f"calibrated model would show {error.expected:.3f} on as few rows.</p>"
    )
