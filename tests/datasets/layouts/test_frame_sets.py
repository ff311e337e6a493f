"""WildDeepfake and UADFV in their true shape."""

from __future__ import annotations

import pytest

from aletheia.datasets.layouts import frame_sets


@pytest.mark.parametrize("between", ["", "extracted/"])
@pytest.mark.parametrize("sequence", ["", "101/"])
def test_wild_deepfake(describe, between, sequence):
    files = [
        f"{label}_{split}/{between}{video}/{label}/{sequence}{k}.png"
        for label in ("fake", "real")
        for split in ("train", "test")
        for video in (1, 23)
        for k in (0, 7)
    ]
    rows = describe("deepfake_in_the_wild", files)
    assert rows[""]["layout"] == "wilddeepfake"
    assert len({row["video"] for path, row in rows.items() if path}) == 8
    row = rows[f"fake_test/{between}23/fake/{sequence}7.png"]
    assert row["video"] == f"deepfake_in_the_wild/fake_test/{between}23"
    assert (row["label"], row["split"], row["source"], row["generator"]) == ("fake", "test", "wilddeepfake", "")
    assert rows[f"real_train/{between}1/real/{sequence}0.png"]["split"] == "train"


@pytest.mark.parametrize("form", ["{label}/frames/{video}/{k:03d}.png", "{label}/{video}/{k:03d}.png"])
def test_uadfv_frames(describe, form):
    files = {
        (label, number, k): form.format(label=label, video=f"{number:04d}{'_fake' * (label == 'fake')}", k=k)
        for label in ("real", "fake")
        for number in (0, 1)
        for k in (0, 1)
    }
    rows = describe("UADFV", list(files.values()))
    assert rows[""]["layout"] == "uadfv"
    for (label, number, _), file in files.items():
        row = rows[file]
        assert (row["label"], row["source"], row["pair"]) == (label, "uadfv", f"uadfv-{number:04d}")
        assert row["generator"] == ("fakeapp" if label == "fake" else "")
    assert len({row["video"] for path, row in rows.items() if path}) == 4


def test_uadfv_videos(describe):
    rows = describe("UADFV", ["real/0007.mp4", "fake/0007_fake.mp4"])
    assert rows["real/0007.mp4"]["pair"] == rows["fake/0007_fake.mp4"]["pair"] == "uadfv-0007"


def test_uadfv_leaves_other_sets_alone(describe):
    assert describe("faces", ["real/0001/1.png", "fake/0001/1.png"])[""]["layout"] == "real-fake"
    assert frame_sets.__doc__
