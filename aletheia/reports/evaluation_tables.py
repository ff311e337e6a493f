"""Tables of the evaluation report as HTML; every name that comes from the data is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from aletheia.core.wording import p_text
from aletheia.evaluation.subgroups import TOO_FEW
from aletheia.models.spec import ModelSpec
from aletheia.plotting.html import table
from aletheia.release.evaluation_records import GapRecord, GroupRecord
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult
from aletheia.release.training_records import TrainingRecord
from aletheia.reports.abroad_text import ranking_words
from aletheia.reports.formatting import number

#: Metric → readable name, and what to compare it with.
_METRICS = {
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
_RATES = {"fpr": "false positives", "fnr": "false negatives", "auc": "AUC"}
_SHOWN = 100  # unreadable rows


def checks_table(checks: Iterable[CheckResult]) -> str:
    """List the gate's verdicts: failed checks first, then those that could not be judged."""
    rows = [
        (escape(check.name), f"<b>{text}</b>" if not check.allows else text, escape(_with_limit(check)))
        for check in sorted(checks, key=lambda check: (check.passed, not check.judged))
        for text in [escape(check.verdict.lower())]
    ]
    return table(("check", "verdict", "numbers"), rows)


def _with_limit(check: CheckResult) -> str:
    return f"{check.detail}; limit loosened: {check.loosened}" if check.is_loosened else check.detail


def audit_table(report: EvaluationReport) -> str:
    """List how well everything but the face tells the label: in the rows that the network got, or in these alone."""
    if report.audit is None:
        return "<p>Not audited: the faces are of one label, or it is not known where in their pictures they lie.</p>"
    rows = [
        (
            escape(family.name),
            "a network does not see it" if family.absent else f"{family.estimate}",
            "gives the label away" if family.tells else ("too few to tell" if family.unsure else escape(family.reason)),
        )
        for family in report.audit
    ]
    rows += [
        (f"column {escape(row.column)}", number(row.cramers_v, ".3f", "known for one label only"), "Cramér's V")
        for row in report.associations or ()
    ]
    audited = "in these faces" if report.leaks is None else "in training, validation and test faces"
    return table((audited, "AUC, or Cramér's V", ""), rows)


def baselines_table(report: EvaluationReport) -> str:
    """List the network, also among pairs of people who are alike, and the detectors that it has to beat."""
    rows = [("the network", f"{report.metrics.auc}", "")]
    if report.alike is not None and report.alike.columns:
        among = f"the network, among pairs alike in {', '.join(report.alike.columns)}"
        auc = report.alike.with_interval("auc").text(undefined="no pair is alike")
        rows.append((escape(among), auc, f"{report.alike.share:.0%} of all pairs"))
    for baseline in report.baselines.values():
        auc = f"{baseline.estimate}" if baseline.is_computed else escape(baseline.reason)
        rows.append((escape(baseline.name), auc, escape(", ".join(baseline.leading))))
    return table(("detector", "AUC", "leading features"), rows)


def metrics_table(report: EvaluationReport) -> str:
    """List all metrics of the faces, and of frames and videos where they differ."""
    levels = {name: dict(level.metrics) for name, level in report.levels.items()}
    comparisons = {key: text for key, (_, text) in _METRICS.items()}
    comparisons["accuracy"] = f"always saying the larger class has {report.majority_share:.3f}"
    rows = [
        (
            _METRICS[key][0],
            number(estimate.value, ".3f", "not defined"),
            estimate.interval(),
            *(f"{metrics[key]}" for metrics in levels.values()),
            f"<span class='quiet'>{comparisons[key]}</span>",
        )
        for key, estimate in report.metrics
    ]
    counts = f"{report.n_real:,} real and {report.n_fake:,} fake faces; {report.n_unreadable:,} more could not be read."
    level_heads = [f"{name}s ({level.n:,})" for name, level in report.levels.items()]
    return f"<p>{counts}</p>" + table(("metric", "faces", "95 % interval", *level_heads, "compare with"), rows)


def groups_table(groups: Sequence[GroupRecord], training: TrainingRecord | None = None) -> str:
    """List groups of people, or generators, and whether they were in training."""
    if not groups:
        return "<p>The manifest has no columns for this.</p>"
    rows = [
        (
            escape(f"{group.column}: {group.value}"),
            in_training(training, group.column, group.value),
            f"{group.n_real:,}",
            f"{group.n_fake:,}",
            *(group.with_interval(name).text(undefined=TOO_FEW) for name in ("auc", "fpr", "fnr", "ece")),
        )
        for group in groups
    ]
    head = ("group", "in training", "real", "fake", "AUC", "false positives", "false negatives", "calibration error")
    return table(head, rows)


def in_training(training: TrainingRecord | None, column: str, value: str) -> str:
    """Say whether a value of a column was in training: "yes", "no", or a dash where that is not recorded."""
    return {True: "yes", False: "no", None: "–"}[training.is_known(column, value) if training else None]


def cells_table(report: EvaluationReport) -> str:
    """List the AUC of each generator's fakes against each source's genuine faces, and what of it was in training."""
    rows = [
        (
            escape(f"{cell.generator} against {cell.source}"),
            escape(report.training.novelty(cell.source, cell.generator) if report.training else "") or "–",
            f"{cell.n_real:,}",
            f"{cell.n_fake:,}",
            cell.with_interval("auc").text(undefined=TOO_FEW),
            ranking_words(cell.with_interval("auc")),
        )
        for cell in report.cells
    ]
    return table(("cell", "in training", "real", "fake", "AUC", ""), rows) if rows else ""


def gaps_table(gaps: Sequence[GapRecord]) -> str:
    """List the largest difference between two groups, for each column and rate."""
    if not gaps:
        return ""
    legend = (
        "A largest gap is above 0 even where nothing differs; p says how often chance alone makes one as large "
        "(permutation test)."
    )
    head = ("column", "rate", "largest gap", "highest", "lowest", "p")
    return table(head, map(_gap_row, gaps)) + f'<p class="quiet">{legend}</p>'


def _gap_row(gap: GapRecord) -> tuple[str, ...]:
    column, rate = escape(gap.column), _RATES[gap.rate]
    if math.isnan(gap.gap):
        return column, rate, TOO_FEW, "", "", ""
    ends = (f"{escape(gap.highest)} ({gap.highest_rate:.3f})", f"{escape(gap.lowest)} ({gap.lowest_rate:.3f})")
    return column, rate, f"{gap.with_interval('gap')}", *ends, escape(p_text(gap.p_value))


def abstention_tables(report: EvaluationReport) -> str:
    """Show how many faces are answered, why others are not, and whether the conformal sets keep their promise."""
    abstention = report.abstention
    answered = [
        (
            escape(row.label),
            f"{row.n:,}",
            *(row.with_interval(name).text(".1%", "–") for name in ("answered", "error_answered", "error_all")),
        )
        for row in abstention.table
    ]
    causes = [
        (escape(row.cause), f"{row.n:,}", row.with_interval("share").text(".1%", "–"), number(row.wrong, ".0%"))
        for row in abstention.causes
        if row.n
    ]
    promises = [
        (
            escape(row.label),
            f"{row.n:,}",
            row.with_interval("covered").text(".1%", "–"),
            f"{row.promised:.0%}",
            number(row.limits_from, ",.0f"),
            escape(p_text(row.p_value)),
            escape(f"{row.verdict}: {row.reason}" if row.reason else row.verdict),
        )
        for row in abstention.coverage
    ]
    groups = [
        (
            escape(f"{row.column}: {row.value}, {row.label}"),
            in_training(report.training, row.column, row.value),
            f"{row.n:,}",
            *(
                row.with_interval(name).text(".1%", "–")
                for name in ("error_all", "answered", "error_answered", "covered")
            ),
            row.verdict,
        )
        for row in abstention.groups
    ]
    errors = ("errors if all were answered", "answered", "errors among those")
    tables = (
        (("faces", "n", "answered", "errors among those", "errors if all were answered"), answered),
        (("“cannot tell”, because", "n", "share", "the threshold would be wrong"), causes),
        (
            (
                "class",
                "n",
                "its label is plausible",
                "promised",
                "by a limit from independent faces",
                "p",
                "the promise is",
            ),
            promises,
        ),
        (("part", "in training", "n", *errors, "its label is plausible", "the promise is"), groups),
    )
    return "".join(table(head, rows) for head, rows in tables if rows)


def prior_table(report: EvaluationReport) -> str:
    """Show the predictive values where fakes are rare."""
    rows = [
        (f"{row.base_rate:.1%}", *(row.with_interval(name).text(".1%", "–") for name in ("ppv", "npv")))
        for row in report.prior
    ]
    head = ("share of fakes among all photos", "alarms that are right", "passed photos that are genuine")
    text = ""
    if report.prior and (alarms := report.prior[0].with_interval("false_alarms")).is_defined:
        text = f"<p>Of 10,000 genuine photos {alarms:,.0f} would be called fake.</p>"
    return text + table(head, rows)


def unreadable_table(report: EvaluationReport) -> str:
    """List rows without a score."""
    if not report.unreadable:
        return ""
    rows = [(f"<code>{escape(row.path)}</code>", escape(row.reason)) for row in report.unreadable[:_SHOWN]]
    rest = max(0, len(report.unreadable) - _SHOWN)
    return "<h2>Rows that could not be read</h2>" + table(("file", "reason"), rows, rest)


def origin_table(report: EvaluationReport, spec: ModelSpec) -> str:
    """List model, data and versions behind the numbers."""
    fitted = spec.calibration
    shape = "" if fitted.method == "isotonic" else f" (scale {fitted.scale:.3f}, shift {fitted.shift:.3f})"
    facts = {
        "architecture": f"{spec.architecture}, {spec.parameters:,} parameters",
        "input": f"{spec.input_size} × {spec.input_size} pixels RGB",
        "crops": f"{spec.crop.policy}, {spec.crop.size} pixels, margin {spec.crop.margin:g}",
        "calibration": fitted.method + shape,
        "training run": spec.run or "not recorded",
        "trained": spec.created.isoformat(),
        "training data": spec.data_hash or "not recorded",
        "test data": report.test_data_hash,
        "weights (SHA-256)": spec.weights_sha256,
        "versions": ", ".join(f"{name} {version}" for name, version in spec.versions.items()),
    }
    return table((), [(escape(name), f"<code>{escape(fact)}</code>") for name, fact in facts.items()])
