"""New faces beside a divided data set: planted leaks are found, the test set stays, groups stay whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aletheia.datasets.additions import HELD_BACK, divide_additions, unknown_rows
from aletheia.datasets.leakage import check_leakage

from ..factories import manifest


@pytest.fixture(scope="module")
def parts() -> dict[str, pd.DataFrame]:
    """A divided data set: 20 rows of 5 people a part, each with a content of its own."""
    names = {"train": 1, "val": 2, "test": 3, "sealed": 4}
    return {name: rows(20, seed, split=name) for name, seed in names.items()}


def rows(n: int, seed: int, people: int = 5, **columns) -> pd.DataFrame:
    table = manifest(n, seed, people=people, **columns)
    return table.assign(sha256=[f"{seed:032x}{i:032x}" for i in range(n)], face_index=0)


def whole(parts, added) -> pd.DataFrame:
    """All rows with their parts, as far as anything is learnt from or measured on them."""
    return pd.concat([*parts.values(), added.train, added.val, added.held_back], ignore_index=True)


def test_new_people_are_learnt_from_and_a_share_held_back(parts):
    new = rows(200, 9, people=50)
    added = divide_additions(parts, new)
    assert added.counts["known"] == added.counts["bridging"] == 0
    assert len(added.train) + len(added.val) + len(added.held_back) == 200
    assert 0.2 < added.held_back["identity"].nunique() / new["identity"].nunique() < 0.4
    assert added.val["identity"].nunique() > 0
    assert len(check_leakage(whole(parts, added))) == 0
    again = divide_additions(parts, new.sample(frac=1, random_state=1))
    assert set(again.held_back["path"]) == set(added.held_back["path"])  # no seed, no order decides


PLANTED = {
    "identity": lambda old: {"identity": old["identity"]},
    "pair": lambda old: {"pair": f"stranger|{old['identity']}"},
    "video": lambda old: {"video": "film-1"},
    "sha256 of another face": lambda old: {"sha256": old["sha256"], "face_index": 3},
    "near duplicate": lambda old: {"phash": np.uint64(old["phash"]) ^ np.uint64(0b101)},
    "original": lambda old: {"original": "/photos/1.jpg"},
}


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize(
    ("part", "counted_as"), [("test", "of test people"), ("sealed", "of sealed people"), (HELD_BACK, "held back")]
)
def test_planted_relatives_of_what_is_measured_on_are_never_learnt_from(parts, kind, part, counted_as):
    of_part = {**parts, HELD_BACK: rows(20, 5, split="test")}
    of_part[part] = of_part[part].assign(video="film-1", original="/photos/1.jpg")
    new = rows(40, 9).assign(identity=[f"new-{i}" for i in range(40)])
    for column, value in PLANTED[kind](of_part[part].iloc[7]).items():
        new[column] = new[column].astype(object) if column in new else ""
        new.loc[11, column] = value
    new["phash"] = new["phash"].astype(np.uint64)
    new["face_index"] = pd.to_numeric(new.get("face_index")).fillna(0).astype(int)
    added = divide_additions(of_part, new, share=0.0, val_share=0.0)
    planted = new["path"][11]
    assert planted not in {*added.train["path"], *added.val["path"]}
    assert (planted in set(added.held_back["path"])) == (part != "sealed")
    assert added.counts[counted_as] == 1
    assert added.counts["train"] == 39
    assert len(check_leakage(whole(of_part, added).drop(columns="video"))) == 0


def test_relatives_by_way_of_other_new_faces(parts):
    """A new face that knows a test person only through another new face of its own film."""
    new = rows(10, 9, video="").assign(identity=[f"new-{i}" for i in range(10)])
    new.loc[[2, 3], "video"] = "film-9"
    new.loc[3, "identity"] = parts["test"]["identity"][0]
    added = divide_additions(parts, new, share=0.0, val_share=0.0)
    assert set(added.held_back["path"]) == set(new["path"][[2, 3]])
    assert added.counts["of test people"] == 2


def test_people_of_train_and_val_join_them(parts):
    new = rows(10, 9).assign(identity=[f"new-{i}" for i in range(10)])
    new.loc[0, "identity"], new.loc[1, "identity"] = parts["train"]["identity"][0], parts["val"]["identity"][0]
    added = divide_additions(parts, new, share=1.0)
    assert added.train["path"].tolist() == [new["path"][0]]
    assert added.val["path"].tolist() == [new["path"][1]]
    assert len(added.held_back) == 8


@pytest.mark.parametrize("other", ["train", "val"])
def test_a_face_that_ties_two_parts_together_is_left_out(parts, other):
    new = rows(10, 9, pair="").assign(identity=[f"new-{i}" for i in range(10)])
    new.loc[4, "pair"] = f"{parts[other]['identity'][0]}|{parts['test']['identity'][0]}"
    added = divide_additions(parts, new)
    assert added.left_out["path"].tolist() == [new["path"][4]]
    assert added.left_out["reason"].tolist() == ["bridging"]
    assert added.counts["bridging"] == 1


def test_faces_that_are_there_already(parts):
    same, other = parts["train"].iloc[:3].copy(), parts["train"].iloc[3:5].copy()
    other["label"] = np.where(other["label"] == "fake", "real", "fake")
    new = pd.concat([same, other, rows(5, 9)], ignore_index=True)
    added = divide_additions(parts, new)
    assert (added.counts["known"], added.counts["contradicting"]) == (3, 2)
    assert added.left_out["reason"].tolist() == ["known"] * 3 + ["contradicting"] * 2
    assert any("2 new faces are in the data already under the other label" in line for line in added.sentences())
    assert unknown_rows(parts, new).tolist() == [False] * 5 + [True] * 5


def test_parts_are_not_changed_and_may_be_missing(parts):
    before = {name: part.copy() for name, part in parts.items()}
    divide_additions(parts, rows(50, 9, people=20))
    for name, part in parts.items():
        pd.testing.assert_frame_equal(part, before[name])
    added = divide_additions({"train": parts["train"], "sealed": parts["train"].iloc[:0]}, rows(5, 9).iloc[:0])
    assert len(added.train) == len(added.held_back) == len(added.left_out) == 0


def test_held_back_groups_are_of_either_class(parts):
    """Of 10 genuine and 10 fake people three each: not six of one kind."""
    new = pd.concat([rows(20, 9, people=10, fakes=0.0), rows(20, 10, people=10, fakes=1.0)], ignore_index=True)
    added = divide_additions(parts, new)
    by_label = added.held_back.groupby("label")["identity"].nunique()
    expected = new.groupby("label")["identity"].nunique() * 0.3
    assert (by_label - expected).abs().max() <= 0.5
