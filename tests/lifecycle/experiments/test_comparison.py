"""Trials found in a log, and who won: rows whose outcome is known beforehand."""

from __future__ import annotations

import pandas as pd
import pytest

from aletheia.core.errors import InputError
from aletheia.lifecycle.experiments.comparison import choose_trial, find_trials, labelled_pairs, pair_name, to_ask
from aletheia.lifecycle.experiments.status import NOT_PAIRED, judge
from aletheia.lifecycle.prediction_log.entry import LogEntry, error_entry
from aletheia.stats.anytime_sign_test import BETTER, EQUIVALENT, OPEN, WORSE, AnytimeSignTest

OLD, NEW = ("a" * 12, "v1.0.0"), ("b" * 12, "v1.1.0")


def row(number: int, verdict: str, other: str, role: str = "champion", old=OLD, new=NEW) -> LogEntry:
    """An answer of one role, and what the other model said to it."""
    mine, theirs = (old, new) if role == "champion" else (new, old)
    return LogEntry(
        1000.0 + number,
        f"id-{number}",
        mine[0],
        "uri",
        "image",
        verdict,
        release=mine[1],
        role=role,
        other_version=theirs[0],
        other_release=theirs[1],
        other_verdict=other,
    )


def labels(*values: tuple[str, int]) -> pd.DataFrame:
    rows = [(name, label, "own", pd.Timestamp(n, unit="s", tz="UTC")) for n, (name, label) in enumerate(values)]
    return pd.DataFrame(rows, columns=["id", "label", "source", "time"])


def test_who_wins(log_of):
    """All disagreements of three kinds of verdict with both labels, answered by either role."""
    cases = [  # champion, challenger, label, whether the challenger did better
        ("fake", "real", 0, True), ("fake", "real", 1, False), ("real", "fake", 1, True), ("real", "fake", 0, False),
        ("cannot tell", "fake", 1, True), ("cannot tell", "fake", 0, False), ("real", "cannot tell", 1, True),
        ("real", "no face found", 0, False),
    ]  # fmt: skip
    rows = [row(n, first, second) for n, (first, second, _, _) in enumerate(cases)]
    rows += [row(100 + n, second, first, "challenger") for n, (first, second, _, _) in enumerate(cases)]
    rows += [row(200, "fake", "fake"), row(201, "cannot tell", "no face found"), row(202, "real", "real", "challenger")]
    (trial,) = find_trials(log_of(rows))
    assert len(trial.disagreements) == 2 * len(cases) and len(trial.both) == 2 * len(cases) + 3
    said = labels(*((f"id-{n + add}", case[2]) for add in (0, 100) for n, case in enumerate(cases)), ("id-200", 0))
    pairs = labelled_pairs(trial, said)
    assert list(pairs["wins"]) == [case[3] for case in cases] * 2
    assert trial.answers == {"champion": len(cases) + 2, "challenger": len(cases) + 1}


def test_order_and_last_label(log_of):
    """Pairs come in the order of their labels, of which the last of an answer counts."""
    (trial,) = find_trials(log_of([row(n, "fake", "real") for n in range(3)]))
    said = labels(("id-0", 0), ("id-2", 1), ("id-1", 0), ("id-0", 1), ("unknown", 1))
    pairs = labelled_pairs(trial, said.sample(frac=1, random_state=0))
    assert [*zip(pairs["id"], pairs["wins"], strict=True)] == [("id-2", False), ("id-1", True), ("id-0", False)]


def test_to_ask(log_of):
    (trial,) = find_trials(log_of([row(n, "fake", "real" if n % 2 else "fake") for n in range(10)]))
    assert [item["id"] for item in to_ask(trial, labels(("id-3", 1)), 3)] == ["id-1", "id-5", "id-7"]
    assert to_ask(trial, labels(), 1) == [
        {"id": "id-1", "time": "1970-01-01T00:16:41+00:00", "champion": "fake", "challenger": "real"}
    ]


def test_trials_of_a_log(log_of):
    """Pairs of models are kept apart, also when the champion is rolled back; what is no trial is left out."""
    third = ("c" * 12, "v1.2.0")
    rows = [row(0, "fake", "real"), row(1, "fake", "error"), row(2, "fake", ""), row(9, "fake", "real")]
    rows += [row(4, "real", "fake", "champion", third), row(5, "real", "fake", "challenger", third)]
    rows += [LogEntry(1010.0, "x", OLD[0], "uri", "image", "fake", role="champion"), error_entry("busy", OLD[0], "uri")]
    trials = find_trials(log_of(rows))
    assert [pair_name(trial) for trial in trials] == ["v1.1.0 against v1.2.0", "v1.1.0 against v1.0.0"]
    latest = choose_trial(trials)
    assert latest.champion_release == "v1.0.0" and latest.failed == 1 and len(latest.both) == 2
    assert choose_trial(trials, champion="1.2.0") is choose_trial(trials, champion="ccc") is trials[0]
    with pytest.raises(InputError, match=r"there are: v1\.1\.0 against v1\.2\.0, v1\.1\.0 against v1\.0\.0"):
        choose_trial(trials, challenger="v9")
    with pytest.raises(InputError, match="--shadow"):
        choose_trial([])


def judged(log_of, wins: int, losses: int, test: AnytimeSignTest | None = None):
    """The state after wins and losses that alternate as long as they can."""
    outcomes = sorted(
        [*((k / max(wins, 1), 0) for k in range(wins)), *((k / max(losses, 1), 1) for k in range(losses))]
    )
    (trial,) = find_trials(log_of([row(n, "fake", "real") for n in range(len(outcomes) + 4)]))
    said = labels(*((f"id-{n}", label) for n, (_, label) in enumerate(outcomes)))
    return judge(trial, said, test)


def test_better(log_of):
    status = judged(log_of, 60, 20)
    assert (status.answer, status.wins, status.losses) == (BETTER, 60, 20)
    assert status.decided_after <= 80 and status.wanted_by_rate is None
    text = " ".join(status.sentences())
    assert "v1.1.0 is better: the challenger did better in 60, the champion in 20" in text
    command = 'aletheia models promote v1.1.0 --reason "better than v1.0.0 in 60 of 80 labelled disagreements'
    assert command in text and status.to_dict()["promote"].startswith(command)


def test_worse_and_equivalent(log_of):
    worse = judged(log_of, 20, 60)
    assert worse.answer == WORSE and worse.promote_command == "" and "v1.0.0 stays." in worse.sentences()


def test_equivalent(log_of):
    same = judged(log_of, 250, 250)
    assert same.answer == EQUIVALENT and "No difference that matters" in " ".join(same.sentences())


def test_open_with_forecast(log_of):
    status = judged(log_of, 12, 8)
    test = AnytimeSignTest()
    assert status.answer == OPEN and status.decided_after is None
    assert status.wanted_by_effect == test.pairs_wanted(0.6, wins=12, losses=8)
    assert status.wanted_by_rate == test.pairs_wanted(13 / 22, wins=12, losses=8)
    text = " ".join(status.sentences())
    assert "Still open" in text and "more labels; at the present rate" in text and "order of --ask" in text
    assert status.to_dict()["labels_wanted"]["by_effect"] == status.wanted_by_effect
    assert judged(log_of, 1, 0).wanted_by_rate is None


def test_split_without_shadow(log_of):
    rows = [row(0, "fake", ""), row(1, "real", "", "challenger")]
    (trial,) = find_trials(log_of(rows))
    status = judge(trial, labels(("id-0", 1), ("id-1", 1)))
    assert status.answer == NOT_PAIRED and "cannot be judged without a shadow" in " ".join(status.sentences())


def test_unequal_silence_is_said(log_of):
    rows = [row(n, "real", "cannot tell" if n < 5 else "real") for n in range(20)]
    (trial,) = find_trials(log_of(rows))
    assert trial.silent == {"champion": 0, "challenger": 5}
    assert "says neither real nor fake 0 times, the challenger 5 times" in " ".join(judge(trial, labels()).sentences())
