"""The check that a network's evidence does not lie at one place of the crop in all fakes."""

from __future__ import annotations

from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext, Limit
from aletheia.stats.clustered_auc import MIN_GROUPS


class EvidenceIsSpread(GateCheck):
    """No small window at a fixed place holds most of what speaks for a fake.

    Fails when the share of the evidence in the best window exceeds the limit with its whole interval. Not required:
    shortcuts at no fixed place pass, so that a pass shows little, and evaluations of earlier versions lack it.
    """

    code = "evidence-spread"
    name = "its evidence is spread over the face"
    required = False
    min_groups = MIN_GROUPS
    classes = ("fake",)
    limit = Limit(
        "evidence_share",
        0.4,
        "Largest share of the network's evidence in fakes that may lie in one window of a sixteenth of the crop.",
        gt=0,
        le=1,
    )

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the lower end of the share in fakes with the limit."""
        saliency = report.saliency
        if saliency is None:
            return self.not_judged("not computed, as evaluations are now", remedy="run evaluate again")
        fake = saliency.with_interval("fake")
        if not fake.has_interval:
            return self.not_judged("the fakes that were explained are of too few people")
        detail = (
            f"{fake:.0%} of the evidence in fakes lies in one window of {saliency.uniform:.1%} of the crop; at most "
            f"{context.limit:.0%}"
        )
        return self.result(fake.low <= context.limit, detail)
