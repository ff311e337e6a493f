"""The checks of the gate, in the order in which they are shown, and the registry that others add theirs to."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import ClassVar, TypeVar

import numpy as np

from aletheia.core.plugins import load_plugins
from aletheia.release.evaluation_records import NotCompared
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext, Limit
from aletheia.stats.clustered_auc import holm

#: Entry points of other packages: modules that register a check when they are imported.
PLUGIN_GROUP = "aletheia.gate_checks"
#: AUC by which a network must exceed each baseline: less would be a better use of the same shortcut.
MARGIN = 0.05
_SIGNIFICANT = 0.05
_SHOWN = 4  # names of cells

_registry: dict[str, GateCheck] = {}
CheckClass = TypeVar("CheckClass", bound=type[GateCheck])


def register_check(check: CheckClass) -> CheckClass:
    """Add a check to the gate; a decorator for subclasses of `GateCheck`.

    Raises
    ------
    ValueError
        When code, name or limit belong to another check.
    """
    for other in _registry.values():
        shared = {check.code, check.name} & {other.code, other.name}
        if check.limit and other.limit and check.limit.field == other.limit.field:
            shared.add(check.limit.field)
        if shared:
            raise ValueError(f"the gate already has a check with {', '.join(map(repr, sorted(shared)))}")
    _registry[check.code] = check()
    return check


def registered_checks() -> tuple[GateCheck, ...]:
    """Return all checks: this module's, those of `control_checks`, of installed extensions and of `register_check`.

    Raises
    ------
    InputError
        When an extension cannot be imported.
    """
    load_plugins(PLUGIN_GROUP)
    return tuple(_registry.values())


class BeatsBaselines(GateCheck):
    """The network's AUC exceeds that of each baseline by a margin, on the same rows.

    A paired test over groups (see `aletheia.stats.clustered_auc`), corrected for the number of baselines (Holm 1979).
    Fails where none of the baselines has numbers: then nothing shows that faces decide.
    """

    keys: ClassVar[Sequence[str]]

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the network's AUC with the best of the baselines that could be computed."""
        auc, baselines = report.metrics.auc, [report.baseline(key) for key in self.keys]
        if not any(baseline.is_computed for baseline in baselines):
            reason = baselines[0].reason
            return self.result(False, f"could not be computed, so nothing shows that faces decide: {reason}")
        keys = [key for key in self.keys if report.baseline(key).is_computed]
        if any(math.isnan(report.baseline(key).difference) for key in keys):
            return self.result(False, "not compared on the same rows, as evaluations are now: run evaluate again")
        p = _adjusted_p(report)
        hardest = max(keys, key=lambda key: (p[key], report.baseline(key).auc))
        best = report.baseline(hardest)
        detail = (
            f"network AUC {auc:.3f} against {best.estimate:.3f} of “{best.name}”: difference "
            f"{best.comparison.estimate():+.3f}; p that it is {MARGIN:g} or less {p[hardest]:.3f}"
        )
        return self.result(p[hardest] < _SIGNIFICANT, detail)


def _adjusted_p(report: EvaluationReport) -> dict[str, float]:
    """Test the network against each baseline, all of which count as tries; 1 where it could not be tested."""
    keys = [key for key, baseline in report.baselines.items() if baseline.is_computed]
    p = np.nan_to_num(holm(np.array([report.baseline(key).comparison.p_value(MARGIN) for key in keys])), nan=1.0)
    return dict(zip(keys, p.tolist(), strict=True))


@register_check
class BeatsFileProperties(BeatsBaselines):
    """The network beats trees on file properties."""

    code = "beats-file-properties"
    name = "beats the file-property shortcut"
    keys = ("files",)


@register_check
class BeatsControls(BeatsBaselines):
    """The network beats the controls, which see next to nothing of a face."""

    code = "beats-controls"
    name = "beats the controls"
    keys = ("keypoints", "thumbnail", "blanked")


@register_check
class BeatsSpectrum(BeatsBaselines):
    """The network beats a linear model on the frequency spectrum."""

    code = "beats-spectrum"
    name = "beats the frequency spectrum"
    keys = ("spectrum",)


@register_check
class BeatsMajorityClass(GateCheck):
    """The interval of the balanced accuracy lies above one half."""

    code = "beats-majority-class"
    name = "beats the majority class"

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the balanced accuracy with that of a constant answer."""
        balanced = report.metrics.balanced_accuracy
        detail = f"balanced accuracy {balanced:.3f}; always answering with the majority class has 0.5"
        return self.result(balanced.has_interval and balanced.low > 0.5, detail)


@register_check
class NoLeakage(GateCheck):
    """No identity, video, donor pair or near duplicate of the test rows is among the training rows.

    Not judged, and counted against the model, where the person and the video of most test rows are unknown: near
    duplicates alone do not find the other pictures of a person.
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
        detail = f"{report.leaks} groups (identity, video, donor pair, near duplicate) on two sides of the split"
        grouping = report.grouping
        if report.leaks or grouping is None:
            return self.result(report.leaks == 0, detail)
        if 2 * grouping.known < grouping.rows:
            return self.not_judged(
                f"the person or the video is known of {grouping.known:,} of {grouping.rows:,} test rows only; name "
                "them in the columns identity or video",
                blocks=True,
            )
        if grouping.guessed:
            detail += f"; the videos of {grouping.guessed:,} of {grouping.rows:,} test rows were guessed"
        if not grouping.people:
            detail += "; people are not known, only videos"
        return self.result(True, detail)


@register_check
class FairFalseAlarms(GateCheck):
    """No group of people has many more false alarms than all.

    Fails when a group's ratio exceeds the limit with its whole interval, and a permutation test says that groups differ
    at all: the largest of several ratios is large by chance alone.
    """

    code = "fair-false-alarms"
    name = "false alarms are shared fairly"
    limit = Limit(
        "fpr_ratio",
        2.0,
        "Most that the worst subgroup's false-positive rate may be times the overall one.",
        ge=1,
        le=100,
    )

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the largest ratio of false-positive rates with the limit."""
        ratios = [ratio for ratio in report.fpr_ratios if ratio.estimate.has_interval]
        if not ratios:
            return self.not_judged("no subgroup is known with enough genuine faces, or none of those was called fake")
        worst = max(ratios, key=lambda ratio: ratio.low)
        detail = (
            f"{worst.column} {worst.group}: {worst.ratio:.2f} times the overall false-positive rate "
            f"({worst.estimate.interval('.2f')}; at most {context.limit:g}); p that groups do not differ {worst.p:.3f}"
        )
        return self.result(worst.low <= context.limit or worst.p >= _SIGNIFICANT, detail)


@register_check
class SimilarFalseAlarms(GateCheck):
    """No two groups of people lie far apart in their false alarms.

    A ratio to the overall rate cannot be large where that rate is: at 35 % no group can exceed 2.9 times. The gap can.
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
            return self.not_judged("no two groups of people are known with enough genuine faces")
        worst = max(gaps, key=lambda gap: gap.gap_low)
        detail = (
            f"{worst.column}: false-positive rate {worst.highest_rate:.3f} of {worst.highest} against "
            f"{worst.lowest_rate:.3f} of {worst.lowest}, gap {worst.with_interval('gap'):.3f}; at most "
            f"{context.limit:g}; p that groups do not differ {worst.p_value:.3f}"
        )
        return self.result(worst.gap_low <= context.limit or worst.p_value >= _SIGNIFICANT, detail)


@register_check
class NoWeakCell(GateCheck):
    """Fakes of each generator are distinguished from the real faces of each source."""

    code = "no-weak-cell"
    name = "no weak cell"
    limit = Limit("cell_auc", 0.7, "Least AUC of the worst cell of source and generator.", ge=0.5, le=1)

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the worst cell's AUC with the limit."""
        worst, small = report.worst_cell, report.unjudged_cells
        if worst is None:
            return self.not_judged("no pair of source and generator has enough test rows")
        detail = (
            f"trained on {worst.trained_on}, {worst.generator} against genuine {worst.source}: "
            f"AUC {worst.with_interval('auc'):.3f}; at least {context.limit:g}"
        )
        if small:
            more = f" and {len(small) - _SHOWN} more" if len(small) > _SHOWN else ""
            detail += f"; too few test rows to judge {', '.join(small[:_SHOWN])}{more}"
        return self.result(worst.auc >= context.limit, detail)


@register_check
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

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the upper end of the calibration error, less what chance explains, with the limit."""
        error = report.calibration_error
        if not error.estimate.has_interval:
            return self.result(False, "the calibration error is not defined, or has no interval")
        detail = (
            f"expected calibration error {error.estimate:.3f}; a perfectly calibrated model would show "
            f"{error.expected:.3f} on as many rows; the upper end lies at most {context.limit:g} beyond that"
        )
        return self.result(error.high - error.expected <= context.limit, detail)


@register_check
class NoInjectedFault(GateCheck):
    """No fault was injected into the training."""

    code = "no-injected-fault"
    name = "no injected fault"

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Read which fault the training recorded."""
        return self.result(report.fault == "none", f"fault injected into the training: {report.fault}")


@register_check
class BeatsProduction(GateCheck):
    """The difference to the model in production lies above zero with its whole interval."""

    code = "beats-production"
    name = "better than the model in production"

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Look up the paired comparison, if it is with the weights in production now."""
        production = report.production
        if isinstance(production, NotCompared):
            return self.result(False, production.reason)
        current, compared = context.production_weights, production.weights_sha256 if production else ""
        # Registered are the first digits of the hash; without any, nothing may have been compared with.
        if current is not None and compared[: len(current) or None] != current:
            return self.result(
                False, "another model answers by now than when this one was evaluated: run evaluate again"
            )
        if production is None:
            return self.not_judged("there is none yet")
        if production.same:
            return self.result(True, f"the same weights as {production.other}")
        detail = (
            f"AUC {production.auc:.3f} against {production.other_auc:.3f} of {production.other} on the same "
            f"{production.n:,} rows: difference {production.estimate:+.3f}"
        )
        if not production.same_data:
            detail += "; it was trained on other data, and some of these rows may have been among them"
        return self.result(production.low > 0, detail)


# As an extension's module is loaded, since it builds on this one; its checks come before those of others.
importlib.import_module("aletheia.release.control_checks")
