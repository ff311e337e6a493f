"""The data set's own split: kept, completed, or replaced, and what is said about it."""

from __future__ import annotations

import numpy as np
import pytest

from aletheia.core.errors import InputError
from aletheia.datasets.leakage import check_leakage
from aletheia.datasets.official_split import check_split_policy, divide


@pytest.fixture
def frame(make_manifest):
    """200 rows of 40 people; rows of a person lie in one part."""
    rows = make_manifest(200, people=40)
    number = rows["identity"].str.extract(r"p(\d+)")[0].astype(int)
    rows["split"] = np.select([number < 8, number < 16], ["test", "val"], "train")
    return rows


def test_divide_keeps_an_official_split(frame):
    division = divide(frame)
    assert division.kept and division.manifest["split"].equals(frame["split"])
    assert division.notes[0].startswith("The data set's own split was kept (") and len(division.notes) == 1


def test_divide_replaces_when_asked(frame):
    division = divide(frame, "new")
    assert not division.kept and not division.manifest["split"].equals(frame["split"])
    assert division.notes[0].endswith("was replaced by a new one: a new one was asked for.")


def test_divide_without_a_split(frame):
    division = divide(frame.assign(split=""))
    assert not division.kept and division.notes == () and set(division.manifest["split"]) == {"train", "val", "test"}


def test_divide_takes_validation_from_train(frame):
    division = divide(frame.assign(split=frame["split"].replace("val", "train")))
    out = division.manifest["split"]
    assert division.kept and (out[frame["split"] == "test"] == "test").all() and (out == "val").sum() > 10
    assert (out[frame["split"] != "test"] != "test").all() and check_leakage(division.manifest).empty
    assert "It has no validation part of both labels: 18% of train were set aside" in division.notes[1]


def test_divide_tests_on_validation(frame):
    """As GenImage is used, which has train and val."""
    division = divide(frame.assign(split=frame["split"].replace("test", "val")))
    assert (division.manifest["split"] == "test").equals(frame["split"] != "train")
    assert "its validation images are the test set" in division.notes[1]


def test_divide_adds_open_rows(frame):
    """A row of a person of the test part joins it; others are for training."""
    known = frame["identity"] == frame.loc[frame["split"] == "test", "identity"].iloc[0]
    side = frame["split"].copy()
    opened = [known.idxmax(), (frame["split"] == "train").idxmax()]
    side[opened] = ""
    division = divide(frame.assign(split=side))
    assert division.manifest.loc[opened, "split"].tolist() == ["test", "train"]
    assert any(note.endswith("connected with: 2 images of no part.") for note in division.notes)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.assign(split="train"), "all of its images are of one part, train"),
        (
            lambda f: f.assign(split=f["split"].where(f["label"] == "real", "train")),
            "its test part holds no fake images",
        ),
        (lambda f: f.assign(split=f["split"].where(f.index < 80, "")), "60% of the images have no part in it"),
        (
            lambda f: f.assign(split=np.where(f["label"] == "real", "train", "test")),
            "its test part holds no real images",
        ),
    ],
)
def test_divide_replaces_what_cannot_be_kept(frame, change, reason):
    division = divide(change(frame))
    assert (
        not division.kept
        and division.notes[0].endswith(f"{reason}.")
        and "was replaced by a new one" in division.notes[0]
    )


def test_divide_reports_leaks_of_an_official_split(frame):
    frame.loc[(frame["split"] == "test").idxmax(), "identity"] = frame.loc[frame["split"] == "train", "identity"].iloc[
        0
    ]
    division = divide(frame)
    assert division.kept and "1 group is on two sides (people, videos, near duplicates)" in division.notes[-1]


def test_check_split_policy():
    with pytest.raises(InputError, match=r"There is no split 'old'\. Choose one of official, new\."):
        check_split_policy("old")
