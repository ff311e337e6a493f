"""Tables of the evaluation's report, as HTML; every name that comes from the data is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd

from aletheia.evaluation.result import Evaluation
from aletheia.evaluation.subgroups import TOO_FEW
from aletheia.plotting.html import table
from aletheia.release.gate import Check
from aletheia.stats.estimate import Estimate
from aletheia.stats.metrics import NAMES, Metrics

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


def checks_table(checks: Iterable[Check]) -> str:
    """The gate's verdicts: those that failed first, what could not be judged last."""
    rows = []
    for check in sorted(checks, key=lambda check: (check.passed, not check.judged)):
        word = "passed" if check.judged else "not judged"
        word = word if check.passed else "<b>failed</b>"
        rows.append((escape(check.name), word, escape(check.detail)))
    return table(("check", "verdict", "numbers"), rows)


def baselines_table(e: Evaluation) -> str:
    """What the network has to beat."""
    rows = [("the network", str(e.metrics["auc"]), "")]
    for told in e.baselines.to_dict().values():
        known = told["auc"] is not None
        auc = str(Estimate(told["auc"], told["low"], told["high"])) if known else escape(told["reason"])
        rows.append((escape(told["name"]), auc, escape(", ".join(told["leading"]))))
    return table(("detector", "AUC", "what it goes by"), rows)


def numbers_table(e: Evaluation) -> str:
    """All metrics of the faces, and of frames and videos where they differ."""
    m = e.metrics
    levels = list(e.levels.items())
    rows = [
        (
            _WORDS[name][0],
            value(m[name]),
            interval(m[name]),
            *(str(metrics[name]) for _, metrics in levels),
            f"<span class='quiet'>{_WORDS[name][1] or _compare(name, m)}</span>",
        )
        for name in NAMES
    ]
    counts = f"{m.n_real:,} real and {m.n_fake:,} fake faces; {m.n_unreadable:,} more could not be read."
    head = (
        "metric",
        "faces",
        "95 % interval",
        *(f"{level}s ({metrics.n:,})" for level, metrics in levels),
        "compare with",
    )
    return f"<p>{counts}</p>" + table(head, rows)


def _compare(name: str, metrics: Metrics) -> str:
    return f"always saying the larger class has {metrics.majority_share:.3f}" if name == "accuracy" else ""


def groups_table(groups: pd.DataFrame) -> str:
    """Subgroups or manipulations."""
    if not len(groups):
        return "<p>The manifest says nothing about this.</p>"
    rows = []
    for row in groups.to_dict("records"):
        cells = [escape(f"{row['column']}: {row['value']}"), f"{row['n_real']:,}", f"{row['n_fake']:,}"]
        for name in ("auc", "fpr", "fnr", "ece"):
            known = name in row and pd.notna(row[name])
            cells.append(str(Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"])) if known else TOO_FEW)
        rows.append(cells)
    head = ("group", "real", "fake", "AUC", "false positives", "false negatives", "calibration error")
    return table(head, rows)


def gaps_table(gaps: pd.DataFrame) -> str:
    """The largest difference between two groups, for each column and rate."""
    names = {"fpr": "false positives", "fnr": "false negatives", "auc": "AUC"}
    rows = []
    for row in gaps.to_dict("records"):
        if pd.isna(row["gap"]):
            rows.append((escape(row["column"]), names[row["rate"]], TOO_FEW, "", "", ""))
            continue
        gap = str(Estimate(row["gap"], row["gap_low"], row["gap_high"]))
        ends = (f"{escape(str(row[end]))} ({row[f'{end}_rate']:.3f})" for end in ("highest", "lowest"))
        rows.append((escape(row["column"]), names[row["rate"]], gap, *ends, f"{row['p_value']:.3f}"))
    legend = (
        "A largest gap is above 0 even where nothing differs; p says how often chance alone makes one as large "
        "(permutation test)."
    )
    head = ("column", "rate", "largest gap", "highest", "lowest", "p")
    return table(head, rows) + f'<p class="quiet">{legend}</p>' if rows else ""


def abstention_tables(e: Evaluation) -> str:
    """Whom the model answers, why not the others, and whether the conformal sets keep their promise."""
    shares = [
        (
            escape(row["label"]),
            f"{row['n']:,}",
            *(_rate(row, name) for name in ("answered", "error_answered", "error_all")),
        )
        for row in e.abstention.table.to_dict("records")
    ]
    causes = [
        (escape(row["cause"]), f"{row['n']:,}", _rate(row, "share"), _share(row["wrong"]))
        for row in e.abstention.causes.to_dict("records")
        if row["n"]
    ]
    promises = [
        (escape(row["label"]), f"{row['n']:,}", _rate(row, "covered"), f"{row['promised']:.0%}")
        for row in e.abstention.coverage.to_dict("records")
    ]
    parts = [
        table(("faces", "n", "answered", "wrong among those", "wrong if all were answered"), shares),
        table(("“cannot tell”, because", "n", "share", "the threshold would be wrong"), causes) if causes else "",
        table(("class", "n", "its label is plausible", "promised"), promises) if promises else "",
    ]
    return "".join(parts)


def prior_table(e: Evaluation) -> str:
    """What an alarm means where fakes are rare."""
    rows = [(f"{row['base_rate']:.1%}", _rate(row, "ppv"), _rate(row, "npv")) for row in e.prior.to_dict("records")]
    first = e.prior.iloc[0]
    alarms = Estimate(first["false_alarms"], first["false_alarms_low"], first["false_alarms_high"])
    text = ""
    if alarms.value == alarms.value:
        text = (
            f"<p>Of 10,000 genuine photos {alarms.value:,.0f} ({alarms.low:,.0f} to {alarms.high:,.0f}) would be "
            "called fake.</p>"
        )
    head = ("share of fakes among all photos", "alarms that are right", "passed photos that are genuine")
    return text + table(head, rows)


def skipped_table(e: Evaluation) -> str:
    """Rows without a score."""
    if not len(e.skipped):
        return ""
    shown = e.skipped.head(100)
    rows = [(f"<code>{escape(str(r.path))}</code>", escape(str(r.reason))) for r in shown.itertuples()]
    more = f"<p>… and {len(e.skipped) - len(shown):,} more.</p>" if len(e.skipped) > len(shown) else ""
    return "<h2>Rows that could not be read</h2>" + table(("file", "why"), rows) + more


def origin_table(e: Evaluation) -> str:
    """What was evaluated on what."""
    spec, fitted = e.spec, e.spec.calibration
    facts = {
        "architecture": f"{spec.architecture}, {spec.parameters:,} parameters",
        "input": f"{spec.input_size} × {spec.input_size} pixels RGB",
        "crops": f"{spec.crop.policy}, {spec.crop.size} pixels, margin {spec.crop.margin:g}",
        "calibration": fitted.method
        + (f" (scale {fitted.scale:.3f}, shift {fitted.shift:.3f})" if fitted.method != "isotonic" else ""),
        "training run": spec.run or "not recorded",
        "trained": spec.created.isoformat(),
        "training data": spec.data_hash or "not recorded",
        "test data": e.data_hash,
        "weights (SHA-256)": spec.weights_sha256,
        "versions": ", ".join(f"{k} {v}" for k, v in spec.versions.items()),
    }
    return table((), [(escape(k), f"<code>{escape(v)}</code>") for k, v in facts.items()])


def value(estimate: Estimate) -> str:
    """The value alone."""
    return f"{estimate.value:.3f}" if estimate.value == estimate.value else "not defined"


def interval(estimate: Estimate) -> str:
    """Its interval; a dash where there is none."""
    return f"{estimate.low:.3f} to {estimate.high:.3f}" if estimate.low == estimate.low else "–"


def _rate(row: dict[str, Any], name: str) -> str:
    if row[name] != row[name]:
        return "–"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:.1%}" + (f" ({low:.1%} to {high:.1%})" if low == low else "")


def _share(share: float) -> str:
    return "–" if share != share else f"{share:.0%}"
