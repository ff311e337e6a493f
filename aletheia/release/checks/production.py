"""The check against the model in production, of which the error is spent over the tries on a test set."""

from __future__ import annotations

import math

from aletheia.core.wording import counted, p_text
from aletheia.release.evaluation_records import NotCompared, ProductionComparison
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext, few_groups
from aletheia.stats.clustered_auc import MIN_GROUPS
from aletheia.stats.repeated_tries import spent_alpha

#: Probability that any of the tries on one test set is promoted though it is no better.
ALPHA = 0.05
#: Loss of AUC on the test set up to which a model that is better on new faces counts as no worse there.
MOST_LOST = 0.02


class BeatsProduction(GateCheck):
    """The AUC exceeds that of the model in production on the same rows; or new faces tell, and these rows no loss.

    One-sided paired test at a level that sums to 5 % over all models that are ever tried on one test set: the k-th has
    .05 / (k (k + 1)). A retraining on what the model in production got wrong need not show on a test set that holds
    nothing of it; so where new faces were held back from both, half of that level goes to a paired test of the right
    verdicts on them, and such a model must not have lost more than .02 AUC on the test set, by a test at 5 % on the
    logit scale (non-inferiority; Blackwelder, *Controlled Clinical Trials* 3, 1982). Passed by definition where there
    is no model in production, or it is the same one.
    """

    code = "beats-production"
    name = "better than the model in production"

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Look up the paired comparison, if it is with the weights in production now."""
        production = report.production
        if isinstance(production, NotCompared):
            return self.not_judged(production.reason)
        current, compared = context.production_weights, production.weights_sha256 if production else ""
        # Registered are the first digits of the hash; without any, nothing may have been compared with.
        if current is not None and compared[: len(current) or None] != current:
            return self.not_judged(
                "another model answers by now than when this one was evaluated", remedy="run evaluate again"
            )
        if production is None:
            if current is None:
                return self.not_judged("which model is in production is not known here")
            return self.result(True, "there is none yet")
        if production.same:
            return self.result(True, f"the same weights as {production.other}")
        return self._compare(production, report)

    def _compare(self, production: ProductionComparison, report: EvaluationReport) -> CheckResult:
        if too_few := few_groups(report, MIN_GROUPS):
            return self.not_judged(too_few)
        p = production.comparison.p_value()
        if math.isnan(p):
            return self.not_judged("the evaluation holds no paired test", remedy="run evaluate again")
        tries = report.tries
        number = tries.number if tries else 1
        new = production.new_faces
        is_split = new is not None and not math.isnan(new.comparison.p_value())
        level = spent_alpha(ALPHA, number) / (2 if is_split else 1)
        detail = (
            f"AUC {production.auc:.3f} against {production.other_auc:.3f} of {production.other} on the same "
            f"{production.n:,} rows: difference {production.estimate:+.3f}; p that it is not better {p_text(p, 4)}, "
            f"needed below {level:.4f} at evaluation no. {number} on this test set"
        )
        if tries is None:
            detail += " (earlier ones were not counted)"
        if not production.same_data:
            detail += "; it was trained on other data, and some of these rows may have been among them"
        if new is None:
            return self.result(p < level, detail)
        detail += f"; on {counted(new.n, 'new face')} right {new.second_right:.1%} against {new.first_right:.1%}"
        if not is_split:
            return self.result(p < level, f"{detail}, of too few people or films ({new.groups}) for a test")
        better, lost = new.comparison.p_value(), production.lost_p(MOST_LOST)
        detail += (
            f": p that it is not better {p_text(better, 4)}, needed below {level:.4f}; p that it has lost more than "
            f"{MOST_LOST} AUC on the test set {p_text(lost, 4)}, needed below {ALPHA}"
        )
        return self.result(p < level or (better < level and lost < ALPHA), detail)
