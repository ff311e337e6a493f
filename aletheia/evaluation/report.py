"""The report of an evaluation: one HTML file that works offline and is read from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from aletheia.evaluation.evaluate import Evaluation
from aletheia.evaluation.metrics import NAMES, Estimate

_WORDS = {
    "auc": ("AUC", "a random fake scores above a random real face; 0.5 is chance"),
    "average_precision": ("average precision", "always saying fake has the share of fakes"),
    "eer": ("equal error rate", "where both error rates meet"),
    "tpr_at_fpr_1": ("fakes found at 1 % false alarms", ""),
    "tpr_at_fpr_5": ("fakes found at 5 % false alarms", ""),
    "log_loss": ("log loss (nats)", "a coin toss has 0.693"),
    "brier": ("Brier score", "a coin toss has 0.25"),
    "accuracy": ("accuracy", ""),
    "balanced_accuracy": ("balanced accuracy", "always saying the larger class has 0.5"),
    "precision": ("precision", "share of alarms that are fakes"),
    "recall": ("recall", "share of fakes found"),
    "f1": ("F1", ""),
    "fpr": ("false-positive rate", "real faces called fake"),
    "fnr": ("false-negative rate", "fakes missed"),
}

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f1f1f; max-width: 1000px; margin: 2rem auto; padding: 0
1rem; } h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.verdict { border-left: 6px solid; padding: .8rem 1.2rem; margin: 1.2rem 0; font-size: 1.1rem; }
.good { border-color: #009E73; background: #eef8f4; } .bad { border-color: #D55E00; background: #fdf1ea; }
.beside { display: flex; gap: 1rem; flex-wrap: wrap; }
.beside div { flex: 1 1 260px; border: 1px solid #d0d0d0; border-radius: 6px; padding: .8rem 1rem; }
.beside b { font-size: 1.5rem; display: block; } .quiet { color: #5c5c5c; font-size: .9rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e2e2e2; vertical-align:
top; } .scroll { overflow-x: auto; } code { overflow-wrap: anywhere; }
@media print { .plot { break-inside: avoid; } }
"""


def evaluation_report(evaluation: Evaluation, figures: Mapping[str, go.Figure]) -> str:
    """Write the report.

    Parameters
    ----------
    evaluation : Evaluation
        Of `aletheia.evaluation.evaluate.evaluate_model`.
    figures : mapping
        Of `aletheia.evaluation.plots.evaluation_figures`, in the order in which they are shown.

    Returns
    -------
    str
        HTML with plotly's code inside, once; nothing is fetched from anywhere.
    """
    plots = "\n".join(
        '<div class="plot">' + figure.to_html(full_html=False, include_plotlyjs=False, default_width="100%") + "</div>"
        for figure in figures.values()
    )
    sections = [
        _verdict(evaluation),
        _beside(evaluation),
        "<h2>Plots</h2>" + plots,
        "<h2>All numbers</h2>" + _numbers(evaluation),
        "<h2>Subgroups</h2>" + _groups(evaluation.subgroups),
        "<h2>Manipulations</h2>" + _groups(evaluation.generators),
        _skipped(evaluation),
        "<h2>Where this comes from</h2>" + _origin(evaluation),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Evaluation</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head><body>\n"
        + "\n".join(sections)
        + "\n</body></html>\n"
    )


def _verdict(e: Evaluation) -> str:
    auc, shortcut = e.metrics["auc"], e.shortcut
    reach = str(Estimate(shortcut.auc, shortcut.low, shortcut.high)) if shortcut else ""
    doubts = []
    if not auc.low > 0.5:
        doubts.append("its AUC cannot be told from chance")
    if shortcut is None:
        doubts.append(f"what file properties alone would score could not be computed ({e.shortcut_note})")
    elif not auc.low > shortcut.high:
        doubts.append(
            f"file properties alone reach an AUC of {reach}, and the network is not above that by more than "
            "the intervals: it has not shown that it looks at faces"
        )
    if e.leaks:
        doubts.append(f"{e.leaks} groups stand in training and test at once, so the numbers flatter it")
    if e.spec.fault != "none":
        doubts.append(f"a fault was injected into its training on purpose ({e.spec.fault})")
    lead = f"On {e.metrics.n:,} test faces it never saw, the network reaches an AUC of <b>{auc}</b>."
    if doubts:
        text, kind = f"{lead} <b>This is not to be relied on:</b> {escape('; '.join(doubts))}.", "bad"
    else:
        text = (
            f"{lead} That is more than file properties alone give away ({reach}), and no group of rows stands "
            "in training and test at once."
        )
        kind = "good"
    unreadable = ""
    if e.metrics.n_unreadable:
        unreadable = f" {e.metrics.n_unreadable:,} rows could not be read and are in none of the numbers (see below)."
    return f'<h1>What the model is worth</h1><div class="verdict {kind}">{text}{unreadable}</div>'


def _beside(e: Evaluation) -> str:
    m = e.metrics
    shortcut = "not computed" if e.shortcut is None else f"{e.shortcut.auc:.3f}"
    cards = [
        ("AUC", m["auc"], f"file properties alone: {shortcut}"),
        ("accuracy", m["accuracy"], f"always saying the larger class: {m.majority_share:.3f}"),
        (
            "real faces called fake",
            m["fpr"],
            f"at the threshold {m.threshold:.3f} ({escape(e.spec.threshold_how)})",
        ),
    ]
    body = "".join(
        f"<div>{name}<b>{_value(estimate)}</b>"
        f"<span class='quiet'>95 % interval {_range(estimate)}<br>{text}</span></div>"
        for name, estimate, text in cards
    )
    note = f"Intervals: bootstrap over {m.n_groups:,} units ({e.unit}), not over pictures."
    return f'<div class="beside">{body}</div><p class="quiet">{note}</p>'


def _numbers(e: Evaluation) -> str:
    rows = "".join(
        f"<tr><td>{_WORDS[name][0]}</td><td>{_value(e.metrics[name])}</td><td>{_range(e.metrics[name])}</td>"
        f"<td class='quiet'>{_WORDS[name][1] or _compare(name, e)}</td></tr>"
        for name in NAMES
    )
    m = e.metrics
    counts = f"{m.n_real:,} real and {m.n_fake:,} fake faces; {m.n_unreadable:,} more could not be read."
    head = "<tr><th>metric</th><th>value</th><th>95 % interval</th><th>compare with</th></tr>"
    return f"<p>{counts}</p><table>{head}{rows}</table>"


def _compare(name: str, e: Evaluation) -> str:
    return f"always saying the larger class has {e.metrics.majority_share:.3f}" if name == "accuracy" else ""


def _groups(table: pd.DataFrame) -> str:
    if not len(table):
        return "<p>The manifest says nothing about this.</p>"
    head = "".join(f"<th>{t}</th>" for t in ("group", "real", "fake", "AUC", "false positives", "false negatives"))
    rows = []
    for row in table.to_dict("records"):
        cells = [escape(f"{row['column']}: {row['value']}"), f"{row['n_real']:,}", f"{row['n_fake']:,}"]
        for name in ("auc", "fpr", "fnr"):
            estimate = Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"])
            cells.append(str(estimate) if pd.notna(row[name]) else "too few to say")
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _skipped(e: Evaluation) -> str:
    if not len(e.skipped):
        return ""
    shown = e.skipped.head(100)
    rows = "".join(
        f"<tr><td><code>{escape(str(r.path))}</code></td><td>{escape(str(r.reason))}</td></tr>"
        for r in shown.itertuples()
    )
    more = f"<p>… and {len(e.skipped) - len(shown):,} more.</p>" if len(e.skipped) > len(shown) else ""
    return f"<h2>Rows that could not be read</h2><table><tr><th>file</th><th>why</th></tr>{rows}</table>{more}"


def _origin(e: Evaluation) -> str:
    spec, fitted = e.spec, e.spec.calibration
    facts = {
        "architecture": f"{spec.architecture}, {spec.parameters:,} parameters",
        "input": f"{spec.input_size} × {spec.input_size} pixels RGB",
        "crops": f"{spec.crop.policy}, {spec.crop.size} pixels, margin {spec.crop.margin:g}",
        "calibration": f"{fitted.method} (scale {fitted.scale:.3f}, shift {fitted.shift:.3f})",
        "training run": spec.run or "not recorded",
        "trained": spec.created.isoformat(),
        "training data": spec.data_hash or "not recorded",
        "test data": e.data_hash,
        "weights (SHA-256)": spec.weights_sha256,
        "versions": ", ".join(f"{k} {v}" for k, v in spec.versions.items()),
    }
    rows = "".join(f"<tr><td>{escape(k)}</td><td><code>{escape(v)}</code></td></tr>" for k, v in facts.items())
    return f"<table>{rows}</table>"


def _value(estimate: Estimate) -> str:
    return f"{estimate.value:.3f}" if estimate.value == estimate.value else "not defined"


def _range(estimate: Estimate) -> str:
    return f"{estimate.low:.3f} to {estimate.high:.3f}" if estimate.low == estimate.low else "–"
