"""What is known of people and videos, from where, and in which words."""

from __future__ import annotations

import pytest
from PIL import Image

from aletheia.datasets import load_source
from aletheia.datasets.grouping import GROUPING, count_known, with_grouping
from aletheia.datasets.leakage import check_leakage
from aletheia.datasets.split import split_manifest
from aletheia.datasets.validation import validate_manifest

from .test_sequences import moving, scene


def tree(root, videos: int, frames: int):
    """`videos` folders of moving heads of either label, each named like a person or a method."""
    for v in range(videos):
        label = ("real", "fake")[v % 2]
        for k, frame in enumerate(moving(v, frames, step=12)):
            path = root / label / f"name{'abcdefghijklmnopqrstuvwx'[v]}" / f"{k:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(frame).save(path)
    return root


@pytest.mark.slow
def test_numbered_frames_stay_on_one_side_of_the_split(tmp_path):
    root = tree(tmp_path / "set", 16, 6)
    guessed = load_source(root, progress=False, workers=1)
    frame = guessed.manifest
    video = frame["path"].str.rpartition("/")[0]
    assert frame.groupby(video)["video"].nunique().eq(1).all() and frame["video"].nunique() == 16
    assert frame["video"].iloc[0] == "set/fake/nameb"
    assert set(frame["source"]) == {"set"} and set(frame["generator"]) == {""} and set(frame[GROUPING]) == {"guessed"}
    assert f"{len(frame)} pictures were taken for frames of 16 videos" in guessed.notes[-1]
    split = split_manifest(frame, seed=0)
    assert split.groupby(video)["split"].nunique().eq(1).all() and check_leakage(split).empty

    alone = load_source(root, progress=False, workers=1, guess_videos=False).manifest
    split = split_manifest(alone, seed=0)
    assert split.groupby(video)["split"].nunique().gt(1).any()
    assert set(alone["video"]) == {""} and GROUPING not in alone


def test_sources_of_photos_stay_sources(tmp_path):
    for k in range(6):
        for folder in ("real/camera", "fake/gan"):
            path = tmp_path / folder / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(scene(2 * k + (folder == "fake/gan"))).save(path)
    frame = load_source(tmp_path, progress=False, workers=1).manifest
    assert set(frame["video"]) == {""} and set(frame["generator"]) == {"", "gan"} and "camera" in set(frame["source"])


def rows(**columns):
    n = len(next(iter(columns.values())))
    default = {"path": [f"/data/set/{i}.mp4" for i in range(n)], "label": ["real"] * n}
    return validate_manifest(__import__("pandas").DataFrame(default | columns))


def test_with_grouping_says_where_it_comes_from():
    frame, notes = with_grouping(rows(video=["a", ""], identity=["", ""]), "/data/set", stated=True, guess=False)
    assert list(frame[GROUPING]) == ["stated", ""] and notes == []
    frame, _ = with_grouping(rows(pair=["a|b", ""]), "/data/set", stated=False, guess=False)
    assert list(frame[GROUPING]) == ["layout", ""]
    frame, _ = with_grouping(rows(pair=["", ""]), "/data/set", stated=False, guess=False)
    assert GROUPING not in frame


def test_with_grouping_guesses_people_from_names():
    paths = ["/d/set/real/033.mp4", "/d/set/real/097.mp4", "/d/set/fake/033_097.mp4", "/d/set/fake/id1_id2_0000.mp4"]
    frame = rows(path=paths, label=["real", "real", "fake", "fake"])
    frame, notes = with_grouping(frame, "/d/set", stated=False)
    assert list(frame["identity"]) == ["set-033", "set-097", "", ""]
    assert list(frame["pair"]) == ["", "", "set-033|set-097", "set-id1|set-id2"]
    assert "The people of 4 files were guessed" in notes[0]


def test_with_grouping_does_not_guess_numbers_without_their_originals():
    frame = rows(path=["/d/set/real/a.mp4", "/d/set/fake/2024_01.mp4"], label=["real", "fake"])
    assert GROUPING not in with_grouping(frame, "/d/set", stated=False)[0]


@pytest.mark.parametrize(
    ("columns", "expected", "words"),
    [
        ({"video": ["", ""]}, (2, 0, 0, 0), "Of none of 2 images is the person or the video known"),
        ({"video": ["a", ""]}, (2, 1, 0, 0), "is known of 1 of 2 images; people are not known"),
        ({"video": ["a", ""], "identity": ["p", ""]}, (2, 1, 0, 1), "is known of 1 of 2 images."),
        (
            {"video": ["a", ""], "relatives": ["", ""]},
            (2, 1, 0, 0),
            "faces that look like one person are kept together",
        ),
        ({"pair": ["p|q", "x"]}, (2, 2, 0, 1), "is known of 2 of 2 images."),
        (
            {"video": ["a", ""], "grouping": ["guessed", ""]},
            (2, 1, 1, 0),
            "is known of 1 of 2 images (1 guessed from the order of names",
        ),
    ],
)
def test_count_known(columns, expected, words):
    known = count_known(rows(**columns))
    assert tuple(known)[:4] == expected and words in known.sentence()
