"""The check that a model that abstains keeps what its abstention promises."""

from __future__ import annotations

import math

from aletheia.core.wording import p_text
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext
from aletheia.release.usage_records import AnsweredRecord, CoverageRecord
from aletheia.stats.clustered_auc import MIN_GROUPS

_CLASSES = {"real": "genuine faces", "fake": "fakes"}


class AbstentionKeepsPromise(GateCheck):
    """For each class the own label is found plausible as often as the conformal limits promise.

    Fails when chance explains so low a coverage of a class in fewer than 2.5 % of cases, also the chance that limits
    set on few validation people scatter: an honest model fails in at most 5 %. Not judged for a model that always
    answers, since it promises nothing, where a class is missing, where limits come from so few validation faces
    that nearly nothing would fail, and where the coverage lies far below the promise though chance may explain it, see
    `aletheia.stats.conformal_coverage.judge_promise`.
    """

    code = "abstention-keeps-promise"
    name = "its abstention keeps its promise"
    min_groups = MIN_GROUPS

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the coverage of each class with the promised one."""
        rows = {row.label: row for row in report.abstention.coverage if row.label in _CLASSES}
        if not rows:
            return self.not_judged(
                "the model never abstains, or its abstention was not evaluated",
                remedy="train it with abstention_alpha, or run evaluate again",
            )
        if missing := [name for label, name in _CLASSES.items() if label not in rows or not rows[label].n]:
            return self.not_judged(f"there are no {' and no '.join(missing)} among the test faces")
        detail = "; ".join(_coverage(rows[label], name) for label, name in _CLASSES.items())
        if answered := next((row for row in report.abstention.table if row.label == "all"), None):
            detail += f"; {_answers(answered)}"
        if any(row.kept is False for row in rows.values()):
            return self.result(False, detail)
        if unjudged := [f"{_CLASSES[row.label]}: {row.reason}" for row in rows.values() if row.kept is None]:
            return self.not_judged(
                f"it cannot be judged for {'; for '.join(unjudged)}; {detail}",
                remedy="bring more people to the validation part, or to the test",
            )
        return self.result(True, detail)


def _coverage(row: CoverageRecord, name: str) -> str:
    covered = row.with_interval("covered").text(".1%")
    text = f"the own label is plausible for {covered} of the {name}, {row.promised:.0%} are promised"
    if math.isnan(row.p_value):
        return text
    known = math.isfinite(row.limits_from)
    source = f"limit from the equivalent of {row.limits_from:.0f} independent validation faces; " if known else ""
    return f"{text} ({source}p that it is kept {p_text(row.p_value)})"


def _answers(row: AnsweredRecord) -> str:
    answered, wrong = row.with_interval("answered").text(".1%"), row.with_interval("error_answered").text(".1%", "none")
    return f"{answered} of the faces are answered, {wrong} of these wrong"
