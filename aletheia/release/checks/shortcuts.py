"""The check that nothing but the faces gives the label away in the rows that the network got."""

from __future__ import annotations

from aletheia.release.data_records import AssociationRecord, FamilyRecord
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import WAIVED, CheckResult, GateCheck, GateContext, Limit, few_groups
from aletheia.stats.clustered_auc import MIN_GROUPS

_ALL = "all"  # the family of all measures together, which tells where any of the others does


class NoShortcut(GateCheck):
    """No family of the audit predicts the label, and no column of groups of people goes along with it.

    Both are measured in the training, validation and test rows after all remedies: what the network could learn from. A
    person who knows of a shortcut may waive it by its name.
    """

    code = "no-shortcut"
    name = "no shortcut in the data"
    limit = Limit(
        "cramers_v",
        0.3,
        "Cramér's V between the label and a column of groups of people from which on it counts as a shortcut.",
        gt=0,
        le=1,
    )

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Look for families that tell and columns that go along with the label."""
        if report.audit is None or report.associations is None:
            is_one_class = not (report.n_real and report.n_fake)
            reason = "the faces are all of one label" if is_one_class else "the evaluation holds no audit of the rows"
            return self.not_judged(reason, remedy="" if is_one_class else "run evaluate again")
        found = {family.key: _family(family) for family in report.audit if family.tells and family.key != _ALL}
        # All measures together can tell where none of them does alone.
        everything = [family for family in report.audit if family.tells and family.key == _ALL]
        if everything and not found:
            found[_ALL] = _family(everything[0])
        columns = [column for column in report.associations if column.cramers_v >= context.limit]
        for column in columns:
            found.setdefault(column.column, _column(column))
        left = [text for key, text in found.items() if key not in context.waived]
        waived = [text for key, text in found.items() if key in context.waived]
        if found:
            detail = f"the label is given away by {'; '.join([*left, *waived])} (at most V {context.limit:g})"
            return self.result(False, detail, exception="" if left else WAIVED)
        if unjudged := _unjudged(report, report.audit):
            return self.not_judged(unjudged)
        if unmeasured := [row.column for row in report.associations if not row.cramers_v >= 0]:
            return self.not_judged(
                f"known for one label only: {', '.join(unmeasured)}", remedy="fill in or leave out these columns"
            )
        v = max((column.cramers_v for column in report.associations), default=0.0)
        detail = f"no family of the audit tells; largest Cramér's V {v:.2f} (less than {context.limit:g})"
        return self.result(True, detail)


def shortcut_names(report: EvaluationReport) -> set[str]:
    """Return the names that can be waived for this evaluation."""
    return {family.key for family in report.audit or ()} | {row.column for row in report.associations or ()}


def _unjudged(report: EvaluationReport, audit: list[FamilyRecord]) -> str:
    """Say why the audit cannot tell; empty where it can. Without training rows it is one of the test rows."""
    if report.leaks is None and (few := few_groups(report, MIN_GROUPS)):
        return few
    unsure = [family for family in audit if family.unsure]
    if unsure:
        worst = max(unsure, key=lambda family: family.auc)
        reason = f"too few people or videos to tell whether {_family(worst)} is chance"
    else:
        missing = (f"{family.name}: {family.reason}" for family in audit if family.reason and not family.absent)
        reason = next(missing, "")
    return reason and f"{reason}; bring more people or videos"


def _family(family: FamilyRecord) -> str:
    return f"{family.name} ({family.key}), AUC {family.estimate:.2f}"


def _column(row: AssociationRecord) -> str:
    return f"the column {row.column}, V {row.cramers_v:.2f}"
