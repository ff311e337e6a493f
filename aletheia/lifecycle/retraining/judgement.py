"""Whether a challenger may take a number: champion and challenger on the frozen test set, and on new faces.

Both answer the same rows. A challenger that lost on either, or gained on none, is refused: then nothing is registered.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aletheia.evaluation.new_faces import NewFaces, compare_on_new_faces, score_faces
from aletheia.evaluation.score_comparison import ScoreComparison, compare_scores
from aletheia.release.checks.production import MOST_LOST
from aletheia.stats.estimate import Estimate


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Champion and challenger side by side, and the decision.

    Attributes
    ----------
    first, second : str
        Their names.
    frozen : ScoreComparison
        On the frozen test set.
    new : NewFaces or None
        None where none were held back.
    refusals : list of str
        Why the challenger is refused; empty when it is accepted.
    """

    first: str
    second: str
    frozen: ScoreComparison
    new: NewFaces | None
    refusals: list[str]

    @property
    def accepted(self) -> bool:
        """Whether the challenger may be registered."""
        return not self.refusals

    def sentences(self) -> list[str]:
        """Say what was found, and the decision."""
        lines = self.frozen.sentences(self.first, self.second)[:1]
        if self.new is None:
            lines.append("No new face was held back: what it is worth on new ones is not known.")
        else:
            lines.append(self.new.sentence(self.first, self.second))
        return [*lines, *(self.refusals or [f"{_at_start(self.second)} is accepted."])]

    def results(self) -> dict[str, Any]:
        """Return the results of the run."""
        numbers = {"test_difference": self.frozen.difference, "new_difference": self.new and self.new.difference}
        flat = {
            f"{name}{end}": getattr(estimate, field)
            for name, estimate in numbers.items()
            if estimate
            for end, field in (("", "value"), ("_low", "low"), ("_high", "high"))
            if np.isfinite(getattr(estimate, field))
        }
        new = (
            {} if self.new is None else {"new_faces": self.new.n, "mended": self.new.mended, "broken": self.new.broken}
        )
        return {
            "accepted": self.accepted,
            "champion": self.first,
            "test_rows": self.frozen.n,
            **flat,
            **new,
            "refusals": self.refusals,
            "sentences": self.sentences(),
        }


def judge_challenger(
    champion: Path,
    challenger: Path,
    test: pd.DataFrame,
    held_back: pd.DataFrame,
    *,
    names: tuple[str, str] = ("champion", "challenger"),
    progress: bool = True,
) -> Judgement:
    """Let two models answer the frozen test set and the new faces that were held back, and decide.

    Parameters
    ----------
    champion, challenger : path
        Folders of their bundles; both take faces that are cut out alike.
    test : DataFrame
        The open rows of the frozen test set.
    held_back : DataFrame
        New faces that neither learnt from; may have no rows.
    names : tuple of str
        Of the two, for sentences.
    progress : bool
        Show progress bars.

    Returns
    -------
    Judgement

    Raises
    ------
    InputError
        When a bundle is damaged, or no test row of both classes can be scored by both.
    """
    frozen = compare_scores(*(score_faces(folder, test, progress=progress) for folder in (champion, challenger)))
    new = None
    if len(held_back):
        frames = [score_faces(folder, held_back, progress=progress) for folder in (champion, challenger)]
        new = compare_on_new_faces(*frames)
    return Judgement(*names, frozen, new, refusals(frozen.difference, new.difference if new else None, names))


def refusals(frozen: Estimate, new: Estimate | None, names: tuple[str, str]) -> list[str]:
    """Say why a challenger is refused; empty when it is not.

    Parameters
    ----------
    frozen : Estimate
        Challenger minus champion on the frozen test set: AUC.
    new : Estimate or None
        Likewise on new faces: share of right verdicts; None where there are none.
    names : tuple of str
        Champion and challenger.
    """
    found = [
        f"{_at_start(names[1])} is refused: on the {where} it has lost {-estimate.value:.3f} {unit}"
        f"{_certainty(estimate)}."
        for where, unit, estimate in (("frozen test set", "AUC", frozen), ("new faces", "of right verdicts", new))
        if estimate is not None and _is_worse(estimate)
    ]
    gains = [estimate.value for estimate in (frozen, new) if estimate is not None and estimate.is_defined]
    if not found and not any(gain > 0 for gain in gains):
        found = [
            f"{_at_start(names[1])} is refused: it is better than {names[0]} neither on the test set nor on new faces."
        ]
    return found


def _at_start(name: str) -> str:
    """Return a name as a sentence begins with it; versions stay small."""
    return name if name.startswith("v") else name[:1].upper() + name[1:]


def _is_worse(estimate: Estimate) -> bool:
    return estimate.value < -MOST_LOST or (estimate.has_interval and estimate.high < 0)


def _certainty(estimate: Estimate) -> str:
    if not estimate.has_interval:
        return ", of too few groups for an interval"
    return f" (interval {estimate.interval()})"
