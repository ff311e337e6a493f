"""What a prediction log and labels say about two models that were tried side by side."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from aletheia.core.errors import InputError
from aletheia.lifecycle.experiments.assignment import CHALLENGER, CHAMPION
from aletheia.models.verdict import FAKE, REAL

_ERROR = "error"
#: How good a verdict is, by whether it is right; neither real nor fake is better than wrong.
_RIGHT, _SILENT, _WRONG = 2, 1, 0


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """Two models that answered side by side, by a prediction log.

    Attributes
    ----------
    champion, challenger : str
        Their versions: the beginning of the weights' SHA-256.
    champion_release, challenger_release : str
        Under which they were registered; empty for one of a folder.
    since, until : str
        First and last answer; ISO 8601, UTC.
    answers : dict of str to int
        By role.
    both : DataFrame
        The answers that both models scored, in order of time: ``id``, ``time``, ``champion`` and ``challenger`` (the
        verdicts).
    failed : int
        Answers at which the model that did not answer failed.
    """

    champion: str
    challenger: str
    champion_release: str
    challenger_release: str
    since: str
    until: str
    answers: dict[str, int]
    both: pd.DataFrame
    failed: int

    @property
    def disagreements(self) -> pd.DataFrame:
        """The rows of `both` with different verdicts, where a label tells who is right.

        "Cannot tell" and "no face found" are one: neither says real or fake.
        """
        return self.both[_spoken(self.both["champion"]) != _spoken(self.both["challenger"])]

    @property
    def silent(self) -> dict[str, int]:
        """Of the answers that both scored, those without a verdict of real or fake, by role."""
        return {role: int(_spoken(self.both[role]).eq("").sum()) for role in (CHAMPION, CHALLENGER)}


def find_trials(log: pd.DataFrame) -> list[Trial]:
    """Find the pairs of models that were tried, the latest last.

    Parameters
    ----------
    log : DataFrame
        See `aletheia.lifecycle.prediction_log.reading.read_log`.
    """
    rows = log[(log["error"] == "") & (log["other_version"] != "") & log["role"].isin((CHAMPION, CHALLENGER))]
    is_champion = rows["role"] == CHAMPION
    rows = rows.assign(
        champion_version=rows["version"].where(is_champion, rows["other_version"]),
        challenger_version=rows["other_version"].where(is_champion, rows["version"]),
        champion_release=rows["release"].where(is_champion, rows["other_release"]),
        challenger_release=rows["other_release"].where(is_champion, rows["release"]),
        champion=rows["verdict"].where(is_champion, rows["other_verdict"]),
        challenger=rows["other_verdict"].where(is_champion, rows["verdict"]),
    )
    groups = rows.groupby(["champion_version", "challenger_version"], sort=False)
    trials = [_trial(str(pair[0]), str(pair[1]), part) for pair, part in groups]
    return sorted(trials, key=lambda trial: trial.until)


def choose_trial(trials: list[Trial], champion: str = "", challenger: str = "") -> Trial:
    """Return the latest trial of these models, each a release or the beginning of a version; empty: any.

    Raises
    ------
    InputError
        When there is none.
    """

    def fits(word: str, version: str, release: str) -> bool:
        return not word or release in (word, f"v{word}") or version.startswith(word)

    if not trials:
        raise InputError(
            "No two models were tried side by side in this log. Start the service with --shadow V, so that both score "
            "each picture, or with --challenger V."
        )
    for trial in reversed(trials):
        if fits(champion, trial.champion, trial.champion_release) and fits(
            challenger, trial.challenger, trial.challenger_release
        ):
            return trial
    known = ", ".join(map(pair_name, trials))
    raise InputError(f"These two were not tried side by side; there are: {known}.")


def pair_name(trial: Trial) -> str:
    """Return the names of a trial's models, the challenger first."""
    return f"{trial.challenger_release or trial.challenger} against {trial.champion_release or trial.champion}"


def labelled_pairs(trial: Trial, labels: pd.DataFrame) -> pd.DataFrame:
    """Say who did better in each disagreement whose label is known.

    A right verdict is better than "cannot tell", which is better than a wrong one.

    Parameters
    ----------
    trial : Trial
    labels : DataFrame
        ``id`` (of the answer), ``label`` (0 genuine, 1 fake) and ``time`` (when it came); of several labels of an id
        the last one counts.

    Returns
    -------
    DataFrame
        In the order in which the labels came: ``id``, ``label``, ``wins`` (bool: the challenger did better).
    """
    last = labels.sort_values("time", kind="stable").drop_duplicates("id", keep="last")[["id", "label", "time"]]
    pairs = trial.disagreements[["id", CHAMPION, CHALLENGER]].merge(last, on="id")
    pairs = pairs.sort_values("time", kind="stable")
    truth = pairs["label"].map({0: REAL, 1: FAKE})
    wins = _worth(pairs[CHALLENGER], truth) > _worth(pairs[CHAMPION], truth)
    return pairs.assign(wins=wins.astype(bool))[["id", "label", "wins"]].reset_index(drop=True)


def _trial(champion: str, challenger: str, rows: pd.DataFrame) -> Trial:
    both = rows[rows["other_verdict"].ne("") & rows["other_verdict"].ne(_ERROR)]
    return Trial(
        champion,
        challenger,
        str(rows["champion_release"].iloc[-1]),
        str(rows["challenger_release"].iloc[-1]),
        rows["time"].iloc[0].isoformat(timespec="seconds"),
        rows["time"].iloc[-1].isoformat(timespec="seconds"),
        {role: int(rows["role"].eq(role).sum()) for role in (CHAMPION, CHALLENGER)},
        both[["id", "time", CHAMPION, CHALLENGER]].reset_index(drop=True),
        int(rows["other_verdict"].eq(_ERROR).sum()),
    )


def _spoken(verdicts: pd.Series) -> pd.Series:
    return verdicts.where(verdicts.isin((REAL, FAKE)), "")


def _worth(verdicts: pd.Series, truth: pd.Series) -> pd.Series:
    spoken = _spoken(verdicts)
    return spoken.eq(truth).map({True: _RIGHT, False: _WRONG}).where(spoken.ne(""), _SILENT)


def to_ask(trial: Trial, labels: pd.DataFrame, count: int) -> list[dict[str, Any]]:
    """List disagreements without a label, the oldest first: ``id``, ``time`` and both verdicts."""
    known = trial.disagreements["id"].isin(set(labels["id"]))
    rows = trial.disagreements[~known].head(count)
    return [{**row, "time": row["time"].isoformat(timespec="seconds")} for row in rows.to_dict("records")]
