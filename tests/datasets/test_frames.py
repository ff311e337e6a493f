"""Frames written out: which, with which metadata, again after an interruption, and as a source."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aletheia.core.errors import InputError
from aletheia.datasets import load_source
from aletheia.datasets.frames import JOURNAL, write_frames

from .test_sequences import moving

N = 12


@pytest.fixture
def videos(tmp_path, write_video):
    """A part of DFDC: two fakes, their original, and a file that is none."""
    root = tmp_path / "part"
    root.mkdir()
    for seed, name in enumerate(("aaa", "bbb", "ccc")):
        write_video(root / f"{name}.mp4", moving(seed, N), rate=10, crf=10)
    (root / "bad.mp4").write_bytes(b"no video")
    fake = {"label": "FAKE", "split": "train", "original": "bbb.mp4"}
    entries = {"aaa.mp4": fake, "bbb.mp4": {"label": "REAL", "split": "train"}, "ccc.mp4": {**fake, "split": "test"}}
    (root / "metadata.json").write_text(json.dumps({**entries, "bad.mp4": fake}))
    return root


def written(videos, out, **options):
    result = write_frames(videos, out, workers=1, progress=False, **options)
    return result, pd.read_csv(result.manifest, dtype={"video": str})


@pytest.mark.parametrize(("every", "expected"), [(1, list(range(N))), (5, [0, 5, 10]), (40, [0])])
def test_write_frames_every(videos, tmp_path, every, expected):
    result, frame = written(videos, tmp_path / "out", every=every)
    assert (result.videos, result.frames, result.labelled) == (3, 3 * len(expected), True)
    for _, rows in frame.groupby("video"):
        assert rows["frame_index"].tolist() == expected
        np.testing.assert_allclose(rows["frame_time"], np.array(expected) / 10, atol=2e-3)
    # The frame of that number, and no other: frames of a moving window differ by far more than their compression.
    index = expected[-1]
    stored = np.asarray(Image.open(tmp_path / "out" / "aaa" / f"{index:06d}.png"), float)
    errors = [np.abs(stored - truth).mean() for truth in moving(0, N)]
    assert int(np.argmin(errors)) == index


def test_write_frames_count_and_metadata(videos, tmp_path):
    result, frame = written(videos, tmp_path / "out", count=4)
    assert frame["frame_index"].tolist() == [1, 4, 7, 10] * 3
    rows = frame.set_index("path").loc[["aaa/000001.png", "bbb/000001.png", "ccc/000001.png"]]
    assert rows["label"].tolist() == ["fake", "real", "fake"] and rows["split"].tolist() == ["train", "train", "test"]
    assert rows["pair"].nunique() == 1 and rows["video"].nunique() == 3
    assert [(path.rpartition("/")[2], bool(reason)) for path, reason in result.skipped] == [("bad.mp4", True)]
    assert pd.read_csv(tmp_path / "out" / "skipped.csv")["path"].tolist() == [f"{videos}/bad.mp4"]


def test_write_frames_resumes(videos, tmp_path):
    out = tmp_path / "out"
    first, frame = written(videos, out, count=4)
    assert first.resumed == 0
    stamp = (out / "aaa" / "000004.png").stat().st_mtime_ns
    (out / "bbb" / "000004.png").unlink()
    with (out / JOURNAL).open("a") as file:
        file.write('["cut off')  # by an interruption
    second, again = written(videos, out, count=4)
    assert second.resumed == 2 and again.equals(frame)
    assert (out / "aaa" / "000004.png").stat().st_mtime_ns == stamp and (out / "bbb" / "000004.png").is_file()
    assert written(videos, out, count=3)[0].resumed == 0  # other settings


def test_write_frames_become_a_source(videos, tmp_path):
    result, _ = written(videos, tmp_path / "out", every=4)
    frame = load_source(result.manifest, progress=False, workers=1).manifest
    assert frame.groupby("video").size().tolist() == [3, 3, 3]
    assert set(frame["video"]) == {"part/aaa", "part/bbb", "part/ccc"}


def test_write_frames_of_videos_without_labels(tmp_path, write_video):
    folder = tmp_path / "films"
    for name in ("a/one.mp4", "a/one.avi"):
        (folder / "a").mkdir(parents=True, exist_ok=True)
        write_video(folder / name, moving(1, 5), rate=10)
    result, frame = written(folder, tmp_path / "out", count=1)
    assert not result.labelled and "label" not in frame
    assert sorted(frame["path"]) == ["a/one.avi/000002.png", "a/one.mp4/000002.png"]
    one, frame = written(folder / "a" / "one.mp4", tmp_path / "single", count=1)
    assert one.videos == 1 and frame["path"].tolist() == ["one/000002.png"]


@pytest.mark.parametrize("options", [{}, {"every": 2, "count": 2}, {"count": 10_001}, {"every": -1}])
def test_write_frames_needs_one_rule(tmp_path, options):
    with pytest.raises(InputError, match="either every"):
        write_frames(tmp_path, tmp_path / "out", **options)


def test_write_frames_without_videos(tmp_path):
    with pytest.raises(InputError, match="there are no videos"):
        write_frames(tmp_path, tmp_path / "out", count=1)
    (tmp_path / "bad.mp4").write_bytes(b"x")
    with pytest.raises(InputError, match="of 1 video none can be read"):
        write_frames(tmp_path, tmp_path / "out", count=1, progress=False)
    with pytest.raises(InputError, match="no such folder"):
        write_frames(tmp_path / "none", tmp_path / "out", count=1)
