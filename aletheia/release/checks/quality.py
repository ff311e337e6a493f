"""Checks of what the scores are worth: decisions, generators, probabilities; and of an honest training."""

from __future__ import annotations

from aletheia.release.checks.leakage import KNOWN_SHARE
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext, Limit
from aletheia.stats.clustered_auc import MIN_GROUPS

#: How a table of cells names a source or a generator that the manifest does not.
UNKNOWN = "(unknown)"
_SHOWN = 4  # names of cells


class BeatsMajorityClass(GateCheck):
    """The interval of the balanced accuracy lies above one half."""

    code = "beats-majority-class"
    name = "beats the majority class"
    min_groups = MIN_GROUPS

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the balanced accuracy with that of a constant answer."""
        balanced = report.metrics.balanced_accuracy
        if not balanced.has_interval:
            return self.not_judged("the balanced accuracy is not defined, or has no interval")
        detail = f"balanced accuracy {balanced:.3f}; always answering with the majority class has 0.5"
        return self.result(balanced.low > 0.5, detail)


class NoWeakCell(GateCheck):
    """Fakes of each generator are distinguished from the real faces of each source."""

    code = "no-weak-cell"
    name = "no weak cell"
    limit = Limit("cell_auc", 0.7, "Least AUC of the worst cell of source and generator.", ge=0.5, le=1, strict_up=True)
    min_groups = MIN_GROUPS

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the worst cell's AUC with the limit."""
        worst, small = report.worst_cell, report.unjudged_cells
        more = f" and {len(small) - _SHOWN} more" if len(small) > _SHOWN else ""
        names = f"too few test rows to judge {', '.join(small[:_SHOWN])}{more}"
        if worst is None:
            return self.not_judged("no pair of source and generator has enough test rows")
        auc = worst.with_interval("auc")
        detail = f"{worst.generator} against genuine {worst.source}: AUC {auc:.3f}; at least {context.limit:g}"
        if report.training and (novelty := report.training.novelty(worst.source, worst.generator)):
            detail += f" ({novelty})"
        if worst.auc < context.limit:
            return self.result(False, f"{detail}; {names}" if small else detail)
        for column, unknown, rows in _unknown_rows(report):
            if unknown > (1 - KNOWN_SHARE) * rows:
                remedy = f"name it in the column {column}"
                return self.not_judged(f"the {column} of {unknown:,} of {rows:,} test rows is not known", remedy=remedy)
        if small:
            return self.not_judged(f"{names} ({detail})", remedy="bring more of these")
        return self.result(True, detail)


def _unknown_rows(report: EvaluationReport) -> list[tuple[str, int, int]]:
    """Count the genuine rows of no source and the fakes of no generator: column, unknown rows, all of the class."""
    real = {cell.source: cell.n_real for cell in report.cells}
    fake = {cell.generator: cell.n_fake for cell in report.cells}
    counts = (("source", real), ("generator", fake))
    return [(column, rows.get(UNKNOWN, 0), sum(rows.values())) for column, rows in counts]


class Calibrated(GateCheck):
    """The calibration error can hardly be larger than what perfect calibration shows on as few rows.

    The upper end of the interval decides: a few rows are no excuse for an error that they cannot rule out.
    """

    code = "calibrated"
    name = "calibrated"
    limit = Limit(
        "calibration_error",
        0.1,
        "Most calibration error, beyond what perfect calibration shows on as few rows.",
        gt=0,
        le=1,
    )
    min_groups = MIN_GROUPS

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the upper end of the calibration error, less what chance explains, with the limit."""
        error = report.calibration_error
        if not error.estimate.has_interval:
            return self.not_judged("the calibration error is not defined, or has no interval")
        detail = (
            f"expected calibration error {error.estimate:.3f}; a perfectly calibrated model would show "
            f"{error.expected:.3f} on as many rows; the upper end lies at most {context.limit:g} beyond that"
        )
        return self.result(error.high - error.expected <= context.limit, detail)


class NoInjectedFault(GateCheck):
    """No fault was injected into the training."""

    code = "no-injected-fault"
    name = "no injected fault"

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Read which fault the training recorded."""
        return self.result(report.fault == "none", f"fault injected into the training: {report.fault}")
