"""The gate's checks against shortcuts that trees on a few measures miss: fixed places, the network itself, people."""

from __future__ import annotations

import math

from aletheia.release.checks import BeatsBaselines, register_check
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext, Limit


@register_check
class BeatsFixedPlaces(BeatsBaselines):
    """The network beats the template of residuals and the best small window."""

    code = "beats-fixed-places"
    name = "beats fixed places of the crop"
    keys = ("template", "window")


@register_check
class BeatsBlindedNetworks(BeatsBaselines):
    """The network beats its own recipe, trained on blanked and on small crops.

    Not judged where these networks could not be trained: without training or validation rows, or without the recipe.
    """

    code = "beats-blinded-networks"
    name = "beats the same network on blinded crops"
    keys = ("network_blanked", "network_small")

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare with the networks that could be trained."""
        baselines = [report.baseline(key) for key in self.keys]
        if not any(baseline.is_computed for baseline in baselines):
            return self.not_judged(baselines[0].reason)
        return super().judge(report, context)


@register_check
class HoldsAmongAlike(GateCheck):
    """The network tells fakes from real faces of people who are alike.

    The part of the AUC above one half that is left among pairs alike in demographics and thumbnail. Fails, too, where
    no pair is alike: then people and fakes cannot be told apart.
    """

    code = "alike-pairs"
    name = "holds among people alike"
    limit = Limit(
        "alike_share",
        0.5,
        "Least part of the AUC above one half that is left among pairs alike in demographics and thumbnail.",
        ge=0,
        le=1,
    )

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the part that is left with the limit, and the AUC among alike pairs with one half."""
        alike, auc = report.alike, report.metrics.auc
        if alike is None:
            return self.result(False, "not computed, as evaluations are now: run evaluate again")
        if not alike.columns:
            return self.not_judged("neither demographics nor thumbnails of the faces are known")
        among = f"pairs alike in {', '.join(alike.columns)} ({alike.share:.0%} of all pairs)"
        estimate = alike.with_interval("auc")
        if not estimate.is_defined:
            return self.result(False, f"there are no {among}, so people and fakes cannot be told apart")
        left = share_left(auc.value, estimate.value)
        detail = (
            f"AUC {estimate:.3f} among {among}: {left:.0%} of what all pairs have above 0.5; "
            f"at least {context.limit:.0%}"
        )
        return self.result(estimate.has_interval and estimate.low > 0.5 and left >= context.limit, detail)


def share_left(auc: float, alike: float) -> float:
    """Compute the share of what an AUC has above one half that is left among alike pairs; NaN where it has nothing."""
    return (alike - 0.5) / (auc - 0.5) if auc > 0.5 else math.nan
