"""The check that the network tells fakes apart among people who are alike."""

from __future__ import annotations

import math

from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext, Limit
from aletheia.stats.clustered_auc import MIN_GROUPS

_CHANCE = 0.5


class HoldsAmongAlike(GateCheck):
    """The network tells fakes from real faces of people who are alike.

    The part of the AUC above one half that is left among pairs alike in demographics and thumbnail. Fails, too, where
    no pair is alike: then people and fakes cannot be told apart.
    """

    code = "alike-pairs"
    name = "holds among people alike"
    min_groups = MIN_GROUPS
    limit = Limit(
        "alike_share",
        0.5,
        "Least part of the AUC above one half that is left among pairs alike in demographics and thumbnail.",
        ge=0,
        le=1,
        strict_up=True,
    )

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the part that is left with the limit, and the AUC among alike pairs with one half."""
        alike, auc = report.alike, report.metrics.auc
        if alike is None:
            return self.not_judged("not computed, as evaluations are now", remedy="run evaluate again")
        if not alike.columns:
            return self.not_judged(
                "neither demographics nor thumbnails of the faces are known",
                remedy="add a column such as gender",
            )
        among = f"pairs alike in {', '.join(alike.columns)} ({alike.share:.0%} of all pairs)"
        estimate = alike.with_interval("auc")
        if not estimate.is_defined:
            return self.result(False, f"there are no {among}, so people and fakes cannot be told apart")
        left = share_left(auc.value, estimate.value)
        share = f"{left:.0%} of what all pairs have above 0.5" if auc.value > _CHANCE else "all pairs are not above 0.5"
        detail = f"AUC {estimate:.3f} among {among}: {share}; at least {context.limit:.0%}"
        return self.result(estimate.has_interval and estimate.low > 0.5 and left >= context.limit, detail)


def share_left(auc: float, alike: float) -> float:
    """Compute the share of what an AUC has above one half that is left among alike pairs; NaN where it has nothing."""
    return (alike - 0.5) / (auc - 0.5) if auc > 0.5 else math.nan
