"""The state of a trial of two models: which is better, how sure that is, and how many labels are still wanted."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pandas as pd

from aletheia.core.wording import counted
from aletheia.lifecycle.experiments.assignment import CHALLENGER, CHAMPION
from aletheia.lifecycle.experiments.comparison import Trial, labelled_pairs
from aletheia.stats.anytime_sign_test import BETTER, EQUIVALENT, OPEN, WORSE, AnytimeSignTest

#: Where only one model scored each picture.
NOT_PAIRED = "cannot be judged"
_FEW = 5  # labelled disagreements from which on their rate is worth a forecast


@dataclasses.dataclass(frozen=True, eq=False)
class TrialStatus:
    """What is known so far.

    Attributes
    ----------
    trial : Trial
    test : AnytimeSignTest
    answer : {'better', 'worse', 'equivalent', 'open', 'cannot be judged'}
        Of the challenger compared with the champion.
    decided_after : int or None
        Labelled disagreements after which that was certain.
    wins, losses : int
        Labelled disagreements in which the challenger, and the champion, did better.
    interval : tuple of float
        Of the challenger's share of wins, valid at every moment.
    evidence : dict of str to float
        For each answer, over what is wanted of it: 1 decides.
    wanted_by_effect, wanted_by_rate : float or None
        Further labelled disagreements until there is an answer, half of the time, if the challenger wins with the
        minimum effect, and with the present rate; infinity beyond the forecast's horizon, None once it is decided or
        where there is no rate yet.
    """

    trial: Trial
    test: AnytimeSignTest
    answer: str
    decided_after: int | None
    wins: int
    losses: int
    interval: tuple[float, float]
    evidence: dict[str, float]
    wanted_by_effect: float | None
    wanted_by_rate: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        trial = self.trial
        return {
            "champion": {"version": trial.champion, "release": trial.champion_release},
            "challenger": {"version": trial.challenger, "release": trial.challenger_release},
            "since": trial.since,
            "until": trial.until,
            "answers": trial.answers,
            "scored_by_both": len(trial.both),
            "failed": trial.failed,
            "without_verdict": trial.silent,
            "disagreements": len(trial.disagreements),
            "labelled": self.wins + self.losses,
            "wins": {CHAMPION: self.losses, CHALLENGER: self.wins},
            "alpha": self.test.alpha,
            "minimum_effect": self.test.effect,
            "answer": self.answer,
            "decided_after": self.decided_after,
            "share_of_wins": list(self.interval),
            "evidence": self.evidence,
            "labels_wanted": {"by_effect": _finite(self.wanted_by_effect), "by_rate": _finite(self.wanted_by_rate)},
            "promote": self.promote_command,
            "sentences": self.sentences(),
        }

    @property
    def names(self) -> tuple[str, str]:
        """Champion and challenger for people."""
        return (
            self.trial.champion_release or self.trial.champion,
            self.trial.challenger_release or self.trial.challenger,
        )

    @property
    def reason(self) -> str:
        """The result in a few words, for the history."""
        labelled = counted(self.wins + self.losses, "labelled disagreement")
        return f"better than {self.names[0]} in {self.wins} of {labelled} (anytime-valid, error {self.test.alpha:g})"

    @property
    def promote_command(self) -> str:
        """What puts a challenger that is better into production; empty otherwise, or if it is not registered."""
        if self.answer != BETTER or not self.trial.challenger_release:
            return ""
        return f'aletheia models promote {self.trial.challenger_release} --reason "{self.reason}"'

    def sentences(self) -> list[str]:
        """Say in sentences what is known."""
        trial, (champion, challenger) = self.trial, self.names
        total, both, differ = sum(trial.answers.values()), len(trial.both), len(trial.disagreements)
        found = [
            f"{challenger} (challenger) was tried beside {champion} (champion) from {trial.since[:16]} to "
            f"{trial.until[:16]} UTC: {counted(total, 'answer')}, {trial.answers[CHALLENGER]:,} by the challenger."
        ]
        if self.answer == NOT_PAIRED:
            found.append(
                "Only one model scored each picture: this cannot be judged without a shadow. Start the service with "
                "--shadow as well; then both score each picture, and only those where they disagree need a label."
            )
            return found
        found.append(
            f"Both scored {counted(both, 'picture')} and disagreed on {differ:,}"
            f"{f' ({differ / both:.1%})' if both else ''}; {self.wins + self.losses:,} of these have a label."
        )
        if trial.failed:
            found.append(f"The model that did not answer failed on {counted(trial.failed, 'picture')}.")
        silent = trial.silent
        if both and abs(silent[CHAMPION] - silent[CHALLENGER]) > 0.05 * both:
            found.append(
                f"The champion says neither real nor fake {silent[CHAMPION]:,} times, the challenger "
                f"{silent[CHALLENGER]:,} times. Look at that before you promote."
            )
        if differ > self.wins + self.losses:
            found.append(
                "Label them in the order of --ask, whatever the verdicts: who only hears of mistakes hears of those of "
                "the model that answers."
            )
        return [*found, *self._verdict()]

    def _verdict(self) -> list[str]:
        champion, challenger = self.names
        low, high = self.interval
        share = f"the challenger did better in {self.wins:,}, the champion in {self.losses:,}"
        bounds = f"its share is between {low:.2f} and {high:.2f}, at every moment with {1 - self.test.alpha:.0%}"
        if self.answer == OPEN:
            return [f"Still open: {share}; {bounds}.", *self._forecast()]
        texts = {
            BETTER: f"{challenger} is better",
            WORSE: f"{champion} is better",
            EQUIVALENT: f"No difference that matters (share of wins beyond 0.5 ± {self.test.effect:g})",
        }
        sentence = f"{texts[self.answer]}: {share}; {bounds}. Certain after {self.decided_after:,} labels."
        if self.answer == BETTER and not self.promote_command:
            return [sentence, "The challenger has no version; register it, so that it can be promoted."]
        if self.promote_command:
            return [sentence, f"The gate decides: {self.promote_command}"]
        return [sentence, f"{champion} stays."]

    def _forecast(self) -> list[str]:
        wanted = self.wanted_by_effect
        sentence = (
            f"If one of them wins {0.5 + self.test.effect:.0%} of the disagreements, an answer needs "
            f"{_about(wanted)} more labels"
        )
        if self.wanted_by_rate is not None:
            sentence += f"; at the present rate {_about(self.wanted_by_rate)}"
        found = [sentence + " (half of the time less, half more)."]
        share = len(self.trial.disagreements) / len(self.trial.both) if len(self.trial.both) else 0.0
        unlabelled = len(self.trial.disagreements) - self.wins - self.losses
        if wanted is not None and math.isfinite(wanted) and share:
            further = max(wanted - unlabelled, 0) / share
            if further:
                found.append(
                    f"{unlabelled:,} disagreements wait for a label; the others take {_about(further)} pictures."
                )
        return found


def judge(trial: Trial, labels: pd.DataFrame, test: AnytimeSignTest | None = None) -> TrialStatus:
    """Judge a trial by the labels that are there.

    Parameters
    ----------
    trial : Trial
    labels : DataFrame
        See `labelled_pairs`.
    test : AnytimeSignTest, optional
        Its error and its minimum effect; stated before the first look, not chosen by what was seen.
    """
    test = test or AnytimeSignTest()
    wins = labelled_pairs(trial, labels)["wins"].to_numpy(bool)
    won, lost = int(wins.sum()), int((~wins).sum())
    decision = test.decide(wins)
    answer = decision.answer if len(trial.both) else NOT_PAIRED
    by_effect = by_rate = None
    if answer == OPEN:
        direction = 1 if won >= lost else -1
        by_effect = test.pairs_wanted(0.5 + direction * test.effect, wins=won, losses=lost)
        if won + lost >= _FEW:
            by_rate = test.pairs_wanted((won + 1) / (won + lost + 2), wins=won, losses=lost)
    return TrialStatus(
        trial,
        test,
        answer,
        decision.pairs if answer in (BETTER, WORSE, EQUIVALENT) else None,
        won,
        lost,
        test.interval(won, lost),
        test.e_values(won, lost),
        by_effect,
        by_rate,
    )


def _finite(value: float | None) -> int | None:
    return math.ceil(value) if value is not None and math.isfinite(value) else None


def _about(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "more than ten thousand"
    digits = 10 ** max(math.floor(math.log10(max(value, 1))) - 1, 0)  # two digits: more would be false precision
    return f"about {math.ceil(value / digits) * digits:,}"
