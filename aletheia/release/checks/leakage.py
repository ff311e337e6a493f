"""The check that nothing of the test rows was among the training rows."""

from __future__ import annotations

from aletheia.core.wording import counted
from aletheia.release.data_records import GroupingRecord
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext

#: Share of the test rows of which the person, the source or the generator has to be known.
KNOWN_SHARE = 0.9


class NoLeakage(GateCheck):
    """No identity, video, donor pair or near duplicate of the test rows is among the training rows.

    Not judged where the training rows or the people of the test rows are unknown: near duplicates and videos alone do
    not find the other pictures of a person.
    """

    code = "no-leakage"
    name = "no leakage"

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Count the groups on both sides of the split."""
        if report.leaks is None:
            return self.not_judged("the training rows are not at hand")
        if report.own_rows is False:
            detail = "the model was trained on other rows than those that were handed in, which are unknown"
            return self.result(False, detail)
        detail = (
            f"{counted(report.leaks, 'group')} (identity, video, donor pair, near duplicate) on two sides of the split"
        )
        if report.leaks:
            return self.result(False, detail)
        if report.own_rows is None:
            return self.not_judged(
                "whether the model was trained on the rows that were handed in is not recorded",
                remedy="hand in its training and validation rows",
            )
        return self._judge_people(report.grouping, detail)

    def _judge_people(self, grouping: GroupingRecord | None, detail: str) -> CheckResult:
        if grouping is None:
            return self.not_judged(
                "what is known of the people of the test rows is not recorded", remedy="run evaluate again"
            )
        if grouping.people < KNOWN_SHARE * grouping.rows:
            return self.not_judged(
                f"the person is known of {grouping.people:,} of {grouping.rows:,} test rows only",
                remedy="name the people in the column identity",
            )
        if grouping.guessed:
            detail += f"; the videos of {grouping.guessed:,} of {grouping.rows:,} test rows were guessed"
        if unknown := grouping.rows - grouping.people:
            detail += f"; the person of {unknown:,} of {grouping.rows:,} test rows is not known"
        return self.result(True, detail)
