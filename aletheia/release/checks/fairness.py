"""Checks of the false alarms of groups of people."""

from __future__ import annotations

from aletheia.core.wording import p_text
from aletheia.release.checks.baselines import SIGNIFICANT
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext, Limit
from aletheia.stats.clustered_auc import MIN_GROUPS

_COLUMNS = "name the groups of people in one of the columns gender, age, skin_tone or ethnicity"
_MORE = "bring more people of each group"


class _Fairness(GateCheck):
    """A check that needs groups of people."""

    min_groups = MIN_GROUPS
    classes = ("genuine",)

    def _without_groups(self, report: EvaluationReport) -> CheckResult:
        if not report.subgroups and not report.gaps:
            return self.not_judged("no group of people is known among the test faces", remedy=_COLUMNS)
        return self.not_judged("no two groups of people have enough people with genuine test faces", remedy=_MORE)


class FairFalseAlarms(_Fairness):
    """No group of people has many times the false alarms of another.

    Fails when the ratio of the highest to the lowest group exceeds the limit with its whole interval, and a permutation
    test says that groups differ at all: the largest of several ratios is large by chance alone.
    """

    code = "fair-false-alarms"
    name = "false alarms are shared fairly"
    limit = Limit(
        "fpr_ratio",
        2.0,
        "Most that the worst subgroup's false-positive rate may be times that of the best one.",
        ge=1,
        le=100,
    )

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the largest ratio of false-positive rates with the limit."""
        ratios = [ratio for ratio in report.fpr_ratios if ratio.estimate.has_interval]
        if not ratios:
            compared = [gap for gap in report.gaps if gap.rate == "fpr" and gap.n_values > 1]
            if compared and report.metrics.fpr.value == 0:
                columns = ", ".join(gap.column for gap in compared)
                return self.result(True, f"no genuine test face was called fake, in no group of {columns}")
            return self._without_groups(report)
        if not all(ratio.lowest for ratio in ratios):
            return self.not_judged("the highest and the lowest group were not compared", remedy="run evaluate again")
        worst = max(ratios, key=lambda ratio: (ratio.p < SIGNIFICANT, ratio.low))  # chance hides nothing
        detail = (
            f"{worst.column}: {worst.sentence()}; at most {context.limit:g}; p that groups do not differ "
            f"{p_text(worst.p)}"
        )
        return self.result(worst.low <= context.limit or worst.p >= SIGNIFICANT, detail)


class SimilarFalseAlarms(_Fairness):
    """No two groups of people lie far apart in their false alarms.

    A ratio of two rates that are both high cannot be large; the gap can: .60 against .95 is 1.6 times.
    Fails when the gap exceeds the limit with its whole interval, and a permutation test says that groups differ at all.
    """

    code = "false-alarm-gap"
    name = "groups have similar false alarms"
    limit = Limit(
        "fpr_gap", 0.15, "Most that the false-positive rates of the worst and the best subgroup may differ.", gt=0, le=1
    )

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the largest gap between false-positive rates with the limit."""
        gaps = [gap for gap in report.gaps if gap.rate == "fpr" and gap.with_interval("gap").has_interval]
        if not gaps:
            return self._without_groups(report)
        worst = max(gaps, key=lambda gap: (gap.p_value < SIGNIFICANT, gap.gap_low))
        detail = (
            f"{worst.column}: false-positive rate {worst.highest_rate:.3f} of {worst.highest} against "
            f"{worst.lowest_rate:.3f} of {worst.lowest}, gap {worst.with_interval('gap'):.3f}; at most "
            f"{context.limit:g}; p that groups do not differ {p_text(worst.p_value)}"
        )
        return self.result(worst.gap_low <= context.limit or worst.p_value >= SIGNIFICANT, detail)
