"""Pairs of `benchmarks.left_out`: nothing of one fold goes into what is made of, or learnt for, another."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from aletheia.datasets.groups import connected_groups
from aletheia.datasets.manifest import read_manifest
from aletheia.datasets.paired.swapping import swap_parts
from aletheia.faces.crop_config import CropConfig
from aletheia.imaging.reading import read_image
from benchmarks import left_out_pairs
from benchmarks.left_out import Faces, score_recipe
from benchmarks.left_out_pairs import cut_pairs, make_pairs, name_people
from benchmarks.left_out_recipes import Recipe


@pytest.fixture(scope="module")
def table(tmp_path_factory, portraits) -> pd.DataFrame:
    """Eight people in two sources of both labels, and in one more that plays abroad; the people of some are known."""
    root = tmp_path_factory.mktemp("folds")
    rows = []
    for index, (image, *_) in enumerate(portraits):
        for place, source in enumerate(("a", "b", "abroad")):
            cv2.imwrite(str(root / f"{source}-{index}.png"), np.roll(image, place, axis=2)[..., ::-1])
            identity = f"{source}-{index}" if index % 2 else ""
            rows.append({"path": f"{source}-{index}.png", "label": "real", "source": source, "identity": identity})
    for source in ("a", "b", "abroad"):
        shutil.copy(root / f"{source}-0.png", root / f"{source}-fake.png")
        rows.append({"path": f"{source}-fake.png", "label": "fake", "source": source, "generator": "g"})
    pd.DataFrame(rows).to_csv(root / "m.csv", index=False)
    return name_people(read_manifest(root / "m.csv"), root)


@pytest.fixture(scope="module")
def fold(table):
    return table["source"].map({"a": 0, "b": 1, "abroad": 2}).to_numpy()


@pytest.fixture(scope="module")
def pairs(table, fold, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(left_out_pairs, "KINDS", {"part-swap": swap_parts})
        root = table["path"].map(lambda path: path.rpartition("/")[0]).iloc[0]
        return make_pairs(table, fold, 3, root, tmp_path_factory.mktemp("work"))


@pytest.mark.slow
def test_pairs_are_made_of_their_own_fold_alone(table, pairs):
    """Though a face has its nearest likeness in another fold, where the same person stands in other colours."""
    assert set(pairs["born"]) == {0, 1} and (pairs["label"] == "fake").sum() == len(pairs) / 2 >= 8
    for born, source in enumerate("ab"):
        part = pairs[pairs["born"] == born]
        fakes = part[part["label"] == "fake"]
        assert set(part["source"]) == {source}
        assert all(donor.startswith(f"genuine/{source}-") for donor in fakes["donor"])
        people = {person for pair in part["pair"] for person in pair.split("|")}
        assert people <= set(table.loc[table["source"] == source, "identity"])
    assert pairs.groupby("couple")["label"].agg(set).map({"real", "fake"}.__eq__).all()


def test_a_picture_is_cut_out_for_each_kind_of_fake(pairs, tmp_path):
    """Though it is the same file in each, and equal crops of one extraction are one."""
    other = pairs.assign(kind="again", couple="again-" + pairs["couple"])
    cut = cut_pairs(pd.concat([pairs, other], ignore_index=True), tmp_path, CropConfig(size=64, policy="aligned"))
    counts = cut.groupby(["kind", "label"]).size()
    assert counts.nunique() == 1 and len(counts) == 4 and counts.iloc[0] >= 6


def test_pictures_are_shrunk_before_fakes_are_made_of_them(tmp_path):
    (tmp_path / "in").mkdir()
    for name, shape in (("large.png", (500, 640, 3)), ("small.png", (90, 40, 3))):
        cv2.imwrite(str(tmp_path / "in" / name), np.full(shape, 90, np.uint8))
    rows = pd.DataFrame({"path": [str(tmp_path / "in" / name) for name in ("large.png", "small.png")]})
    shrunk = left_out_pairs._shrink(rows, tmp_path / "in", tmp_path / "out")
    assert shrunk["path"].tolist() == ["genuine/large.png", "genuine/small.png"]
    assert [read_image(tmp_path / "out" / path).shape for path in shrunk["path"]] == [(250, 320, 3), (90, 40, 3)]


def test_every_person_is_tied_to_what_was_made_of_them(table, pairs):
    both = pd.concat([table, pairs], ignore_index=True)
    groups = connected_groups(both, max_distance=None)
    group_of = dict(zip(both["identity"][: len(table)], groups, strict=False))
    for pair, group in zip(both["pair"][len(table) :], groups[len(table) :], strict=True):
        assert {group_of[person] for person in pair.split("|")} == {group}


def faces(groups=None) -> Faces:
    """Faces 0 to 5 of folds 0, 1 and 2, in the end a pair born of each of the first two folds."""
    n = 10
    return Faces(
        np.zeros((n, 1, 1, 3), np.uint8),
        np.arange(n) % 2 == 1,
        np.arange(n) if groups is None else np.array(groups),
        np.array([0, 0, 1, 1, 2, 2, -1, -1, -1, -1]),
        3,
        np.array([-1] * 6 + [0, 0, 1, 1]),
        np.array([""] * 6 + ["part-swap"] * 2 + ["face-swap"] * 2),
    )


@pytest.mark.parametrize(
    ("k", "recipe", "learnt"),
    [
        (0, Recipe("", ()), [2, 3]),
        (2, Recipe("", ()), [0, 1, 2, 3]),
        (1, Recipe("", (), pairs=("part-swap", "face-swap")), [0, 1, 6, 7]),
        (0, Recipe("", (), pairs=("part-swap", "face-swap")), [2, 3, 8, 9]),
        (2, Recipe("", (), pairs=("part-swap", "face-swap"), plain=False), [6, 7, 8, 9]),
        (2, Recipe("", (), pairs=("part-swap",), plain=False), [6, 7]),
        (0, Recipe("", (), pairs=("part-swap",), plain=False), []),
    ],
)
def test_rows_that_a_recipe_learns_from(k, recipe, learnt):
    kept, left_out = faces().split(k, recipe)
    assert np.flatnonzero(kept).tolist() == learnt
    assert np.flatnonzero(left_out).tolist() == [2 * k, 2 * k + 1]


def test_what_is_tied_to_the_left_out_fold_is_not_learnt_from():
    groups = [0, 1, 2, 3, 4, 5, 6, 7, 0, 9]  # face 8, of a pair born in fold 1, shows the person of face 0
    kept, _ = faces(groups).split(0, Recipe("", (), pairs=("face-swap",)))
    assert np.flatnonzero(kept).tolist() == [2, 3, 9]


def test_pairs_and_other_faces_count_alike(tmp_path, monkeypatch):
    """However many there are of each: the weights of each label and kind add up to the same."""
    seen = []

    def fit(columns, targets, weights, ridge):
        seen.append([weights[targets == label].sum() for label in (False, True)])
        return np.zeros(columns.shape[1]), 0.0

    monkeypatch.setattr("benchmarks.left_out.fit_logistic", fit)
    monkeypatch.setattr("benchmarks.left_out.columns", lambda part, images, work: np.ones((len(images), 2)))
    score_recipe(Recipe("", ("x",), pairs=("part-swap", "face-swap")), 0.1, faces(), tmp_path)
    assert seen == [[2.0, 2.0]] * 3
