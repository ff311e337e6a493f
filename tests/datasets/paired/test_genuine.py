"""Reading genuine pictures of folders and manifests."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.datasets.paired.genuine import Genuine, UnusableError, list_genuine


def picture(name: str, **known: str) -> Genuine:
    return Genuine(name, Path(name), "camera", known)


def test_manifest_gives_real_rows_with_what_it_knows(genuine):
    pictures, skipped = list_genuine(genuine)
    assert skipped == []
    assert [one.name for one in pictures] == [*(f"camera/{k}.png" for k in range(8)), "wall.png", "broken.jpg"]
    assert pictures[7].known == {"identity": "person-6"} and pictures[7].person == "person-6"
    assert pictures[8].known == {} and pictures[8].person == "wall.png"
    assert pictures[0].read().shape == (256, 256, 3)
    with pytest.raises(UnusableError, match="unreadable"):
        pictures[9].read()


def test_folder_skips_fakes_videos_and_links_out(tmp_path):
    for name in ("real/phone/a.png", "fake/gan/b.png", "c.png"):
        path = tmp_path / "faces" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    (tmp_path / "faces" / "film.mp4").write_bytes(b"")
    Image.new("RGB", (8, 8)).save(tmp_path / "outside.png")
    (tmp_path / "faces" / "link.png").symlink_to(tmp_path / "outside.png")
    pictures, skipped = list_genuine(tmp_path / "faces")
    assert {one.name: one.source for one in pictures} == {"real/phone/a.png": "real", "c.png": "faces"}
    assert {Path(path).name: reason.split(" ")[0] for path, reason in skipped} == {
        "b.png": "lies",
        "film.mp4": "is",
        "link.png": "is",
    }


@pytest.mark.parametrize(
    ("a", "b", "fits"),
    [
        ({}, {}, True),
        ({"identity": "ann"}, {"identity": "ann"}, False),
        ({"video": "clip"}, {"video": "clip"}, False),
        ({"gender": "Female"}, {"gender": "female"}, True),
        ({"gender": "female"}, {"gender": "male"}, False),
        ({"gender": "female"}, {}, True),
        ({"age": "24"}, {"age": "20-29"}, True),
        ({"age": "24"}, {"age": "70+"}, False),
    ],
)
def test_may_give_to(a, b, fits):
    assert picture("a.png", **a).may_give_to(picture("b.png", **b)) is fits
    assert not picture("a.png", **a).may_give_to(picture("a.png", **a))


def test_person_holds_no_separator_of_pairs():
    assert "|" not in picture("a|b.png").person


def test_paths_of_a_manifest_that_lies_elsewhere_count_from_the_root(genuine, tmp_path):
    """Names count from the root, too: they become the names of the files that are written."""
    beside, _ = list_genuine(genuine)
    elsewhere = tmp_path / "lists" / "m.csv"
    elsewhere.parent.mkdir()
    shutil.copy(genuine, elsewhere)
    pictures, _ = list_genuine(elsewhere, genuine.parent)
    assert pictures == beside
    with pytest.raises(InputError, match="is a folder, and its pictures need no root"):
        list_genuine(genuine.parent, genuine.parent)
    with pytest.raises(InputError, match="there is no such folder"):
        list_genuine(elsewhere, tmp_path / "absent")


def test_manifest_without_real_rows_is_refused(tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    pd.DataFrame([{"path": "a.png", "label": "fake"}]).to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(InputError, match="none is a genuine picture"):
        list_genuine(tmp_path / "m.csv")
    with pytest.raises(InputError, match="no such folder or manifest"):
        list_genuine(tmp_path / "absent")
