"""Swapped parts and faces: what changes, its colours, delivery, grouping, resuming, and what can go wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.datasets.groups import connected_groups
from aletheia.datasets.ingest import load_source
from aletheia.datasets.paired import sheet, swapping, writing
from aletheia.datasets.paired.pasting import METHODS, to_lab
from aletheia.datasets.paired.regions import PARTS
from aletheia.datasets.paired.swapping import swap_face, swap_faces, swap_part, swap_parts
from aletheia.datasets.split import split_manifest
from aletheia.imaging.transforms import as_resaved


@pytest.fixture(scope="module")
def swapped(genuine, tmp_path_factory):
    return swap_parts(genuine, tmp_path_factory.mktemp("swapped"), progress=False)


def differing(a, b):
    return np.abs(a.astype(int) - b).max(axis=2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("part", [*PARTS, "face"])
def test_swap_has_the_targets_colours_and_changes_the_mask_alone(portraits, measured, part, method):
    for target, donor in ((2, 0), (5, 4)):
        rgb, other = portraits[target][0], portraits[donor][0]
        points, other_points = measured[target].points, measured[donor].points
        if part == "face":
            fake, mask = swap_face(rgb, points, other, other_points, method)
            donor_mask = swap_face(other, other_points, rgb, points, method)[1]
        else:
            fake, mask = swap_part(rgb, points, other, other_points, part, method)
            donor_mask = swap_part(other, other_points, rgb, points, part, method)[1]
        assert fake.dtype == np.uint8 and fake.shape == rgb.shape
        np.testing.assert_array_equal(fake[~mask], rgb[~mask])
        assert (differing(fake, rgb)[mask] > 2).mean() > 0.4
        mean = to_lab(fake)[mask].mean(axis=0)
        to_target = np.linalg.norm(mean - to_lab(rgb)[mask].mean(axis=0))
        to_donor = np.linalg.norm(mean - to_lab(other)[donor_mask].mean(axis=0))
        assert to_target < 0.5 * to_donor


def test_swap_moves_the_donors_part_into_place(portraits, measured):
    # A mark on the donor's mouth comes to lie on the target's.
    other = portraits[0][0].copy()
    donor_points, points = measured[0].points, measured[4].points
    cv2.circle(other, tuple(int(v) for v in donor_points[[13, 14]].mean(axis=0)), 3, (0, 255, 0), -1)
    fake, mask = swap_part(portraits[4][0], points, other, donor_points, "mouth", "alpha")
    green = fake[..., 1].astype(int) - fake[..., [0, 2]].max(axis=2)
    y, x = np.unravel_index(np.argmax(np.where(mask, green, -999)), mask.shape)
    assert np.hypot(x - points[[13, 14], 0].mean(), y - points[[13, 14], 1].mean()) < 6


def test_files_of_a_pair_are_delivered_alike(swapped, genuine):
    rows = pd.read_csv(swapped.manifest, keep_default_na=False)
    root, source = swapped.manifest.parent, genuine.parent
    assert swapped.pairs == 8 and len(rows) == 16 and swapped.resumed == 0
    fakes = rows[rows["label"] == "fake"]
    assert fakes["generator"].tolist() == ["part-swap"] * 8
    assert fakes["part"].value_counts().to_dict() == {"eyes": 3, "nose": 3, "mouth": 2}
    assert fakes["method"].value_counts().to_dict() == {"alpha": 4, "poisson": 4}
    assert len(fakes[["part", "method"]].drop_duplicates()) == 6
    for number, (real, fake) in enumerate(zip(rows.iloc[::2].itertuples(), rows.iloc[1::2].itertuples(), strict=True)):
        pictures = [Image.open(root / one.path) for one in (real, fake)]
        assert pictures[0].size == pictures[1].size and pictures[0].quantization == pictures[1].quantization
        a, b = (np.asarray(one) for one in pictures)
        original = cv2.imread(str(source / f"camera/{number}.png"), cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(a, as_resaved(original, writing.QUALITY))
        mask = np.asarray(Image.open(root / fake.path.replace("fake", "mask", 1).replace(".jpg", ".png"))) > 0
        # Blocks of 16 pixels that the mask touches change, and colours reach a pixel beyond them.
        touched = cv2.dilate(mask.astype(np.uint8), np.ones((37, 37), np.uint8)) > 0
        assert differing(a, b)[~touched].max() == 0 and differing(a, b)[mask].max() > 20
        assert fake.donor != f"camera/{number}.png" and fake.pair.split("|")[0] == real.identity and not fake.identity
        assert not real.donor


def test_skipped_pictures_are_named(swapped):
    skipped = pd.read_csv(swapped.manifest.with_name("skipped.csv"))
    assert [Path(path).name for path in skipped["path"]] == ["wall.png", "broken.jpg"]
    assert skipped["reason"].str.contains("no face of 64 pixels|unreadable").all()


def test_split_never_separates_parents_and_children(swapped, genuine):
    found = load_source(swapped.manifest, progress=False).manifest
    groups = pd.Series(connected_groups(found, max_distance=None), index=found.index)
    people = dict(zip(range(8), [f"person-{min(k, 6)}" for k in range(8)], strict=True))
    identity = pd.read_csv(genuine).set_index("path")["identity"]
    for row in found[found["label"] == "fake"].itertuples():
        donor = identity[row.donor]
        parents = found[(found["label"] == "real") & found["identity"].isin([row.pair.split("|")[0], donor])]
        assert row.pair.split("|")[1] == donor and len(parents) >= 2
        assert set(groups[parents.index]) == {groups[row.Index]}
    assert set(people.values()) == set(found["identity"]) - {""}
    # Many such sets in one manifest: all parts get rows, and no group is torn apart.
    copies = []
    for k in range(15):
        copy = found.assign(path=found["path"] + str(k), phash=0, sha256="")
        copy["identity"] = copy["identity"].where(copy["identity"] == "", copy["identity"] + f"-{k}")
        copy["pair"] = [f"{a}-{k}|{b}-{k}" for a, b in found["pair"].str.split("|")]
        copies.append(copy)
    many = pd.concat(copies, ignore_index=True)
    many["phash"] = np.random.default_rng(0).integers(0, 2**63, len(many)).astype(np.uint64)
    split = split_manifest(many, seed=0)
    assert split["split"].nunique() == 3
    assert (split.groupby(connected_groups(split, max_distance=None))["split"].nunique() == 1).all()


def test_unknown_people_are_connected_by_their_pictures(genuine, tmp_path):
    (tmp_path / "faces").mkdir()
    for k in (0, 2, 6, 7):
        shutil.copy(genuine.parent / "camera" / f"{k}.png", tmp_path / "faces")
    rows = pd.read_csv(swap_faces(tmp_path / "faces", tmp_path / "out", progress=False).manifest)
    assert "identity" not in rows and set(rows["pair"]) >= {"0.png|0.png", "0.png|2.png", "6.png|7.png"}
    groups = connected_groups(rows)
    assert sorted(np.bincount(groups)) == [4, 4]


@pytest.mark.slow
def test_same_seed_same_bytes_and_interrupted_runs_resume(swapped, genuine, tmp_path, monkeypatch):
    first = swapped.manifest.parent
    calls = []
    real_swap = swapping.swap_part

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real_swap(*args, **kwargs)

    monkeypatch.setattr(swapping, "swap_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        swap_parts(genuine, tmp_path / "out", progress=False)
    assert not (tmp_path / "out" / "manifest.csv").exists()
    again = swap_parts(genuine, tmp_path / "out", progress=False)
    assert (again.pairs, again.resumed, len(calls)) == (8, 3, 4 + 5)
    for path in (*first.rglob("*.jpg"), *first.rglob("*.png"), *first.rglob("*.csv")):
        assert path.read_bytes() == (tmp_path / "out" / path.relative_to(first)).read_bytes(), path
    next((tmp_path / "out" / "fake").rglob("*.jpg")).unlink()
    assert swap_parts(genuine, tmp_path / "out", progress=False).resumed == 7
    other = swap_parts(genuine, tmp_path / "out", seed=1, progress=False)
    assert other.resumed == 0
    assert pd.read_csv(other.manifest)["part"].dropna().tolist()[0] == "nose"


def test_sheet_shows_pairs(swapped, tmp_path):
    picture = np.asarray(Image.open(swapped.sheet).convert("RGB"))
    side, title = sheet._SIDE, sheet._TITLE
    assert picture.shape == (4 * (side + title), 8 * side + title, 3)
    cells = [picture[title : title + side, column * side : (column + 1) * side] for column in range(4)]
    original, donor, mask, fake = cells
    assert set(np.unique(mask)) >= {0, 255}
    white = (mask > 250).all(axis=2)
    assert differing(fake, original)[white].mean() > 3 * differing(fake, original)[~white].mean()
    assert differing(fake, donor).mean() > differing(fake, original).mean()


def test_outputs_within_the_source_are_refused(genuine, tmp_path):
    (tmp_path / "faces").mkdir()
    shutil.copy(genuine.parent / "camera" / "0.png", tmp_path / "faces")
    with pytest.raises(InputError, match="lies inside of"):
        swap_parts(tmp_path / "faces", tmp_path / "faces" / "out", progress=False)
    with pytest.raises(InputError, match=r"no usable face in 1 image \(.*0\.png: no other person"):
        swap_parts(tmp_path / "faces", tmp_path / "out", progress=False)
