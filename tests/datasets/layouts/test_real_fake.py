"""Folders that say real or fake in many ways."""

from __future__ import annotations

import pytest

from aletheia.datasets.layouts.real_fake import find_label

CASES = {
    "real/camera/1.jpg": ("real", "camera", "", ""),
    "fake/stylegan2/1.jpg": ("fake", "set", "stylegan2", ""),
    "fake/1.jpg": ("fake", "set", "", ""),
    "FAKE/1.jpg": ("fake", "set", "", ""),
    "training_real/real_00001.jpg": ("real", "set", "", "train"),
    "real_and_fake_face/training_fake/easy_100_1111.jpg": ("fake", "set", "", "train"),
    "Train/Real/Frames/1/7.jpg": ("real", "set", "", "train"),
    "Validation/Fake/1.jpg": ("fake", "set", "", "val"),
    "a/b/dev/fake_images/1.jpg": ("fake", "set", "", "val"),
    "real/test/1.jpg": ("real", "set", "", "test"),
    "fake/train/faceswap/1.jpg": ("fake", "set", "faceswap", "train"),
    "test/fake/Deepfakes/000_167/frame0.jpg": ("fake", "set", "", "test"),
    "real/00000/00001.png": ("real", "set", "", ""),
    "fake/c23/frames/1.png": ("fake", "set", "", ""),
    "TestSet/RealFaces/1.jpg": ("real", "set", "", "test"),
    "Original/1.jpg": ("real", "set", "", ""),
    "fake/evaluation/1.png": ("fake", "set", "", "test"),
    "real/validate/phone/1.png": ("real", "phone", "", "val"),
    "evaluation/fake/1.png": ("fake", "set", "", "test"),
    "fake/stylegan/hold-out/1.png": ("fake", "set", "stylegan", "test"),
    "real/fold1/1.png": ("real", "set", "", ""),
    "deepfakes/1.jpg": ("fake", "set", "", ""),
}


@pytest.mark.parametrize("path", CASES)
def test_real_fake_reads_label_source_generator_and_split(describe, path):
    rows = describe("set", [path])
    row = rows[path]
    assert (row["label"], row["source"], row["generator"], row["split"]) == CASES[path]


@pytest.mark.parametrize("folders", [["real_vs_fake"], ["surreal"], ["fakery"], ["a"], [], ["x"] * 6 + ["real"]])
def test_find_label_of_folders_that_name_none(folders):
    assert find_label(folders) is None


def test_find_label_prefers_plain_words():
    assert find_label(["synthetic", "test", "real"]) == (2, "real", "test")
    assert find_label(["generated", "val"]) == (0, "fake", "val")


def test_real_fake_says_that_a_fold_has_no_known_role(describe):
    notes = describe("set", ["fold1/real/1.png", "fold2/fake/1.png"])[""]["notes"]
    assert "fold1, fold2 name parts of a split, and not whether they are for train, val or test" in notes
