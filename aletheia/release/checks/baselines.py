"""Checks against the baselines: detectors that see next to nothing of a face, on the same rows as the network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from aletheia.core.wording import counted, p_text
from aletheia.release.evaluation_records import BaselineScore
from aletheia.release.evaluation_report import EvaluationReport
from aletheia.release.gate_check import CheckResult, GateCheck, GateContext
from aletheia.stats.clustered_auc import MIN_GROUPS, holm

#: AUC by which a network must exceed each baseline: less would be a better use of the same shortcut.
MARGIN = 0.05
SIGNIFICANT = 0.05


class _BeatsBaselines(GateCheck):
    """The network's AUC exceeds that of each baseline by a margin, on the same rows.

    A paired test over groups (see `aletheia.stats.clustered_auc`), corrected for the number of baselines (Holm 1979).
    Not judged where a baseline has no numbers for want of data: then nothing shows that faces decide. A baseline whose
    measures are the same in all training rows cannot tell the labels apart, and is beaten.
    """

    #: Baselines that every evaluation has.
    keys: ClassVar[Sequence[str]] = ()
    #: Kind of further ones, see `BaselineScore.kind`.
    kind: ClassVar[str] = ""
    min_groups = MIN_GROUPS

    def judge(self, report: EvaluationReport, context: GateContext) -> CheckResult:
        """Compare the network's AUC with the hardest of the baselines."""
        baselines = self._baselines(report)
        if not baselines:
            return self.not_judged("the evaluation has none of these baselines", remedy="run evaluate again")
        for baseline in baselines.values():
            if not baseline.is_computed and not baseline.absent:
                return self.not_judged(f"“{baseline.name}” could not be computed: {baseline.reason}")
        scored = {key: baseline for key, baseline in baselines.items() if baseline.is_computed}
        if any(math.isnan(baseline.difference) for baseline in scored.values()):
            return self.not_judged("not compared on the same rows, as evaluations are now", remedy="run evaluate again")
        if not scored:
            return self.result(True, "these measures are the same in all training faces, so they tell nothing")
        p = _adjusted_p(report)
        hardest = max(scored, key=lambda key: (p[key], scored[key].auc))
        best = scored[hardest]
        detail = (
            f"network AUC {report.metrics.auc:.3f} against {best.estimate:.3f} of “{best.name}”: difference "
            f"{best.comparison.estimate():+.3f}; p that it is {MARGIN:g} or less {p_text(p[hardest])}, adjusted for "
            f"{counted(len(p), 'baseline')}"
        )
        return self.result(p[hardest] < SIGNIFICANT, detail)

    def _baselines(self, report: EvaluationReport) -> dict[str, BaselineScore]:
        if set(self.keys) - set(report.baselines):
            return {}  # of an earlier version
        found = {key: report.baseline(key) for key in self.keys}
        if self.kind:
            found |= {key: baseline for key, baseline in report.baselines.items() if baseline.kind == self.kind}
        return found


def _adjusted_p(report: EvaluationReport) -> dict[str, float]:
    """Test the network against each baseline, all of which count as tries; 1 where it could not be tested."""
    keys = [key for key, baseline in report.baselines.items() if baseline.is_computed]
    p = np.nan_to_num(holm(np.array([report.baseline(key).comparison.p_value(MARGIN) for key in keys])), nan=1.0)
    return dict(zip(keys, p.tolist(), strict=True))


class BeatsFileProperties(_BeatsBaselines):
    """The network beats trees on file properties."""

    code = "beats-file-properties"
    name = "beats the file-property shortcut"
    keys = ("files",)


class BeatsControls(_BeatsBaselines):
    """The network beats the controls, which see next to nothing of a face."""

    code = "beats-controls"
    name = "beats the controls"
    keys = ("keypoints", "thumbnail", "blanked")
    kind = "control"


class BeatsSpectrum(_BeatsBaselines):
    """The network beats a linear model on the frequency spectrum."""

    code = "beats-spectrum"
    name = "beats the frequency spectrum"
    keys = ("spectrum",)


class BeatsFamilies(_BeatsBaselines):
    """The network beats each family of measures that the audit knows, and all of them together."""

    code = "beats-audit-families"
    name = "beats the families of the audit"
    kind = "family"


class BeatsFixedPlaces(_BeatsBaselines):
    """The network beats the template of residuals and the best small window."""

    code = "beats-fixed-places"
    name = "beats fixed places of the crop"
    keys = ("template", "window")


class BeatsBlindedNetworks(_BeatsBaselines):
    """The network beats its own recipe, trained on blanked and on small crops.

    Not judged where these networks could not be trained: without training or validation rows, or without the recipe.
    """

    code = "beats-blinded-networks"
    name = "beats the same network on blinded crops"
    keys = ("network_blanked", "network_small")
