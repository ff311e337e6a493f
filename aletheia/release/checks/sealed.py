"""The check against the sealed part of the test set, which a release alone scores."""

from __future__ import annotations

import math

from aletheia.core.wording import counted, p_text
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext
from aletheia.stats.clustered_auc import MIN_GROUPS, independent_p

SIGNIFICANT = 0.05


class SealedConfirms(GateCheck):
    """The AUC on the sealed part is not below that of the open part by more than chance explains.

    A one-sided test of independent groups. Not required: of a small test set nothing is sealed.
    """

    code = "sealed-confirms"
    name = "the sealed part confirms"
    required = False
    min_groups = MIN_GROUPS

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the two estimates."""
        sealed = report.sealed
        if sealed is None:
            return self.not_judged("register opens the sealed part of the test set, where there is one")
        if sealed.reason:
            return self.not_judged(sealed.reason)
        if sealed.groups < MIN_GROUPS:
            return self.not_judged(
                f"the sealed faces of one class are of {counted(sealed.groups, 'group')}; a verdict needs {MIN_GROUPS}"
            )
        df = min(report.groups_real, report.groups_fake) - 1
        p = independent_p(report.metrics.auc, df, sealed.estimate, sealed.groups - 1)
        if math.isnan(p):
            return self.not_judged("one of the two parts has no interval")
        detail = (
            f"AUC {sealed.estimate:.3f} on {sealed.n:,} sealed faces against {report.metrics.auc:.3f} on the open "
            f"ones; p that it is not lower {p_text(p)}"
        )
        return self.result(p >= SIGNIFICANT, detail)
